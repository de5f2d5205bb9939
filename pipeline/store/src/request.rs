//! What a store is asked, and what it answers: the values of the trait [`Store`](crate::Store).

use std::time::Duration;

use scribed_schemas::account::Role;
use scribed_schemas::audio::{MediaFacts, Warning};
use scribed_schemas::id::{AccountId, JobId};
use scribed_schemas::job::{Awaits, Fault, Job, JobOptions, Priority};
use scribed_schemas::media::Media;
use scribed_schemas::time::Timestamp;

/// For how long an API key or a login that is over is kept: long enough to be asked about.
///
/// Each login of a program leaves one, so an installation of years would hold millions of them.
pub const KEPT_AFTER_END: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What to change in an account; absent members stay.
#[derive(Debug, Clone, Default)]
pub struct AccountChange {
    /// New argon2id hash.
    pub password_hash: Option<String>,
    /// New role.
    pub role: Option<Role>,
    /// Whether it may call at all.
    pub active: Option<bool>,
    /// Whether it may submit recordings.
    pub can_interact: Option<bool>,
    /// Whether its jobs wait for a word of authorization.
    pub holds_jobs: Option<bool>,
}

/// A family of refresh tokens: one login and all that follows from it.
#[derive(Debug, Clone)]
pub struct RefreshFamily {
    /// Random 128-bit id, hex.
    pub id: String,
    /// Whose it is.
    pub account: AccountId,
    /// SHA-256 of the token that is valid now, hex.
    pub hash: String,
    /// When it was opened.
    pub opened: Timestamp,
    /// When it ends unless rotated.
    pub expires: Timestamp,
}

/// A request to exchange a refresh token.
#[derive(Debug, Clone)]
pub struct RefreshRotation {
    /// The family.
    pub family: String,
    /// Hash of the presented token.
    pub presented_hash: String,
    /// Hash of its successor.
    pub next_hash: String,
    /// Now.
    pub now: Timestamp,
    /// New end of the family.
    pub expires: Timestamp,
    /// The predecessor is accepted when it was rotated at or after this instant.
    pub grace_since: Timestamp,
}

/// What came of a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// The successor is valid now.
    Rotated(AccountId),
    /// The token had been used before; its family is revoked.
    Reused(AccountId),
    /// No such family, or it is revoked or over.
    Unknown,
}

/// A job to be made.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// Its identity.
    pub id: JobId,
    /// Whose it is.
    pub owner: AccountId,
    /// Name for people.
    pub name: String,
    /// The recording, stored with the job in one transaction; absent while awaited.
    pub media: Option<Media>,
    /// What it waits for before it may be worked on.
    pub awaits: Awaits,
    /// Pipeline to use.
    pub pipeline: String,
    /// What the submitter asked for.
    pub options: JobOptions,
    /// How urgent it is.
    pub priority: Priority,
    /// What the probe at upload found.
    pub facts: Option<MediaFacts>,
    /// Packing limit of the pipeline, in seconds.
    pub chunk_limit_secs: u32,
    /// Caller's name for this submission.
    pub idempotency: Option<IdempotencyKey>,
    /// Refuse when the owner has a job that is not terminal.
    pub one_active: bool,
    /// Whether what becomes of it is to be published; then it has an outbox.
    pub announced: bool,
    /// Now.
    pub now: Timestamp,
}

/// Caller's name for a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// The caller's key, unique per owner.
    pub key: String,
    /// What was submitted: the SHA-256 of the recording, hex, and after a colon that of everything
    /// that was asked for. A part that the submitter does not know is empty, also the colon may be
    /// missing. The same key with another body is a conflict.
    pub fingerprint: String,
}

impl IdempotencyKey {
    /// Returns whether a submission with another fingerprint may be this one: no part that both know
    /// differs.
    ///
    /// A recording may be submitted over HTTP and by an event under one key; only the event says more
    /// than the recording, and only where it holds the recording does it know its digest.
    pub(crate) fn agrees_with(&self, fingerprint: &str) -> bool {
        let parts = |text| str::split_once(text, ':').unwrap_or((text, ""));
        let agree = |one: &str, other: &str| one.is_empty() || other.is_empty() || one == other;
        let ((one, other), (recording, rest)) = (parts(&self.fingerprint), parts(fingerprint));
        agree(one, recording) && agree(other, rest)
    }
}

/// What came of a submission.
#[derive(Debug, Clone, PartialEq)]
pub enum Submitted {
    /// The job is new.
    Created(Job),
    /// The same submission came before; this is its job.
    Existing(Job),
    /// The key stands for another submission.
    Conflict,
    /// The owner has a job that is not done yet.
    ActiveJob(JobId),
}

/// Something that a job waits for.
#[derive(Debug, Clone)]
pub enum Supply {
    /// Its recording.
    Media {
        /// Where it is.
        media: Media,
        /// What a probe found.
        facts: Option<MediaFacts>,
        /// Where it was to be fetched from, to be shown; see [`JobOptions::source`].
        source: Option<String>,
        /// The caller's name for the recording: one job of an owner may have it. It must not be a name
        /// for a submission too.
        key: Option<IdempotencyKey>,
    },
    /// The order to work on it; the options replace those it was made with.
    Order {
        /// What is asked for beside.
        options: JobOptions,
        /// How urgent it is.
        priority: Priority,
    },
    /// The word that lets it go.
    Authorization,
}

/// What came of supplying something.
#[derive(Debug, Clone, PartialEq)]
pub enum Supplied {
    /// It was waited for; this is the job as it is now.
    Changed(Job),
    /// Nothing changed.
    Left(Job),
    /// Nothing changed: this other job has the recording.
    Taken(JobId),
}

/// What came of a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// The job is gone.
    Gone,
    /// There was none.
    Missing,
    /// Nothing changed: the job is not terminal.
    Open,
    /// Nothing changed: something is still to be published about it.
    Untold,
}

/// One page of jobs.
#[derive(Debug, Clone, PartialEq)]
pub struct JobPage {
    /// Jobs in all.
    pub total: u64,
    /// The page, newest first.
    pub jobs: Vec<Job>,
}

/// How much work waits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Jobs that a claim could take.
    pub waiting: u32,
    /// When the oldest of them was submitted.
    pub oldest: Option<Timestamp>,
}

/// Who wants a lease, and until when.
#[derive(Debug, Clone)]
pub struct ClaimRequest {
    /// The worker's name, unique among hosts.
    pub holder: String,
    /// Now.
    pub now: Timestamp,
    /// End of the lease.
    pub until: Timestamp,
}

/// What was learned of a recording.
#[derive(Debug, Clone, Default)]
pub struct FactsNote {
    /// What the container tells; replaces what was known.
    pub facts: Option<MediaFacts>,
    /// Replaces the list of warnings.
    pub warnings: Option<Vec<Warning>>,
    /// Chunks in all, once the whole recording has been cut.
    pub planned_chunks: Option<u32>,
    /// The stored recording, in place of one that was still to be fetched.
    pub media: Option<Media>,
}

/// What came of storing a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutChunk {
    /// It is stored.
    Stored,
    /// The same text was stored before.
    Same,
    /// Another text was stored before and stays.
    Different,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// All chunks are stored: `completed`.
    Completed,
    /// Some chunks were given up: `completed_partially`.
    Partially(Fault),
    /// Final: `processing_fail`; counts as an error.
    Failed(Fault),
    /// Another attempt follows: `processing_error`; counts as an error when the fault is charged.
    Retry {
        /// Why.
        fault: Fault,
        /// Not before this instant.
        not_before: Timestamp,
    },
    /// Handed back unfinished, without fault: `queued`.
    Released,
}

/// A message of the embedded queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueMessage {
    /// Orders and partitions; may be empty.
    pub key: String,
    /// Names and values, in order.
    pub headers: Vec<(String, String)>,
    /// The payload, unchanged.
    pub payload: Vec<u8>,
    /// When it was appended.
    pub at: Timestamp,
}
