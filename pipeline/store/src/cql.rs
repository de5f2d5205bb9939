//! CQL: the state of many hosts in `ScyllaDB` or Cassandra 5.
//!
//! Only what both have is used: plain tables by key, and conditional writes (lightweight
//! transactions) wherever two hosts may disagree. Every decision is one of `transition`, applied to a
//! row that was read and written back under the condition that it is still that row: see `race`.
//!
//! - `connect`, `schema`, `statements`, `database`: a session, its tables, what is said to it.
//! - `race`: how rows change, and what is done when no answer comes.
//! - `jobs`, `chunks`: a job and its text, in one partition.
//! - `submit`, `supply`, `open`, `claim`, `lists`: rows in several partitions, in an order that may be
//!   cut.
//! - `outbox`: which jobs have news to be published.
//! - `follow_ups`: what follows jobs that are done.
//! - `deletion`: a job leaves all of them.
//! - `accounts`, `refresh`, `api_keys`, `queue`, `nodes`: the rest; `ttl`: how long logins and keys stay.
//!
//! A store remembers things to save reads: rows of jobs it works on, where lists begin. None of it is
//! believed without a condition that checks it, so any number of hosts share a keyspace, and a host
//! that was away for long writes nothing by what it knew.

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
use uuid::Uuid;

use crate::error::Result;
use crate::store::{
    AccountChange, Backlog, ClaimRequest, Deleted, FactsNote, JobPage, NewJob, Outcome, PutChunk,
    QueueMessage, RefreshFamily, RefreshRotation, Rotation, Store, Submitted, Supplied, Supply,
};

mod accounts;
mod api_keys;
mod chunks;
mod claim;
mod config;
mod connect;
mod database;
mod deletion;
mod failure;
mod follow_ups;
mod jobs;
mod lists;
mod nodes;
mod open;
mod outbox;
mod queue;
mod race;
mod refresh;
mod row;
mod schema;
mod statements;
mod submit;
mod supply;
mod ttl;

pub use config::{Agreement, Config, Tls};
pub use schema::{Migrated, Product};

use database::Database;
use failure::Failure;

/// A store in a keyspace of `ScyllaDB` or Cassandra.
#[derive(Debug)]
pub struct CqlStore {
    db: Arc<Database>,
    /// One change of a row at a time.
    seats: race::Seats,
    /// Rows of jobs that this host works on.
    desk: jobs::Desk,
    /// Where the open list has living entries.
    places: open::Places,
    /// Jobs that claims of this host reach for.
    hands: claim::Hands,
    /// Ends of topics.
    tails: queue::Tails,
}

impl CqlStore {
    /// Connects; makes keyspace and tables or brings them up to date, unless the settings say not to.
    ///
    /// # Errors
    ///
    /// `Unavailable` when no node answers, or too few replicas do; `Denied` when the user is refused;
    /// `Corrupt` when the schema is of a newer version, or of an older one that may not be migrated,
    /// or conditional writes do not work; `NotFound` when a setting cannot work. The source says what
    /// to do.
    ///
    /// # Cancel safety
    ///
    /// A dropped call may leave a migration half done; the next one completes it.
    pub async fn open(config: &Config) -> Result<Self> {
        let db = Box::pin(Database::open(config)).await;
        let db = db.map_err(|failure| failure.during(opening(config)))?;
        Ok(Self::over(Arc::new(db)))
    }

    /// Makes keyspace and tables or brings them up to date, whatever the settings say.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    ///
    /// # Cancel safety
    ///
    /// As [`open`](Self::open).
    pub async fn migrate(config: &Config) -> Result<Migrated> {
        let migrated = Box::pin(Database::migrate(config)).await;
        migrated.map_err(|failure| failure.during(opening(config)))
    }

    /// Returns another store over the same connections, which remembers nothing: another host.
    #[cfg(feature = "conformance")]
    #[must_use]
    pub fn another(&self) -> Self {
        Self::over(Arc::clone(&self.db))
    }

    fn over(db: Arc<Database>) -> Self {
        Self {
            db,
            seats: race::Seats::default(),
            desk: jobs::Desk::default(),
            places: open::Places::default(),
            hands: claim::Hands::default(),
            tails: queue::Tails::default(),
        }
    }

    /// Reads and writes a row that means nothing.
    async fn probe(&self) -> std::result::Result<(), Failure> {
        let say = &self.db.say;
        self.db.write(&say.probe_write, ("ping", Uuid::nil())).await?;
        self.db.row::<(Uuid,)>(&say.probe_read, ("ping",)).await.map(drop)
    }
}

/// Says what is attempted, without secrets.
fn opening(config: &Config) -> String {
    format!("open keyspace {} at {}", config.keyspace, config.contact_points.join(", "))
}

/// Adds what was attempted to a failure.
fn during<T>(
    result: std::result::Result<T, Failure>,
    attempt: impl FnOnce() -> String,
) -> Result<T> {
    result.map_err(|failure| failure.during(attempt()))
}

#[async_trait]
impl Store for CqlStore {
    async fn ping(&self) -> Result<()> {
        during(self.probe().await, || "read and write the database".to_owned())
    }

    async fn create_account(&self, account: Account) -> Result<()> {
        let created = self.add_account(&account).await;
        during(created, || format!("create account {}", account.username))
    }

    async fn account(&self, id: AccountId) -> Result<Option<Account>> {
        during(self.find_account(id).await, || format!("read account {id}"))
    }

    async fn account_by_name(&self, username: &str) -> Result<Option<Account>> {
        during(self.find_name(username).await, || format!("read account {username}"))
    }

    async fn accounts(&self, after: Option<AccountId>, limit: u32) -> Result<Vec<Account>> {
        during(self.list_accounts(after, limit).await, || "list accounts".to_owned())
    }

    async fn update_account(
        &self,
        id: AccountId,
        change: AccountChange,
        now: Timestamp,
    ) -> Result<Account> {
        let changed = self.change_account(id, &change, now).await;
        during(changed, || format!("change account {id}"))
    }

    async fn open_refresh_family(&self, family: RefreshFamily) -> Result<()> {
        let opened = self.add_family(&family).await;
        during(opened, || format!("open a login of account {}", family.account))
    }

    async fn rotate_refresh(&self, rotation: RefreshRotation) -> Result<Rotation> {
        during(self.rotate(&rotation).await, || "exchange a refresh token".to_owned())
    }

    async fn revoke_refresh_families(&self, account: AccountId) -> Result<()> {
        let ended = self.end_logins(account).await;
        during(ended, || format!("end the logins of account {account}"))
    }

    async fn create_api_key(&self, key: ApiKey) -> Result<()> {
        let made = self.add_api_key(&key).await;
        during(made, || format!("make API key {} of account {}", key.id, key.account))
    }

    async fn api_key(&self, hash: &str) -> Result<Option<ApiKey>> {
        during(self.find_api_key(hash).await, || "read an API key".to_owned())
    }

    async fn api_keys(
        &self,
        account: AccountId,
        after: Option<ApiKeyId>,
        limit: u32,
    ) -> Result<Vec<ApiKey>> {
        let keys = self.list_api_keys(account, after, limit).await;
        during(keys, || format!("list the API keys of account {account}"))
    }

    async fn revoke_api_key(
        &self,
        account: AccountId,
        id: ApiKeyId,
        now: Timestamp,
    ) -> Result<ApiKey> {
        let revoked = self.end_api_key(account, id, now).await;
        during(revoked, || format!("revoke API key {id} of account {account}"))
    }

    async fn create_media(&self, media: Media) -> Result<()> {
        let recorded = self.add_media(&media).await.map(drop);
        during(recorded, || format!("record media {}", media.id))
    }

    async fn media(&self, id: MediaId) -> Result<Option<Media>> {
        during(self.find_media(id).await, || format!("read media {id}"))
    }

    async fn submit(&self, job: NewJob) -> Result<Submitted> {
        let id = job.id;
        during(self.submit_job(job).await, || format!("submit job {id}"))
    }

    async fn supply(&self, id: JobId, supply: Supply, now: Timestamp) -> Result<Supplied> {
        let supplied = self.supply_job(id, &supply, now).await;
        during(supplied, || format!("give job {id} what it waits for"))
    }

    async fn job(&self, id: JobId) -> Result<Option<Job>> {
        during(self.find_job(id).await, || format!("read job {id}"))
    }

    async fn jobs(&self, owner: Option<AccountId>, offset: u64, limit: u32) -> Result<JobPage> {
        during(self.page(owner, offset, limit).await, || "list jobs".to_owned())
    }

    async fn jobs_since(
        &self,
        owner: AccountId,
        since: Timestamp,
        behind: Option<(Timestamp, JobId)>,
        limit: u32,
    ) -> Result<Vec<Job>> {
        let listed = self.list_since(owner, since, behind, limit).await;
        during(listed, || format!("list jobs of account {owner}"))
    }

    async fn delete_job(&self, id: JobId) -> Result<Deleted> {
        during(self.remove_job(id).await, || format!("delete job {id}"))
    }

    async fn claim(&self, claim: ClaimRequest) -> Result<Option<Job>> {
        during(self.claim_next(&claim).await, || "claim a job".to_owned())
    }

    async fn backlog(&self, now: Timestamp, limit: u32) -> Result<Backlog> {
        during(self.count_waiting(now, limit).await, || "count what waits".to_owned())
    }

    async fn claim_job(&self, id: JobId, claim: ClaimRequest) -> Result<Option<Job>> {
        during(self.claim_one(id, &claim).await, || format!("claim job {id}"))
    }

    async fn renew(
        &self,
        id: JobId,
        fence: i64,
        until: Timestamp,
        progress_frames: i64,
    ) -> Result<()> {
        let renewed = self.renew_lease(id, fence, until, progress_frames).await;
        during(renewed, || format!("renew the lease of job {id} with fence {fence}"))
    }

    async fn release_holder(&self, holder: &str, now: Timestamp) -> Result<u64> {
        self.release_jobs_of(holder, now).await
    }

    async fn note_facts(&self, id: JobId, fence: i64, note: FactsNote) -> Result<()> {
        let noted = self.note(id, fence, note).await;
        during(noted, || format!("note facts of job {id} with fence {fence}"))
    }

    async fn put_chunk(
        &self,
        id: JobId,
        fence: i64,
        chunk: Segments,
        now: Timestamp,
    ) -> Result<PutChunk> {
        let number = chunk.chunk;
        let stored = self.store_chunk(id, fence, chunk, now).await;
        during(stored, || format!("store chunk {number} of job {id} with fence {fence}"))
    }

    async fn chunks(&self, id: JobId, from: u32, limit: u32) -> Result<Vec<Segments>> {
        let read = self.read_chunks(id, from, limit).await;
        during(read, || format!("read chunks of job {id} from {from}"))
    }

    async fn stored_chunks(&self, id: JobId) -> Result<Vec<u32>> {
        during(self.chunk_numbers(id).await, || format!("list chunks of job {id}"))
    }

    async fn finish(&self, id: JobId, fence: i64, outcome: Outcome, now: Timestamp) -> Result<Job> {
        let ended = self.end_attempt(id, fence, outcome, now).await;
        during(ended, || format!("finish job {id} with fence {fence}"))
    }

    async fn cancel(&self, id: JobId, now: Timestamp) -> Result<Option<Job>> {
        during(self.cancel_job(id, now).await, || format!("cancel job {id}"))
    }

    async fn told(&self, id: JobId, told: Told) -> Result<()> {
        let noted = self.note_told(id, told).await;
        during(noted, || format!("note what was published of job {id}"))
    }

    async fn untold(
        &self,
        before: Timestamp,
        after: Option<JobId>,
        limit: u32,
    ) -> Result<Vec<JobId>> {
        during(self.list_untold(before, after, limit).await, || "list jobs with news".to_owned())
    }

    async fn note_delivery(&self, id: JobId, step: u32, delivery: Delivery) -> Result<Option<Job>> {
        let noted = self.save_delivery(id, step, &delivery).await;
        during(noted, || format!("note the call of job {id}"))
    }

    async fn follow_ups(
        &self,
        due: Option<Timestamp>,
        after: Option<JobId>,
        limit: u32,
    ) -> Result<Vec<JobId>> {
        let listed = self.list_follow_ups(due, after, limit).await;
        during(listed, || "list what is to follow jobs".to_owned())
    }

    async fn append(&self, topic: &str, message: QueueMessage) -> Result<i64> {
        let appended = self.append_message(topic, &message).await;
        during(appended, || format!("append to topic {topic}"))
    }

    async fn read(&self, topic: &str, from: i64, limit: u32) -> Result<Vec<(i64, QueueMessage)>> {
        let read = self.read_messages(topic, from, limit).await;
        during(read, || format!("read topic {topic} from {from}"))
    }

    async fn committed(&self, topic: &str, group: &str) -> Result<i64> {
        let position = self.group_position(topic, group).await;
        during(position, || format!("read the offset of group {group} in topic {topic}"))
    }

    async fn commit(&self, topic: &str, group: &str, next: i64) -> Result<()> {
        let moved = self.move_group(topic, group, next).await;
        during(moved, || format!("commit offset {next} of group {group} in topic {topic}"))
    }
}
