//! The tracer: `strace` holds the threads of a daemon at their system calls and kills it before the one
//! that is wanted, which is then not made.
//!
//! Calls are counted thread by thread, since `strace` does so (strace(1), "per syscall and per tracee"):
//! the third `fsync` is that of the first thread that comes so far. Workers are let go where they begin
//! as programs of their own, so they run as ever and end with their parent.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use scribed_tests::{Daemon, cluster, eventually_within};

use crate::debris::is_alive;

/// How long the tracer may take to hold all threads.
const TAKES: Duration = Duration::from_secs(20);

/// A system call before which a daemon is killed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Point {
    /// Its name.
    pub(crate) call: &'static str,
    /// The file that it must be about, below the state folder; none: any.
    pub(crate) about: Option<&'static str>,
    /// The how manieth of its thread it is, from 1.
    pub(crate) turn: u32,
}

impl Point {
    /// Names a call about anything.
    pub(crate) const fn any(call: &'static str, turn: u32) -> Self {
        Self { call, about: None, turn }
    }

    /// Names a call about the write-ahead log of the database.
    pub(crate) const fn log(call: &'static str, turn: u32) -> Self {
        Self { call, about: Some("scribed.db-wal"), turn }
    }

    /// Names what is counted.
    pub(crate) fn kind(self) -> String {
        self.about.map_or_else(|| self.call.to_owned(), |about| format!("{} of {about}", self.call))
    }
}

/// A tracer that waits for a daemon at a point. It lets go when it is dropped.
#[derive(Debug)]
pub(crate) struct Tracer {
    strace: Child,
    pid: u32,
}

impl Tracer {
    /// Holds a daemon; from now on it is killed at the point.
    #[track_caller]
    pub(crate) fn attach(daemon: &Daemon, point: Point) -> Self {
        let Point { call, about, turn } = point;
        let mut command = Command::new("strace");
        command
            .args(["--quiet=all", "--follow-forks", "--detach-on=execve", "--signal=none"])
            .args(["--output", "/dev/null"])
            .arg(format!("--trace={call}"))
            .arg(format!("--inject={call}:signal=SIGKILL:when={turn}"))
            .args(["--attach", &daemon.pid().to_string()]);
        if let Some(about) = about {
            command.arg("--trace-path").arg(daemon.state().join(about));
        }
        let mut tracer = Self { strace: quiet(&mut command), pid: daemon.pid() };
        eventually_within(TAKES, "the tracer holds the daemon", || {
            if !is_alive(tracer.pid) || tracer.is_holding() {
                return Some(());
            }
            // It ends with the daemon, which may have come to the point meanwhile.
            let ended = tracer.strace.try_wait().unwrap();
            assert!(ended.is_none() || !is_alive(tracer.pid), "strace ended: {ended:?}");
            None
        });
        tracer
    }

    /// Waits until the daemon has come to its point; `false` when it does not for so long.
    pub(crate) fn strikes_within(&self, limit: Duration) -> bool {
        let begin = Instant::now();
        while is_alive(self.pid) {
            if begin.elapsed() > limit {
                return false;
            }
            scribed_tests::pass(Duration::from_millis(2));
        }
        true
    }

    /// Returns whether every thread is held.
    fn is_holding(&self) -> bool {
        let Ok(tasks) = fs::read_dir(format!("/proc/{}/task", self.pid)) else { return false };
        let tasks: Vec<PathBuf> = tasks.flatten().map(|task| task.path()).collect();
        !tasks.is_empty() && tasks.iter().all(|task| is_traced(task))
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        // It ends with the daemon that it holds, so it may have ended before.
        self.strace.kill().ok();
        self.strace.wait().ok();
    }
}

/// Returns whether a tracer can be used here; says loudly where none can.
pub(crate) fn is_there() -> bool {
    static TROUBLE: OnceLock<Option<String>> = OnceLock::new();
    let trouble = TROUBLE.get_or_init(trouble);
    if let Some(why) = trouble {
        cluster::skip("faults at system calls", why);
    }
    trouble.is_none()
}

/// Tries to trace a program that sleeps, and says what is in the way.
fn trouble() -> Option<String> {
    let mut sleeper = quiet(Command::new("sleep").arg("1000"));
    let attached = Command::new("strace")
        .args(["--quiet=all", "--output", "/dev/null", "--attach", &sleeper.id().to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let trouble = attached.map_err(|error| format!("strace cannot be started: {error}"));
    let trouble = trouble.and_then(|mut strace| {
        let held = eventually_within(TAKES, "strace holds a program or ends", || {
            let ended = strace.try_wait().unwrap().is_some();
            let task = PathBuf::from(format!("/proc/{}", sleeper.id()));
            (ended || is_traced(&task)).then_some(!ended)
        });
        strace.kill().ok();
        let said = strace.wait_with_output().unwrap().stderr;
        if held { Ok(()) } else { Err(String::from_utf8_lossy(&said).trim().replace('\n', " ")) }
    });
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
    trouble.err()
}

fn is_traced(task: &std::path::Path) -> bool {
    let status = fs::read_to_string(task.join("status")).unwrap_or_default();
    let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:"));
    tracer.is_some_and(|tracer| tracer.trim() != "0")
}

fn quiet(command: &mut Command) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}
