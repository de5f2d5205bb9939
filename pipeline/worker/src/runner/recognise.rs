//! Recognisers: sessions of the one worker that has the model.
//!
//! When it crashes, every chunk that was in it is a suspect. Suspects are recognised again, each alone:
//! the innocent get their text, and only the guilty one's job is told.

use std::sync::Arc;

use async_trait::async_trait;
use scribed_engine::runner::{Chunk, Part, Reason, Recogniser, RunError, Watch};
use scribed_schemas::transcript::Segments;
use tokio::sync::{RwLockReadGuard, RwLockWriteGuard, SemaphorePermit};

use super::canary::noise;
use super::cut::condemned;
use super::{Stop, Workers, believed, ids, last, unstarted};
use crate::bulk;
use crate::config::ASR;
use crate::group::Group;
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
        let group = shared.group(&self.part, ASR)?;
        let mut is_suspect = false;
        // What is open was let in when it was opened, and goes on in another worker as the same try. Noise
        // is for those to hear who have let in a job, or found nothing in quarantine.
        if self.place.is_none() && self.watch.job.is_some() {
            shared.admit(&self.part, self.watch.job)?;
        }
        for _ in 0..INNOCENT_TRIES {
            let cancel = self.watch.cancel.clone();
            let turn = tokio::select! {
                biased;
                () = cancel.tripped() => return Err(self.cancelled()),
                turn = Turn::wait(group, is_suspect) => turn,
            };
            let (death, session) = match self.attempt(group, chunk).await? {
                None => return Ok(None),
                Some(Tried::Recognised(text)) => {
                    shared.quarantine.went_well(ids(&self.part), self.watch.job);
                    return Ok(Some(text));
                }
                Some(Tried::Failed(error)) if error.reason == Reason::OutOfMemory => {
                    self.place = None;
                    if group.room.shrink(turn.place, None) {
                        continue;
                    }
                    return Err(believed(error, group.config.offline));
                }
                Some(Tried::Failed(error)) => return Err(believed(error, group.config.offline)),
                Some(Tried::Died(death, session)) => (death, session),
            };
            self.place = None;
            let is_busy = death.busy.contains(&session);
            let is_alone = is_busy && (is_suspect || death.busy.len() == 1);
            match death.guilty {
                _ if death.kind == DeathKind::Memory => {
                    if !group.room.shrink(turn.place, Some(death.pid)) {
                        let why = format!("its worker ended: {}", death.why);
                        let error = RunError::new(last(&self.part), Reason::OutOfMemory, why);
                        return Err(believed(error, group.config.offline));
                    }
                }
                Some(guilty) if guilty == session => {
                    return Err(shared.blame(&self.part, self.watch.job, &death));
                }
                None if is_alone && death.kind != DeathKind::Dismissed => {
                    drop(turn);
                    self.try_device(&death).await?;
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

    /// Sees after a fault of the device whether it works on what is harmless. When it does not, the device
    /// is to blame and not the chunk.
    async fn try_device(&self, death: &Death) -> Result<(), RunError> {
        if death.kind != DeathKind::Device {
            return Ok(());
        }
        let away = |why: &str| {
            let why = format!("its worker ended: {}; {why}", death.why);
            RunError::new(last(&self.part), Reason::DeviceFault, why)
        };
        // The noise itself has met the fault.
        if self.watch.job.is_none() {
            return Err(away("the device does not work"));
        }
        let (workers, part) = (self.workers.clone(), self.part.clone());
        let sung: Result<Segments, RunError> = Box::pin(async move {
            let mut recogniser = open(workers, part, Watch::default()).await?;
            recogniser.recognise(Arc::new(noise())).await
        })
        .await;
        sung.map(drop).map_err(|error| away(&format!("a new one fails as well: {error}")))
    }

    /// One try.
    async fn attempt(
        &mut self,
        group: &Group,
        chunk: Option<&Chunk>,
    ) -> Result<Option<Tried>, RunError> {
        if self.place.as_ref().is_none_or(|place| !place.process.is_alive()) {
            self.place = None;
            match self.place_anew(group).await? {
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
        let tried = replaced_for_device(session, tried).await;
        session.waits_for_us(true);
        if matches!(tried, Err(Stop::Unwanted)) {
            // What it still does is nobody's any more.
            self.place = None;
        }
        self.sort(tried).map(Some)
    }

    /// Opens a session in the shared worker.
    async fn place_anew(&self, group: &Group) -> Result<Result<Place, Tried>, RunError> {
        let process = group.share(&self.workers.0.nursery).await;
        let process = process.map_err(|error| unstarted(last(&self.part), error))?;
        let work = Work::Recogniser { part: self.part.clone() };
        let patience = group.config.patience();
        let mut session = process.open(self.watch.job, work, None, patience).await;
        let heard = hear(&mut session, &self.watch).await;
        match replaced_for_device(&mut session, heard).await {
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
            Err(Stop::Stage(error) | Stop::Unread(error)) => Ok(Tried::Failed(error)),
            Err(Stop::Unwanted) => Err(self.cancelled()),
            Err(Stop::Death(death)) => Ok(Tried::Died(death, session)),
        }
    }

    fn error(&self, why: &str) -> RunError {
        RunError::new(last(&self.part), Reason::Failed, why)
    }

    fn cancelled(&self) -> RunError {
        RunError::new(last(&self.part), Reason::Cancelled, "cancelled")
    }
}

/// Leave to work: a place in the device's memory, and nobody else there for a suspect.
struct Turn<'a> {
    place: Option<SemaphorePermit<'a>>,
    _alone: Option<RwLockWriteGuard<'a, ()>>,
    _among_others: Option<RwLockReadGuard<'a, ()>>,
}

impl<'a> Turn<'a> {
    async fn wait(group: &'a Group, is_suspect: bool) -> Self {
        let place = group.room.enter().await;
        if is_suspect {
            Self { place, _alone: Some(group.alone.write().await), _among_others: None }
        } else {
            Self { place, _alone: None, _among_others: Some(group.alone.read().await) }
        }
    }
}

/// Has a worker replaced that says that its device failed.
async fn replaced_for_device(
    session: &mut Session,
    heard: Result<Option<Segments>, Stop>,
) -> Result<Option<Segments>, Stop> {
    match heard {
        Err(Stop::Stage(error)) if error.reason == Reason::DeviceFault => {
            Err(Stop::Death(session.replace_for_device(&error.message).await))
        }
        heard => heard,
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
