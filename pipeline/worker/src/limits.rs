//! Limits: what a worker may not pass, set by itself before the first session.
//!
//! A worker that reads hostile recordings needs no network, no file beyond the descriptors that it is
//! handed, and no program of another. Landlock closes files and TCP, seccomp the calls that open
//! anything new; kernels differ, so a worker says which of them it could not keep, and its operator
//! reads it in the log.

use std::collections::BTreeMap;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _,
    RulesetStatus,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
use serde::{Deserialize, Serialize};

/// The newest version of Landlock that is asked for; older kernels keep what they know.
const LANDLOCK: ABI = ABI::V5;

/// What a worker may not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    /// Address space in MiB; 0: no limit, as a GPU needs, which maps far more than it uses.
    pub(crate) address_space_mib: u64,
    /// Processor time of one session in seconds; 0: no limit.
    pub(crate) cpu_secs: u64,
    /// Largest file in MiB that it may write, which only files of memory are; 0: no limit.
    pub(crate) file_mib: u64,
    /// Open descriptors; 0: no limit.
    pub(crate) files: u64,
    /// Whether it is cut off: no network, no files, no other programs.
    pub(crate) offline: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { address_space_mib: 0, cpu_secs: 0, file_mib: 256, files: 256, offline: false }
    }
}

impl Limits {
    /// Sets the limits of this process, which only grow tighter; returns what cannot be kept here.
    ///
    /// To be called before there are other threads, since not all of it reaches those.
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
        if self.offline {
            missing.extend(close_files());
            missing.extend(close_calls());
        }
        missing
    }

    /// Gives the next session its processor time. Where one session runs at a time, that is its limit;
    /// side by side they share what the last one was given.
    pub(crate) fn begin_session(&self) {
        if self.cpu_secs == 0 {
            return;
        }
        let used = clock_gettime(ClockId::ProcessCPUTime).tv_sec;
        let current = u64::try_from(used).unwrap_or(0) + self.cpu_secs + 1;
        let maximum = getrlimit(Resource::Cpu).maximum;
        if let Err(error) = setrlimit(Resource::Cpu, Rlimit { current: Some(current), maximum }) {
            tracing::warn!(%error, "processor time is not limited");
        }
    }
}

/// Closes the file system and TCP; returns what could not be closed.
fn close_files() -> Option<String> {
    let close = || {
        Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(LANDLOCK))?
            .handle_access(AccessNet::from_all(LANDLOCK))?
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

/// Refuses the calls that open, connect or start anything; returns what could not be refused.
fn close_calls() -> Option<String> {
    let close = || -> Result<(), Box<dyn std::error::Error>> {
        let rules: BTreeMap<i64, Vec<seccompiler::SeccompRule>> =
            refused_calls().into_iter().map(|call| (call, Vec::new())).collect();
        let refused = u32::try_from(rustix::io::Errno::PERM.raw_os_error())?;
        let filter = SeccompFilter::new(
            rules,
            SeccompAction::Allow,
            SeccompAction::Errno(refused),
            std::env::consts::ARCH.try_into()?,
        )?;
        let program: BpfProgram = filter.try_into()?;
        Ok(seccompiler::apply_filter_all_threads(&program)?)
    };
    close().err().map(|error| format!("system calls are not refused: {error}"))
}

/// Calls that a stage has no business with.
///
/// A list of what is refused, not of what is allowed: what an allocator or a runtime calls changes with
/// their versions, and a worker that dies of an update protects nobody.
fn refused_calls() -> Vec<i64> {
    let mut calls = vec![
        // Network, and other processes' ends of sockets.
        libc::SYS_socket,
        libc::SYS_socketpair,
        libc::SYS_connect,
        libc::SYS_bind,
        libc::SYS_listen,
        libc::SYS_accept,
        libc::SYS_accept4,
        // Files; the descriptors that there are go on working.
        libc::SYS_openat,
        libc::SYS_openat2,
        libc::SYS_open_by_handle_at,
        libc::SYS_unlinkat,
        libc::SYS_renameat2,
        libc::SYS_mkdirat,
        libc::SYS_mknodat,
        libc::SYS_linkat,
        libc::SYS_symlinkat,
        libc::SYS_fchmodat,
        libc::SYS_fchownat,
        libc::SYS_mount,
        libc::SYS_umount2,
        libc::SYS_chroot,
        libc::SYS_pivot_root,
        // Programs and processes; threads are made by `clone3` or `clone`, and stay allowed.
        libc::SYS_execve,
        libc::SYS_execveat,
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_pidfd_getfd,
        libc::SYS_setns,
        libc::SYS_unshare,
        // Ways around all of it, and what only administrators need.
        libc::SYS_io_uring_setup,
        libc::SYS_bpf,
        libc::SYS_perf_event_open,
        libc::SYS_userfaultfd,
        libc::SYS_keyctl,
        libc::SYS_add_key,
        libc::SYS_request_key,
        libc::SYS_init_module,
        libc::SYS_finit_module,
        libc::SYS_kexec_load,
    ];
    #[cfg(target_arch = "x86_64")]
    calls.extend([
        libc::SYS_open,
        libc::SYS_creat,
        libc::SYS_unlink,
        libc::SYS_rename,
        libc::SYS_renameat,
        libc::SYS_mkdir,
        libc::SYS_rmdir,
        libc::SYS_link,
        libc::SYS_symlink,
        libc::SYS_fork,
        libc::SYS_vfork,
    ]);
    calls
}
