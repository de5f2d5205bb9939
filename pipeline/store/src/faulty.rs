//! A decorator that fails on purpose: before a call, or after its effect but before its answer.
//!
//! The second is the interesting case: the caller cannot know that it happened, and repeats it.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use scribed_schemas::account::Account;
use scribed_schemas::api_key::ApiKey;
use scribed_schemas::callback::Delivery;
use scribed_schemas::id::{AccountId, ApiKeyId, JobId, MediaId};
use scribed_schemas::job::Job;
use scribed_schemas::media::Media;
use scribed_schemas::outbox::Told;
use scribed_schemas::time::Timestamp;
use scribed_schemas::transcript::Segments;

use crate::error::{Error, ErrorKind, Result};
use crate::store::{
    AccountChange, Backlog, ClaimRequest, Deleted, FactsNote, JobPage, NewJob, Outcome, PutChunk,
    QueueMessage, RefreshFamily, RefreshRotation, Rotation, Store, Submitted, Supplied, Supply,
};

/// A store whose calls fail where it was told so.
#[derive(Debug)]
pub struct FaultyStore {
    inner: Arc<dyn Store>,
    plan: Mutex<Plan>,
    /// Held by the call whose turn it is, where one waits for the other.
    turn: Option<tokio::sync::Mutex<()>>,
}

/// Which calls fail, and what was called so far.
#[derive(Debug, Default)]
struct Plan {
    faults: Vec<PlannedFault>,
    calls: BTreeMap<&'static str, u64>,
}

/// One failure to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedFault {
    /// Method of [`Store`], by name.
    pub method: &'static str,
    /// Which of its calls fail.
    pub calls: Calls,
    /// Whether the call has its effect.
    pub when: When,
    /// The error that the caller gets.
    pub kind: ErrorKind,
}

/// Which calls of a method fail, counted from 1 over the life of the decorator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calls {
    /// That one.
    Nth(u64),
    /// That one and all that follow, until [`FaultyStore::heal`].
    From(u64),
}

/// Where in the call the failure lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Nothing happens.
    Before,
    /// It happens, and only the answer is lost.
    BeforeReply,
}

impl FaultyStore {
    /// Wraps a store that works for now.
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self { inner, plan: Mutex::default(), turn: None }
    }

    /// Lets one call through at a time, each of which is suspended in its midst: whoever waits for a call
    /// and does not look after another of its own that has begun, waits for ever.
    #[must_use]
    pub fn one_by_one(self) -> Self {
        Self { turn: Some(tokio::sync::Mutex::default()), ..self }
    }

    /// Plans a failure.
    pub fn fail(&self, fault: PlannedFault) {
        self.plan().faults.push(fault);
    }

    /// Forgets every planned failure.
    pub fn heal(&self) {
        self.plan().faults.clear();
    }

    /// Returns how often a method was called.
    pub fn calls(&self, method: &str) -> u64 {
        self.plan().calls.get(method).copied().unwrap_or(0)
    }

    /// Returns the plan; a panic elsewhere cannot have left it half changed.
    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call and returns the failure planned for it.
    fn due(&self, method: &'static str) -> Option<PlannedFault> {
        let mut plan = self.plan();
        let calls = plan.calls.entry(method).or_insert(0);
        *calls += 1;
        let call = *calls;
        let is_due = |fault: &&PlannedFault| {
            fault.method == method
                && match fault.calls {
                    Calls::Nth(nth) => call == nth,
                    Calls::From(first) => call >= first,
                }
        };
        plan.faults.iter().find(is_due).copied()
    }

    /// Makes a call, or its failure.
    async fn around<T>(
        &self,
        method: &'static str,
        call: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        let Some(turn) = &self.turn else { return self.planned(method, call).await };
        let _turn = turn.lock().await;
        let answer = self.planned(method, call).await;
        tokio::task::yield_now().await;
        answer
    }

    async fn planned<T>(
        &self,
        method: &'static str,
        call: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        let Some(fault) = self.due(method) else {
            return call.await;
        };
        if fault.when == When::BeforeReply {
            call.await?;
        }
        Err(Error::caused(fault.kind, method, "this failure was planned"))
    }
}

#[async_trait]
impl Store for FaultyStore {
    async fn ping(&self) -> Result<()> {
        self.around("ping", self.inner.ping()).await
    }

    async fn create_account(&self, account: Account) -> Result<()> {
        self.around("create_account", self.inner.create_account(account)).await
    }

    async fn account(&self, id: AccountId) -> Result<Option<Account>> {
        self.around("account", self.inner.account(id)).await
    }

    async fn account_by_name(&self, username: &str) -> Result<Option<Account>> {
        self.around("account_by_name", self.inner.account_by_name(username)).await
    }

    async fn accounts(&self, after: Option<AccountId>, limit: u32) -> Result<Vec<Account>> {
        self.around("accounts", self.inner.accounts(after, limit)).await
    }

    async fn update_account(
        &self,
        id: AccountId,
        change: AccountChange,
        now: Timestamp,
    ) -> Result<Account> {
        self.around("update_account", self.inner.update_account(id, change, now)).await
    }

    async fn open_refresh_family(&self, family: RefreshFamily) -> Result<()> {
        self.around("open_refresh_family", self.inner.open_refresh_family(family)).await
    }

    async fn rotate_refresh(&self, rotation: RefreshRotation) -> Result<Rotation> {
        self.around("rotate_refresh", self.inner.rotate_refresh(rotation)).await
    }

    async fn revoke_refresh_families(&self, account: AccountId) -> Result<()> {
        self.around("revoke_refresh_families", self.inner.revoke_refresh_families(account)).await
    }

    async fn create_api_key(&self, key: ApiKey) -> Result<()> {
        self.around("create_api_key", self.inner.create_api_key(key)).await
    }

    async fn api_key(&self, hash: &str) -> Result<Option<ApiKey>> {
        self.around("api_key", self.inner.api_key(hash)).await
    }

    async fn api_keys(
        &self,
        account: AccountId,
        after: Option<ApiKeyId>,
        limit: u32,
    ) -> Result<Vec<ApiKey>> {
        self.around("api_keys", self.inner.api_keys(account, after, limit)).await
    }

    async fn revoke_api_key(
        &self,
        account: AccountId,
        id: ApiKeyId,
        now: Timestamp,
    ) -> Result<ApiKey> {
        self.around("revoke_api_key", self.inner.revoke_api_key(account, id, now)).await
    }

    async fn create_media(&self, media: Media) -> Result<()> {
        self.around("create_media", self.inner.create_media(media)).await
    }

    async fn media(&self, id: MediaId) -> Result<Option<Media>> {
        self.around("media", self.inner.media(id)).await
    }

    async fn submit(&self, job: NewJob) -> Result<Submitted> {
        self.around("submit", self.inner.submit(job)).await
    }

    async fn supply(&self, id: JobId, supply: Supply, now: Timestamp) -> Result<Supplied> {
        self.around("supply", self.inner.supply(id, supply, now)).await
    }

    async fn job(&self, id: JobId) -> Result<Option<Job>> {
        self.around("job", self.inner.job(id)).await
    }

    async fn jobs(&self, owner: Option<AccountId>, offset: u64, limit: u32) -> Result<JobPage> {
        self.around("jobs", self.inner.jobs(owner, offset, limit)).await
    }

    async fn jobs_since(
        &self,
        owner: AccountId,
        since: Timestamp,
        behind: Option<(Timestamp, JobId)>,
        limit: u32,
    ) -> Result<Vec<Job>> {
        self.around("jobs_since", self.inner.jobs_since(owner, since, behind, limit)).await
    }

    async fn delete_job(&self, id: JobId) -> Result<Deleted> {
        self.around("delete_job", self.inner.delete_job(id)).await
    }

    async fn claim(&self, claim: ClaimRequest) -> Result<Option<Job>> {
        self.around("claim", self.inner.claim(claim)).await
    }

    async fn backlog(&self, now: Timestamp, limit: u32) -> Result<Backlog> {
        self.around("backlog", self.inner.backlog(now, limit)).await
    }

    async fn claim_job(&self, id: JobId, claim: ClaimRequest) -> Result<Option<Job>> {
        self.around("claim_job", self.inner.claim_job(id, claim)).await
    }

    async fn renew(
        &self,
        id: JobId,
        fence: i64,
        until: Timestamp,
        progress_frames: i64,
    ) -> Result<()> {
        self.around("renew", self.inner.renew(id, fence, until, progress_frames)).await
    }

    async fn release_holder(&self, holder: &str, now: Timestamp) -> Result<u64> {
        self.around("release_holder", self.inner.release_holder(holder, now)).await
    }

    async fn note_facts(&self, id: JobId, fence: i64, note: FactsNote) -> Result<()> {
        self.around("note_facts", self.inner.note_facts(id, fence, note)).await
    }

    async fn put_chunk(
        &self,
        id: JobId,
        fence: i64,
        chunk: Segments,
        now: Timestamp,
    ) -> Result<PutChunk> {
        self.around("put_chunk", self.inner.put_chunk(id, fence, chunk, now)).await
    }

    async fn chunks(&self, id: JobId, from: u32, limit: u32) -> Result<Vec<Segments>> {
        self.around("chunks", self.inner.chunks(id, from, limit)).await
    }

    async fn stored_chunks(&self, id: JobId) -> Result<Vec<u32>> {
        self.around("stored_chunks", self.inner.stored_chunks(id)).await
    }

    async fn finish(&self, id: JobId, fence: i64, outcome: Outcome, now: Timestamp) -> Result<Job> {
        self.around("finish", self.inner.finish(id, fence, outcome, now)).await
    }

    async fn cancel(&self, id: JobId, now: Timestamp) -> Result<Option<Job>> {
        self.around("cancel", self.inner.cancel(id, now)).await
    }

    async fn told(&self, id: JobId, told: Told) -> Result<()> {
        self.around("told", self.inner.told(id, told)).await
    }

    async fn untold(
        &self,
        before: Timestamp,
        after: Option<JobId>,
        limit: u32,
    ) -> Result<Vec<JobId>> {
        self.around("untold", self.inner.untold(before, after, limit)).await
    }

    async fn note_delivery(&self, id: JobId, step: u32, delivery: Delivery) -> Result<Option<Job>> {
        self.around("note_delivery", self.inner.note_delivery(id, step, delivery)).await
    }

    async fn follow_ups(
        &self,
        due: Option<Timestamp>,
        after: Option<JobId>,
        limit: u32,
    ) -> Result<Vec<JobId>> {
        self.around("follow_ups", self.inner.follow_ups(due, after, limit)).await
    }

    async fn append(&self, topic: &str, message: QueueMessage) -> Result<i64> {
        self.around("append", self.inner.append(topic, message)).await
    }

    async fn read(&self, topic: &str, from: i64, limit: u32) -> Result<Vec<(i64, QueueMessage)>> {
        self.around("read", self.inner.read(topic, from, limit)).await
    }

    async fn committed(&self, topic: &str, group: &str) -> Result<i64> {
        self.around("committed", self.inner.committed(topic, group)).await
    }

    async fn commit(&self, topic: &str, group: &str, next: i64) -> Result<()> {
        self.around("commit", self.inner.commit(topic, group, next)).await
    }
}
