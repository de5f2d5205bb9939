//! Jobs: every change of one is a race for its row.
//!
//! The first look at a row is a plain read, or what this host wrote last (see [`Desk`]): a change
//! that goes by it is checked by its condition, and one that is refused by what is on the desk is
//! looked at again. After a lost race or an answer that did not come, reads are agreed ones, which
//! finish what is in flight.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use scribed_schemas::id::JobId;
use scribed_schemas::job::{Job, JobState};
use scribed_schemas::time::Timestamp;

use super::CqlStore;
use super::failure::Failure;
use super::race::Race;
use super::row::JobRow;
use crate::error::ErrorKind;
use crate::store::{FactsNote, Outcome};
use crate::transition;

/// What came of a change.
#[derive(Debug)]
pub(super) enum Changed {
    /// The job as it was written.
    Written(Job),
    /// There was nothing to change in the job as it is.
    Left {
        /// As it is.
        job: Job,
        /// Whether another was faster, just now.
        contested: bool,
    },
}

impl CqlStore {
    /// Finds a job.
    pub(super) async fn find_job(&self, id: JobId) -> Result<Option<Job>, Failure> {
        let row: Option<JobRow> = self.db.row(&self.db.say.job, (id.0,)).await?;
        row.map(|row| row.job()).transpose()
    }

    /// Changes a job by a transition, which says whether there is anything to change.
    ///
    /// The transition may be applied to several rows before one is written.
    pub(super) async fn change_job(
        &self,
        id: JobId,
        transition: impl Fn(&mut Job) -> Result<bool, ErrorKind> + Send + Sync,
    ) -> Result<Changed, Failure> {
        let _seat = self.seats.take("jobs", id).await;
        let mut race = Race::begin();
        loop {
            let (old, is_remembered) = self.look_at_job(id, &race).await?;
            if old.op == race.op {
                let job = old.job()?;
                return Ok(self.written(old, job));
            }
            let before = old.job()?;
            let mut job = before.clone();
            let verdict = transition(&mut job);
            if is_remembered && verdict != Ok(true) {
                self.desk.forget(id);
                continue;
            }
            if !verdict? {
                return Ok(Changed::Left { job, contested: race.is_uncertain() });
            }
            self.enter_before(&before, &job).await?;
            let new = JobRow::of(&job, old.stored_end, race.op)?;
            self.desk.forget(id);
            let answer = self.db.change(&self.db.say.save_job, new.change(&old)).await;
            if race.settled(answer).await? {
                return Ok(self.written(new, job));
            }
        }
    }

    /// Enters a change wherever others look for what comes of it, before it is made.
    async fn enter_before(&self, before: &Job, job: &Job) -> Result<(), Failure> {
        let changes = before.outbox.as_ref().map_or(0, |outbox| outbox.changes);
        self.enter_news(changes, job).await?;
        self.enter_sleeping(before, job).await?;
        self.enter_follow_up(before, job).await
    }

    /// Changes a job whose lease the caller holds.
    async fn change_leased(
        &self,
        id: JobId,
        fence: i64,
        transition: impl Fn(&mut Job) + Send + Sync,
    ) -> Result<Job, Failure> {
        let changed = self
            .change_job(id, |job| {
                transition::check_fence(job, fence)?;
                transition(job);
                Ok(true)
            })
            .await?;
        let (Changed::Written(job) | Changed::Left { job, .. }) = changed;
        Ok(job)
    }

    /// Returns the row of a job, and whether it is only what this host remembers.
    pub(super) async fn look_at_job(
        &self,
        id: JobId,
        race: &Race,
    ) -> Result<(JobRow, bool), Failure> {
        let uncertain = race.is_uncertain();
        if let Some(row) = self.desk.get(id).filter(|_| !uncertain) {
            return Ok((row, true));
        }
        let say = &self.db.say;
        let statement = if uncertain { &say.job_agreed } else { &say.job };
        let row: Option<JobRow> = self.db.row(statement, (id.0,)).await?;
        Ok((row.ok_or(ErrorKind::NotFound)?, false))
    }

    /// Keeps a row at hand that was just written, as long as its job is worked on.
    fn written(&self, row: JobRow, job: Job) -> Changed {
        if job.state == JobState::InProgress {
            self.desk.put(row);
        }
        Changed::Written(job)
    }

    /// Renews a lease.
    pub(super) async fn renew_lease(
        &self,
        id: JobId,
        fence: i64,
        until: Timestamp,
        progress_frames: i64,
    ) -> Result<(), Failure> {
        let renewed = |job: &mut Job| transition::renewed(job, until, progress_frames);
        self.change_leased(id, fence, renewed).await.map(drop)
    }

    /// Notes what is known of a recording.
    pub(super) async fn note(&self, id: JobId, fence: i64, note: FactsNote) -> Result<(), Failure> {
        // First the row that the job will refer to: whoever finds the job finds it too.
        let is_new = match &note.media {
            Some(media) => self.add_media(media).await?,
            None => false,
        };
        let noted = |job: &mut Job| transition::noted(job, note.clone());
        let noted = self.change_leased(id, fence, noted).await;
        if let (Err(failure), Some(media)) = (&noted, &note.media)
            && is_new
            && matches!(failure.kind, ErrorKind::Fenced | ErrorKind::NotFound)
        {
            self.remove_media(media.id).await?;
        }
        noted.map(drop)
    }

    /// Ends an attempt.
    pub(super) async fn end_attempt(
        &self,
        id: JobId,
        fence: i64,
        outcome: Outcome,
        now: Timestamp,
    ) -> Result<Job, Failure> {
        let finished = |job: &mut Job| transition::finished(job, outcome.clone(), now);
        let job = self.change_leased(id, fence, finished).await?;
        self.note_end(&job).await;
        Ok(job)
    }

    /// Cancels a job; none when it was done before.
    pub(super) async fn cancel_job(
        &self,
        id: JobId,
        now: Timestamp,
    ) -> Result<Option<Job>, Failure> {
        let cancelled = |job: &mut Job| Ok(transition::cancelled(job, now));
        match self.change_job(id, cancelled).await? {
            Changed::Written(job) => {
                self.list_first(&job).await;
                self.note_end(&job).await;
                Ok(Some(job))
            }
            Changed::Left { .. } => Ok(None),
        }
    }
}

/// The rows of jobs that this host works on, as it wrote them last.
///
/// Nobody else changes such a row except to cancel it or to take it over, so most changes need not
/// read it. What is here is never believed: a change by it names its `op`, and a refusal by it is
/// looked up.
#[derive(Debug, Default)]
pub(super) struct Desk {
    rows: Mutex<HashMap<JobId, JobRow>>,
}

/// Most rows on the desk; about 2 KiB each.
const DESK_ROWS: usize = 4_096;

impl Desk {
    /// Returns a remembered row.
    pub(super) fn get(&self, id: JobId) -> Option<JobRow> {
        self.rows().get(&id).cloned()
    }

    /// Remembers a row.
    pub(super) fn put(&self, row: JobRow) {
        let mut rows = self.rows();
        if rows.len() >= DESK_ROWS {
            // Jobs that were lost to other hosts stay here; to forget all of them costs a read each.
            rows.clear();
        }
        rows.insert(JobId(row.id), row);
    }

    /// Forgets a row.
    pub(super) fn forget(&self, id: JobId) {
        self.rows().remove(&id);
    }

    fn rows(&self) -> MutexGuard<'_, HashMap<JobId, JobRow>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
