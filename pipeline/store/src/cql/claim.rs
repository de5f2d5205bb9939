//! Claims: the open list says where to look, the row of a job decides who gets it.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use scribed_schemas::id::JobId;
use scribed_schemas::job::{Job, Priority};
use scribed_schemas::time::Timestamp;

use super::CqlStore;
use super::failure::Failure;
use super::jobs::Changed;
use super::open::{Candidates, Entry};
use super::race::jitter;
use crate::error::ErrorKind;
use crate::store::{ClaimRequest, Outcome};
use crate::transition;

impl CqlStore {
    /// Takes the next job that may be worked on, or none.
    pub(super) async fn claim_next(&self, claim: &ClaimRequest) -> Result<Option<Job>, Failure> {
        for priority in [Priority::Priority, Priority::Standard] {
            if let Some(job) = self.claim_of(priority, claim).await? {
                return Ok(Some(job));
            }
        }
        Ok(None)
    }

    /// Takes the next job of a priority.
    async fn claim_of(
        &self,
        priority: Priority,
        claim: &ClaimRequest,
    ) -> Result<Option<Job>, Failure> {
        let mut candidates = Candidates::open(self, priority, claim.now).await?;
        let mut among = None;
        while let Some(entry) = candidates.next(self, among).await? {
            // Another claim of this host is at it; it would only be in its way.
            let Some(_hand) = self.hands.reach_for(entry.id) else {
                continue;
            };
            match self.try_claim(entry.id, claim).await {
                Ok(Changed::Written(job)) => {
                    self.note_claim(entry, &job).await;
                    return Ok(Some(job));
                }
                Ok(Changed::Left { job, contested }) => {
                    // Other hosts work through the same list: from now on keep out of their way.
                    among = among.or(contested.then(spread));
                    self.update_entry(entry, &job, claim.now).await?;
                }
                Err(failure) if failure.kind == ErrorKind::NotFound => {
                    self.remove_entry(entry).await?;
                }
                Err(failure) if failure.kind == ErrorKind::Corrupt => {
                    // One job that cannot be read must not keep all others waiting.
                    let cause = failure.words();
                    tracing::error!(job = %entry.id, cause, "a job cannot be read; it is passed over");
                    self.set_aside(entry, claim.now).await?;
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(None)
    }

    /// Takes this very job if it is eligible.
    pub(super) async fn claim_one(
        &self,
        id: JobId,
        claim: &ClaimRequest,
    ) -> Result<Option<Job>, Failure> {
        match self.try_claim(id, claim).await {
            Ok(Changed::Written(job)) => {
                self.note_claim(Entry::of(&job), &job).await;
                Ok(Some(job))
            }
            Ok(Changed::Left { .. }) => Ok(None),
            Err(failure) if failure.kind == ErrorKind::NotFound => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Takes a job if it is eligible, or returns it as it is.
    async fn try_claim(&self, id: JobId, claim: &ClaimRequest) -> Result<Changed, Failure> {
        self.change_job(id, |job| {
            let eligible = transition::is_eligible(job, claim.now);
            if eligible {
                transition::claimed(job, claim);
            }
            Ok(eligible)
        })
        .await
    }

    /// Notes a claim where others look; what fails here is made up for later.
    async fn note_claim(&self, entry: Entry, job: &Job) {
        let noted = self.update_entry(entry, job, job.updated);
        let (noted, ()) = tokio::join!(noted, self.list_first(job));
        if let Err(failure) = noted {
            let cause = failure.words();
            tracing::debug!(job = %job.id, cause, "the open list does not know of a claim yet");
        }
    }
}

impl CqlStore {
    /// Hands back every job that a holder has, and counts them: for a holder that is known to be gone,
    /// so that its jobs need not wait for the end of their leases.
    ///
    /// Reads the whole open list. A job whose claim broke off half-way and out of turn may be left to
    /// the end of its lease.
    ///
    /// # Errors
    ///
    /// `Unavailable` when the database is; some of the jobs may have been handed back.
    ///
    /// # Cancel safety
    ///
    /// A dropped call may have handed back some of the jobs.
    pub async fn release_jobs_of(&self, holder: &str, now: Timestamp) -> crate::error::Result<u64> {
        let released = self.hand_back(holder, now).await;
        released.map_err(|failure| failure.during(format!("release the jobs of {holder}")))
    }

    async fn hand_back(&self, holder: &str, now: Timestamp) -> Result<u64, Failure> {
        let is_held = |job: &Job| job.lease.as_ref().is_some_and(|l| l.holder == holder);
        let ids = stream::iter(self.perhaps_held().await?);
        let jobs = ids.map(|id| self.find_job(id)).buffer_unordered(AT_ONCE);
        let jobs: Vec<Option<Job>> = jobs.try_collect().await?;
        let mut released = 0;
        for job in jobs.into_iter().flatten().filter(is_held) {
            let hand_back = |job: &mut Job| {
                let held = is_held(job);
                if held {
                    transition::finished(job, Outcome::Released, now);
                }
                Ok(held)
            };
            if let Changed::Written(job) = self.change_job(job.id, hand_back).await? {
                self.note_end(&job).await;
                released += 1;
            }
        }
        Ok(released)
    }
}

/// Jobs that are read at a time.
const AT_ONCE: usize = 16;

/// Returns a random number of a shard.
fn spread() -> usize {
    usize::try_from(jitter(Duration::from_nanos(1 << 16)).as_nanos()).unwrap_or(0)
}

/// The jobs that claims of this host reach for now.
#[derive(Debug, Default)]
pub(super) struct Hands(Mutex<HashSet<JobId>>);

/// One claim's hand on a job, until dropped.
#[derive(Debug)]
#[must_use]
struct Hand<'a> {
    hands: &'a Hands,
    id: JobId,
}

impl Hands {
    /// Reaches for a job; none when another claim of this host does.
    fn reach_for(&self, id: JobId) -> Option<Hand<'_>> {
        let is_free = self.ids().insert(id);
        is_free.then(|| Hand { hands: self, id })
    }

    fn ids(&self) -> MutexGuard<'_, HashSet<JobId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Hand<'_> {
    fn drop(&mut self) {
        self.hands.ids().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_hand_reaches_for_a_job_at_a_time() {
        let hands = Hands::default();
        let first = hands.reach_for(JobId(1)).expect("a free job");
        assert!(hands.reach_for(JobId(1)).is_none());
        assert!(hands.reach_for(JobId(1)).is_none(), "a refused hand frees nothing");
        assert!(hands.reach_for(JobId(2)).is_some());
        drop(first);
        assert!(hands.reach_for(JobId(1)).is_some());
    }
}
