//! What jobs wait for before they may be worked on, and what follows those that are done.
//!
//! ```text
//! entry of step n ─► job row with step n ─► entries of earlier steps removed
//! ```
//!
//! What is to follow is in the job's row and changes with it, as news do (see `outbox`): an entry is made
//! before the change that it is of, so a crash leaves an entry without a change, never a change without
//! an entry. Entries that turn out to be of nothing are removed by whoever comes across them.

use scribed_schemas::callback::{Delivery, FollowUp};
use scribed_schemas::id::{AccountId, JobId};
use scribed_schemas::job::Job;
use scribed_schemas::time::Timestamp;
use uuid::Uuid;

use super::CqlStore;
use super::failure::Failure;
use super::jobs::Changed;
use super::open::{Entry, mixed};
use super::race::Race;
use crate::error::ErrorKind;
use crate::store::{IdempotencyKey, Supplied, Supply};
use crate::transition;

/// Parts of the list. Changing it needs a migration.
const SHARDS: u64 = 16;
/// Entries of one read.
const ENTRIES: i32 = 500;
/// How long an entry may be due without anything in its job, in microseconds: an hour.
const ORPHANED: i64 = 3_600_000_000;
/// The step behind every other.
const ALL: i64 = i64::MAX;

/// Returns the shard of a job.
fn shard(id: JobId) -> i8 {
    i8::try_from(mixed(id) % SHARDS).unwrap_or(0)
}

/// Returns the step of what follows a job; none when nothing does yet.
pub(super) fn step(job: &Job) -> Option<u32> {
    job.follow_up.as_ref().map(|follow_up| follow_up.steps)
}

impl CqlStore {
    // --- what a job waits for ---------------------------------------------------------------

    /// Gives a job something that it waits for.
    pub(super) async fn supply_job(
        &self,
        id: JobId,
        supply: &Supply,
        now: Timestamp,
    ) -> Result<Supplied, Failure> {
        let before = self.find_job(id).await?.ok_or(ErrorKind::NotFound)?;
        let mut media_is_new = None;
        if let Supply::Media { media, key, .. } = supply {
            if let Some(name) = key
                && let Some(other) = self.take_recording(before.owner, name, id).await?
            {
                return Ok(Supplied::Taken(other));
            }
            // First the row that the job will refer to: whoever finds the job finds it too.
            media_is_new = self.add_media(media).await?.then_some(media.id);
        }
        let supplied = |job: &mut Job| Ok(transition::supplied(job, supply, now));
        match self.change_job(id, supplied).await? {
            Changed::Written(job) => {
                self.enter_open(&job).await?;
                let (old, new) = (Entry::of(&before), Entry::of(&job));
                if old != new {
                    self.remove_entry(old).await?;
                }
                Ok(Supplied::Changed(job))
            }
            Changed::Left { job, .. } => {
                if let Some(media) = media_is_new.filter(|media| job.media != Some(*media)) {
                    self.remove_media(media).await?;
                }
                Ok(Supplied::Left(job))
            }
        }
    }

    /// Takes the key of a recording for a job; returns the other job that has it.
    ///
    /// A key that stands for no job any more is taken over. A key that stays with a job which does not
    /// take the recording is no harm: the job may be given the same recording again.
    async fn take_recording(
        &self,
        owner: AccountId,
        name: &IdempotencyKey,
        id: JobId,
    ) -> Result<Option<JobId>, Failure> {
        let _seat = self.seats.take("submissions", (owner, &name.key)).await;
        let say = &self.db.say;
        let mut race = Race::begin();
        loop {
            let key = (owner.0, &name.key);
            let row: Option<(String, i64, Uuid)> = self.db.row(&say.submission_agreed, key).await?;
            let answer = match row {
                Some((_, of, _)) if of == id.0 => return Ok(None),
                Some((_, of, _)) if self.find_job(JobId(of)).await?.is_some() => {
                    return Ok(Some(JobId(of)));
                }
                Some((_, _, op)) => self.db.change(&say.free_key, (owner.0, &name.key, op)).await,
                None => {
                    let values = (owner.0, &name.key, &name.fingerprint, id.0, race.op);
                    self.db.change(&say.take_key, values).await
                }
            };
            // Whether that happened or not, the row is looked at again: it ends when it is this job's.
            race.settled(answer).await?;
        }
    }

    // --- what follows a job -----------------------------------------------------------------

    /// Enters what is to follow a job by the change that it is about to make.
    pub(super) async fn enter_follow_up(
        &self,
        step_before: Option<u32>,
        job: &Job,
    ) -> Result<(), Failure> {
        match &job.follow_up {
            Some(follow_up) if Some(follow_up.steps) != step_before && follow_up.is_open() => {
                let due = follow_up.due().map_or(i64::MAX, |due| due.0);
                let values = (shard(job.id), job.id.0, i64::from(follow_up.steps), due);
                self.db.write(&self.db.say.add_follow_up, values).await
            }
            _ => Ok(()),
        }
    }

    /// Notes how far the call of a job got.
    pub(super) async fn save_delivery(
        &self,
        id: JobId,
        step: u32,
        delivery: &Delivery,
    ) -> Result<Option<Job>, Failure> {
        if self.find_job(id).await?.is_none() {
            return Ok(None);
        }
        let delivered = |job: &mut Job| Ok(transition::delivered(job, step, delivery));
        let Changed::Written(job) = self.change_job(id, delivered).await? else { return Ok(None) };
        let follow_up = job.follow_up.as_ref();
        let end = match follow_up {
            Some(follow_up) if follow_up.is_open() => i64::from(follow_up.steps),
            _ => ALL,
        };
        self.remove_follow_ups(id, end).await?;
        Ok(Some(job))
    }

    /// Removes the entries of earlier steps.
    async fn remove_follow_ups(&self, id: JobId, end: i64) -> Result<(), Failure> {
        self.db.write(&self.db.say.remove_follow_ups, (shard(id), id.0, end)).await
    }

    /// Removes every entry of a job that is about to go.
    pub(super) async fn forget_follow_ups(&self, id: JobId) -> Result<(), Failure> {
        self.remove_follow_ups(id, ALL).await
    }

    /// Lists jobs with something that is to follow: by shards, and by ids in each.
    pub(super) async fn list_follow_ups(
        &self,
        due: Option<Timestamp>,
        after: Option<JobId>,
        limit: u32,
    ) -> Result<Vec<JobId>, Failure> {
        let mut ids = Vec::new();
        let first = after.map_or(0, shard);
        for number in first..i8::try_from(SHARDS).unwrap_or(i8::MAX) {
            let mut from = after.filter(|id| shard(*id) == number).map_or(i64::MIN, |id| id.0);
            while (ids.len() as u64) < u64::from(limit) {
                let values = (number, from, ENTRIES);
                let rows: Vec<(i64, i64, i64)> =
                    self.db.few(&self.db.say.follow_ups, values).await?;
                let Some((last, ..)) = rows.last() else { break };
                // A job whose entries do not fit into one read may lose some here; one is enough.
                from = *last;
                self.add_follow_ups(&rows, due, limit, &mut ids).await?;
            }
        }
        Ok(ids)
    }

    /// Looks at the jobs of some entries that may be due.
    async fn add_follow_ups(
        &self,
        rows: &[(i64, i64, i64)],
        due: Option<Timestamp>,
        limit: u32,
        ids: &mut Vec<JobId>,
    ) -> Result<(), Failure> {
        for of_job in rows.chunk_by(|(one, ..), (other, ..)| one == other) {
            let wanted = of_job.iter().filter(|(.., at)| due.is_none_or(|due| *at <= due.0));
            let Some((id, entered, at)) = wanted.max_by_key(|(_, step, _)| step) else { continue };
            if ids.len() as u64 >= u64::from(limit) {
                break;
            }
            let id = JobId(*id);
            let job = self.find_job(id).await?;
            match &job {
                Some(job) if transition::is_due(job, due) => ids.push(id),
                Some(job) => {
                    let follow_up = job.follow_up.as_ref();
                    let is_over = follow_up.is_some_and(|follow_up| !follow_up.is_open());
                    let step = follow_up.map_or(0, |FollowUp { steps, .. }| i64::from(*steps));
                    // An entry of a change that is still to come is kept.
                    if is_over || step > *entered {
                        self.remove_follow_ups(id, if is_over { ALL } else { step }).await?;
                    }
                }
                None if due.is_some_and(|due| at.saturating_add(ORPHANED) <= due.0) => {
                    self.remove_follow_ups(id, ALL).await?;
                }
                None => {}
            }
        }
        Ok(())
    }
}
