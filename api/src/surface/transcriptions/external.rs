//! External workers: programs with the worker secret that transcribe jobs for us.
//!
//! Such a worker claims a job by reporting `in_progress`, posts text chunk by chunk, and ends with
//! a final state. It holds an ordinary lease under one name, which every post renews, so the same
//! fences keep it and the engine apart: what the engine works on it cannot touch, and the reverse.
//!
//! ```text
//!   in_progress ─► claim or renew       completed ─► finish, once every chunk is there
//!   new_chunk   ─► first write wins      completed_partially │ cancelled ─► stop, text is kept
//!   queued      ─► hand back             processing_error ─► error_count + 1, the third is final
//! ```

use std::time::Duration;

use scribed_schemas::audio::{MODEL_RATE, convert_frames};
use scribed_schemas::id::JobId;
use scribed_schemas::job::{Fault, FaultCode, Job, JobState};
use scribed_schemas::transcript::{Segment, Segments};
use scribed_store::{ClaimRequest, FactsNote, Outcome, PutChunk, Store};

use super::ownership::NO_SUCH_JOB;
use super::view::public_state;
use crate::Api;
use crate::answer::{Answer, Refusal};
use crate::validate;

/// The name under which external workers hold leases.
const HOLDER: &str = "external-worker";

/// Errors after which a job is given up.
const MOST_ERRORS: u32 = 3;

/// Longest recording whose chunks are taken when nobody knows its length yet, in seconds: the
/// default limit of the decoder.
const LONGEST_SECS: u32 = 24 * 3600;

/// What a worker reports.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) job: JobId,
    /// One of the seven public words.
    pub(super) state: Option<JobState>,
    pub(super) chunk: Option<NewChunk>,
}

/// Text of one chunk.
#[derive(Debug)]
pub(super) struct NewChunk {
    pub(super) number: i64,
    pub(super) text: String,
}

/// Finds a job for a worker, whoever owns it.
pub(super) async fn job(api: &Api, id: JobId) -> Answer<Job> {
    api.shared.engine.store().job(id).await?.ok_or(NO_SUCH_JOB)
}

/// Does what a report asks for and returns the job as it is then.
pub(super) async fn apply(api: &Api, report: Report) -> Answer<Job> {
    let found = job(api, report.job).await?;
    let chunk = match report.chunk {
        Some(chunk) => Some(segments(&found, &chunk)?),
        None => None,
    };
    if found.state.is_terminal() {
        return repeated(api, found, report.state, chunk).await;
    }
    let Some(held) = hold(api, &found, report.state).await? else {
        // Reported as queued while it is: nothing to do.
        return Ok(found);
    };
    let store = api.shared.engine.store().as_ref();
    if let Some(chunk) = chunk {
        let (number, now) = (chunk.chunk, api.shared.engine.now());
        if store.put_chunk(held.id, held.fence, chunk, now).await? == PutChunk::Different {
            return Err(other_text(number));
        }
    }
    match report.state {
        None | Some(JobState::InProgress) => job(api, held.id).await,
        Some(state) => finish(api, &held, state).await,
    }
}

/// Answers a report on a job that is done: a repeat of what is there is fine, news are not.
async fn repeated(
    api: &Api,
    job: Job,
    state: Option<JobState>,
    chunk: Option<Segments>,
) -> Answer<Job> {
    let stopped = matches!(job.state, JobState::Cancelled | JobState::CompletedPartially);
    let same_state = state.is_none_or(|state| {
        state == job.state || (stopped && matches!(state, JobState::Cancelled))
    });
    let same_chunk = match &chunk {
        Some(chunk) => {
            let stored = api.shared.engine.store().chunks(job.id, chunk.chunk, 1).await?;
            stored.first().is_some_and(|stored| stored.text() == chunk.text())
        }
        None => state.is_some(),
    };
    if same_state && same_chunk {
        return Ok(job);
    }
    let state = public_state(job.state);
    Err(Refusal::Conflict(format!("Transcription {} is finished: it is {state}", job.id)))
}

/// Makes sure that the job is held by external workers and that its lease is fresh.
///
/// `None`: it is queued, and that is what was reported.
async fn hold(api: &Api, job: &Job, reported: Option<JobState>) -> Answer<Option<Job>> {
    let engine = &api.shared.engine;
    let now = engine.now();
    let lease = api.shared.config.surface.transcriptions.worker_lease_secs;
    let until = now.plus(Duration::from_secs(lease));
    let is_ours = job.lease.as_ref().is_some_and(|lease| lease.holder == HOLDER);
    if job.state == JobState::InProgress && is_ours {
        engine.store().renew(job.id, job.fence, until, job.progress_frames).await?;
        return Ok(Some(job.clone()));
    }
    match reported {
        Some(JobState::InProgress) => {
            let claim = ClaimRequest { holder: HOLDER.to_owned(), now, until };
            let claimed = engine.store().claim_job(job.id, claim).await?;
            claimed.map(Some).ok_or_else(|| in_work(job))
        }
        Some(JobState::Queued) if job.state == JobState::Queued => Ok(None),
        _ if job.state == JobState::InProgress => Err(in_work(job)),
        _ => Err(Refusal::Conflict(format!(
            "Transcription {} is not claimed: report in_progress first",
            job.id
        ))),
    }
}

/// Ends the worker's hold on the job with this state.
async fn finish(api: &Api, held: &Job, state: JobState) -> Answer<Job> {
    let engine = &api.shared.engine;
    let store = engine.store().as_ref();
    let outcome = match state {
        JobState::Completed => {
            let planned_chunks = Some(whole(store, held).await?);
            let note = FactsNote { planned_chunks, ..FactsNote::default() };
            store.note_facts(held.id, held.fence, note).await?;
            Outcome::Completed
        }
        JobState::CompletedPartially | JobState::Cancelled => {
            // As the original: with text it is a part, without there is nothing.
            return match engine.cancel(held.id).await? {
                Some(job) => Ok(job),
                None => job(api, held.id).await,
            };
        }
        JobState::ProcessingError if held.error_count + 1 < MOST_ERRORS => {
            Outcome::Retry { fault: fault(), not_before: engine.now() }
        }
        JobState::ProcessingError | JobState::ProcessingFail => Outcome::Failed(fault()),
        _ => Outcome::Released,
    };
    Ok(store.finish(held.id, held.fence, outcome, engine.now()).await?)
}

/// Returns how many chunks the job has, if they are all there.
async fn whole(store: &dyn Store, held: &Job) -> Answer<u32> {
    let stored = store.stored_chunks(held.id).await?;
    let count = u32::try_from(stored.len()).unwrap_or(u32::MAX);
    let planned = held.planned_chunks.unwrap_or(count);
    let gap = (0..).zip(&stored).find(|(expected, number)| expected != *number);
    let first_missing = gap.map_or(count, |(expected, _)| expected);
    if gap.is_some() || count < planned {
        let id = held.id;
        return Err(Refusal::Conflict(format!("Transcription {id} lacks chunk {first_missing}")));
    }
    Ok(count)
}

/// Makes the document of a chunk: its text over the window of its number.
fn segments(job: &Job, new: &NewChunk) -> Answer<Segments> {
    let place = ["body", "new_chunk", "chunk_no"];
    let last = last_number(job);
    if new.number > last {
        return Err(Refusal::invalid(validate::Fault::above(&place, last)));
    }
    let number = u32::try_from(new.number).unwrap_or(0);
    let facts = job.facts.as_ref();
    let sample_rate = facts.map_or(MODEL_RATE, |facts| facts.sample_rate.max(1));
    let window = i64::from(job.chunk_limit_secs.max(1));
    let frames = |chunks: i64| convert_frames(chunks.saturating_mul(window), 1, sample_rate);
    let start = frames(i64::from(number));
    let end = frames(i64::from(number) + 1);
    let end = facts.and_then(|facts| facts.frames).map_or(end, |length| end.min(length).max(start));
    let mut document = Segments::empty(number, sample_rate, start, end);
    let text = new.text.trim().to_owned();
    if !text.is_empty() {
        document.segments.push(Segment {
            start,
            end,
            text,
            words: Vec::new(),
            avg_log_prob: 0.0,
            no_speech_prob: 0.0,
            temperature: 0.0,
            flags: Vec::new(),
        });
    }
    Ok(document)
}

/// Returns the highest number that a chunk of this job may have.
fn last_number(job: &Job) -> i64 {
    if let Some(planned) = job.planned_chunks {
        return i64::from(planned) - 1;
    }
    let window = f64::from(job.chunk_limit_secs.max(1));
    let known = job.audio_secs();
    let length = if known > 0.0 { known } else { f64::from(LONGEST_SECS) };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "`as` takes the nearest integer, as wanted"
    )]
    let last = (length / window).floor() as i64;
    last
}

/// The fault of a job that an external worker could not do.
fn fault() -> Fault {
    let message = "an external worker reported an error".to_owned();
    Fault { code: FaultCode::StageFailed, message }
}

fn in_work(job: &Job) -> Refusal {
    let (id, state) = (job.id, public_state(job.state));
    Refusal::Conflict(format!("Transcription {id} cannot be taken: it is {state}"))
}

fn other_text(number: u32) -> Refusal {
    Refusal::Conflict(format!("Chunk {number} has another text already; it does not change"))
}
