//! SQLite: one machine's state in one file, durable at every commit.
//!
//! Write-ahead log with `synchronous = FULL`; one `writer` thread that commits in groups, a few
//! `readers` beside it.
//! `open` checks the file, `schema` migrates it, `lock` keeps a second daemon away, `backup` copies it.
//! The tables are in `schemas/sqlite/`; a person may read them with any SQLite shell while the
//! daemon runs.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use rusqlite::Connection;
use scribed_schemas::account::Account;
use scribed_schemas::api_key::ApiKey;
use scribed_schemas::callback::Delivery;
use scribed_schemas::id::{AccountId, ApiKeyId, JobId, MediaId};
use scribed_schemas::job::Job;
use scribed_schemas::media::Media;
use scribed_schemas::outbox::Told;
use scribed_schemas::time::Timestamp;
use scribed_schemas::transcript::Segments;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::store::{
    AccountChange, Backlog, ClaimRequest, Deleted, FactsNote, JobPage, NewJob, Outcome, PutChunk,
    QueueMessage, RefreshFamily, RefreshRotation, Rotation, Store, Submitted, Supplied, Supply,
};
use crate::transition;

mod accounts;
mod api_keys;
mod backup;
mod deletion;
mod failure;
mod follow_ups;
mod jobs;
mod lock;
mod open;
mod queries;
mod queue;
mod readers;
mod row;
mod schema;
mod writer;

pub use backup::Copied;
pub use lock::FolderLock;

use failure::Failure;
use lock::Users;
use readers::Readers;
use writer::Writer;

/// Settings of the SQLite store.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Connections for reading, each of which serves one call at a time. At least 1.
    pub readers: u32,
    /// Writes that may wait for the next commit; then callers wait. At least 1.
    pub write_queue: u32,
    /// How long to wait for another process that writes, in milliseconds.
    pub busy_timeout_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self { readers: 3, write_queue: 256, busy_timeout_ms: 5_000 }
    }
}

/// A store in one SQLite file.
///
/// Several processes may have one file open; only one of them should be a daemon, see
/// [`lock`](Self::lock).
#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    readers: Readers,
    writer: Writer,
    /// Tells other openers that the log is in use and not left over.
    _users: Users,
}

impl SqliteStore {
    /// Opens the database file `path`, makes it where it is missing, and brings its schema up to
    /// date.
    ///
    /// Blocks: reads the whole file when the last process stopped without closing it.
    ///
    /// # Errors
    ///
    /// `NotFound` when the folder is missing, `Denied` when it cannot be written, `Corrupt` when
    /// the file is damaged, another program's, or of a newer version. The source says what to do.
    pub fn open(path: &Path, config: &Config) -> Result<Self> {
        let attempt = || format!("open the database {}", path.display());
        let opened = open::open(path, config).map_err(|failure| failure.during(attempt()))?;
        let queue = usize::try_from(config.write_queue).unwrap_or(usize::MAX);
        let writer = Writer::start(opened.writing, queue)
            .map_err(|e| Failure::because(crate::ErrorKind::Unavailable, e).during(attempt()))?;
        Ok(Self {
            path: path.to_owned(),
            readers: Readers::new(opened.reading),
            writer,
            _users: opened.users,
        })
    }

    /// Takes the state folder for one daemon; the lock is held until it is dropped.
    ///
    /// Separate from [`open`](Self::open), since listing commands read beside a running daemon.
    ///
    /// # Errors
    ///
    /// `Locked` when another process has it: the source names the folder and the pid.
    pub fn lock(folder: &Path) -> Result<FolderLock> {
        FolderLock::take(folder)
    }

    /// Finishes what is queued, folds the log into the database, and closes it.
    ///
    /// Every later call of any holder answers `Unavailable`. Dropping the store does the same,
    /// blocking.
    ///
    /// # Cancel safety
    ///
    /// A dropped call may leave the store half closed; the last holder's drop closes the rest.
    pub async fn close(self: std::sync::Arc<Self>) {
        self.readers.close().await;
        let stopped = tokio::task::spawn_blocking(move || self.writer.stop()).await;
        if let Err(e) = stopped {
            tracing::error!(cause = %e, "cannot wait for the writer of the database");
        }
    }

    /// Returns the database file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes in a transaction of its own, durable on return.
    async fn write<T, F>(&self, attempt: String, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> std::result::Result<T, Failure> + Send + 'static,
    {
        self.writer.write(work).await.map_err(|failure| failure.during(attempt))
    }

    /// Reads beside the writer.
    async fn look_up<T, F>(&self, attempt: String, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> std::result::Result<T, Failure> + Send + 'static,
    {
        self.readers.read(work).await.map_err(|failure| failure.during(attempt))
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn ping(&self) -> Result<()> {
        let ask = |db: &Connection| Ok(db.prepare_cached("SELECT 1")?.query_row([], |_| Ok(()))?);
        self.look_up("read the database".to_owned(), ask).await?;
        self.write("write the database".to_owned(), ask).await
    }

    async fn create_account(&self, account: Account) -> Result<()> {
        let attempt = format!("create account {}", account.username);
        self.write(attempt, move |db| accounts::create(db, &account)).await
    }

    async fn account(&self, id: AccountId) -> Result<Option<Account>> {
        self.look_up(format!("read account {id}"), move |db| accounts::find(db, id)).await
    }

    async fn account_by_name(&self, username: &str) -> Result<Option<Account>> {
        let (attempt, username) = (format!("read account {username}"), username.to_owned());
        self.look_up(attempt, move |db| accounts::find_by_name(db, &username)).await
    }

    async fn accounts(&self, after: Option<AccountId>, limit: u32) -> Result<Vec<Account>> {
        self.look_up("list accounts".to_owned(), move |db| accounts::list(db, after, limit)).await
    }

    async fn update_account(
        &self,
        id: AccountId,
        change: AccountChange,
        now: Timestamp,
    ) -> Result<Account> {
        let attempt = format!("change account {id}");
        self.write(attempt, move |db| accounts::update(db, id, change, now)).await
    }

    async fn open_refresh_family(&self, family: RefreshFamily) -> Result<()> {
        let attempt = format!("open a login of account {}", family.account);
        self.write(attempt, move |db| accounts::open_family(db, &family)).await
    }

    async fn rotate_refresh(&self, rotation: RefreshRotation) -> Result<Rotation> {
        let attempt = "exchange a refresh token".to_owned();
        self.write(attempt, move |db| accounts::rotate(db, &rotation)).await
    }

    async fn revoke_refresh_families(&self, account: AccountId) -> Result<()> {
        let attempt = format!("end the logins of account {account}");
        self.write(attempt, move |db| accounts::revoke_families(db, account)).await
    }

    async fn create_api_key(&self, key: ApiKey) -> Result<()> {
        let attempt = format!("make API key {} of account {}", key.id, key.account);
        self.write(attempt, move |db| api_keys::create(db, &key)).await
    }

    async fn api_key(&self, hash: &str) -> Result<Option<ApiKey>> {
        let hash = hash.to_owned();
        self.look_up("read an API key".to_owned(), move |db| api_keys::find(db, &hash)).await
    }

    async fn api_keys(
        &self,
        account: AccountId,
        after: Option<ApiKeyId>,
        limit: u32,
    ) -> Result<Vec<ApiKey>> {
        let attempt = format!("list the API keys of account {account}");
        self.look_up(attempt, move |db| api_keys::list(db, account, after, limit)).await
    }

    async fn revoke_api_key(
        &self,
        account: AccountId,
        id: ApiKeyId,
        now: Timestamp,
    ) -> Result<ApiKey> {
        let attempt = format!("revoke API key {id} of account {account}");
        self.write(attempt, move |db| api_keys::revoke(db, account, id, now)).await
    }

    async fn create_media(&self, media: Media) -> Result<()> {
        let attempt = format!("record media {}", media.id);
        self.write(attempt, move |db| jobs::create_media(db, &media)).await
    }

    async fn media(&self, id: MediaId) -> Result<Option<Media>> {
        self.look_up(format!("read media {id}"), move |db| jobs::media(db, id)).await
    }

    async fn submit(&self, new: NewJob) -> Result<Submitted> {
        self.write(format!("submit job {}", new.id), move |db| jobs::submit(db, &new)).await
    }

    async fn supply(&self, id: JobId, supply: Supply, now: Timestamp) -> Result<Supplied> {
        let attempt = format!("give job {id} what it waits for");
        self.write(attempt, move |db| follow_ups::supply(db, id, &supply, now)).await
    }

    async fn job(&self, id: JobId) -> Result<Option<Job>> {
        self.look_up(format!("read job {id}"), move |db| Ok(row::find_job(db, id)?)).await
    }

    async fn jobs(&self, owner: Option<AccountId>, offset: u64, limit: u32) -> Result<JobPage> {
        self.look_up("list jobs".to_owned(), move |db| jobs::list(db, owner, offset, limit)).await
    }

    async fn jobs_since(
        &self,
        owner: AccountId,
        since: Timestamp,
        behind: Option<(Timestamp, JobId)>,
        limit: u32,
    ) -> Result<Vec<Job>> {
        let attempt = format!("list jobs of account {owner}");
        self.look_up(attempt, move |db| jobs::list_since(db, owner, since, behind, limit)).await
    }

    async fn delete_job(&self, id: JobId) -> Result<Deleted> {
        self.write(format!("delete job {id}"), move |db| deletion::delete(db, id)).await
    }

    async fn claim(&self, claim: ClaimRequest) -> Result<Option<Job>> {
        self.write("claim a job".to_owned(), move |db| jobs::claim(db, &claim)).await
    }

    async fn backlog(&self, now: Timestamp, limit: u32) -> Result<Backlog> {
        self.look_up("count what waits".to_owned(), move |db| jobs::backlog(db, now, limit)).await
    }

    async fn claim_job(&self, id: JobId, claim: ClaimRequest) -> Result<Option<Job>> {
        self.write(format!("claim job {id}"), move |db| jobs::claim_job(db, id, &claim)).await
    }

    async fn renew(
        &self,
        id: JobId,
        fence: i64,
        until: Timestamp,
        progress_frames: i64,
    ) -> Result<()> {
        let attempt = format!("renew the lease of job {id} with fence {fence}");
        let change = move |job: &mut Job| transition::renewed(job, until, progress_frames);
        self.write(attempt, move |db| jobs::change_leased(db, id, fence, change)).await.map(drop)
    }

    async fn release_holder(&self, holder: &str, now: Timestamp) -> Result<u64> {
        let (attempt, holder) = (format!("release the jobs of {holder}"), holder.to_owned());
        self.write(attempt, move |db| jobs::release_holder(db, &holder, now)).await
    }

    async fn note_facts(&self, id: JobId, fence: i64, note: FactsNote) -> Result<()> {
        let attempt = format!("note facts of job {id} with fence {fence}");
        self.write(attempt, move |db| jobs::note(db, id, fence, note)).await
    }

    async fn put_chunk(
        &self,
        id: JobId,
        fence: i64,
        chunk: Segments,
        now: Timestamp,
    ) -> Result<PutChunk> {
        let attempt = format!("store chunk {} of job {id} with fence {fence}", chunk.chunk);
        self.write(attempt, move |db| jobs::put_chunk(db, id, fence, chunk, now)).await
    }

    async fn chunks(&self, id: JobId, from: u32, limit: u32) -> Result<Vec<Segments>> {
        let attempt = format!("read chunks of job {id} from {from}");
        self.look_up(attempt, move |db| jobs::chunks(db, id, from, limit)).await
    }

    async fn stored_chunks(&self, id: JobId) -> Result<Vec<u32>> {
        self.look_up(format!("list chunks of job {id}"), move |db| jobs::stored_chunks(db, id))
            .await
    }

    async fn finish(&self, id: JobId, fence: i64, outcome: Outcome, now: Timestamp) -> Result<Job> {
        let attempt = format!("finish job {id} with fence {fence}");
        let change = move |job: &mut Job| transition::finished(job, outcome, now);
        self.write(attempt, move |db| jobs::change_leased(db, id, fence, change)).await
    }

    async fn cancel(&self, id: JobId, now: Timestamp) -> Result<Option<Job>> {
        self.write(format!("cancel job {id}"), move |db| jobs::cancel(db, id, now)).await
    }

    async fn told(&self, id: JobId, told: Told) -> Result<()> {
        let attempt = format!("note what was published of job {id}");
        self.write(attempt, move |db| jobs::told(db, id, told)).await
    }

    async fn untold(
        &self,
        before: Timestamp,
        after: Option<JobId>,
        limit: u32,
    ) -> Result<Vec<JobId>> {
        let attempt = "list jobs with news".to_owned();
        self.look_up(attempt, move |db| jobs::untold(db, before, after, limit)).await
    }

    async fn note_delivery(&self, id: JobId, step: u32, delivery: Delivery) -> Result<Option<Job>> {
        let attempt = format!("note the call of job {id}");
        self.write(attempt, move |db| follow_ups::note_delivery(db, id, step, &delivery)).await
    }

    async fn follow_ups(
        &self,
        due: Option<Timestamp>,
        after: Option<JobId>,
        limit: u32,
    ) -> Result<Vec<JobId>> {
        let attempt = "list what is to follow jobs".to_owned();
        self.look_up(attempt, move |db| follow_ups::list(db, due, after, limit)).await
    }

    async fn append(&self, topic: &str, message: QueueMessage) -> Result<i64> {
        let (attempt, topic) = (format!("append to topic {topic}"), topic.to_owned());
        self.write(attempt, move |db| queue::append(db, &topic, &message)).await
    }

    async fn read(&self, topic: &str, from: i64, limit: u32) -> Result<Vec<(i64, QueueMessage)>> {
        let (attempt, topic) = (format!("read topic {topic} from {from}"), topic.to_owned());
        self.look_up(attempt, move |db| queue::read(db, &topic, from, limit)).await
    }

    async fn committed(&self, topic: &str, group: &str) -> Result<i64> {
        let attempt = format!("read the offset of group {group} in topic {topic}");
        let (topic, group) = (topic.to_owned(), group.to_owned());
        self.look_up(attempt, move |db| queue::committed(db, &topic, &group)).await
    }

    async fn commit(&self, topic: &str, group: &str, next: i64) -> Result<()> {
        let attempt = format!("commit offset {next} of group {group} in topic {topic}");
        let (topic, group) = (topic.to_owned(), group.to_owned());
        self.write(attempt, move |db| queue::commit(db, &topic, &group, next)).await
    }
}
