//! Deletion: a job leaves every table that names it, its own row last.
//!
//! ```text
//! lists, open list, news, draft ─► recording ─► chunks, some at a time ─► the row of the job
//! ```
//!
//! Each step may be repeated, and as long as the row is there a repeat finds it and goes on, so a
//! deletion that broke off is completed by the next. No database deletes a partition under a condition,
//! so chunks go by their numbers in conditional batches of the partition, and then the static columns.
//! A key that stood for the job stays and stands for none: the next submission takes it over.

use scribed_schemas::id::JobId;
use scribed_schemas::job::Job;
use scribed_schemas::time::Timestamp;
use uuid::Uuid;

use super::CqlStore;
use super::failure::Failure;
use super::open::Entry;
use super::race::Race;
use super::row::JobRow;
use crate::store::Deleted;
use crate::transition;

/// Chunks that go in one batch: some 5 KiB, the size from which on Cassandra warns of batches.
const AT_ONCE: usize = 100;

impl CqlStore {
    /// Deletes a job that is done.
    pub(super) async fn remove_job(&self, id: JobId) -> Result<Deleted, Failure> {
        let _seat = self.seats.take("jobs", id).await;
        self.desk.forget(id);
        let mut race = Race::begin();
        let mut begun = false;
        loop {
            let row: Option<JobRow> = self.db.row(&self.db.say.job_agreed, (id.0,)).await?;
            let Some(row) = row else {
                return Ok(if begun { Deleted::Gone } else { Deleted::Missing });
            };
            let op = row.op;
            let job = row.job()?;
            if let Some(why) = transition::undeletable(&job) {
                return Ok(why);
            }
            if !begun {
                self.leave(&job).await?;
                begun = true;
            }
            let numbers: Vec<(i64,)> =
                self.db.few(&self.db.say.next_numbers, (id.0, 0_i64)).await?;
            let answer = if numbers.is_empty() {
                self.db.change(&self.db.say.remove_job, (id.0, op)).await
            } else {
                self.remove_chunks(id, &numbers[..numbers.len().min(AT_ONCE)], op, race.op).await
            };
            if race.settled(answer).await? {
                if numbers.is_empty() {
                    return Ok(Deleted::Gone);
                }
                race = Race::begin();
            }
        }
    }

    /// Deletes some chunks of a job whose row is still the one that was read.
    async fn remove_chunks(
        &self,
        id: JobId,
        numbers: &[(i64,)],
        expected: Uuid,
        op: Uuid,
    ) -> Result<bool, Failure> {
        let chunks = numbers.iter().map(|(number,)| (id.0, *number));
        self.db.remove_chunks((op, id.0, expected), chunks).await
    }

    /// Removes a job from wherever it is looked for, and the row of its recording.
    async fn leave(&self, job: &Job) -> Result<(), Failure> {
        self.leave_lists(job).await?;
        self.update_entry(Entry::of(job), job, Timestamp::default()).await?;
        self.remove_news(job.id, u32::MAX).await?;
        self.remove_follow_up(job).await?;
        self.forget_draft(job).await?;
        match job.media {
            Some(media) => self.remove_media(media).await,
            None => Ok(()),
        }
    }
}
