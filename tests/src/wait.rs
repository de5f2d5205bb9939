//! Waiting for conditions, with a deadline: the only place in the tests that sleeps.

use std::time::{Duration, Instant};

/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(25);

/// Longest wait; only a broken daemon takes that long, so it may be generous on a busy machine.
const DEADLINE: Duration = Duration::from_secs(180);

/// Waits until `look` finds something, and returns it.
#[track_caller]
pub fn eventually<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    eventually_within(DEADLINE, what, look)
}

/// Waits until `look` finds something, longer than [`eventually`] does where much is to be done.
#[track_caller]
pub fn eventually_within<T>(
    deadline: Duration,
    what: &str,
    mut look: impl FnMut() -> Option<T>,
) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begin.elapsed() < deadline, "waited too long: {what}");
        std::thread::sleep(PAUSE);
    }
}

/// Lets time pass: for outages, which last, and for those who look again and again.
pub fn pass(time: Duration) {
    std::thread::sleep(time);
}
