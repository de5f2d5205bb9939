//! The nursery: the thread that starts workers.
//!
//! A worker asks the kernel to be killed when its parent ends, and the kernel means the thread that
//! started it (prctl(2), `PR_SET_PDEATHSIG`). Threads of a runtime come and go, so all workers are
//! started by this one, which ends with its owner.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use scribed_plugin_host::exit;
use tokio::sync::{oneshot, watch};

use crate::packet;

mod complaints;

use complaints::Complaints;

/// Beginnings of the names of variables that are the daemon's alone: its settings, and what systemd and
/// clouds give to services.
const OURS: [&str; 7] =
    ["SCRIBED", "NOTIFY_", "WATCHDOG_", "LISTEN_", "CREDENTIALS_", "AWS_", "OTEL_"];

/// Signals that end workers, and what they are called.
const SIGNALS: [(i32, &str); 10] = [
    (libc::SIGABRT, "SIGABRT"),
    (libc::SIGBUS, "SIGBUS"),
    (libc::SIGFPE, "SIGFPE"),
    (libc::SIGILL, "SIGILL"),
    (libc::SIGKILL, "SIGKILL"),
    (libc::SIGSEGV, "SIGSEGV"),
    (libc::SIGSYS, "SIGSYS"),
    (libc::SIGTERM, "SIGTERM"),
    (libc::SIGXCPU, "SIGXCPU, its processor time was used up"),
    (libc::SIGXFSZ, "SIGXFSZ, a file grew beyond its limit"),
];

/// Exit codes that tell of a device.
const CODES: [(i32, &str); 3] = [
    (exit::DEVICE_FAULT, ", its device failed"),
    (exit::OUT_OF_MEMORY, ", its device had no memory left"),
    (exit::NO_DEVICE, ", its device is missing"),
];

/// How the program that serves as a worker is started.
#[derive(Debug, Clone)]
pub struct Program {
    /// The binary.
    pub path: PathBuf,
    /// Its arguments; `--parent` and our process id are added.
    pub arguments: Vec<String>,
}

/// Starts workers. Dropping it ends the thread, and all workers with it.
#[derive(Debug)]
pub(crate) struct Nursery {
    wanted: Sender<Wanted>,
}

/// A worker that is wanted.
#[derive(Debug)]
struct Wanted {
    program: Program,
    group: String,
    keeps_environment: bool,
    reply: oneshot::Sender<io::Result<Child>>,
}

/// A worker that was started.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) pid: u32,
    pub(crate) socket: OwnedFd,
    handle: OwnedFd,
    /// How it ended; none while it lives.
    pub(crate) ended: watch::Receiver<Option<End>>,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// With an exit status.
    Status(ExitStatus),
    /// The kernel does not tell.
    Unknown,
}

impl Nursery {
    pub(crate) fn start() -> io::Result<Self> {
        let (wanted, orders) = channel();
        thread::Builder::new().name("nursery".to_owned()).spawn(move || serve(&orders))?;
        Ok(Self { wanted })
    }

    /// Starts a worker of a group.
    pub(crate) async fn spawn(
        &self,
        program: &Program,
        group: &str,
        keeps_environment: bool,
    ) -> io::Result<Child> {
        let (reply, answer) = oneshot::channel();
        let (program, group) = (program.clone(), group.to_owned());
        let wanted = Wanted { program, group, keeps_environment, reply };
        let gone = || io::Error::other("the thread that starts workers is gone");
        self.wanted.send(wanted).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

impl Child {
    /// Kills it. It may have ended before.
    pub(crate) fn kill(&self) {
        if let Err(error) = pidfd_send_signal(&self.handle, Signal::KILL) {
            tracing::trace!(pid = self.pid, %error, "it had ended before");
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

fn serve(orders: &Receiver<Wanted>) {
    while let Ok(Wanted { program, group, keeps_environment, reply }) = orders.recv() {
        // Who does not wait any more drops the child, and so kills it.
        drop(reply.send(spawn(&program, group, keeps_environment)));
    }
}

fn spawn(program: &Program, group: String, keeps_environment: bool) -> io::Result<Child> {
    let (ours, theirs) = packet::pair()?;
    let mut command = Command::new(&program.path);
    command
        .args(&program.arguments)
        .args(["--parent", &std::process::id().to_string()])
        .stdin(Stdio::from(theirs))
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    // Passwords of services may stand in the environment.
    if keeps_environment {
        let ours = |(name, _): &(std::ffi::OsString, _)| {
            let name = name.to_string_lossy().to_uppercase();
            OURS.iter().any(|ours| name.starts_with(ours))
        };
        for (name, _) in std::env::vars_os().filter(ours) {
            command.env_remove(name);
        }
    } else {
        command.env_clear();
    }
    let mut child = command.spawn()?;
    let pid = child.id();
    let raw = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let handle = raw.ok_or(rustix::io::Errno::SRCH).and_then(|raw| {
        // Not yet waited for, so the number is still this child's.
        let handle = pidfd_open(raw, PidfdFlags::empty())?;
        Ok((rustix::io::fcntl_dupfd_cloexec(&handle, 0)?, handle))
    });
    let (watched, handle) = match handle {
        Ok(handles) => handles,
        Err(error) => {
            child.kill()?;
            child.wait()?;
            return Err(error.into());
        }
    };
    let (tell, ended) = watch::channel(None);
    let stderr = child.stderr.take();
    let wait = move || {
        // Its last words are in the log before its end is told.
        let heard = stderr.map(|stderr| Complaints::new(group, pid).hear(stderr, &watched));
        if let Some(Err(error)) = heard {
            tracing::debug!(pid, %error, "the standard error of a worker cannot be read");
        }
        let end = child.wait().map_or(End::Unknown, End::Status);
        tell.send_replace(Some(end));
    };
    thread::Builder::new().name(format!("worker {pid}")).spawn(wait)?;
    Ok(Child { pid, socket: ours, handle, ended })
}

impl End {
    /// Returns the exit code, where it ended with one.
    pub(crate) fn code(self) -> Option<i32> {
        match self {
            Self::Status(status) => status.code(),
            Self::Unknown => None,
        }
    }

    /// Returns whether it aborted.
    pub(crate) fn is_abort(self) -> bool {
        matches!(self, Self::Status(status) if status.signal() == Some(libc::SIGABRT))
    }
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self::Status(status) = self else { return f.write_str("it ended") };
        match (status.signal(), status.code()) {
            (Some(signal), _) => {
                let known = SIGNALS.iter().find(|(number, _)| *number == signal);
                match known {
                    Some((_, name)) => write!(f, "it was ended by signal {name}"),
                    None => write!(f, "it was ended by signal {signal}"),
                }
            }
            (None, Some(code)) => {
                let known = CODES.iter().find(|(number, _)| *number == code);
                let why = known.map_or("", |(_, why)| why);
                write!(f, "it exited with code {code}{why}")
            }
            (None, None) => f.write_str("it ended"),
        }
    }
}
