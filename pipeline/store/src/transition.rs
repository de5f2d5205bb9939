//! Transitions: how a job, its lease and a refresh family move from one state to the next.
//!
//! Pure functions on the rows themselves. Every backend reads a row, applies one of these, and
//! writes the row back in one transaction, so that no two backends can disagree about the state
//! machine.

use scribed_schemas::account::Account;
use scribed_schemas::callback::{Delivery, FollowUp};
use scribed_schemas::id::AccountId;
use scribed_schemas::job::{Job, JobOptions, JobState, Lease};
use scribed_schemas::outbox::{Outbox, Told};
use scribed_schemas::time::Timestamp;
use scribed_schemas::transcript::Segments;

use crate::error::ErrorKind;
use crate::store::{
    AccountChange, ClaimRequest, Deleted, FactsNote, NewJob, Outcome, PutChunk, RefreshRotation,
    Rotation, Submitted, Supply,
};

/// Characters of chunk 0 that a job shows as its description.
const DESCRIPTION_CHARS: usize = 256;

/// Makes the job of a submission.
pub(crate) fn submitted(new: &NewJob) -> Job {
    let mut job = Job {
        id: new.id,
        owner: new.owner,
        name: new.name.clone(),
        media: new.media.as_ref().map(|media| media.id),
        pipeline: new.pipeline.clone(),
        options: new.options.clone(),
        priority: new.priority,
        state: new.awaits.state(),
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
        awaits: new.awaits,
        follow_up: None,
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
    if job.owner == new.owner && job.media == new.media.as_ref().map(|media| media.id) {
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
        ended(job, now);
    }
    entered(job, now);
}

/// Notes when a job was done, and what is to follow.
fn ended(job: &mut Job, now: Timestamp) {
    job.finished = Some(now);
    job.follow_up = FollowUp::of(job, now);
}

/// Gives a job something that it waits for; false, and nothing changes, when it does not.
pub(crate) fn supplied(job: &mut Job, supply: &Supply, now: Timestamp) -> bool {
    if job.state != job.awaits.state() || job.awaits.is_nothing() {
        return false;
    }
    let missing = match supply {
        Supply::Media { .. } => &mut job.awaits.media,
        Supply::Order { .. } => &mut job.awaits.order,
        Supply::Authorization => &mut job.awaits.authorization,
    };
    if !std::mem::replace(missing, false) {
        return false;
    }
    match supply {
        Supply::Media { media, facts, source, .. } => {
            job.media = Some(media.id);
            job.facts.clone_from(facts);
            job.options.source.clone_from(source);
        }
        Supply::Order { options, priority } => {
            // Where it came from is the recording's, which may have come before the order.
            let source = job.options.source.take();
            job.options = JobOptions { source, ..options.clone() };
            job.priority = *priority;
        }
        Supply::Authorization => {}
    }
    job.updated = now;
    let before = std::mem::replace(&mut job.state, job.awaits.state());
    if job.state != before {
        entered(job, now);
    }
    true
}

/// Notes how far the call of a job got; false, and nothing changes, when it is at another step.
pub(crate) fn delivered(job: &mut Job, step: u32, delivery: &Delivery) -> bool {
    let at_step = |follow_up: &&mut FollowUp| follow_up.steps == step;
    let Some(follow_up) = job.follow_up.as_mut().filter(at_step) else { return false };
    follow_up.steps += 1;
    follow_up.delivery = Some(delivery.clone());
    true
}

/// Returns whether something is to follow a job and is due, or, without an instant, is open at all.
pub(crate) fn is_due(job: &Job, due: Option<Timestamp>) -> bool {
    job.follow_up.as_ref().is_some_and(|follow_up| match due {
        Some(due) => follow_up.due().is_some_and(|at| at <= due),
        None => follow_up.is_open(),
    })
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
    ended(job, now);
    entered(job, now);
    true
}

/// Changes an account; a new password voids the tokens of the epoch before.
pub(crate) fn changed(account: &mut Account, change: AccountChange, now: Timestamp) {
    let AccountChange { password_hash, role, active, can_interact, holds_jobs } = change;
    if let Some(hash) = password_hash {
        account.password_hash = hash;
        account.password_epoch += 1;
    }
    account.role = role.unwrap_or(account.role);
    account.active = active.unwrap_or(account.active);
    account.can_interact = can_interact.unwrap_or(account.can_interact);
    account.holds_jobs = holds_jobs.unwrap_or(account.holds_jobs);
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
