//! Load: more work than can be done, readers that do not read, clocks that jump, old databases, long
//! days, and backups in the midst of it. The real program, from outside.
//!
//! Each runs in a short form, and with `SCRIBED_TESTS_LONG=1` in the one whose figures count. Each prints
//! its figures past the test harness.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "what helpers of a test cannot do, fails the test")]
#![expect(clippy::cast_precision_loss, reason = "figures are read by people")]

use std::sync::{Mutex, MutexGuard, PoisonError};

// What is shared with the proofs of `tests/chaos` finds it under this name.
use scribed_tests::sound;

/// A cluster at work, with its clients; the proofs of `tests/chaos` use more of it.
#[expect(dead_code, reason = "nothing is killed here")]
#[path = "../chaos/bench.rs"]
mod bench;
/// A daemon on SQLite whose recogniser takes its time, and whose texts are known.
mod desk;
/// Who looks at a cluster all the time.
#[expect(dead_code, reason = "nothing is killed here")]
#[path = "../chaos/observer.rs"]
mod observer;
/// Probes that are asked all the time, and how long they take.
mod prober;
/// What a process takes of the machine.
mod process;
/// SQLite from outside.
mod sql;

/// Backups while work goes on.
mod backup;
/// Clocks that jump and drift.
mod clocks;
/// A long day.
mod endurance;
/// More work than can be done.
mod overload;
/// Readers that do not read.
mod readers;
/// Databases of other versions.
mod versions;

/// Chooses the figure of the form that is wanted.
pub(crate) fn form<T>(short: T, long: T) -> T {
    if scribed_tests::is_long() { long } else { short }
}

/// Lets these tests run one after the other: each needs the whole machine.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}
