//! What is known here: jobs that something is to follow, and who is called right now.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use scribed_schemas::id::JobId;
use tokio::sync::Notify;

use crate::engine::Engine;

/// Most jobs to remember; those beyond are found by the look.
const MOST: usize = 10_000;

/// Jobs that something is to follow, as far as this host knows.
#[derive(Debug, Default)]
pub(crate) struct Errands {
    known: Mutex<Known>,
    pub(super) wake: Notify,
}

#[derive(Debug, Default)]
struct Known {
    waiting: BTreeSet<JobId>,
    /// Those that are looked after right now: never the same one twice at a time.
    at_work: BTreeSet<JobId>,
    /// Those whose receiver has as many calls at once as it may, with its host.
    held: BTreeMap<JobId, String>,
    receivers: BTreeMap<String, Receiver>,
}

/// Somebody who is called.
#[derive(Debug, Default)]
struct Receiver {
    /// Calls under way.
    calls: usize,
    /// Jobs whose calls wait for a place.
    held: BTreeSet<JobId>,
}

impl Errands {
    /// Remembers a job.
    pub(crate) fn add(&self, job: JobId) {
        let mut known = self.known();
        let is_new = !known.at_work.contains(&job) && !known.held.contains_key(&job);
        let has_room = known.waiting.len() + known.held.len() < MOST;
        if is_new && has_room && known.waiting.insert(job) {
            drop(known);
            self.wake.notify_one();
        }
    }

    /// Takes a job that waits.
    pub(super) fn take(&self) -> Option<JobId> {
        let mut known = self.known();
        let job = known.waiting.pop_first()?;
        known.at_work.insert(job);
        Some(job)
    }

    /// Notes that a job is looked after no more.
    pub(super) fn done(&self, job: JobId) {
        self.known().at_work.remove(&job);
    }

    /// Takes a place among the calls of a host; without one, the job waits until there is one.
    fn take_place(&self, host: &str, job: JobId, most: usize) -> bool {
        let mut known = self.known();
        let receiver = known.receivers.entry(host.to_owned()).or_default();
        if receiver.calls < most {
            receiver.calls += 1;
            return true;
        }
        receiver.held.insert(job);
        known.held.insert(job, host.to_owned());
        false
    }

    /// Gives a place back, for the next job that waits for one.
    fn leave_place(&self, host: &str) {
        let mut known = self.known();
        let Some(receiver) = known.receivers.get_mut(host) else { return };
        receiver.calls = receiver.calls.saturating_sub(1);
        let next = receiver.held.pop_first();
        if receiver.calls == 0 && receiver.held.is_empty() {
            known.receivers.remove(host);
        }
        if let Some(job) = next {
            known.held.remove(&job);
            known.waiting.insert(job);
            drop(known);
            self.wake.notify_one();
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place among the calls of a host, until dropped.
#[derive(Debug)]
#[must_use]
pub(super) struct Place {
    engine: Engine,
    host: String,
}

impl Place {
    /// Takes a place; `None` where there is none, and then the job comes back when there is one.
    pub(super) fn take(engine: &Engine, host: String, job: JobId) -> Option<Self> {
        let most = engine.config().callbacks.at_once_per_host();
        let is_taken = engine.shared.errands.take_place(&host, job, most);
        is_taken.then(|| Self { engine: engine.clone(), host })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.engine.shared.errands.leave_place(&self.host);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(errands: &Errands) -> Vec<JobId> {
        std::iter::from_fn(|| errands.take()).collect()
    }

    #[test]
    fn a_job_is_looked_after_by_one_at_a_time() {
        let errands = Errands::default();
        errands.add(JobId(1));
        errands.add(JobId(1));
        assert_eq!(ids(&errands), [JobId(1)]);
        errands.add(JobId(1));
        assert_eq!(ids(&errands), [], "somebody is at it");
        errands.done(JobId(1));
        errands.add(JobId(1));
        assert_eq!(ids(&errands), [JobId(1)]);
    }

    #[test]
    fn who_finds_no_place_waits_for_one_and_others_do_not() {
        let errands = Errands::default();
        let tries = |host: &str, id| {
            let job = JobId(id);
            errands.add(job);
            assert_eq!(errands.take(), Some(job));
            let is_taken = errands.take_place(host, job, 2);
            errands.done(job);
            is_taken
        };
        assert!(tries("slow", 1) && tries("slow", 2));
        assert!(!tries("slow", 3) && !tries("slow", 4));
        assert!(tries("other", 5));
        errands.add(JobId(3));
        assert_eq!(ids(&errands), [], "it waits for its place");
        errands.leave_place("slow");
        assert_eq!(ids(&errands), [JobId(3)], "one place is for one");
        errands.leave_place("slow");
        assert_eq!(ids(&errands), [JobId(4)]);
        errands.leave_place("other");
        let known = errands.known();
        assert!(known.receivers.is_empty() && known.held.is_empty(), "{known:?}");
    }
}
