//! Transitions: how a job, its lease and a refresh family move from one state to the next.
//!
//! Pure functions on the rows themselves. Every backend reads a row, applies one of these, and
//! writes the row back in one transaction, so that no two backends can disagree about the state
//! machine.

use scribed_schemas::account::Account;
use scribed_schemas::id::AccountId;
use scribed_schemas::job::{Job, JobState, Lease};
use scribed_schemas::outbox::{Outbox, Told};
use scribed_schemas::time::Timestamp;
use scribed_schemas::transcript::Segments;

use crate::error::ErrorKind;
use crate::store::{
    AccountChange, ClaimRequest, Deleted, FactsNote, NewJob, Outcome, PutChunk, RefreshRotation,
    Rotation, Submitted,
};

/// Characters of chunk 0 that a job shows as its description.
const DESCRIPTION_CHARS: usize = 256;

/// Makes the job of a submission.
pub(crate) fn submitted(new: &NewJob) -> Job {
    let mut job = Job {
        id: new.id,
        owner: new.owner,
        name: new.name.clone(),
        media: Some(new.media.id),
        pipeline: new.pipeline.clone(),
        options: new.options.clone(),
        priority: new.priority,
        state: JobState::Queued,
        error_count: 0,
        fault: None,
        facts: new.facts.clone(),
        warnings: Vec::new(),
        progress_frames: 0,
        ready_chunks: 0,
        planned_chunks: None,
        chunk_limit_secs: new.chunk_limit_secs,
        description: String::new(),
        lease: None,
        fence: 0,
        // Not the present: a clock that is set back must not hold up what is queued.
        not_before: Timestamp::default(),
        created: new.now,
        updated: new.now,
        finished: None,
        outbox: new.announced.then(Outbox::default),
    };
    entered(&mut job, new.now);
    job
}

/// Enters the present state of a job into its outbox, if it has one.
fn entered(job: &mut Job, at: Timestamp) {
    let error = job.fault.as_ref().map(|fault| fault.message.clone());
    if let Some(outbox) = &mut job.outbox {
        outbox.enter(job.state, at, error);
    }
}

/// Notes what was published about a job; false, and nothing changes, when that is known already.
pub(crate) fn told(job: &mut Job, told: Told) -> bool {
    job.outbox.as_mut().is_some_and(|outbox| outbox.note(told))
}

/// Answers a submission whose identity is there already: a repeat, unless it is somebody else's.
pub(crate) fn repeated(job: Job, new: &NewJob) -> Result<Submitted, ErrorKind> {
    if job.owner == new.owner && job.media == Some(new.media.id) {
        return Ok(Submitted::Existing(job));
    }
    Err(ErrorKind::Conflict)
}

/// Returns whether a job may be claimed: its time has come, or its lease has run out.
pub(crate) fn is_eligible(job: &Job, now: Timestamp) -> bool {
    let lease_over = job.lease.as_ref().is_none_or(|lease| lease.until <= now);
    (job.state.is_claimable() && job.not_before <= now)
        || (job.state == JobState::InProgress && lease_over)
}

/// Gives a job to the claimer under a new fence.
pub(crate) fn claimed(job: &mut Job, claim: &ClaimRequest) {
    job.state = JobState::InProgress;
    job.fence += 1;
    job.lease = Some(Lease { holder: claim.holder.clone(), until: claim.until });
    job.updated = claim.now;
    entered(job, claim.now);
}

/// Refuses whoever does not hold the job's present lease.
///
/// A lease that has run out but was not taken over yet is still its holder's.
pub(crate) fn check_fence(job: &Job, fence: i64) -> Result<(), ErrorKind> {
    if job.state == JobState::InProgress && job.fence == fence {
        return Ok(());
    }
    Err(ErrorKind::Fenced)
}

/// Returns why a job cannot be deleted, if so.
pub(crate) fn undeletable(job: &Job) -> Option<Deleted> {
    if !job.state.is_terminal() {
        return Some(Deleted::Open);
    }
    job.has_news().then_some(Deleted::Untold)
}

/// Moves the end of the lease and notes progress.
pub(crate) fn renewed(job: &mut Job, until: Timestamp, progress_frames: i64) {
    if let Some(lease) = &mut job.lease {
        lease.until = until;
    }
    job.progress_frames = progress_frames;
}

/// Notes what was learned of the recording.
pub(crate) fn noted(job: &mut Job, note: FactsNote) {
    if note.facts.is_some() {
        job.facts = note.facts;
    }
    if let Some(warnings) = note.warnings {
        job.warnings = warnings;
    }
    if note.planned_chunks.is_some() {
        job.planned_chunks = note.planned_chunks;
    }
    if let Some(media) = note.media {
        job.media = Some(media.id);
    }
}

/// Compares a chunk with what is stored under its number: by its text, since times and
/// probabilities of the same text may differ in the last digit from run to run.
pub(crate) fn compared(stored: &Segments, offered: &Segments) -> PutChunk {
    if stored.text() == offered.text() { PutChunk::Same } else { PutChunk::Different }
}

/// Makes a chunk such that it reads back as it was stored: JSON knows no infinity and no NaN.
pub(crate) fn storable(mut chunk: Segments) -> Segments {
    let finite = |value: &mut f32| {
        if !value.is_finite() {
            *value = if value.is_nan() { 0.0 } else { f32::MAX.copysign(*value) };
        }
    };
    for segment in &mut chunk.segments {
        finite(&mut segment.avg_log_prob);
        finite(&mut segment.no_speech_prob);
        finite(&mut segment.temperature);
        segment.words.iter_mut().for_each(|word| finite(&mut word.probability));
        for flag in &mut segment.flags {
            finite(&mut flag.value);
            finite(&mut flag.limit);
        }
    }
    chunk
}

/// Returns the job's description: the beginning of its first chunk.
pub(crate) fn description(first: &Segments) -> String {
    first.text().chars().take(DESCRIPTION_CHARS).collect()
}

/// Ends an attempt.
pub(crate) fn finished(job: &mut Job, outcome: Outcome, now: Timestamp) {
    job.lease = None;
    job.updated = now;
    match outcome {
        Outcome::Completed => {
            job.state = JobState::Completed;
            job.fault = None;
        }
        Outcome::Partially(fault) => {
            job.state = JobState::CompletedPartially;
            job.fault = Some(fault);
        }
        Outcome::Failed(fault) => {
            job.state = JobState::ProcessingFail;
            job.error_count += 1;
            job.fault = Some(fault);
        }
        Outcome::Retry { fault, not_before } => {
            job.state = JobState::ProcessingError;
            job.error_count += u32::from(fault.code.is_charged());
            job.fault = Some(fault);
            job.not_before = not_before;
        }
        Outcome::Released => job.state = JobState::Queued,
    }
    if job.state.is_terminal() {
        job.finished = Some(now);
    }
    entered(job, now);
}

/// Cancels a job; false, and nothing changes, when it is terminal already.
pub(crate) fn cancelled(job: &mut Job, now: Timestamp) -> bool {
    if job.state.is_terminal() {
        return false;
    }
    let has_text = job.ready_chunks > 0;
    job.state = if has_text { JobState::CompletedPartially } else { JobState::Cancelled };
    job.fence += 1;
    job.lease = None;
    job.fault = None;
    job.updated = now;
    job.finished = Some(now);
    entered(job, now);
    true
}

/// Changes an account; a new password voids the tokens of the epoch before.
pub(crate) fn changed(account: &mut Account, change: AccountChange, now: Timestamp) {
    let AccountChange { password_hash, role, active, can_interact } = change;
    if let Some(hash) = password_hash {
        account.password_hash = hash;
        account.password_epoch += 1;
    }
    account.role = role.unwrap_or(account.role);
    account.active = active.unwrap_or(account.active);
    account.can_interact = can_interact.unwrap_or(account.can_interact);
    account.updated = now;
}

/// What is kept of a family of refresh tokens.
#[derive(Debug, Clone)]
pub(crate) struct FamilyState {
    /// Whose it is.
    pub(crate) account: AccountId,
    /// Hash of the valid token.
    pub(crate) current: String,
    /// Hash of the token before it, and when it was exchanged.
    pub(crate) previous: Option<(String, Timestamp)>,
    /// When the family ends.
    pub(crate) expires: Timestamp,
    /// Whether it was ended early.
    pub(crate) revoked: bool,
}

/// Exchanges a token; see [`Store::rotate_refresh`](crate::Store::rotate_refresh).
pub(crate) fn rotated(family: &mut FamilyState, rotation: &RefreshRotation) -> Rotation {
    if family.revoked || family.expires <= rotation.now {
        return Rotation::Unknown;
    }
    if family.current == rotation.presented_hash {
        let exchanged = std::mem::replace(&mut family.current, rotation.next_hash.clone());
        family.previous = Some((exchanged, rotation.now));
    } else if in_grace(family, rotation) {
        // The first exchange keeps its time, else repeats could stretch the grace for ever.
        family.current.clone_from(&rotation.next_hash);
    } else {
        family.revoked = true;
        return Rotation::Reused(family.account);
    }
    family.expires = rotation.expires;
    Rotation::Rotated(family.account)
}

/// Returns whether the presented token is the predecessor and was exchanged a moment ago.
///
/// A grace that begins now is none: of two callers in one microsecond still only one succeeds.
fn in_grace(family: &FamilyState, rotation: &RefreshRotation) -> bool {
    rotation.grace_since < rotation.now
        && family.previous.as_ref().is_some_and(|(hash, exchanged)| {
            *hash == rotation.presented_hash && *exchanged >= rotation.grace_since
        })
}
