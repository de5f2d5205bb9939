//! Faults of one machine: the daemon is killed between any two of its steps, told to stop, and left
//! without space on its disk, and in the end the checker looks whether anything was lost or repeated.
//!
//! The points at which it is killed are its own system calls, where a tracer waits for it (`tracer`), so
//! the daemon has no code for tests. Each test runs in a short form, and with `SCRIBED_TESTS_LONG=1` in
//! the one whose figures count; each prints its figures past the test harness.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "what helpers of a test cannot do, fails the test")]

/// A daemon under kills, its clients, and the checker.
mod bench;
/// What a killed daemon may leave behind.
mod debris;
/// Somebody who reads texts all the time.
mod reader;
/// Kills before a chosen system call.
mod tracer;

/// Deletions and cancellations, cut off anywhere.
mod deletes;
/// The disk runs full.
mod disk;
/// The daemon is told to stop.
mod drain;
/// The daemon is killed while jobs run.
mod kills;
/// The checks are checked.
mod planted;
/// Uploads, cut off anywhere.
mod uploads;

use std::path::Path;
use std::process::Command;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use scribed_tests::Daemon;

/// Who uses the machine.
static MACHINE: RwLock<()> = RwLock::new(());

/// Chooses the figure of the form that is wanted.
pub(crate) fn form<T>(short: T, long: T) -> T {
    if scribed_tests::is_long() { long } else { short }
}

/// Lets tests run side by side.
pub(crate) fn beside() -> RwLockReadGuard<'static, ()> {
    MACHINE.read().unwrap_or_else(PoisonError::into_inner)
}

/// Lets a test run while no other does: it measures times.
pub(crate) fn alone() -> RwLockWriteGuard<'static, ()> {
    MACHINE.write().unwrap_or_else(PoisonError::into_inner)
}

/// Asks the database of a daemon a question, beside the daemon; each row is a line.
#[track_caller]
pub(crate) fn ask(daemon: &Daemon, question: &str) -> Vec<String> {
    let program = "import sqlite3, sys, urllib.parse\n\
         place = 'file:' + urllib.parse.quote(sys.argv[1]) + '?mode=ro'\n\
         for row in sqlite3.connect(place, timeout=60, uri=True).execute(sys.argv[2]):\n\
         \x20   print(*row)\n";
    let answer = python(daemon, program, question).output().unwrap();
    assert!(answer.status.success(), "{question}: {answer:?}");
    String::from_utf8(answer.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Insists that the database of a daemon is whole.
#[track_caller]
pub(crate) fn assert_whole(daemon: &Daemon) {
    assert_eq!(ask(daemon, "PRAGMA integrity_check"), ["ok"]);
}

/// Makes a run of Python that gets the database of a daemon and one word more.
pub(crate) fn python(daemon: &Daemon, program: &str, word: &str) -> Command {
    let database = daemon.state().join("scribed.db");
    let root = format!("/proc/{}/root", daemon.pid());
    let (mut command, place) = match database.strip_prefix(&root) {
        // It lies on a disk that only its daemon sees. SQLite follows the link and must be there too.
        Ok(inside) => {
            let mut command = Command::new("nsenter");
            command.args(["--user", "--mount", "--preserve-credentials"]);
            command.args(["--target", &daemon.pid().to_string(), "python3"]);
            (command, Path::new("/").join(inside))
        }
        Err(_) => (Command::new("python3"), database),
    };
    command.args(["-c", program]).arg(place).arg(word);
    command
}
