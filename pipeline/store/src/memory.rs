//! The memory twin: the reference that every other backend is compared with.
//!
//! Plain maps behind one mutex, the shortest code that keeps the promises of [`Store`].
//! Nothing survives the process, so it serves tests. What takes more than a few lines is in
//! `accounts`, `submissions`, `chunks` and `queue`.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use scribed_schemas::account::Account;
use scribed_schemas::api_key::ApiKey;
use scribed_schemas::callback::Delivery;
use scribed_schemas::id::{AccountId, ApiKeyId, JobId, MediaId};
use scribed_schemas::job::{Job, JobState, Priority};
use scribed_schemas::media::Media;
use scribed_schemas::outbox::Told;
use scribed_schemas::time::Timestamp;
use scribed_schemas::transcript::Segments;

use crate::error::{Error, ErrorKind, Result};
use crate::store::{
    AccountChange, Backlog, ClaimRequest, Deleted, FactsNote, JobPage, NewJob, Outcome, PutChunk,
    QueueMessage, RefreshFamily, RefreshRotation, Rotation, Store, Submitted, Supplied, Supply,
};
use crate::transition::{self, FamilyState};

mod accounts;
mod chunks;
mod queue;
mod submissions;

/// A store in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    tables: Mutex<Tables>,
}

/// Everything that is stored.
#[derive(Debug, Default)]
struct Tables {
    accounts: BTreeMap<AccountId, Account>,
    families: BTreeMap<String, FamilyState>,
    /// By the hash of the key.
    api_keys: BTreeMap<String, ApiKey>,
    media: BTreeMap<MediaId, Media>,
    jobs: BTreeMap<JobId, Job>,
    submissions: BTreeMap<(AccountId, String), (String, JobId)>,
    chunks: BTreeMap<(JobId, u32), Segments>,
    topics: BTreeMap<String, Vec<QueueMessage>>,
    groups: BTreeMap<(String, String), i64>,
}

impl MemoryStore {
    /// Makes an empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the tables; a panic elsewhere cannot have left them half changed.
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    /// Finds a job to change.
    fn job(&mut self, id: JobId, attempt: &str) -> Result<&mut Job> {
        let missing = || Error::new(ErrorKind::NotFound, format!("{attempt} job {id}"));
        self.jobs.get_mut(&id).ok_or_else(missing)
    }

    /// Finds a job whose lease the caller holds.
    fn leased(&mut self, id: JobId, fence: i64, attempt: &str) -> Result<&mut Job> {
        let job = self.job(id, attempt)?;
        let lost = |kind| Error::new(kind, format!("{attempt} job {id} with fence {fence}"));
        transition::check_fence(job, fence).map_err(lost)?;
        Ok(job)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn ping(&self) -> Result<()> {
        Ok(())
    }

    async fn create_account(&self, account: Account) -> Result<()> {
        self.tables().create_account(account)
    }

    async fn account(&self, id: AccountId) -> Result<Option<Account>> {
        Ok(self.tables().accounts.get(&id).cloned())
    }

    async fn account_by_name(&self, username: &str) -> Result<Option<Account>> {
        Ok(self.tables().accounts.values().find(|a| a.username == username).cloned())
    }

    async fn accounts(&self, after: Option<AccountId>, limit: u32) -> Result<Vec<Account>> {
        Ok(self.tables().accounts(after, limit))
    }

    async fn update_account(
        &self,
        id: AccountId,
        change: AccountChange,
        now: Timestamp,
    ) -> Result<Account> {
        self.tables().update_account(id, change, now)
    }

    async fn open_refresh_family(&self, family: RefreshFamily) -> Result<()> {
        self.tables().open_family(family);
        Ok(())
    }

    async fn rotate_refresh(&self, rotation: RefreshRotation) -> Result<Rotation> {
        Ok(self.tables().rotate(&rotation))
    }

    async fn revoke_refresh_families(&self, account: AccountId) -> Result<()> {
        self.tables().revoke_families(account);
        Ok(())
    }

    async fn create_api_key(&self, key: ApiKey) -> Result<()> {
        self.tables().create_api_key(key);
        Ok(())
    }

    async fn api_key(&self, hash: &str) -> Result<Option<ApiKey>> {
        Ok(self.tables().api_keys.get(hash).cloned())
    }

    async fn api_keys(
        &self,
        account: AccountId,
        after: Option<ApiKeyId>,
        limit: u32,
    ) -> Result<Vec<ApiKey>> {
        let tables = self.tables();
        let of_account = tables.api_keys.values().filter(|key| key.account == account);
        let rest = of_account.filter(|key| after.is_none_or(|after| key.id > after));
        let mut keys: Vec<ApiKey> = rest.cloned().collect();
        keys.sort_by_key(|key| key.id);
        keys.truncate(limit as usize);
        Ok(keys)
    }

    async fn revoke_api_key(
        &self,
        account: AccountId,
        id: ApiKeyId,
        now: Timestamp,
    ) -> Result<ApiKey> {
        let mut tables = self.tables();
        let named = |key: &&mut ApiKey| key.account == account && key.id == id;
        let missing = || Error::new(ErrorKind::NotFound, format!("revoke API key {id}"));
        let key = tables.api_keys.values_mut().find(named).ok_or_else(missing)?;
        key.revoked.get_or_insert(now);
        Ok(key.clone())
    }

    async fn create_media(&self, media: Media) -> Result<()> {
        self.tables().media.entry(media.id).or_insert(media);
        Ok(())
    }

    async fn media(&self, id: MediaId) -> Result<Option<Media>> {
        Ok(self.tables().media.get(&id).cloned())
    }

    async fn submit(&self, new: NewJob) -> Result<Submitted> {
        self.tables().submit(new)
    }

    async fn supply(&self, id: JobId, supply: Supply, now: Timestamp) -> Result<Supplied> {
        self.tables().supply(id, supply, now)
    }

    async fn job(&self, id: JobId) -> Result<Option<Job>> {
        Ok(self.tables().jobs.get(&id).cloned())
    }

    async fn jobs(&self, owner: Option<AccountId>, offset: u64, limit: u32) -> Result<JobPage> {
        let tables = self.tables();
        let wanted = |job: &&Job| owner.is_none_or(|owner| job.owner == owner);
        let mut jobs: Vec<&Job> = tables.jobs.values().filter(wanted).collect();
        jobs.sort_by_key(|job| std::cmp::Reverse((job.created, job.id)));
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let page = jobs.iter().skip(offset).take(limit as usize);
        Ok(JobPage { total: jobs.len() as u64, jobs: page.map(|job| (*job).clone()).collect() })
    }

    async fn jobs_since(
        &self,
        owner: AccountId,
        since: Timestamp,
        behind: Option<(Timestamp, JobId)>,
        limit: u32,
    ) -> Result<Vec<Job>> {
        let tables = self.tables();
        let of_owner = tables.jobs.values().filter(|job| job.owner == owner);
        let recent = of_owner.filter(|job| job.created >= since);
        let rest = recent.filter(|job| behind.is_none_or(|last| (job.created, job.id) < last));
        let mut jobs: Vec<&Job> = rest.collect();
        jobs.sort_by_key(|job| std::cmp::Reverse((job.created, job.id)));
        Ok(jobs.into_iter().take(limit as usize).cloned().collect())
    }

    async fn delete_job(&self, id: JobId) -> Result<Deleted> {
        let mut tables = self.tables();
        let Some(job) = tables.jobs.get(&id) else { return Ok(Deleted::Missing) };
        if let Some(why) = transition::undeletable(job) {
            return Ok(why);
        }
        if let Some(media) = job.media {
            tables.media.remove(&media);
        }
        tables.jobs.remove(&id);
        tables.chunks.retain(|(job, _), _| *job != id);
        tables.submissions.retain(|_, (_, job)| *job != id);
        Ok(Deleted::Gone)
    }

    async fn claim(&self, claim: ClaimRequest) -> Result<Option<Job>> {
        let mut tables = self.tables();
        let eligible = tables.jobs.values_mut().filter(|j| transition::is_eligible(j, claim.now));
        let first =
            eligible.min_by_key(|job| (job.priority == Priority::Standard, job.created, job.id));
        Ok(first.map(|job| {
            transition::claimed(job, &claim);
            job.clone()
        }))
    }

    async fn backlog(&self, now: Timestamp, limit: u32) -> Result<Backlog> {
        let tables = self.tables();
        let waiting = tables.jobs.values().filter(|job| transition::is_eligible(job, now));
        let (count, oldest) = (waiting.clone().count(), waiting.map(|job| job.created).min());
        Ok(Backlog { waiting: u32::try_from(count).unwrap_or(limit).min(limit), oldest })
    }

    async fn claim_job(&self, id: JobId, claim: ClaimRequest) -> Result<Option<Job>> {
        let mut tables = self.tables();
        let job = tables.jobs.get_mut(&id).filter(|j| transition::is_eligible(j, claim.now));
        Ok(job.map(|job| {
            transition::claimed(job, &claim);
            job.clone()
        }))
    }

    async fn renew(
        &self,
        id: JobId,
        fence: i64,
        until: Timestamp,
        progress_frames: i64,
    ) -> Result<()> {
        let mut tables = self.tables();
        let job = tables.leased(id, fence, "renew the lease of")?;
        transition::renewed(job, until, progress_frames);
        Ok(())
    }

    async fn release_holder(&self, holder: &str, now: Timestamp) -> Result<u64> {
        let mut tables = self.tables();
        let held = |job: &&mut Job| job.lease.as_ref().is_some_and(|l| l.holder == holder);
        let released = tables.jobs.values_mut().filter(held);
        Ok(released.map(|job| transition::finished(job, Outcome::Released, now)).count() as u64)
    }

    async fn note_facts(&self, id: JobId, fence: i64, note: FactsNote) -> Result<()> {
        let mut tables = self.tables();
        let media = note.media.clone();
        transition::noted(tables.leased(id, fence, "note facts of")?, note);
        if let Some(media) = media {
            tables.media.entry(media.id).or_insert(media);
        }
        Ok(())
    }

    async fn put_chunk(
        &self,
        id: JobId,
        fence: i64,
        chunk: Segments,
        now: Timestamp,
    ) -> Result<PutChunk> {
        self.tables().put_chunk(id, fence, chunk, now)
    }

    async fn chunks(&self, id: JobId, from: u32, limit: u32) -> Result<Vec<Segments>> {
        Ok(self.tables().chunks(id, from, limit))
    }

    async fn stored_chunks(&self, id: JobId) -> Result<Vec<u32>> {
        Ok(self.tables().stored_chunks(id))
    }

    async fn finish(&self, id: JobId, fence: i64, outcome: Outcome, now: Timestamp) -> Result<Job> {
        let mut tables = self.tables();
        let job = tables.leased(id, fence, "finish")?;
        transition::finished(job, outcome, now);
        Ok(job.clone())
    }

    async fn cancel(&self, id: JobId, now: Timestamp) -> Result<Option<Job>> {
        let mut tables = self.tables();
        let job = tables.job(id, "cancel")?;
        Ok(transition::cancelled(job, now).then(|| job.clone()))
    }

    async fn told(&self, id: JobId, told: Told) -> Result<()> {
        if let Some(job) = self.tables().jobs.get_mut(&id) {
            transition::told(job, told);
        }
        Ok(())
    }

    async fn untold(
        &self,
        before: Timestamp,
        after: Option<JobId>,
        limit: u32,
    ) -> Result<Vec<JobId>> {
        let tables = self.tables();
        let rest = tables.jobs.values().filter(|job| after.is_none_or(|after| job.id > after));
        let untold = rest.filter(|job| {
            job.has_news() && job.state != JobState::InProgress && job.updated <= before
        });
        Ok(untold.take(limit as usize).map(|job| job.id).collect())
    }

    async fn note_delivery(&self, id: JobId, step: u32, delivery: Delivery) -> Result<Option<Job>> {
        let mut tables = self.tables();
        let Some(job) = tables.jobs.get_mut(&id) else { return Ok(None) };
        Ok(transition::delivered(job, step, &delivery).then(|| job.clone()))
    }

    async fn follow_ups(
        &self,
        due: Option<Timestamp>,
        after: Option<JobId>,
        limit: u32,
    ) -> Result<Vec<JobId>> {
        let tables = self.tables();
        let rest = tables.jobs.values().filter(|job| after.is_none_or(|after| job.id > after));
        let open = rest.filter(|job| transition::is_due(job, due));
        Ok(open.take(limit as usize).map(|job| job.id).collect())
    }

    async fn append(&self, topic: &str, message: QueueMessage) -> Result<i64> {
        Ok(self.tables().append(topic, message))
    }

    async fn read(&self, topic: &str, from: i64, limit: u32) -> Result<Vec<(i64, QueueMessage)>> {
        Ok(self.tables().read(topic, from, limit))
    }

    async fn committed(&self, topic: &str, group: &str) -> Result<i64> {
        Ok(self.tables().committed(topic, group))
    }

    async fn commit(&self, topic: &str, group: &str, next: i64) -> Result<()> {
        self.tables().commit(topic, group, next);
        Ok(())
    }
}
