//! What follows jobs that are done.
//!
//! ```text
//! entry of step n ─► job row with step n ─► entry of the step before removed
//! ```
//!
//! What is to follow is in the job's row and changes with it, as news do (see `outbox`): an entry is made
//! before the change that it is of, so a crash leaves an entry without a change, never a change without
//! an entry. Entries that turn out to be of nothing are removed by whoever comes across them.

use scribed_schemas::callback::{Delivery, FollowUp};
use scribed_schemas::id::JobId;
use scribed_schemas::job::Job;
use scribed_schemas::time::Timestamp;

use super::CqlStore;
use super::failure::Failure;
use super::jobs::Changed;
use super::open::mixed;
use crate::transition;

/// Parts of the list. Changing it needs a migration.
const SHARDS: u64 = 16;
/// How long an entry may be due while its change is still to come, in microseconds: an hour.
const ORPHANED: i64 = 3_600_000_000;

/// Returns the shard of a job.
fn shard(id: JobId) -> i8 {
    i8::try_from(mixed(id) % SHARDS).unwrap_or(0)
}

/// An entry of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    id: i64,
    step: i64,
    due: i64,
}

impl Entry {
    /// Returns the entry of a job; none when nothing follows it, or nothing more.
    fn of(job: &Job) -> Option<Self> {
        let follow_up = job.follow_up.as_ref().filter(|follow_up| follow_up.is_open())?;
        let due = follow_up.due().map_or(i64::MAX, |due| due.0);
        Some(Self { id: job.id.0, step: i64::from(follow_up.steps), due })
    }

    const fn key(self) -> (i64, i64, i64) {
        (self.id, self.step, self.due)
    }
}

impl CqlStore {
    /// Enters what is to follow a job by the change that it is about to make.
    pub(super) async fn enter_follow_up(&self, before: &Job, job: &Job) -> Result<(), Failure> {
        match Entry::of(job) {
            Some(entry) if Entry::of(before) != Some(entry) => {
                let (id, step, due) = entry.key();
                self.db.write(&self.db.say.add_follow_up, (shard(job.id), id, step, due)).await
            }
            _ => Ok(()),
        }
    }

    /// Removes the entry of a job as it is.
    pub(super) async fn remove_follow_up(&self, job: &Job) -> Result<(), Failure> {
        match Entry::of(job) {
            Some(entry) => self.remove(entry).await,
            None => Ok(()),
        }
    }

    async fn remove(&self, entry: Entry) -> Result<(), Failure> {
        let (id, step, due) = entry.key();
        let values = (shard(JobId(id)), id, step, due);
        self.db.write(&self.db.say.remove_follow_up, values).await
    }

    /// Notes how far the call of a job got.
    pub(super) async fn save_delivery(
        &self,
        id: JobId,
        step: u32,
        delivery: &Delivery,
    ) -> Result<Option<Job>, Failure> {
        let Some(before) = self.find_job(id).await? else { return Ok(None) };
        let delivered = |job: &mut Job| Ok(transition::delivered(job, step, delivery));
        let Changed::Written(job) = self.change_job(id, delivered).await? else { return Ok(None) };
        // What was read may be older still; then its entry is not the one to be removed.
        if before.follow_up.as_ref().is_some_and(|follow_up| follow_up.steps == step)
            && let Err(failure) = self.remove_follow_up(&before).await
        {
            let cause = failure.words();
            tracing::debug!(job = %id, cause, "an entry of what followed a job stays for now");
        }
        Ok(Some(job))
    }

    /// Lists jobs with something that is to follow: by shards, and by ids in each.
    ///
    /// Reads all of a shard that is due: as much as is to be done, and not what is due later.
    pub(super) async fn list_follow_ups(
        &self,
        due: Option<Timestamp>,
        after: Option<JobId>,
        limit: u32,
    ) -> Result<Vec<JobId>, Failure> {
        let mut ids = Vec::new();
        let first = after.map_or(0, shard);
        for number in first..i8::try_from(SHARDS).unwrap_or(i8::MAX) {
            let behind = after.filter(|id| shard(*id) == number).map_or(i64::MIN, |id| id.0);
            let entries = self.entries(number, due, behind).await?;
            for of_job in entries.chunk_by(|one, other| one.id == other.id) {
                if ids.len() as u64 >= u64::from(limit) {
                    return Ok(ids);
                }
                ids.extend(self.look_at_entries(of_job, due).await?);
            }
        }
        Ok(ids)
    }

    /// Returns the entries of a shard that are due, of jobs behind one, by their ids.
    async fn entries(
        &self,
        number: i8,
        due: Option<Timestamp>,
        behind: i64,
    ) -> Result<Vec<Entry>, Failure> {
        let latest = due.map_or(i64::MAX, |due| due.0);
        let mut entries = Vec::new();
        let take = |(id, step, due): (i64, i64, i64)| {
            entries.extend((id > behind).then_some(Entry { id, step, due }));
            true
        };
        self.db.while_wanted(&self.db.say.follow_ups, (number, latest), take).await?;
        entries.sort_unstable();
        Ok(entries)
    }

    /// Looks at the job of some entries; returns it if something is due, and removes those of nothing.
    async fn look_at_entries(
        &self,
        entries: &[Entry],
        due: Option<Timestamp>,
    ) -> Result<Option<JobId>, Failure> {
        let Some(Entry { id, .. }) = entries.first() else { return Ok(None) };
        let id = JobId(*id);
        // An entry is made of a job that is there, so one that is missing was deleted.
        let job = self.find_job(id).await?;
        let current = job.as_ref().and_then(Entry::of);
        let step = job.as_ref().map_or(Some(u32::MAX), |job| {
            job.follow_up.as_ref().map(|FollowUp { steps, .. }| *steps)
        });
        for entry in entries.iter().filter(|entry| Some(**entry) != current) {
            let is_past = step.is_some_and(|step| entry.step <= i64::from(step));
            // That of a change which is still to come is kept, unless its host has gone.
            let is_orphan = due.is_some_and(|due| entry.due.saturating_add(ORPHANED) <= due.0);
            if is_past || is_orphan {
                self.remove(*entry).await?;
            }
        }
        Ok(job.filter(|job| transition::is_due(job, due)).map(|job| job.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shard_is_a_number_of_the_list() {
        let shards: std::collections::BTreeSet<i8> =
            (0..1_000).map(|id| shard(JobId(id))).collect();
        assert_eq!(shards, (0..16).collect());
    }
}
