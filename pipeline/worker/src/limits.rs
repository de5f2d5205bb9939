//! Limits: what a worker may not pass, set by itself before the first session.
//!
//! A worker that reads hostile recordings needs no network, no file beyond the descriptors that it is
//! handed, and no program of another. Landlock closes files and TCP, seccomp the calls that open
//! anything new; kernels differ, so a worker says which of them it could not keep, and its operator
//! reads it in the log.

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _,
    RulesetStatus, Scope,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

mod calls;

/// The newest version of Landlock that is asked for; older kernels keep what they know.
const LANDLOCK: ABI = ABI::V6;
/// Processor time in seconds that a worker may use beside its sessions before the kernel ends it.
const BESIDE_SESSIONS: u64 = 60;

/// What a worker may not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    /// Address space in MiB; 0: no limit, as a GPU needs, which maps far more than it uses.
    pub(crate) address_space_mib: u64,
    /// Processor time of one session in seconds; 0: no limit.
    pub(crate) cpu_secs: u64,
    /// Sessions that it serves before another takes its place; 0: any number.
    pub(crate) sessions: u32,
    /// Largest file in MiB that it may write, which only files of memory are; 0: no limit.
    pub(crate) file_mib: u64,
    /// Open descriptors; 0: no limit.
    pub(crate) files: u64,
    /// Whether it is cut off: no network, no files, no other programs.
    pub(crate) offline: bool,
}

impl Default for Limits {
    fn default() -> Self {
        let (address_space_mib, cpu_secs, sessions) = (0, 0, 0);
        Self { address_space_mib, cpu_secs, sessions, file_mib: 256, files: 256, offline: false }
    }
}

impl Limits {
    /// Sets the limits of this process, which only grow tighter; returns what cannot be kept here.
    ///
    /// To be called before there are other threads, since not all of it reaches those.
    ///
    /// Processes are not counted (`RLIMIT_NPROC`): the kernel counts all threads of a user, so the daemon's
    /// and those of other workers would use up what one worker has. It makes no processes where it is
    /// cut off, and its threads are held by its address space.
    pub(crate) fn apply(&self) -> Vec<String> {
        let mut missing = Vec::new();
        let mut set = |name: &str, resource, value: u64| {
            let limit = Rlimit { current: Some(value), maximum: Some(value) };
            if let Err(error) = setrlimit(resource, limit) {
                missing.push(format!("{name} is not limited: {error}"));
            }
        };
        // A core file would hold the recording.
        set("core file", Resource::Core, 0);
        for (name, resource, value) in [
            ("address space", Resource::As, self.address_space_mib << 20),
            ("file size", Resource::Fsize, self.file_mib << 20),
            ("open files", Resource::Nofile, self.files),
        ] {
            if value > 0 {
                set(name, resource, value);
            }
        }
        // What it ignores at the end of a session's time ends it here; a session cannot have a limit of
        // this sort of its own, since it could not be raised for the next.
        if self.cpu_secs > 0 && self.sessions > 0 {
            let all = self.session_secs().saturating_mul(self.sessions.into());
            let all = all.saturating_add(used_secs()).saturating_add(BESIDE_SESSIONS);
            // One that it was started with can only be lowered.
            let all = getrlimit(Resource::Cpu).maximum.map_or(all, |most| most.min(all));
            set("processor time", Resource::Cpu, all);
        }
        if self.offline {
            missing.extend(close_files());
            missing.extend(calls::refuse());
        }
        missing
    }

    /// Gives the next session its processor time. Where one session runs at a time, that is its limit;
    /// side by side they share what the last one was given.
    pub(crate) fn begin_session(&self) {
        if self.cpu_secs == 0 {
            return;
        }
        let maximum = getrlimit(Resource::Cpu).maximum;
        let current = used_secs().saturating_add(self.session_secs());
        let current = maximum.map_or(current, |maximum| current.min(maximum));
        if let Err(error) = setrlimit(Resource::Cpu, Rlimit { current: Some(current), maximum }) {
            tracing::warn!(%error, "processor time is not limited");
        }
    }

    /// Returns the processor time of one session in seconds, of which the first may have begun before it.
    const fn session_secs(&self) -> u64 {
        self.cpu_secs.saturating_add(1)
    }
}

/// Returns the processor time that this process has used, in whole seconds.
fn used_secs() -> u64 {
    u64::try_from(clock_gettime(ClockId::ProcessCPUTime).tv_sec).unwrap_or(0)
}

/// Closes the file system, TCP, and the ways to other processes; returns what could not be closed.
fn close_files() -> Option<String> {
    let close = || {
        Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(LANDLOCK))?
            .handle_access(AccessNet::from_all(LANDLOCK))?
            .scope(Scope::from_all(LANDLOCK))?
            .create()?
            .restrict_self()
    };
    match close() {
        Ok(status) if status.ruleset == RulesetStatus::NotEnforced => {
            Some("files are not closed: this kernel has no Landlock".to_owned())
        }
        Ok(_) => None,
        Err(error) => Some(format!("files are not closed: {error}")),
    }
}
