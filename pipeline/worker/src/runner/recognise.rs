//! Recognisers: sessions of the one worker that has the model.
//!
//! When it crashes, every chunk that was in it is a suspect. Suspects are recognised again, each alone:
//! the innocent get their text, and only the guilty one's job is told.

use std::sync::Arc;

use async_trait::async_trait;
use scribed_engine::runner::{Chunk, Part, Recogniser, RunError, Watch};
use scribed_schemas::transcript::Segments;

use super::cut::condemned;
use super::{Stop, Workers, ids, last, unstarted};
use crate::bulk;
use crate::message::{FromWorker, ToWorker, Work};
use crate::packet::Packet;
use crate::process::{Death, DeathKind, Process, Session};

/// How often a chunk is given to a new worker after one that ended for a reason of its own.
const INNOCENT_TRIES: u32 = 10;

/// Opens a recogniser.
pub(super) async fn open(
    workers: Workers,
    part: Part,
    watch: Watch,
) -> Result<Box<dyn Recogniser>, RunError> {
    let mut opened = Opened { workers, part, watch, place: None };
    opened.again(None).await?;
    Ok(Box::new(opened))
}

/// A recogniser in a worker.
#[derive(Debug)]
struct Opened {
    workers: Workers,
    part: Part,
    watch: Watch,
    /// Where it is open; absent after its worker ended.
    place: Option<Place>,
}

#[derive(Debug)]
struct Place {
    process: Arc<Process>,
    session: Session,
}

/// How a try at a chunk ended.
enum Tried {
    Recognised(Segments),
    Failed(RunError),
    Died(Death, crate::message::SessionId),
}

#[async_trait]
impl Recogniser for Opened {
    async fn recognise(&mut self, chunk: Arc<Chunk>) -> Result<Segments, RunError> {
        self.again(Some(&chunk)).await?.ok_or_else(|| self.error("it gave no text"))
    }
}

impl Opened {
    /// Opens a session where there is none, and recognises a chunk in it, if there is one; again
    /// elsewhere as long as others are to blame.
    async fn again(&mut self, chunk: Option<&Chunk>) -> Result<Option<Segments>, RunError> {
        let shared = Arc::clone(&self.workers.0);
        let mut is_suspect = false;
        for _ in 0..INNOCENT_TRIES {
            shared.admit(&self.part)?;
            let tried = if is_suspect {
                let _alone = shared.asr.alone.write().await;
                self.attempt(chunk).await?
            } else {
                let _among_others = shared.asr.alone.read().await;
                self.attempt(chunk).await?
            };
            let (death, session) = match tried {
                None => return Ok(None),
                Some(Tried::Recognised(text)) => {
                    shared.quarantine.went_well(ids(&self.part));
                    return Ok(Some(text));
                }
                Some(Tried::Failed(error)) => return Err(error),
                Some(Tried::Died(death, session)) => (death, session),
            };
            self.place = None;
            let is_busy = death.busy.contains(&session);
            let is_alone = is_busy && (is_suspect || death.busy.len() == 1);
            match death.guilty {
                Some(guilty) if guilty == session => {
                    return Err(shared.blame(&self.part, self.watch.job, &death));
                }
                None if is_alone && death.kind != DeathKind::Dismissed => {
                    return Err(shared.blame(&self.part, self.watch.job, &death));
                }
                // A suspect from now on, unless another is known to be the cause.
                guilty => is_suspect |= guilty.is_none() && is_busy,
            }
            tracing::info!(
                job = self.watch.job.map(|job| job.0),
                chunk = chunk.map(|chunk| chunk.number),
                is_suspect,
                "goes to another worker"
            );
        }
        Err(self.error("its workers ended again and again"))
    }

    /// One try.
    async fn attempt(&mut self, chunk: Option<&Chunk>) -> Result<Option<Tried>, RunError> {
        if self.place.as_ref().is_none_or(|place| !place.process.is_alive()) {
            self.place = None;
            match self.place_anew().await? {
                Ok(place) => self.place = Some(place),
                Err(tried) => return Ok(Some(tried)),
            }
        }
        let Some(chunk) = chunk else { return Ok(None) };
        let samples = bulk::seal_samples(&chunk.samples);
        let samples = samples.map_err(|error| self.error(&error.to_string()))?;
        let Some(place) = &mut self.place else { return Ok(None) };
        let session = &mut place.session;
        session.waits_for_us(false);
        let (number, map) = (chunk.number, chunk.map.clone());
        let message = ToWorker::Recognise { session: session.id, number, map };
        session.say(message, Some(samples)).await;
        let tried = hear(session, &self.watch).await;
        session.waits_for_us(true);
        if matches!(tried, Err(Stop::Unwanted)) {
            // What it still does is nobody's any more.
            self.place = None;
        }
        self.sort(tried).map(Some)
    }

    /// Opens a session in the shared worker.
    async fn place_anew(&self) -> Result<Result<Place, Tried>, RunError> {
        let shared = &self.workers.0;
        let process = shared.asr.share(&shared.nursery).await;
        let process = process.map_err(|error| unstarted(last(&self.part), error))?;
        let work = Work::Recogniser { part: self.part.clone() };
        let patience = shared.asr.config.patience();
        let mut session = process.open(self.watch.job, work, None, patience).await;
        match hear(&mut session, &self.watch).await {
            Ok(None) => {
                session.waits_for_us(true);
                Ok(Ok(Place { process, session }))
            }
            Ok(Some(_)) => {
                let stop = condemned(&mut session, "text came before a chunk").await;
                self.sort_of(Err(stop), session.id).map(Err)
            }
            Err(stop) => self.sort_of(Err(stop), session.id).map(Err),
        }
    }

    fn sort(&self, tried: Result<Option<Segments>, Stop>) -> Result<Tried, RunError> {
        let session = self.place.as_ref().map_or(0, |place| place.session.id);
        self.sort_of(tried, session)
    }

    fn sort_of(
        &self,
        tried: Result<Option<Segments>, Stop>,
        session: crate::message::SessionId,
    ) -> Result<Tried, RunError> {
        match tried {
            Ok(Some(text)) => Ok(Tried::Recognised(text)),
            Ok(None) => Err(self.error("it opened twice")),
            Err(Stop::Stage(error)) => Ok(Tried::Failed(error)),
            Err(Stop::Unwanted) => Err(RunError::new(
                last(&self.part),
                scribed_engine::runner::Reason::Cancelled,
                "cancelled",
            )),
            Err(Stop::Death(death)) => Ok(Tried::Died(death, session)),
        }
    }

    fn error(&self, why: &str) -> RunError {
        RunError::new(last(&self.part), scribed_engine::runner::Reason::Failed, why)
    }
}

/// Waits until the recogniser is open (no text) or has recognised (text).
async fn hear(session: &mut Session, watch: &Watch) -> Result<Option<Segments>, Stop> {
    loop {
        let packet: Packet<FromWorker> = tokio::select! {
            biased;
            () = watch.cancel.tripped() => return Err(Stop::Unwanted),
            packet = session.next() => packet.map_err(Stop::Death)?,
        };
        match packet.message {
            FromWorker::Facts { facts, .. } => watch.findings.facts(facts),
            FromWorker::Warning { warning, .. } => watch.findings.warning(warning),
            FromWorker::Opened { .. } => return Ok(None),
            FromWorker::Segments { text, .. } => return Ok(Some(text)),
            FromWorker::Failed { error, .. } => return Err(Stop::Stage(error)),
            message => {
                let why = format!("a recogniser said {message:?}");
                return Err(condemned(session, &why).await);
            }
        }
    }
}
