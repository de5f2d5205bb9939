//! The store as one host sees it: the memory twin behind the weather, watched by the checker.

use std::sync::Arc;

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
use scribed_store::{
    AccountChange, Backlog, ClaimRequest, Deleted, Error, ErrorKind, FactsNote, JobPage,
    MemoryStore, NewJob, Outcome, PutChunk, QueueMessage, RefreshFamily, RefreshRotation, Result,
    Rotation, Store, Submitted, Supplied, Supply,
};

use crate::life::Access::{Read, Write};
use crate::life::{Access, Life};
use crate::planted::Planted;
use crate::sim::held;
use crate::weather::Part;

/// The store as one host sees it.
#[derive(Debug)]
pub(crate) struct SimStore {
    life: Arc<Life>,
}

impl SimStore {
    pub(crate) fn new(life: Arc<Life>) -> Self {
        Self { life }
    }

    fn rows(&self) -> &MemoryStore {
        &self.life.sim.rows
    }

    /// Makes a call that fails and waits as the weather says.
    async fn around<T: Send>(
        &self,
        call: &str,
        access: Access,
        effect: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        let fate = self.life.go(Part::Store, call, access).await.map_err(|_| self.lost(call))?;
        let answer = effect.await;
        if let Err(error) = &answer {
            self.life.note(format_args!("{call}: {error}"));
        }
        self.life.come_back(fate, call, access).await.map_err(|_| self.lost(call))?;
        answer
    }

    /// Makes the error of a call that was to fail.
    fn lost(&self, call: &str) -> Error {
        let is_full = call == "put_chunk" && self.life.sim.roll(|dice| dice.in_thousand(100));
        let kind = if is_full { ErrorKind::Full } else { ErrorKind::Unavailable };
        Error::new(kind, format!("{call}: this failure was planned"))
    }

    /// Makes a call under a fence, and tells the checker when it had an effect.
    async fn fenced<T, F>(
        &self,
        call: &str,
        id: JobId,
        fence: i64,
        effect: impl Fn(i64) -> F + Send + Sync,
    ) -> Result<T>
    where
        T: Send,
        F: Future<Output = Result<T>> + Send,
    {
        let life = &self.life;
        let watched = async {
            let mut answer = effect(fence).await;
            let is_fenced = matches!(&answer, Err(error) if error.kind == ErrorKind::Fenced);
            if is_fenced && life.sim.breaks(Planted::OldFence) {
                let present = self.rows().job(id).await?.map_or(fence, |job| job.fence);
                answer = effect(present).await;
            }
            if answer.is_ok() {
                life.note(format_args!("{call} of job {id} under fence {fence}"));
                life.sim.check(|checker| checker.wrote(call, id, fence, &life.owner()));
                self.observe(id).await?;
            }
            answer
        };
        self.around(call, Write, watched).await
    }

    /// Shows the checker a job as it is now.
    async fn observe(&self, id: JobId) -> Result<()> {
        if let Some(job) = self.rows().job(id).await? {
            let job = self.shown(job);
            self.life.sim.check(|checker| checker.saw(&job));
        }
        Ok(())
    }

    /// Returns a job as this store shows it.
    fn shown(&self, mut job: Job) -> Job {
        use scribed_schemas::job::JobState::Queued;

        let sim = &self.life.sim;
        if sim.breaks(Planted::FallingFence) && job.state == Queued && job.fence > 0 {
            job.fence -= 1;
        }
        let is_due = || sim.roll(|dice| dice.in_thousand(50));
        if sim.breaks(Planted::RevivedJob) && job.state.is_terminal() && is_due() {
            job.state = Queued;
        }
        job
    }

    /// Returns chunks as this store shows them.
    fn shown_chunks(&self, id: JobId, mut chunks: Vec<Segments>) -> Vec<Segments> {
        let sim = &self.life.sim;
        for chunk in &mut chunks {
            if let Some(text) = held(&sim.replaced).get(&(id, chunk.chunk))
                && let Some(segment) = chunk.segments.first_mut()
            {
                segment.text.clone_from(text);
            }
        }
        if sim.breaks(Planted::SkippedChunk) && chunks.len() > 1 {
            chunks.remove(0);
        }
        chunks
    }

    /// Gives somebody's job to somebody else, as no store may.
    async fn shared_lease(&self) -> Result<Option<Job>> {
        let sim = &self.life.sim;
        if !sim.breaks(Planted::SharedLease) || !sim.roll(|dice| dice.in_thousand(100)) {
            return Ok(None);
        }
        let jobs = self.rows().jobs(None, 0, 100).await?.jobs;
        Ok(jobs.into_iter().find(|job| job.lease.is_some()))
    }

    async fn claimed(&self, job: Option<Job>) -> Result<Option<Job>> {
        if let Some(job) = &job {
            let life = &self.life;
            life.note(format_args!("claims job {} under fence {}", job.id, job.fence));
            life.sim.check(|checker| checker.claimed(job, &life.owner()));
            self.observe(job.id).await?;
        }
        Ok(job)
    }
}

#[async_trait]
impl Store for SimStore {
    async fn ping(&self) -> Result<()> {
        self.around("ping", Read, self.rows().ping()).await
    }

    async fn create_account(&self, account: Account) -> Result<()> {
        self.around("create_account", Write, self.rows().create_account(account)).await
    }

    async fn account(&self, id: AccountId) -> Result<Option<Account>> {
        self.around("account", Read, self.rows().account(id)).await
    }

    async fn account_by_name(&self, username: &str) -> Result<Option<Account>> {
        self.around("account_by_name", Read, self.rows().account_by_name(username)).await
    }

    async fn accounts(&self, after: Option<AccountId>, limit: u32) -> Result<Vec<Account>> {
        self.around("accounts", Read, self.rows().accounts(after, limit)).await
    }

    async fn update_account(
        &self,
        id: AccountId,
        change: AccountChange,
        now: Timestamp,
    ) -> Result<Account> {
        self.around("update_account", Write, self.rows().update_account(id, change, now)).await
    }

    async fn open_refresh_family(&self, family: RefreshFamily) -> Result<()> {
        self.around("open_refresh_family", Write, self.rows().open_refresh_family(family)).await
    }

    async fn rotate_refresh(&self, rotation: RefreshRotation) -> Result<Rotation> {
        self.around("rotate_refresh", Write, self.rows().rotate_refresh(rotation)).await
    }

    async fn revoke_refresh_families(&self, account: AccountId) -> Result<()> {
        let revoke = self.rows().revoke_refresh_families(account);
        self.around("revoke_refresh_families", Write, revoke).await
    }

    async fn create_api_key(&self, key: ApiKey) -> Result<()> {
        self.around("create_api_key", Write, self.rows().create_api_key(key)).await
    }

    async fn api_key(&self, hash: &str) -> Result<Option<ApiKey>> {
        self.around("api_key", Read, self.rows().api_key(hash)).await
    }

    async fn api_keys(
        &self,
        account: AccountId,
        after: Option<ApiKeyId>,
        limit: u32,
    ) -> Result<Vec<ApiKey>> {
        self.around("api_keys", Read, self.rows().api_keys(account, after, limit)).await
    }

    async fn revoke_api_key(
        &self,
        account: AccountId,
        id: ApiKeyId,
        now: Timestamp,
    ) -> Result<ApiKey> {
        self.around("revoke_api_key", Write, self.rows().revoke_api_key(account, id, now)).await
    }

    async fn create_media(&self, media: Media) -> Result<()> {
        self.around("create_media", Write, self.rows().create_media(media)).await
    }

    async fn media(&self, id: MediaId) -> Result<Option<Media>> {
        self.around("media", Read, self.rows().media(id)).await
    }

    async fn submit(&self, mut job: NewJob) -> Result<Submitted> {
        if self.life.sim.breaks(Planted::SecondJob) {
            job.idempotency = None;
        }
        let submit = async {
            let submitted = self.rows().submit(job).await?;
            if let Submitted::Created(job) = &submitted {
                self.life.note(format_args!("makes job {} of {}", job.id, job.name));
                self.life.sim.check(|checker| checker.made(job));
            }
            Ok(submitted)
        };
        self.around("submit", Write, submit).await
    }

    async fn supply(&self, id: JobId, supply: Supply, now: Timestamp) -> Result<Supplied> {
        self.around("supply", Write, self.rows().supply(id, supply, now)).await
    }

    async fn job(&self, id: JobId) -> Result<Option<Job>> {
        let look = async {
            let job = self.rows().job(id).await?.map(|job| self.shown(job));
            if let Some(job) = &job {
                self.life.sim.check(|checker| checker.saw(job));
            }
            Ok(job)
        };
        self.around("job", Read, look).await
    }

    async fn jobs(&self, owner: Option<AccountId>, offset: u64, limit: u32) -> Result<JobPage> {
        self.around("jobs", Read, self.rows().jobs(owner, offset, limit)).await
    }

    async fn backlog(&self, now: Timestamp, limit: u32) -> Result<Backlog> {
        self.around("backlog", Read, self.rows().backlog(now, limit)).await
    }

    async fn jobs_since(
        &self,
        owner: AccountId,
        since: Timestamp,
        behind: Option<(Timestamp, JobId)>,
        limit: u32,
    ) -> Result<Vec<Job>> {
        self.around("jobs_since", Read, self.rows().jobs_since(owner, since, behind, limit)).await
    }

    async fn delete_job(&self, id: JobId) -> Result<Deleted> {
        self.around("delete_job", Write, self.rows().delete_job(id)).await
    }

    async fn claim(&self, claim: ClaimRequest) -> Result<Option<Job>> {
        let claim = async {
            match self.rows().claim(claim).await? {
                None => self.claimed(self.shared_lease().await?).await,
                job => self.claimed(job).await,
            }
        };
        self.around("claim", Write, claim).await
    }

    async fn claim_job(&self, id: JobId, claim: ClaimRequest) -> Result<Option<Job>> {
        let claim = async { self.claimed(self.rows().claim_job(id, claim).await?).await };
        self.around("claim_job", Write, claim).await
    }

    async fn renew(
        &self,
        id: JobId,
        fence: i64,
        until: Timestamp,
        progress_frames: i64,
    ) -> Result<()> {
        let renew = |fence| self.rows().renew(id, fence, until, progress_frames);
        self.fenced("renew", id, fence, renew).await
    }

    async fn release_holder(&self, holder: &str, now: Timestamp) -> Result<u64> {
        let release = async {
            let released = self.rows().release_holder(holder, now).await?;
            self.life.note(format_args!("hands back {released} jobs of an earlier life"));
            for job in self.rows().jobs(None, 0, 100).await?.jobs {
                self.observe(job.id).await?;
            }
            Ok(released)
        };
        self.around("release_holder", Write, release).await
    }

    async fn note_facts(&self, id: JobId, fence: i64, note: FactsNote) -> Result<()> {
        let write = |fence| self.rows().note_facts(id, fence, note.clone());
        self.fenced("note_facts", id, fence, write).await
    }

    async fn put_chunk(
        &self,
        id: JobId,
        fence: i64,
        chunk: Segments,
        now: Timestamp,
    ) -> Result<PutChunk> {
        let life = &self.life;
        let put = |fence| {
            let chunk = chunk.clone();
            async move {
                let (number, text) = (chunk.chunk, chunk.text());
                let came_of_it = self.rows().put_chunk(id, fence, chunk, now).await?;
                life.note(format_args!("chunk {number} of job {id}: {came_of_it:?}, {text:?}"));
                if number > 0
                    && life.sim.breaks(Planted::ReplacedChunk)
                    && life.sim.roll(|dice| dice.in_thousand(500))
                {
                    held(&life.sim.replaced).insert((id, number - 1), text.clone());
                }
                life.sim.check(|checker| checker.put(id, number, &text, came_of_it));
                Ok(came_of_it)
            }
        };
        self.fenced("put_chunk", id, fence, put).await
    }

    async fn chunks(&self, id: JobId, from: u32, limit: u32) -> Result<Vec<Segments>> {
        let read = async {
            let chunks = self.shown_chunks(id, self.rows().chunks(id, from, limit).await?);
            self.life.sim.check(|checker| checker.read(id, from, limit, &chunks));
            Ok(chunks)
        };
        self.around("chunks", Read, read).await
    }

    async fn stored_chunks(&self, id: JobId) -> Result<Vec<u32>> {
        self.around("stored_chunks", Read, self.rows().stored_chunks(id)).await
    }

    async fn finish(&self, id: JobId, fence: i64, outcome: Outcome, now: Timestamp) -> Result<Job> {
        let outcome = self.blamed(outcome);
        let finish = |fence| {
            let outcome = outcome.clone();
            async move {
                self.life.note(format_args!("ends its attempt at job {id}: {outcome:?}"));
                self.rows().finish(id, fence, outcome, now).await
            }
        };
        self.fenced("finish", id, fence, finish).await
    }

    async fn cancel(&self, id: JobId, now: Timestamp) -> Result<Option<Job>> {
        let cancel = async {
            let cancelled = self.rows().cancel(id, now).await?;
            if cancelled.is_some() {
                self.life.note(format_args!("cancels job {id}"));
                self.life.sim.check(|checker| checker.cancelled(id));
            }
            self.observe(id).await?;
            Ok(cancelled)
        };
        self.around("cancel", Write, cancel).await
    }

    async fn told(&self, id: JobId, told: Told) -> Result<()> {
        let note = async {
            self.rows().told(id, told).await?;
            self.life.note(format_args!("has told of job {id}: {told:?}"));
            self.observe(id).await
        };
        self.around("told", Write, note).await
    }

    async fn untold(
        &self,
        before: Timestamp,
        after: Option<JobId>,
        limit: u32,
    ) -> Result<Vec<JobId>> {
        self.around("untold", Read, self.rows().untold(before, after, limit)).await
    }

    async fn note_delivery(&self, id: JobId, step: u32, delivery: Delivery) -> Result<Option<Job>> {
        let note = self.rows().note_delivery(id, step, delivery);
        self.around("note_delivery", Write, note).await
    }

    async fn follow_ups(
        &self,
        due: Option<Timestamp>,
        after: Option<JobId>,
        limit: u32,
    ) -> Result<Vec<JobId>> {
        self.around("follow_ups", Read, self.rows().follow_ups(due, after, limit)).await
    }

    async fn append(&self, topic: &str, message: QueueMessage) -> Result<i64> {
        self.around("append", Write, self.rows().append(topic, message)).await
    }

    async fn read(&self, topic: &str, from: i64, limit: u32) -> Result<Vec<(i64, QueueMessage)>> {
        self.around("read", Read, self.rows().read(topic, from, limit)).await
    }

    async fn committed(&self, topic: &str, group: &str) -> Result<i64> {
        self.around("committed", Read, self.rows().committed(topic, group)).await
    }

    async fn commit(&self, topic: &str, group: &str, next: i64) -> Result<()> {
        self.around("commit", Write, self.rows().commit(topic, group, next)).await
    }
}

impl SimStore {
    /// Returns an outcome as this store takes it.
    fn blamed(&self, outcome: Outcome) -> Outcome {
        use scribed_schemas::job::FaultCode::{StageFailed, Unavailable};

        match outcome {
            Outcome::Retry { mut fault, not_before }
                if fault.code == Unavailable && self.life.sim.breaks(Planted::ChargedOutage) =>
            {
                fault.code = StageFailed;
                Outcome::Retry { fault, not_before }
            }
            outcome => outcome,
        }
    }
}
