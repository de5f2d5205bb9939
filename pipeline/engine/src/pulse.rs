//! The pulse: proof that the loops on which everything hangs still turn.
//!
//! A process that is alive may do nothing all the same. Whoever watches over the daemon asks here how
//! long ago each loop came round, and believes that alone.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A loop of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loop {
    /// Takes upload events from the bus.
    Intake,
    /// Claims jobs, and looks after those that run.
    Scheduler,
    /// Calls those who submitted jobs.
    Courier,
}

impl Loop {
    /// Returns its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Intake => "intake",
            Self::Scheduler => "scheduler",
            Self::Courier => "courier",
        }
    }
}

/// When each loop last came round.
#[derive(Debug)]
pub(crate) struct Pulse {
    since: Instant,
    /// Milliseconds after `since`.
    intake: AtomicU64,
    scheduler: AtomicU64,
    courier: AtomicU64,
}

impl Pulse {
    pub(crate) fn new() -> Self {
        let never = || AtomicU64::new(0);
        Self { since: Instant::now(), intake: never(), scheduler: never(), courier: never() }
    }

    /// Notes that a loop comes round.
    pub(crate) fn beat(&self, of: Loop) {
        let now = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.place(of).store(now, Ordering::Relaxed);
    }

    /// Returns how long ago a loop came round; before its first round, how long we are there.
    pub(crate) fn silence(&self, of: Loop) -> Duration {
        let last = Duration::from_millis(self.place(of).load(Ordering::Relaxed));
        self.since.elapsed().saturating_sub(last)
    }

    fn place(&self, of: Loop) -> &AtomicU64 {
        match of {
            Loop::Intake => &self.intake,
            Loop::Scheduler => &self.scheduler,
            Loop::Courier => &self.courier,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_that_comes_round_is_not_silent_and_the_others_stay_so() {
        let minute = Duration::from_secs(60);
        let since = Instant::now().checked_sub(minute).unwrap();
        let pulse = Pulse { since, ..Pulse::new() };
        assert!(pulse.silence(Loop::Intake) >= minute);
        pulse.beat(Loop::Intake);
        assert!(pulse.silence(Loop::Intake) < minute);
        assert!(pulse.silence(Loop::Scheduler) >= minute);
        assert!(pulse.silence(Loop::Courier) >= minute);
    }
}
