//! An attempt at a job: from a claimed lease to an outcome.
//!
//! Three things happen side by side until the work ends: the pass over the recording, the renewal of
//! the lease, and the storing of what stages report. Whatever goes wrong, the attempt ends by handing an
//! [`Outcome`] to the store, which refuses it when somebody else owns the job by now.
//!
//! ```text
//!          ┌ pass: head ─► channel ─► slots ─► put_chunk
//! attempt ─┤ lease: renew every 10 s; lost ─► flag
//!          └ notes: facts and warnings as they are reported
//! ```
//!
//! The flag of an attempt is tripped by a cancellation, by the loss of the lease, or by the end of the
//! drain time. All three lead to the same end: no new work, stages stop, `Released` is offered. After a
//! cancellation or a lost lease the store refuses that, which is right and quiet.
//!
//! Where the recording is still to be fetched, that is all that an attempt does; see [`fetch`].

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use scribed_schemas::id::JobId;
use scribed_schemas::job::{Fault, FaultCode, Job};
use scribed_schemas::media::Media;
use scribed_schemas::time::Timestamp;
use scribed_store::{FactsNote, Outcome};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::cancel::CancelFlag;
use crate::engine::Engine;
use crate::error::Error;
use crate::findings::Findings;
use crate::measure;
use crate::plan::{Options, Plan};
use crate::retry;
use crate::runner::{Reason, Recording};
use crate::spans;

mod fetch;
mod lease;
mod pass;
mod slot;
mod tally;

pub(crate) use fetch::Fetches;

/// Pause between tries at publishing a dead letter.
const BURIAL_PAUSE: Duration = Duration::from_millis(500);

/// How an attempt left things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Nothing that concerns other jobs.
    Settled,
    /// Something that other jobs need as well is away.
    Away,
}

/// One attempt.
#[derive(Debug)]
struct Attempt {
    engine: Engine,
    job: Job,
    flag: CancelFlag,
    findings: Findings,
    /// No new work is begun once this is cancelled.
    stop: CancellationToken,
    /// End of the lease, in microseconds since the epoch.
    until: AtomicI64,
    /// Frames that were worked through.
    progress: AtomicI64,
    /// Version of the findings that is stored. Held across the call that stores them: of two notes
    /// under way the older could come last, and what it does not know yet would be lost.
    noted: Mutex<u64>,
}

/// What the work on a recording came to.
#[derive(Debug)]
enum Work {
    /// Every chunk is stored, some perhaps given up.
    Done {
        /// Chunks that were given up, in all attempts.
        gaps: u32,
    },
    /// The recording is here now, and nothing else was done.
    Fetched,
    /// Something failed.
    Faulted(Fault),
    /// A stage is set aside; nothing that other jobs need is away.
    Aside(Fault),
    /// Somebody said stop.
    Stopped,
}

impl Work {
    /// Returns what a stage that failed makes of the work.
    fn failed(reason: Reason, fault: Fault) -> Self {
        if reason == Reason::SetAside { Self::Aside(fault) } else { Self::Faulted(fault) }
    }
}

/// The attempt's flag was tripped, or the job is somebody else's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stopped;

/// What an attempt works with.
#[derive(Debug)]
struct Material<'a> {
    plan: &'a Plan,
    options: Options,
    recording: Recording,
    /// Numbers of the chunks that need no work.
    stored: BTreeSet<u32>,
}

/// Makes one attempt at a claimed job and settles it.
pub(crate) async fn attempt(engine: Engine, job: Job, stop: CancellationToken) -> Ended {
    let span = spans::attempt(&job, engine.now());
    let flag = CancelFlag::new();
    let _listed = engine.shared.attempts.enter(job.id, job.fence, flag.clone());
    let _stops_with_us = flag.trip_on_drop();
    let until = job.lease.as_ref().map_or_else(|| engine.now(), |lease| lease.until);
    let attempt = Attempt {
        findings: Findings::starting_with(job.facts.clone(), job.warnings.clone()),
        until: AtomicI64::new(until.0),
        progress: AtomicI64::new(job.progress_frames),
        noted: Mutex::new(0),
        engine,
        job,
        flag,
        stop,
    };
    attempt.run().instrument(span).await
}

impl Attempt {
    async fn run(&self) -> Ended {
        self.engine.has_news(self.id());
        // The claim may have been under way when somebody said stop.
        let work = if self.stop.is_cancelled() {
            Work::Stopped
        } else {
            tracing::info!(job = %self.id(), fence = self.job.fence, "work begins");
            self.work_under_lease().await
        };
        let is_aside = matches!(work, Work::Aside(_));
        let outcome = match work {
            Work::Done { gaps: 0 } => Outcome::Completed,
            Work::Done { gaps } => Outcome::Partially(gaps_fault(gaps)),
            Work::Faulted(fault) => {
                retry::outcome(&self.job, fault, self.engine.config(), self.engine.now())
            }
            Work::Aside(fault) => {
                retry::aside(&self.job, fault, self.engine.config(), self.engine.now())
            }
            Work::Fetched | Work::Stopped => Outcome::Released,
        };
        let is_away = !is_aside
            && matches!(
                &outcome,
                Outcome::Retry { fault, .. } if fault.code == FaultCode::Unavailable
            );
        if let Outcome::Retry { fault, .. } = &outcome {
            measure::failed(fault.code);
        }
        spans::outcome(&outcome);
        self.settle(outcome).await;
        if is_away { Ended::Away } else { Ended::Settled }
    }

    /// Works while the lease holds; when it is lost, stops the work and waits for its end.
    async fn work_under_lease(&self) -> Work {
        let mut work = std::pin::pin!(self.work());
        let mut beside = std::pin::pin!(async {
            tokio::select! {
                biased;
                () = self.keep_lease() => self.flag.trip(),
                () = self.keep_notes() => {}
            }
        });
        let mut is_ours = true;
        loop {
            // Both futures are pinned outside the loop.
            tokio::select! {
                biased;
                work = &mut work => return work,
                () = &mut beside, if is_ours => is_ours = false,
            }
        }
    }

    async fn work(&self) -> Work {
        let media = match self.media().await {
            Ok(media) => media,
            Err(fault) => return Work::Faulted(fault),
        };
        if let Some(url) = media.url() {
            return self.fetch(&media, url).await;
        }
        match self.gather(media).await {
            Ok(material) => self.pass(material).await,
            Err(fault) => Work::Faulted(fault),
        }
    }

    /// Finds the recording of the job.
    async fn media(&self) -> Result<Media, Fault> {
        let gone = || fault(FaultCode::MediaGone, "the recording is not stored any more");
        let id = self.job.media.ok_or_else(gone)?;
        let found = self.engine.store().media(id).await.map_err(|e| fault_of(&e.into()))?;
        found.ok_or_else(gone)
    }

    /// Collects what the work needs.
    async fn gather(&self, media: Media) -> Result<Material<'_>, Fault> {
        let plan = self.engine.plans().plan(Some(&self.job.pipeline)).map_err(|e| fault_of(&e))?;
        let store = self.engine.store();
        let reader = self.engine.media().open(&media.key).await.map_err(|e| fault_of(&e.into()))?;
        let stored = store.stored_chunks(self.id()).await.map_err(|e| fault_of(&e.into()))?;
        Ok(Material {
            plan,
            options: Options::of(&self.job),
            recording: Recording {
                reader,
                file_name: media.file_name,
                media_type: media.content_type,
            },
            stored: stored.into_iter().collect(),
        })
    }

    /// Stores what stages report, for as long as it is polled.
    async fn keep_notes(&self) {
        loop {
            let noted = *self.noted.lock().await;
            self.findings.newer_than(noted).await;
            if self.note_news().await.is_err() {
                return;
            }
        }
    }

    /// Stores what stages reported since the last time.
    async fn note_news(&self) -> Result<(), Stopped> {
        let mut noted = self.noted.lock().await;
        let found = self.findings.now();
        let version = found.version;
        if version == *noted {
            return Ok(());
        }
        let warnings = Some(found.warnings);
        self.note(FactsNote { facts: found.facts, warnings, ..FactsNote::default() }).await?;
        *noted = version;
        Ok(())
    }

    async fn note(&self, note: FactsNote) -> Result<(), Stopped> {
        let store = self.engine.store();
        self.persist(|| store.note_facts(self.id(), self.job.fence, note.clone())).await
    }

    /// Ends the attempt in the store, and tells others when the job has ended.
    async fn settle(&self, outcome: Outcome) {
        // What could not be noted is found again by the next attempt; a job that ends has none.
        if self.note_the_rest().await.is_err() && !is_unfinished(&outcome) {
            return;
        }
        if let Outcome::Failed(fault) = &outcome
            && !fault.code.is_final()
            && self.job.outbox.is_none()
        {
            self.bury(fault).await;
        }
        if let Some(job) = self.finish(outcome).await {
            tracing::info!(job = %job.id, state = job.state.as_str(), "work ends");
            spans::settled(&job);
            if job.state.is_terminal() {
                measure::ended(&job);
            }
            self.engine.shared.settled.notify_one();
            self.engine.has_news(job.id);
            self.engine.may_have_ended(&job);
        }
    }

    /// Publishes the dead letter of a job that has no outbox, before the job is marked as failed.
    async fn bury(&self, fault: &Fault) {
        for is_last in [false, false, true] {
            match self.engine.bury_job(&self.job, fault, self.job.error_count + 1).await {
                Ok(()) => return,
                Err(error) if is_last => {
                    tracing::error!(job = %self.id(), %error, "cannot publish a dead letter");
                }
                Err(_) => tokio::time::sleep(BURIAL_PAUSE).await,
            }
        }
    }

    /// Stores findings and progress that the side tasks had no time for.
    async fn note_the_rest(&self) -> Result<(), Stopped> {
        self.note_news().await?;
        self.renew().await
    }

    const fn id(&self) -> JobId {
        self.job.id
    }

    fn lease_end(&self) -> Timestamp {
        Timestamp(self.until.load(Ordering::Relaxed))
    }
}

/// Returns whether another attempt follows.
const fn is_unfinished(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Released | Outcome::Retry { .. })
}

/// Says that chunks were given up.
fn gaps_fault(gaps: u32) -> Fault {
    let chunks = if gaps == 1 { "1 chunk".to_owned() } else { format!("{gaps} chunks") };
    let message = format!("{chunks} could not be recognised; the warnings say which");
    fault(FaultCode::StageFailed, message)
}

fn fault(code: FaultCode, message: impl Into<String>) -> Fault {
    Fault { code, message: message.into() }
}

/// Returns the fault of a job whose preparation failed.
fn fault_of(error: &Error) -> Fault {
    use scribed_media::ErrorKind::{BadKey, NotFound};

    let code = match error {
        Error::NoSuchPipeline { .. } => FaultCode::NoSuchPipeline,
        Error::Media(media) if matches!(media.kind, NotFound | BadKey) => FaultCode::MediaGone,
        Error::Stage(stage) => stage.reason.code(),
        Error::Store(_) | Error::Media(_) => FaultCode::Unavailable,
    };
    let message = match code {
        FaultCode::MediaGone => "the recording is not stored any more".to_owned(),
        _ => error.to_string(),
    };
    Fault { code, message }
}
