//! The publisher: tells others what becomes of jobs, at least once.
//!
//! Every change of state goes to `scribed.states`, every finished chunk and at the end the whole text to
//! `scribed.transcripts`, what was given up to `scribed.dead-letters`. What is still to be told stands
//! in the job itself (see [`scribed_schemas::outbox`]), so nothing is lost with a host:
//!
//! ```text
//! whoever changes a job ─► its number here ─► read job ─► publish ─► note in the job what was told
//!                               ▲
//! every 10 s ─ jobs with news that nobody works on, older than 15 s ─ a host went, or the bus was away
//! ```
//!
//! Within a job the order is: changes of state, chunks, the whole text, and the terminal state last, so
//! that who waits for that finds everything else said. Ids are stable; a crash repeats some events.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::try_join_all;
use scribed_bus::Message;
use scribed_schemas::event::{
    ChunkEvent, STATE_SCHEMA, STATES, StateEvent, TRANSCRIPT_SCHEMA, TRANSCRIPTS, TranscriptEvent,
};
use scribed_schemas::id::JobId;
use scribed_schemas::job::{Job, JobState};
use scribed_schemas::outbox::{Outbox, StateChange, Told};
use serde::Serialize;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::clock::rfc3339;
use crate::engine::Engine;
use crate::spans;
use crate::trace::{self, HEADER};

/// Jobs that are told of at the same time.
const AT_ONCE: usize = 8;
/// Chunks that are read and published together.
const PAGE: u32 = 64;
/// How often to look for news that nobody tells.
const SWEEP: Duration = Duration::from_secs(10);
/// How long news may be without anybody telling them; whoever made them is at it until then.
const FRESH: Duration = Duration::from_secs(15);
/// Jobs of one page of such a look.
const SWEEP_PAGE: u32 = 100;
/// How long to go on at a stop; what is left is told by another host, or after the next start.
const FAREWELL: Duration = Duration::from_secs(5);
/// Most jobs to remember; those beyond are found by the look.
const MOST: usize = 10_000;

/// Jobs of which others are to be told something.
#[derive(Debug, Default)]
pub(crate) struct News {
    jobs: Mutex<Jobs>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct Jobs {
    waiting: BTreeSet<JobId>,
    /// Those that are told of right now: never the same one twice at a time.
    at_work: BTreeSet<JobId>,
}

impl News {
    /// Remembers a job.
    fn add(&self, job: JobId) {
        let mut jobs = self.jobs();
        if jobs.waiting.len() < MOST {
            jobs.waiting.insert(job);
        }
        drop(jobs);
        self.wake.notify_one();
    }

    /// Takes a job that is not told of already.
    fn take(&self) -> Option<JobId> {
        let mut jobs = self.jobs();
        let job = jobs.waiting.difference(&jobs.at_work).next().copied()?;
        jobs.waiting.remove(&job);
        jobs.at_work.insert(job);
        Some(job)
    }

    /// Notes that a job is told of no more.
    fn done(&self, job: JobId) {
        self.jobs().at_work.remove(&job);
    }

    fn is_empty(&self) -> bool {
        let jobs = self.jobs();
        jobs.waiting.is_empty() && jobs.at_work.is_empty()
    }

    fn jobs(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why something could not be told; it is tried again.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Store(#[from] scribed_store::Error),
    #[error(transparent)]
    Bus(#[from] scribed_bus::Error),
    #[error("cannot write an event as JSON")]
    Json(#[from] serde_json::Error),
}

impl Engine {
    /// Says that there may be something to tell of a job. Whoever changes one calls this.
    pub(crate) fn has_news(&self, job: JobId) {
        if self.publishes() {
            self.shared.news.add(job);
        }
    }
}

/// Tells the news until `stop`, then what is left for a short time.
pub(crate) async fn run(engine: &Engine, stop: &CancellationToken) {
    if !engine.publishes() {
        return;
    }
    let mut tellers = JoinSet::new();
    let mut look = tokio::time::interval(SWEEP);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while !stop.is_cancelled() {
        fill(engine, &mut tellers);
        // Every arm only waits, or takes what is kept until it is taken, but for the look, which may be
        // broken off and made again.
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            () = engine.shared.news.wake.notified() => {}
            Some(_) = tellers.join_next() => {}
            _ = look.tick() => sweep(engine).await,
        }
    }
    let farewell = async {
        while !engine.shared.news.is_empty() {
            fill(engine, &mut tellers);
            if tellers.join_next().await.is_none() {
                break;
            }
        }
    };
    if tokio::time::timeout(FAREWELL, farewell).await.is_err() {
        tracing::info!("some events are left to be published later");
    }
}

/// Begins to tell of as many jobs as may be told of at once.
fn fill(engine: &Engine, tellers: &mut JoinSet<()>) {
    while tellers.len() < AT_ONCE
        && let Some(job) = engine.shared.news.take()
    {
        let engine = engine.clone();
        tellers.spawn(async move {
            if let Err(error) = tell(&engine, job).await {
                tracing::warn!(%job, error = %chain(&error), "events wait to be published");
                let pause = Duration::from_secs(engine.config().unavailable_backoff_secs.max(1));
                tokio::time::sleep(pause).await;
                engine.shared.news.add(job);
            }
            engine.shared.news.done(job);
        });
    }
}

/// Finds news that nobody tells.
async fn sweep(engine: &Engine) {
    let before = engine.now().minus(FRESH);
    let mut after = None;
    loop {
        let found = match engine.store().untold(before, after, SWEEP_PAGE).await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(%error, "cannot look for events to publish");
                return;
            }
        };
        let Some(last) = found.last() else { return };
        after = Some(*last);
        for job in found {
            engine.shared.news.add(job);
        }
        if engine.shared.news.jobs().waiting.len() >= MOST {
            return;
        }
    }
}

/// Tells all there is to tell of a job now.
async fn tell(engine: &Engine, id: JobId) -> Result<(), Trouble> {
    while let Some(job) = engine.store().job(id).await?.filter(Job::has_news) {
        let Some(outbox) = &job.outbox else { break };
        let told = tell_some(engine, &job, outbox).await?;
        engine.store().told(id, told).await?;
    }
    Ok(())
}

/// Tells as much as is told together, and returns what that was.
async fn tell_some(engine: &Engine, job: &Job, outbox: &Outbox) -> Result<Told, Trouble> {
    let (last, others) = match outbox.pending.split_last() {
        Some((last, others)) if last.state.is_terminal() => (Some(last), others),
        _ => (None, &outbox.pending[..]),
    };
    let owner = if outbox.pending.is_empty() { String::new() } else { owner(engine, job).await? };
    for change in others {
        publish(engine, STATES, job, &state_event(job, &owner, change)).await?;
    }
    let mut told = Told {
        changes: others.last().map(|change| change.number + 1),
        chunks: outbox.chunks,
        transcript: outbox.transcript,
    };
    if outbox.chunks < job.ready_chunks {
        let chunks = engine.store().chunks(job.id, outbox.chunks, PAGE).await?;
        let events = chunks.iter().map(|chunk| ChunkEvent::of(job, chunk)).collect::<Vec<_>>();
        try_join_all(events.iter().map(|event| publish(engine, TRANSCRIPTS, job, event))).await?;
        told.chunks += u32::try_from(chunks.len()).unwrap_or(0);
        if told.chunks < job.ready_chunks {
            return Ok(told);
        }
    }
    if job.owes_transcript() {
        let event = transcript_event(engine, job).await?;
        publish(engine, TRANSCRIPTS, job, &event).await?;
        told.transcript = true;
    }
    if let Some(change) = last {
        if let Some(fault) = &job.fault
            && change.state == JobState::ProcessingFail
            && !fault.code.is_final()
        {
            engine.bury_job(job, fault, job.error_count).await?;
        }
        publish(engine, STATES, job, &state_event(job, &owner, change)).await?;
        told.changes = Some(change.number + 1);
    }
    Ok(told)
}

async fn owner(engine: &Engine, job: &Job) -> Result<String, Trouble> {
    let account = engine.store().account(job.owner).await?;
    Ok(account.map(|account| account.username).unwrap_or_default())
}

fn state_event(job: &Job, owner: &str, change: &StateChange) -> StateEvent {
    StateEvent {
        schema: STATE_SCHEMA.to_owned(),
        id: format!("{}:state:{}", job.id, change.number),
        job: job.id,
        upload: job.options.upload.clone(),
        owner: owner.to_owned(),
        reference: job.options.reference.clone(),
        state: change.state,
        error: change.error.clone(),
        at: rfc3339(change.at),
    }
}

/// Makes the event of the end of a job, as it is published; where nothing is, it has no number.
pub(crate) fn last_state(job: &Job, owner: &str) -> StateEvent {
    let number = job.outbox.as_ref().map_or(0, |outbox| outbox.changes.saturating_sub(1));
    let error = job.fault.as_ref().map(|fault| fault.message.clone());
    let at = job.finished.unwrap_or(job.updated);
    let event = state_event(job, owner, &StateChange { number, state: job.state, at, error });
    let id = format!("{}:{}", job.id, job.state.as_str());
    if job.outbox.is_some() { event } else { StateEvent { id, ..event } }
}

/// Makes the event of the whole text; without the text itself where that is too long for an event.
async fn transcript_event(engine: &Engine, job: &Job) -> Result<TranscriptEvent, Trouble> {
    let most = engine.config().transcript_event_bytes();
    let (mut text, mut language, mut next) = (Some(String::new()), None, 0);
    while next < job.ready_chunks {
        let chunks = engine.store().chunks(job.id, next, PAGE).await?;
        if chunks.is_empty() {
            break;
        }
        for chunk in &chunks {
            language = language.or_else(|| chunk.language.clone());
            text = text.map(|text| joined(text, &chunk.text())).filter(|text| text.len() <= most);
        }
        next += u32::try_from(chunks.len()).unwrap_or(u32::MAX);
        if text.is_none() && language.is_some() {
            break;
        }
    }
    Ok(TranscriptEvent {
        schema: TRANSCRIPT_SCHEMA.to_owned(),
        id: format!("{}:transcript", job.id),
        job: job.id,
        upload: job.options.upload.clone(),
        chunks: job.ready_chunks,
        text,
        language,
    })
}

/// Adds a chunk's text behind an empty line; chunks without speech leave no trace.
fn joined(mut text: String, chunk: &str) -> String {
    if !text.is_empty() && !chunk.is_empty() {
        text.push_str("\n\n");
    }
    text.push_str(chunk);
    text
}

async fn publish(
    engine: &Engine,
    topic: &str,
    job: &Job,
    event: &(impl Serialize + Sync),
) -> Result<(), Trouble> {
    let payload = serde_json::to_vec(event)?;
    let key = job.id.to_string().into_bytes();
    let span = spans::publishing(engine.bus().as_ref(), topic, job);
    let parent = trace::traceparent(&span).map(|parent| (HEADER.to_owned(), parent.into_bytes()));
    let headers = parent.into_iter().collect();
    let message = Message { key, headers, payload, at: engine.now() };
    let published = engine.bus().publish(topic, message).instrument(span.clone()).await;
    if published.is_err() {
        trace::failed(&span, "bus");
    }
    Ok(published?)
}

/// Returns an error with its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |line, cause| format!("{line}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_told_of_by_one_at_a_time_and_never_forgotten() {
        let news = News::default();
        news.add(JobId(1));
        news.add(JobId(1));
        assert_eq!(news.take(), Some(JobId(1)));
        assert_eq!(news.take(), None);
        news.add(JobId(1));
        assert_eq!(news.take(), None, "somebody is at it");
        news.add(JobId(2));
        assert_eq!(news.take(), Some(JobId(2)));
        news.done(JobId(1));
        assert_eq!(news.take(), Some(JobId(1)), "what came meanwhile is told too");
        news.done(JobId(1));
        assert!(!news.is_empty());
        news.done(JobId(2));
        assert!(news.is_empty());
    }

    #[test]
    fn texts_are_joined_by_an_empty_line() {
        let text = ["one", "", "two"].iter().fold(String::new(), |text, chunk| joined(text, chunk));
        assert_eq!(text, "one\n\ntwo");
    }
}
