//! The row of a job: what is read of it, and what is written where it changes.

use scribed_schemas::id::{AccountId, JobId, MediaId};
use scribed_schemas::job::{Job, JobState, Lease, Priority};
use scribed_schemas::time::Timestamp;
use scylla::value::MaybeUnset;
use scylla::{DeserializeRow, SerializeRow};
use uuid::Uuid;

use super::super::failure::Failure;
use super::{from_json, priority_column, to_json, word};
use crate::error::ErrorKind;

/// A job as it is stored: the static columns of its partition.
#[derive(Debug, Clone, PartialEq, SerializeRow, DeserializeRow)]
pub(in super::super) struct JobRow {
    pub(in super::super) id: i64,
    owner: i64,
    name: String,
    media: Option<i64>,
    pipeline: String,
    options: String,
    priority: i8,
    state: String,
    error_count: i64,
    fault: Option<String>,
    facts: Option<String>,
    warnings: String,
    progress_frames: i64,
    pub(in super::super) ready_chunks: i64,
    /// One more than the highest number of its chunks.
    pub(in super::super) stored_end: i64,
    planned_chunks: Option<i64>,
    chunk_limit_secs: i64,
    description: String,
    lease_holder: Option<String>,
    lease_until: Option<i64>,
    fence: i64,
    not_before: i64,
    created: i64,
    updated: i64,
    finished: Option<i64>,
    outbox: Option<String>,
    awaits: Option<String>,
    follow_up: Option<String>,
    /// Token of the last change.
    pub(in super::super) op: Uuid,
}

/// What `save_job` writes: the columns that changed.
#[derive(Debug, SerializeRow)]
pub(in super::super) struct JobChange<'a> {
    id: i64,
    media: MaybeUnset<Option<i64>>,
    options: MaybeUnset<&'a str>,
    priority: MaybeUnset<i8>,
    state: MaybeUnset<&'a str>,
    error_count: MaybeUnset<i64>,
    fault: MaybeUnset<Option<&'a str>>,
    facts: MaybeUnset<Option<&'a str>>,
    warnings: MaybeUnset<&'a str>,
    progress_frames: MaybeUnset<i64>,
    planned_chunks: MaybeUnset<Option<i64>>,
    lease_holder: MaybeUnset<Option<&'a str>>,
    lease_until: MaybeUnset<Option<i64>>,
    fence: MaybeUnset<i64>,
    not_before: MaybeUnset<i64>,
    updated: MaybeUnset<i64>,
    finished: MaybeUnset<Option<i64>>,
    outbox: MaybeUnset<Option<&'a str>>,
    awaits: MaybeUnset<Option<&'a str>>,
    follow_up: MaybeUnset<Option<&'a str>>,
    op: Uuid,
    expected: Uuid,
}

/// What `save_chunk_count` writes.
#[derive(Debug, SerializeRow)]
pub(in super::super) struct ChunkCount<'a> {
    id: i64,
    ready_chunks: MaybeUnset<i64>,
    stored_end: MaybeUnset<i64>,
    description: MaybeUnset<&'a str>,
    updated: i64,
    op: Uuid,
    expected: Uuid,
}

impl JobRow {
    /// Makes the row of a job.
    pub(in super::super) fn of(job: &Job, stored_end: i64, op: Uuid) -> Result<Self, Failure> {
        let (lease_holder, lease_until) =
            job.lease.as_ref().map(|lease| (lease.holder.clone(), lease.until.0)).unzip();
        Ok(Self {
            id: job.id.0,
            owner: job.owner.0,
            name: job.name.clone(),
            media: job.media.map(|media| media.0),
            pipeline: job.pipeline.clone(),
            options: to_json(&job.options)?,
            priority: priority_column(job.priority),
            state: job.state.as_str().to_owned(),
            error_count: i64::from(job.error_count),
            fault: job.fault.as_ref().map(to_json).transpose()?,
            facts: job.facts.as_ref().map(to_json).transpose()?,
            warnings: to_json(&job.warnings)?,
            progress_frames: job.progress_frames,
            ready_chunks: i64::from(job.ready_chunks),
            stored_end,
            planned_chunks: job.planned_chunks.map(i64::from),
            chunk_limit_secs: i64::from(job.chunk_limit_secs),
            description: job.description.clone(),
            lease_holder,
            lease_until,
            fence: job.fence,
            not_before: job.not_before.0,
            created: job.created.0,
            updated: job.updated.0,
            finished: job.finished.map(|at| at.0),
            outbox: job.outbox.as_ref().map(to_json).transpose()?,
            awaits: (!job.awaits.is_nothing()).then(|| to_json(&job.awaits)).transpose()?,
            follow_up: job.follow_up.as_ref().map(to_json).transpose()?,
            op,
        })
    }

    /// Makes the job of the row.
    pub(in super::super) fn job(&self) -> Result<Job, Failure> {
        let lease = match (&self.lease_holder, self.lease_until) {
            (Some(holder), Some(until)) => {
                Some(Lease { holder: holder.clone(), until: Timestamp(until) })
            }
            _ => None,
        };
        Ok(Job {
            id: JobId(self.id),
            owner: AccountId(self.owner),
            name: self.name.clone(),
            media: self.media.map(MediaId),
            pipeline: self.pipeline.clone(),
            options: from_json(&self.options)?,
            priority: if self.priority == 0 { Priority::Priority } else { Priority::Standard },
            state: word("state", &self.state, JobState::parse)?,
            error_count: count(self.error_count)?,
            fault: self.fault.as_deref().map(from_json).transpose()?,
            facts: self.facts.as_deref().map(from_json).transpose()?,
            warnings: from_json(&self.warnings)?,
            progress_frames: self.progress_frames,
            ready_chunks: count(self.ready_chunks)?,
            planned_chunks: self.planned_chunks.map(count).transpose()?,
            chunk_limit_secs: count(self.chunk_limit_secs)?,
            description: self.description.clone(),
            lease,
            fence: self.fence,
            not_before: Timestamp(self.not_before),
            created: Timestamp(self.created),
            updated: Timestamp(self.updated),
            finished: self.finished.map(Timestamp),
            outbox: self.outbox.as_deref().map(from_json).transpose()?,
            awaits: self.awaits.as_deref().map(from_json).transpose()?.unwrap_or_default(),
            follow_up: self.follow_up.as_deref().map(from_json).transpose()?,
        })
    }

    /// Returns what must be written over `old` so that it becomes this row.
    pub(in super::super) fn change<'a>(&'a self, old: &'a Self) -> JobChange<'a> {
        JobChange {
            id: self.id,
            media: if_new(self.media, &old.media),
            options: if_new(self.options.as_str(), &old.options.as_str()),
            priority: if_new(self.priority, &old.priority),
            state: if_new(self.state.as_str(), &old.state.as_str()),
            error_count: if_new(self.error_count, &old.error_count),
            fault: if_new(self.fault.as_deref(), &old.fault.as_deref()),
            facts: if_new(self.facts.as_deref(), &old.facts.as_deref()),
            warnings: if_new(self.warnings.as_str(), &old.warnings.as_str()),
            progress_frames: if_new(self.progress_frames, &old.progress_frames),
            planned_chunks: if_new(self.planned_chunks, &old.planned_chunks),
            lease_holder: if_new(self.lease_holder.as_deref(), &old.lease_holder.as_deref()),
            lease_until: if_new(self.lease_until, &old.lease_until),
            fence: if_new(self.fence, &old.fence),
            not_before: if_new(self.not_before, &old.not_before),
            updated: if_new(self.updated, &old.updated),
            finished: if_new(self.finished, &old.finished),
            outbox: if_new(self.outbox.as_deref(), &old.outbox.as_deref()),
            awaits: if_new(self.awaits.as_deref(), &old.awaits.as_deref()),
            follow_up: if_new(self.follow_up.as_deref(), &old.follow_up.as_deref()),
            op: self.op,
            expected: old.op,
        }
    }

    /// Returns what must be written over `old` beside a new chunk.
    pub(in super::super) fn chunk_count<'a>(&'a self, old: &'a Self) -> ChunkCount<'a> {
        ChunkCount {
            id: self.id,
            ready_chunks: if_new(self.ready_chunks, &old.ready_chunks),
            stored_end: if_new(self.stored_end, &old.stored_end),
            description: if_new(self.description.as_str(), &old.description.as_str()),
            updated: self.updated,
            op: self.op,
            expected: old.op,
        }
    }
}

/// Returns a value to write where it differs from what is there: an unset one costs nothing, and
/// writing null over null would leave a grave.
fn if_new<T: PartialEq>(new: T, old: &T) -> MaybeUnset<T> {
    if new == *old { MaybeUnset::Unset } else { MaybeUnset::Set(new) }
}

/// Reads a number that counts something.
fn count(stored: i64) -> Result<u32, Failure> {
    u32::try_from(stored)
        .map_err(|_| Failure::because(ErrorKind::Corrupt, format!("{stored} is no count")))
}
