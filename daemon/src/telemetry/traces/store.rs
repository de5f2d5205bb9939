//! The store as traces see it: a span for each call within a request or a job.
//!
//! What comes round again and again has none: leases, looks for work and for news, the embedded queue.

use std::sync::Arc;

use async_trait::async_trait;
use scribed_engine::trace::{self, TARGET};
use scribed_schemas::account::Account;
use scribed_schemas::api_key::ApiKey;
use scribed_schemas::callback::Delivery;
use scribed_schemas::id::{AccountId, ApiKeyId, JobId, MediaId};
use scribed_schemas::job::Job;
use scribed_schemas::media::Media;
use scribed_schemas::outbox::Told;
use scribed_schemas::time::Timestamp;
use scribed_schemas::transcript::Segments;
use scribed_store::{
    AccountChange, Backlog, ClaimRequest, Deleted, ErrorKind, FactsNote, JobPage, NewJob, Outcome,
    PutChunk, QueueMessage, RefreshFamily, RefreshRotation, Result, Rotation, Store, Submitted,
    Supplied, Supply,
};
use tracing::field::Empty;
use tracing::{Instrument as _, Span, info_span};

/// A store whose calls are traced.
#[derive(Debug)]
pub struct Traced {
    inner: Arc<dyn Store>,
    /// What it is, as `db.system.name` in OpenTelemetry's conventions.
    system: &'static str,
}

impl Traced {
    /// Wraps a store.
    pub fn new(inner: Arc<dyn Store>, system: &'static str) -> Self {
        Self { inner, system }
    }

    /// Follows a call that is part of something which is traced.
    async fn around<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        if Span::current().is_none() {
            return call.await;
        }
        let span = info_span!(
            target: TARGET,
            "store",
            otel.name = operation,
            otel.kind = "client",
            db.system.name = self.system,
            db.operation.name = operation,
            "error.type" = Empty,
            otel.status_code = Empty,
        );
        let answer = call.instrument(span.clone()).await;
        if let Err(error) = &answer {
            trace::failed(&span, word(error.kind));
        }
        answer
    }
}

fn word(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotFound => "not_found",
        ErrorKind::Conflict => "conflict",
        ErrorKind::Fenced => "fenced",
        ErrorKind::Full => "full",
        ErrorKind::Unavailable => "unavailable",
        ErrorKind::Locked => "locked",
        ErrorKind::Denied => "denied",
        ErrorKind::Corrupt => "corrupt",
        _ => "other",
    }
}

#[async_trait]
impl Store for Traced {
    async fn ping(&self) -> Result<()> {
        self.inner.ping().await
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
        self.inner.job(id).await
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
        self.inner.claim(claim).await
    }

    async fn backlog(&self, now: Timestamp, limit: u32) -> Result<Backlog> {
        self.inner.backlog(now, limit).await
    }

    async fn claim_job(&self, id: JobId, claim: ClaimRequest) -> Result<Option<Job>> {
        self.inner.claim_job(id, claim).await
    }

    async fn renew(
        &self,
        id: JobId,
        fence: i64,
        until: Timestamp,
        progress_frames: i64,
    ) -> Result<()> {
        self.inner.renew(id, fence, until, progress_frames).await
    }

    async fn release_holder(&self, holder: &str, now: Timestamp) -> Result<u64> {
        self.inner.release_holder(holder, now).await
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
        self.inner.told(id, told).await
    }

    async fn untold(
        &self,
        before: Timestamp,
        after: Option<JobId>,
        limit: u32,
    ) -> Result<Vec<JobId>> {
        self.inner.untold(before, after, limit).await
    }

    async fn note_delivery(&self, id: JobId, step: u32, delivery: Delivery) -> Result<Option<Job>> {
        self.inner.note_delivery(id, step, delivery).await
    }

    async fn follow_ups(
        &self,
        due: Option<Timestamp>,
        after: Option<JobId>,
        limit: u32,
    ) -> Result<Vec<JobId>> {
        self.inner.follow_ups(due, after, limit).await
    }

    async fn append(&self, topic: &str, message: QueueMessage) -> Result<i64> {
        self.inner.append(topic, message).await
    }

    async fn read(&self, topic: &str, from: i64, limit: u32) -> Result<Vec<(i64, QueueMessage)>> {
        self.inner.read(topic, from, limit).await
    }

    async fn committed(&self, topic: &str, group: &str) -> Result<i64> {
        self.inner.committed(topic, group).await
    }

    async fn commit(&self, topic: &str, group: &str, next: i64) -> Result<()> {
        self.inner.commit(topic, group, next).await
    }
}
