//! What jobs wait for: given one by one, each by a change of the job's row.
//!
//! ```text
//! key of the recording (whose job has it) ─► media ─► job ─► open list
//! └ only with a recording that has a key             └ with the last thing, see `open`
//! ```
//!
//! Each row says enough for whoever comes next to go on: a repeat finds the key to be its job's, and
//! enters a job that has everything, whoever gave it.

use scribed_schemas::id::{AccountId, JobId};
use scribed_schemas::job::Job;
use scribed_schemas::media::Media;
use scribed_schemas::time::Timestamp;
use uuid::Uuid;

use super::CqlStore;
use super::failure::Failure;
use super::jobs::Changed;
use super::race::Race;
use crate::error::ErrorKind;
use crate::store::{IdempotencyKey, Supplied, Supply};
use crate::transition;

impl CqlStore {
    /// Gives a job something that it waits for.
    pub(super) async fn supply_job(
        &self,
        id: JobId,
        supply: &Supply,
        now: Timestamp,
    ) -> Result<Supplied, Failure> {
        let before = self.find_job(id).await?.ok_or(ErrorKind::NotFound)?;
        let supplied = match supply {
            Supply::Media { media, key, .. } => {
                let name = key.as_ref();
                if let Some(other) = self.take_recording(&before, name).await? {
                    return Ok(Supplied::Taken(other));
                }
                self.supply_media(&before, media, name, supply, now).await?
            }
            Supply::Order { .. } | Supply::Authorization => self.give(id, supply, now).await?,
        };
        let (Supplied::Changed(job) | Supplied::Left(job)) = &supplied else {
            return Ok(supplied);
        };
        // Also one that was given everything before, perhaps by a host that died then.
        if job.state.is_claimable() {
            self.enter_open(job).await?;
        }
        Ok(supplied)
    }

    /// Changes the row of a job that waits for what it is given.
    async fn give(&self, id: JobId, supply: &Supply, now: Timestamp) -> Result<Supplied, Failure> {
        let supplied = |job: &mut Job| Ok(transition::supplied(job, supply, now));
        Ok(match self.change_job(id, supplied).await? {
            Changed::Written(job) => Supplied::Changed(job),
            Changed::Left { job, .. } => Supplied::Left(job),
        })
    }

    /// Gives a job its recording, or leaves nothing of it.
    async fn supply_media(
        &self,
        before: &Job,
        media: &Media,
        name: Option<&IdempotencyKey>,
        supply: &Supply,
        now: Timestamp,
    ) -> Result<Supplied, Failure> {
        // First the row that the job will refer to: whoever finds the job finds it too.
        let is_new = wants_media(before) && self.add_media(media).await?;
        let supplied = self.give(before.id, supply, now).await;
        let left = match &supplied {
            Ok(Supplied::Left(job)) => job.media,
            Err(failure) if failure.kind == ErrorKind::NotFound => None,
            _ => return supplied,
        };
        if is_new && left != Some(media.id) {
            self.remove_media(media.id).await?;
        }
        // A job that has none will never have any, so nobody else gives it one under this key. Where
        // another recording was faster, the key may be that one's and stays.
        if let Some(name) = name.filter(|_| left.is_none()) {
            self.free_recording(before.owner, name, before.id).await?;
        }
        supplied
    }

    /// Takes the key of a recording for a job that waits for one; returns the other job that has it.
    ///
    /// A key that stands for no job any more is taken over. One that stays with a job which was not
    /// given the recording in the end is no harm: that job may be given it again.
    async fn take_recording(
        &self,
        job: &Job,
        name: Option<&IdempotencyKey>,
    ) -> Result<Option<JobId>, Failure> {
        let Some(name) = name else { return Ok(None) };
        let (owner, id) = (job.owner, job.id);
        let _seat = self.seats.take("submissions", (owner, &name.key)).await;
        let say = &self.db.say;
        let mut race = Race::begin();
        loop {
            let answer = match self.job_of_key(owner, name, &race).await? {
                Some((of, _)) if of == id => return Ok(None),
                Some((of, op)) => {
                    if self.find_job(of).await?.is_some() {
                        return Ok(Some(of));
                    }
                    self.db.change(&say.free_key, (owner.0, &name.key, op)).await
                }
                None if !wants_media(job) => return Ok(None),
                None => {
                    let values = (owner.0, &name.key, &name.fingerprint, id.0, race.op);
                    self.db.change(&say.take_key, values).await
                }
            };
            // Whatever came of it, the row is looked at again: it ends when it is somebody's.
            race.settled(answer).await?;
        }
    }

    /// Frees the key of a recording that a job was not given.
    async fn free_recording(
        &self,
        owner: AccountId,
        name: &IdempotencyKey,
        id: JobId,
    ) -> Result<(), Failure> {
        match self.job_of_key(owner, name, &Race::begin()).await? {
            Some((of, op)) if of == id => {
                self.db.change(&self.db.say.free_key, (owner.0, &name.key, op)).await.map(drop)
            }
            _ => Ok(()),
        }
    }

    /// Returns the job that a key stands for, and the token of its row.
    async fn job_of_key(
        &self,
        owner: AccountId,
        name: &IdempotencyKey,
        race: &Race,
    ) -> Result<Option<(JobId, Uuid)>, Failure> {
        let say = &self.db.say;
        let statement = if race.is_uncertain() { &say.submission_agreed } else { &say.submission };
        let row: Option<(String, i64, Uuid)> = self.db.row(statement, (owner.0, &name.key)).await?;
        Ok(row.map(|(_, of, op)| (JobId(of), op)))
    }
}

/// Returns whether a job waits for its recording; one that does not will never again.
fn wants_media(job: &Job) -> bool {
    job.awaits.media && !job.state.is_terminal()
}
