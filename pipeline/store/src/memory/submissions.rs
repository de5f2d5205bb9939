//! Submissions in memory: how jobs come to be, and how they get what they wait for.

use scribed_schemas::id::{AccountId, JobId};
use scribed_schemas::time::Timestamp;

use super::Tables;
use crate::error::{Error, Result};
use crate::store::{IdempotencyKey, NewJob, Submitted, Supplied, Supply};
use crate::transition;

impl Tables {
    /// Creates a job unless its submission came before.
    pub(super) fn submit(&mut self, new: NewJob) -> Result<Submitted> {
        if let Some(earlier) = new.idempotency.as_ref().and_then(|k| self.earlier(new.owner, k)) {
            return Ok(earlier);
        }
        if let Some(job) = self.jobs.get(&new.id) {
            let repeated = transition::repeated(job.clone(), &new);
            return repeated.map_err(|kind| Error::new(kind, format!("submit job {}", new.id)));
        }
        if let Some(active) = self.active(new.owner).filter(|_| new.one_active) {
            return Ok(Submitted::ActiveJob(active));
        }
        let job = transition::submitted(&new);
        if let Some(media) = new.media {
            self.media.entry(media.id).or_insert(media);
        }
        self.jobs.insert(job.id, job.clone());
        if let Some(IdempotencyKey { key, fingerprint }) = new.idempotency {
            self.submissions.insert((new.owner, key), (fingerprint, job.id));
        }
        Ok(Submitted::Created(job))
    }

    /// Gives a job something that it waits for.
    pub(super) fn supply(&mut self, id: JobId, supply: Supply, now: Timestamp) -> Result<Supplied> {
        let owner = self.job(id, "supply")?.owner;
        if let Supply::Media { key: Some(name), .. } = &supply
            && let Some((_, other)) = self.submissions.get(&(owner, name.key.clone()))
            && *other != id
        {
            return Ok(Supplied::Taken(*other));
        }
        let job = self.job(id, "supply")?;
        if !transition::supplied(job, &supply, now) {
            return Ok(Supplied::Left(job.clone()));
        }
        let job = job.clone();
        if let Supply::Media { media, key, .. } = supply {
            self.media.entry(media.id).or_insert(media);
            if let Some(IdempotencyKey { key, fingerprint }) = key {
                self.submissions.insert((owner, key), (fingerprint, id));
            }
        }
        Ok(Supplied::Changed(job))
    }

    /// Finds what a caller's key stands for: nothing yet, its job, or another submission.
    fn earlier(&self, owner: AccountId, name: &IdempotencyKey) -> Option<Submitted> {
        let (fingerprint, id) = self.submissions.get(&(owner, name.key.clone()))?;
        if !name.agrees_with(fingerprint) {
            return Some(Submitted::Conflict);
        }
        self.jobs.get(id).cloned().map(Submitted::Existing)
    }

    /// Finds the newest job of an owner that is not done.
    fn active(&self, owner: AccountId) -> Option<JobId> {
        let open = self.jobs.values().filter(|job| job.owner == owner && !job.state.is_terminal());
        open.max_by_key(|job| (job.created, job.id)).map(|job| job.id)
    }
}
