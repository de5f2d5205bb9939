//! The open list: entries of the jobs that are not done, in the order of claiming.
//!
//! ```text
//! submit: job row ─► entry ─► lists ─► answer        an entry always has its job
//! supply: sleeping entry ─► job row ─► entry awake   of a job that waited for something before
//! claim:  entries of both priorities, all shards, merged by age ─► the job's row decides
//! end:    job row ─► entry removed                   one that stayed is removed when next seen
//! ```
//!
//! A job that still waits for its recording or its order has no entry: however many are abandoned so, no
//! claim walks over them. It is entered by the change that gives it the last thing, and before it: a host
//! that dies in between leaves an entry that others look at a minute later, never a job that nobody finds.
//!
//! An entry is a hint where to look, never the truth about its job. Its `wake` says before which
//! instant there is nothing to claim: the end of a lease, or of a pause. A wrong one costs a look at
//! the job, or makes it wait for the end of the lease that was written there.
//!
//! `candidates` reads the list for a claim, `places` remembers from where on.

use futures_util::future::try_join_all;
use scribed_schemas::id::JobId;
use scribed_schemas::job::{Job, JobState, Priority};
use scribed_schemas::time::Timestamp;

use super::CqlStore;
use super::failure::Failure;
use super::row::priority_column;
use crate::store::Backlog;

mod candidates;
mod places;

pub(super) use candidates::Candidates;
pub(super) use places::Places;

/// Parts of the open list of each priority: it is spread over the nodes, and its partitions stay
/// small (a million waiting jobs are some 20 MiB in each). Changing it needs a migration.
const SHARDS: usize = 4;
/// Entries of one read where all of a shard are read.
const KEYS: i32 = 2_000;
/// How long a job is left alone that can neither be claimed nor is done, in microseconds: a minute.
const ASIDE: i64 = 60_000_000;

/// Where the entry of a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    priority: i8,
    shard: i8,
    created: i64,
    pub(super) id: JobId,
}

impl Entry {
    /// Returns where the entry of a job stands.
    pub(super) fn of(job: &Job) -> Self {
        let priority = priority_column(job.priority);
        Self { priority, shard: shard(job.id), created: job.created.0, id: job.id }
    }

    const fn key(&self) -> (i8, i8, i64, i64) {
        (self.priority, self.shard, self.created, self.id.0)
    }
}

/// Returns the shard of a job.
fn shard(id: JobId) -> i8 {
    i8::try_from(mixed(id) % SHARDS as u64).unwrap_or(0)
}

/// Returns an id with all its bits mixed (the finaliser of `SplitMix64`): it carries time in its high
/// bits and hardly anything in its low ones.
pub(super) fn mixed(id: JobId) -> u64 {
    let mut mixed = id.0.cast_unsigned();
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

impl CqlStore {
    /// Enters a job that is not done; a repeat changes nothing that matters. One that waits for
    /// something is entered with its owner only.
    pub(super) async fn enter_open(&self, job: &Job) -> Result<(), Failure> {
        let say = &self.db.say;
        let of_owner = (job.owner.0, job.created.0, job.id.0);
        let of_owner = self.db.write(&say.add_owner_open, of_owner);
        if !job.awaits.is_nothing() {
            return of_owner.await;
        }
        let entry = Entry::of(job);
        self.places.reach(entry);
        tokio::try_join!(self.db.write(&say.add_open, entry.key()), of_owner)?;
        Ok(())
    }

    /// Enters a job that is about to get the last thing it waited for, to be looked at in a minute: it
    /// is woken as soon as it has it.
    pub(super) async fn enter_sleeping(&self, before: &Job, job: &Job) -> Result<(), Failure> {
        if before.awaits.is_nothing() || !job.awaits.is_nothing() {
            return Ok(());
        }
        let entry = Entry::of(job);
        self.places.reach(entry);
        self.set_aside(entry, job.updated).await
    }

    /// Notes in the open list what became of a job: gone, or nothing to claim before an instant.
    ///
    /// A note that fails is made up for by whoever comes across the entry.
    pub(super) async fn note_end(&self, job: &Job) {
        if let Err(failure) = self.update_entry(Entry::of(job), job, Timestamp::default()).await {
            let cause = failure.words();
            tracing::debug!(job = %job.id, cause, "the open list does not know of a change yet");
        }
    }

    /// Brings the entry of a job up to date with its row.
    pub(super) async fn update_entry(
        &self,
        entry: Entry,
        job: &Job,
        now: Timestamp,
    ) -> Result<(), Failure> {
        if job.state.is_terminal() {
            let say = &self.db.say;
            let of_owner = (job.owner.0, job.created.0, job.id.0);
            tokio::try_join!(
                self.db.write(&say.remove_open, entry.key()),
                self.db.write(&say.remove_owner_open, of_owner),
            )?;
            return Ok(());
        }
        let wake = match (job.state, &job.lease) {
            (JobState::InProgress, Some(lease)) => lease.until.0,
            (state, _) if state.is_claimable() => job.not_before.0,
            // Entered by a host that has not given it the last thing yet, and perhaps never will.
            _ => return self.set_aside(entry, now).await,
        };
        self.wake_at(entry, wake).await
    }

    /// Leaves a job alone for a while that can neither be claimed nor is done.
    pub(super) async fn set_aside(&self, entry: Entry, now: Timestamp) -> Result<(), Failure> {
        self.wake_at(entry, now.0.saturating_add(ASIDE)).await
    }

    /// Notes before which instant there is nothing to claim.
    async fn wake_at(&self, entry: Entry, wake: i64) -> Result<(), Failure> {
        let (priority, shard, created, id) = entry.key();
        self.db.write(&self.db.say.wake_open, (wake, priority, shard, created, id)).await
    }

    /// Removes an entry that has no job.
    pub(super) async fn remove_entry(&self, entry: Entry) -> Result<(), Failure> {
        self.db.write(&self.db.say.remove_open, entry.key()).await
    }

    /// Removes the entry of a job from the list of its owner.
    pub(super) async fn remove_owner_entry(&self, job: &Job) -> Result<(), Failure> {
        let of_owner = (job.owner.0, job.created.0, job.id.0);
        self.db.write(&self.db.say.remove_owner_open, of_owner).await
    }
}

/// Entries without a hint that are looked at in each shard when the jobs of a holder are searched.
const UNHINTED: usize = 64;

impl CqlStore {
    /// Returns the jobs that somebody may hold: those whose entry says that they are claimed or pause,
    /// and the oldest of those that seem to wait.
    ///
    /// A claim that broke off before it was noted took one of the oldest, so it is among them, unless
    /// it asked for that very job.
    pub(super) async fn perhaps_held(&self) -> Result<Vec<JobId>, Failure> {
        let mut ids = Vec::new();
        for priority in [Priority::Priority, Priority::Standard].map(priority_column) {
            for shard in (0_i8..).take(SHARDS) {
                let (mut after, mut unhinted) = ((i64::MIN, i64::MIN), 0);
                loop {
                    let values = (priority, shard, after.0, after.1, KEYS);
                    let rows: Vec<(i64, i64, Option<i64>)> =
                        self.db.few(&self.db.say.open_jobs, values).await?;
                    let Some(last) = rows.last().map(|(created, id, _)| (*created, *id)) else {
                        break;
                    };
                    after = last;
                    ids.extend(rows.into_iter().filter_map(|(_, id, wake)| {
                        let hinted = wake.is_some_and(|wake| wake > 0);
                        unhinted += usize::from(!hinted);
                        (hinted || unhinted <= UNHINTED).then_some(JobId(id))
                    }));
                }
            }
        }
        Ok(ids)
    }
}

impl CqlStore {
    /// Counts the entries that may be claimed, of at most `limit` entries.
    pub(super) async fn count_waiting(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Backlog, Failure> {
        let mut backlog = Backlog::default();
        for priority in [Priority::Priority, Priority::Standard].map(priority_column) {
            let shards = (0_i8..).take(SHARDS);
            let counts = shards.map(|shard| self.count_shard(priority, shard, now, limit));
            for of_shard in try_join_all(counts).await? {
                backlog.waiting = backlog.waiting.saturating_add(of_shard.waiting);
                backlog.oldest = backlog.oldest.into_iter().chain(of_shard.oldest).min();
            }
        }
        Ok(Backlog { waiting: backlog.waiting.min(limit), ..backlog })
    }

    async fn count_shard(
        &self,
        priority: i8,
        shard: i8,
        now: Timestamp,
        limit: u32,
    ) -> Result<Backlog, Failure> {
        let (mut backlog, mut looked_at) = (Backlog::default(), 0);
        let mut after = (self.places.begin(priority, shard), i64::MIN);
        while looked_at < limit {
            let values = (priority, shard, after.0, after.1, KEYS);
            let rows: Vec<(i64, i64, Option<i64>)> =
                self.db.few(&self.db.say.open_jobs, values).await?;
            let Some(last) = rows.last().map(|(created, id, _)| (*created, *id)) else { break };
            after = last;
            looked_at += u32::try_from(rows.len()).unwrap_or(limit);
            let awake = rows.iter().filter(|(_, _, wake)| wake.is_none_or(|wake| wake <= now.0));
            for (created, ..) in awake {
                backlog.waiting += 1;
                backlog.oldest.get_or_insert(Timestamp(*created));
            }
        }
        Ok(backlog)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use scribed_schemas::id::IdGenerator;

    use super::*;

    #[test]
    fn shards_get_about_the_same_of_whatever_ids() {
        let one_a_second = IdGenerator::new(3);
        let ids =
            (0..4_000).map(|n| one_a_second.next(Timestamp(1_800_000_000_000_000 + n * 1_000_000)));
        let mut sizes = BTreeMap::new();
        for id in ids {
            *sizes.entry(shard(JobId(id))).or_insert(0) += 1;
        }
        assert_eq!(sizes.len(), 4);
        assert!(sizes.values().all(|size| (800..1_200).contains(size)), "{sizes:?}");
    }
}
