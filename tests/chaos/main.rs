//! Proofs by force: hosts, brokers and databases are killed, stopped and paused while work goes on, and
//! in the end a checker that knows only what clients know looks whether anything was lost or repeated.
//!
//! Each runs in a short form, and with `SCRIBED_TESTS_LONG=1` in the one whose figures count. Each
//! prints its figures past the test harness.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "what helpers of a test cannot do, fails the test")]

use std::sync::{Mutex, MutexGuard, PoisonError};

use scribed_tests::{say, sound};

/// A cluster at work, with its clients.
mod bench;
/// Who looks at a cluster all the time.
mod observer;
/// A port that leads to a broker, or to nowhere.
mod proxy;
/// Services of one test's own.
mod services;

/// Brokers are killed, paused and cut off.
mod broker;
/// Nodes of the database are killed, paused and slowed.
mod database;
/// Hosts come and go.
mod hosts;
/// Hosts are killed at random.
mod kills;
/// The checker is checked.
mod planted;
/// Real recordings and the real recogniser.
mod recordings;
/// The same is asked for again and again.
mod repeats;

/// Whether the long form is wanted; says so where it is not, for what has no short one.
pub(crate) fn only_long(test: &str) -> bool {
    if !scribed_tests::is_long() {
        say(&format!("{test}: has no short form; SCRIBED_TESTS_LONG=1 runs it"));
    }
    scribed_tests::is_long()
}

/// Chooses the figure of the form that is wanted.
pub(crate) fn form<T>(short: T, long: T) -> T {
    if scribed_tests::is_long() { long } else { short }
}

/// Lets these tests run one after the other: each needs the whole machine.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}
