//! The trait [`Store`]: what every backend promises.
//!
//! Read each method as a specification: what is durable on return, what a repeat does, what others
//! see. Unless a method says otherwise, its effect is durable when it returns `Ok`, atomic, and
//! visible to every later call of any caller; an `Err` with
//! [`ErrorKind::Unavailable`](crate::ErrorKind) may have happened or not, and every method is safe
//! to repeat.
//!
//! Cancel safety: a call that is dropped before it returned may have happened or not, as with
//! `Unavailable`.
//!
//! Time comes in as an argument; no backend reads a clock.

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

use crate::error::Result;
pub use crate::request::*;

/// State of accounts, media, jobs and their text.
#[async_trait]
pub trait Store: Send + Sync + std::fmt::Debug {
    /// Answers when the backend can be read and written.
    async fn ping(&self) -> Result<()>;

    // --- accounts ---------------------------------------------------------------------------

    /// Creates an account; `Conflict` when name or id is taken (names compare exactly).
    async fn create_account(&self, account: Account) -> Result<()>;

    /// Finds an account.
    async fn account(&self, id: AccountId) -> Result<Option<Account>>;

    /// Finds an account by its login name.
    async fn account_by_name(&self, username: &str) -> Result<Option<Account>>;

    /// Lists accounts by id, those after `after`, at most `limit`.
    async fn accounts(&self, after: Option<AccountId>, limit: u32) -> Result<Vec<Account>>;

    /// Changes an account and returns it; `NotFound` when there is none.
    ///
    /// A new password hash raises the password epoch by one and revokes every refresh family, in
    /// the same transaction.
    async fn update_account(
        &self,
        id: AccountId,
        change: AccountChange,
        now: Timestamp,
    ) -> Result<Account>;

    // --- refresh tokens ---------------------------------------------------------------------

    /// Opens a family of refresh tokens whose first token hashes to `hash`.
    ///
    /// A family is kept for [`KEPT_AFTER_END`]; then it is forgotten, at the latest when its account
    /// opens another.
    async fn open_refresh_family(&self, family: RefreshFamily) -> Result<()>;

    /// Exchanges the presented token for the next one of its family.
    ///
    /// Of any number of concurrent callers with one token exactly one gets `Rotated`.
    /// A token that was rotated already revokes its family and answers `Reused`, unless it is the
    /// one just before the current and was rotated at or after `grace_since`: then it answers
    /// `Rotated` again with the family's current hash replaced by `next_hash`. A `grace_since` that
    /// is not before `now` means no grace. Of a known family, every hash but the current one counts
    /// as rotated already.
    async fn rotate_refresh(&self, rotation: RefreshRotation) -> Result<Rotation>;

    /// Revokes every family of an account.
    async fn revoke_refresh_families(&self, account: AccountId) -> Result<()>;

    // --- API keys ---------------------------------------------------------------------------

    /// Records an API key; a repeat with the same hash changes nothing.
    ///
    /// A key with an end is kept for [`KEPT_AFTER_END`]; then it is forgotten, at the latest when its
    /// account gets another.
    async fn create_api_key(&self, key: ApiKey) -> Result<()>;

    /// Finds an API key by the hash of its text, also one that is revoked or over.
    async fn api_key(&self, hash: &str) -> Result<Option<ApiKey>>;

    /// Lists the API keys of an account by id, those after `after`, at most `limit`.
    async fn api_keys(
        &self,
        account: AccountId,
        after: Option<ApiKeyId>,
        limit: u32,
    ) -> Result<Vec<ApiKey>>;

    /// Revokes an API key of an account for good, and returns it; the first revocation stays.
    ///
    /// `NotFound` when the account has no such key.
    async fn revoke_api_key(
        &self,
        account: AccountId,
        id: ApiKeyId,
        now: Timestamp,
    ) -> Result<ApiKey>;

    // --- media ------------------------------------------------------------------------------

    /// Records a stored recording; a repeat with the same id changes nothing.
    async fn create_media(&self, media: Media) -> Result<()>;

    /// Finds a recording.
    async fn media(&self, id: MediaId) -> Result<Option<Media>>;

    // --- jobs -------------------------------------------------------------------------------

    /// Creates a job, its media row with it; the same idempotency key of one owner is the same job.
    ///
    /// `Existing` returns the earlier job and stores nothing; a repeat under the same job id
    /// answers it too. `Conflict` when the key was used with a `fingerprint` that contradicts. With
    /// `one_active` set, `ActiveJob` when the owner has a job that is not terminal.
    async fn submit(&self, job: NewJob) -> Result<Submitted>;

    /// Gives a job something that it waits for; when it waits for nothing more it is queued.
    ///
    /// `Left` when it does not wait for that: it was given before, or the job never waited for it.
    /// A recording is stored with the change, and is the job's from then on; of one that is not taken
    /// nothing is stored. `Taken` when the recording's key stands for another job of the owner.
    /// `NotFound` when there is no such job.
    async fn supply(&self, id: JobId, supply: Supply, now: Timestamp) -> Result<Supplied>;

    /// Finds a job.
    async fn job(&self, id: JobId) -> Result<Option<Job>>;

    /// Lists jobs, newest first, of one owner or of all; `total` counts all of them.
    async fn jobs(&self, owner: Option<AccountId>, offset: u64, limit: u32) -> Result<JobPage>;

    /// Lists jobs of an owner that were submitted at or after `since`, newest first: those behind
    /// `behind`, the instant and the id of the last one seen, at most `limit`.
    ///
    /// Costs the same wherever `behind` lies; that job need not be there any more.
    async fn jobs_since(
        &self,
        owner: AccountId,
        since: Timestamp,
        behind: Option<(Timestamp, JobId)>,
        limit: u32,
    ) -> Result<Vec<Job>>;

    /// Deletes a job that is terminal and has no news, with its text and the row of its recording.
    ///
    /// From then on it is as if it had never been; its idempotency key may stand for another job. The
    /// bytes of the recording are the caller's business. A reader may see the text gone a moment before
    /// the job, and a call that failed may have got so far: a repeat completes it.
    async fn delete_job(&self, id: JobId) -> Result<Deleted>;

    /// Takes the next job that may be worked on, or none.
    ///
    /// Eligible is a claimable job whose `not_before` has come, and an `in_progress` job whose
    /// lease has run out. Order: priority, then age. The job is `in_progress` on return, its fence
    /// one higher, its lease the caller's. Of concurrent callers each gets another job.
    async fn claim(&self, claim: ClaimRequest) -> Result<Option<Job>>;

    /// Takes this very job if it is eligible, as [`claim`](Self::claim) does; `None` when it is
    /// not.
    async fn claim_job(&self, id: JobId, claim: ClaimRequest) -> Result<Option<Job>>;

    /// Counts the jobs that a claim could take now, and tells which of them is the oldest.
    ///
    /// For people and gauges: a job that was taken a moment ago may be counted. At most `limit` jobs
    /// are looked at, so a longer queue counts `limit` or less; the oldest is right all the same.
    async fn backlog(&self, now: Timestamp, limit: u32) -> Result<Backlog>;

    /// Renews a lease and notes progress; `Fenced` when the fence is old (lost or cancelled).
    ///
    /// A lease that has run out may be renewed as long as nobody else claimed the job. `NotFound`,
    /// here and in the calls below that take a fence, when there is no such job.
    async fn renew(
        &self,
        id: JobId,
        fence: i64,
        until: Timestamp,
        progress_frames: i64,
    ) -> Result<()>;

    /// Hands back every job that a holder has, as [`Outcome::Released`] does, and counts them.
    ///
    /// For a holder that is known to be gone: its jobs need not wait for the end of their leases.
    async fn release_holder(&self, holder: &str, now: Timestamp) -> Result<u64>;

    /// Notes what is known of the recording; `Fenced` when the fence is old.
    ///
    /// A recording that is noted is stored with the note, and is the job's from then on; of one that is
    /// refused nothing is stored.
    async fn note_facts(&self, id: JobId, fence: i64, note: FactsNote) -> Result<()>;

    /// Stores the text of one chunk: first write wins.
    ///
    /// `Stored` when it is new, `Same` when the same text stands there already, `Different` when
    /// another does (nothing changes). Texts compare by [`Segments::text`]; numbers that JSON does
    /// not know are stored as the nearest that it does. `Fenced` when the fence is old. Raises
    /// `ready_chunks` over every chunk that now follows without a gap, and sets `description` with
    /// chunk 0, in the same transaction.
    async fn put_chunk(
        &self,
        id: JobId,
        fence: i64,
        chunk: Segments,
        now: Timestamp,
    ) -> Result<PutChunk>;

    /// Returns readable chunks in order: numbers from `from`, below `ready_chunks`, at most
    /// `limit`.
    ///
    /// Costs the same wherever `from` lies.
    async fn chunks(&self, id: JobId, from: u32, limit: u32) -> Result<Vec<Segments>>;

    /// Returns the numbers of all stored chunks in order, also those behind a gap.
    async fn stored_chunks(&self, id: JobId) -> Result<Vec<u32>>;

    /// Ends an attempt; `Fenced` when the fence is old. Returns the job as it is now.
    async fn finish(&self, id: JobId, fence: i64, outcome: Outcome, now: Timestamp) -> Result<Job>;

    /// Cancels a job, whoever works on it.
    ///
    /// A job that is not terminal becomes `completed_partially` when it has a readable chunk, else
    /// `cancelled`; its fence grows, so its worker is refused from now on. `None` when it was
    /// terminal before; `NotFound` when there is none.
    async fn cancel(&self, id: JobId, now: Timestamp) -> Result<Option<Job>>;

    // --- outbox -----------------------------------------------------------------------------

    /// Notes what was published about a job; what was noted once stays noted.
    ///
    /// Needs no lease: whoever published it notes it. The last change of a job is published after
    /// its text, so it is noted last. A job that is gone, or that nobody is told of, changes nothing.
    async fn told(&self, id: JobId, told: Told) -> Result<()>;

    /// Lists jobs of which nobody tells the news: those that have some since `before` or longer and
    /// that nobody works on. Who works on a job tells its news.
    ///
    /// At most `limit`, in an order of the store's own; a list goes on behind `after`, its last one.
    async fn untold(
        &self,
        before: Timestamp,
        after: Option<JobId>,
        limit: u32,
    ) -> Result<Vec<JobId>>;

    // --- what follows a job -----------------------------------------------------------------

    /// Notes how far the call of a job got, and counts a step; returns the job as it is now.
    ///
    /// `None`, and nothing changes, unless what follows the job is at step `step`: of several who go by
    /// the same one, one succeeds. A repeat after a lost answer may find its own step taken. Nothing
    /// else about the job changes, nor does the instant of its last change.
    async fn note_delivery(&self, id: JobId, step: u32, delivery: Delivery) -> Result<Option<Job>>;

    /// Lists jobs with something that is to follow and is due at `due`; without an instant, all that
    /// have an open [follow-up](scribed_schemas::callback::FollowUp::is_open), also a call that was
    /// given up.
    ///
    /// At most `limit`, in an order of the store's own; a list goes on behind `after`, its last one.
    /// Costs as much as is due, however much is due later; without an instant, as much as is open.
    async fn follow_ups(
        &self,
        due: Option<Timestamp>,
        after: Option<JobId>,
        limit: u32,
    ) -> Result<Vec<JobId>>;

    // --- queue (what the embedded bus stands on) --------------------------------------------

    /// Appends a message to a topic and returns its offset, from 0 without gaps.
    ///
    /// A repeat after a lost answer appends it again: delivery is at least once.
    async fn append(&self, topic: &str, message: QueueMessage) -> Result<i64>;

    /// Reads messages of a topic from an offset, at most `limit`.
    async fn read(&self, topic: &str, from: i64, limit: u32) -> Result<Vec<(i64, QueueMessage)>>;

    /// Returns the offset that a group reads next; 0 before its first commit.
    async fn committed(&self, topic: &str, group: &str) -> Result<i64>;

    /// Moves the offset that a group reads next; never backwards (a lower one changes nothing).
    async fn commit(&self, topic: &str, group: &str, next: i64) -> Result<()>;
}
