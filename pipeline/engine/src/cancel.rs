//! Cancellation: one flag per attempt that every part of it looks at.
//!
//! A flag has children: tripping it trips them, tripping a child leaves it alone. So an attempt's head
//! can be stopped while the chunks in the recogniser are finished, and the attempt as a whole stops
//! both. Flags only ever trip; nothing resets one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use scribed_schemas::id::JobId;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Says "stop now" to whoever looks, on any thread.
#[derive(Debug, Clone, Default)]
pub struct CancelFlag(CancellationToken);

impl CancelFlag {
    /// Makes a flag that is not tripped.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a flag that trips with this one, and alone.
    #[must_use]
    pub fn child(&self) -> Self {
        Self(self.0.child_token())
    }

    /// Trips the flag for good.
    pub fn trip(&self) {
        self.0.cancel();
    }

    /// Returns whether to stop. Cheap enough for every turn of a loop.
    pub fn is_tripped(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits until the flag trips.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing happens but waiting.
    pub async fn tripped(&self) {
        self.0.cancelled().await;
    }

    /// Trips the flag when the guard is dropped, so that blocking threads never outlive their task.
    pub(crate) fn trip_on_drop(&self) -> DropGuard {
        self.0.clone().drop_guard()
    }
}

/// The attempts that run in this process, by job and fence.
///
/// A job may stand here twice: an attempt that lost its lease may still be on its way out when the
/// next one has begun.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attempts(Arc<Mutex<BTreeMap<(JobId, i64), CancelFlag>>>);

impl Attempts {
    /// Enters an attempt; it is listed until the guard is dropped.
    pub(crate) fn enter(&self, job: JobId, fence: i64, flag: CancelFlag) -> Attempt {
        self.lock().insert((job, fence), flag);
        Attempt { all: self.clone(), key: (job, fence) }
    }

    /// Trips the flags of every attempt at a job.
    pub(crate) fn trip(&self, job: JobId) {
        let all = self.lock();
        all.range((job, i64::MIN)..=(job, i64::MAX)).for_each(|(_, flag)| flag.trip());
    }

    /// Trips every flag.
    pub(crate) fn trip_all(&self) {
        self.lock().values().for_each(CancelFlag::trip);
    }

    /// Returns the list; a panic elsewhere cannot have left it half changed.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<(JobId, i64), CancelFlag>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One entry of [`Attempts`], for as long as it lives.
#[must_use]
#[derive(Debug)]
pub(crate) struct Attempt {
    all: Attempts,
    key: (JobId, i64),
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.all.lock().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_trips_its_children_and_not_the_other_way_round() {
        let (attempt, other) = (CancelFlag::new(), CancelFlag::new());
        let head = attempt.child();
        head.trip();
        assert!(head.is_tripped() && !attempt.is_tripped());
        let second = attempt.child();
        attempt.trip();
        assert!(second.is_tripped() && !other.is_tripped());
    }

    #[test]
    fn only_the_attempts_of_the_cancelled_job_are_tripped() {
        let attempts = Attempts::default();
        let (one, two) = (CancelFlag::new(), CancelFlag::new());
        let _one = attempts.enter(JobId(1), 1, one.clone());
        let two_entry = attempts.enter(JobId(2), 1, two.clone());
        attempts.trip(JobId(1));
        assert!(one.is_tripped() && !two.is_tripped());
        drop(two_entry);
        attempts.trip(JobId(2));
        assert!(!two.is_tripped(), "an attempt that ended is not listed any more");
    }
}
