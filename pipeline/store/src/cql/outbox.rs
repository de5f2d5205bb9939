//! The outbox: which jobs have news that perhaps nobody tells.
//!
//! ```text
//! entry of change n ─► job row with change n ─► published ─► job row without it ─► entry removed
//! ```
//!
//! The news themselves are in the job's row and change with it. An entry is made before the change
//! that it is of, so a crash leaves an entry without a change, never a change without an entry. A
//! change to `in_progress` has none: who works on a job tells its news, or loses it to somebody else
//! who then does. Entries that turn out to be of nothing are removed by whoever comes across them.

use scribed_schemas::id::JobId;
use scribed_schemas::job::{Job, JobState};
use scribed_schemas::outbox::{StateChange, Told};
use scribed_schemas::time::Timestamp;

use super::CqlStore;
use super::failure::Failure;
use super::open::mixed;
use crate::transition;

/// Parts of the list. A day of 100,000 jobs leaves some 500 graves an hour in each, which is as long as
/// they last. Changing it needs a migration.
const SHARDS: u64 = 16;
/// Entries of one read.
const ENTRIES: i32 = 500;
/// How long an entry may be without its job, in microseconds: an hour.
const ORPHANED: i64 = 3_600_000_000;

/// Returns the shard of a job.
fn shard(id: JobId) -> i8 {
    i8::try_from(mixed(id) % SHARDS).unwrap_or(0)
}

impl CqlStore {
    /// Enters the change that a job is about to make, if others are to be told of it.
    pub(super) async fn enter_news(&self, changes_before: u32, job: &Job) -> Result<(), Failure> {
        let latest = job.outbox.as_ref().and_then(|outbox| outbox.pending.last());
        match latest {
            Some(StateChange { number, at, .. })
                if *number >= changes_before && job.state != JobState::InProgress =>
            {
                let values = (shard(job.id), job.id.0, i64::from(*number), at.0);
                self.db.write(&self.db.say.add_news, values).await
            }
            _ => Ok(()),
        }
    }

    /// Notes what was published about a job.
    pub(super) async fn note_told(&self, id: JobId, told: Told) -> Result<(), Failure> {
        if self.find_job(id).await?.is_none() {
            return Ok(());
        }
        self.change_job(id, |job| Ok(transition::told(job, told))).await?;
        match told.changes {
            Some(end) => self.remove_news(id, end).await,
            None => Ok(()),
        }
    }

    /// Removes the entries of changes with lower numbers.
    pub(super) async fn remove_news(&self, id: JobId, end: u32) -> Result<(), Failure> {
        self.db.write(&self.db.say.remove_news, (shard(id), id.0, i64::from(end))).await
    }

    /// Lists jobs of which nobody tells the news: by shards, and by ids in each.
    pub(super) async fn list_untold(
        &self,
        before: Timestamp,
        after: Option<JobId>,
        limit: u32,
    ) -> Result<Vec<JobId>, Failure> {
        let mut ids = Vec::new();
        let first = after.map_or(0, shard);
        for number in first..i8::try_from(SHARDS).unwrap_or(i8::MAX) {
            let mut from = after.filter(|id| shard(*id) == number).map_or(i64::MIN, |id| id.0);
            while (ids.len() as u64) < u64::from(limit) {
                let values = (number, from, ENTRIES);
                let rows: Vec<(i64, i64, i64)> = self.db.few(&self.db.say.news, values).await?;
                let Some((last, ..)) = rows.last() else { break };
                // A job whose entries do not fit into one read may lose some here; one is enough.
                from = *last;
                self.add_untold(&rows, before, limit, &mut ids).await?;
            }
        }
        Ok(ids)
    }

    /// Looks at the jobs of some entries.
    async fn add_untold(
        &self,
        rows: &[(i64, i64, i64)],
        before: Timestamp,
        limit: u32,
        ids: &mut Vec<JobId>,
    ) -> Result<(), Failure> {
        for of_job in rows.chunk_by(|(one, ..), (other, ..)| one == other) {
            let old = of_job.iter().filter(|(_, _, at)| *at <= before.0);
            let Some((id, number, at)) = old.max_by_key(|(_, number, _)| number) else { continue };
            if ids.len() as u64 >= u64::from(limit) {
                break;
            }
            let id = JobId(*id);
            let job = self.find_job(id).await?;
            match &job {
                // Whoever works on it tells them.
                Some(job) if job.has_news() && job.state == JobState::InProgress => {}
                Some(job) if job.has_news() => ids.push(id),
                Some(job) => {
                    let changes = job.outbox.as_ref().map_or(0, |outbox| i64::from(outbox.changes));
                    // A change that is still to come keeps its entry.
                    if job.state.is_terminal() || changes > *number {
                        self.remove_news(id, u32::try_from(number + 1).unwrap_or(u32::MAX)).await?;
                    }
                }
                None if at.saturating_add(ORPHANED) <= before.0 => {
                    self.remove_news(id, u32::MAX).await?;
                }
                None => {}
            }
        }
        Ok(())
    }
}
