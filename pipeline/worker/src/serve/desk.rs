//! The desk of a worker: takes what the daemon says, and hands it to the session that it concerns.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use scribed_engine::CancelFlag;
use scribed_engine::runner::{Chunk, InProcess};
use scribed_schemas::audio::MODEL_RATE;
use scribed_schemas::chunk::ChunkMap;
use scribed_schemas::transcript::Segments;
use tokio::sync::{Semaphore, mpsc};

use super::recording::Questions;
use super::session::{self, Inputs};
use super::{Listed, Outgoing, broken, say};
use crate::bulk;
use crate::limits::Limits;
use crate::message::{FromWorker, SessionId, ToWorker};
use crate::packet::Packet;

/// Most samples of a chunk.
pub(crate) const CHUNK_SAMPLES: usize = (scribed_engine::CHUNK_LIMIT_SECS * MODEL_RATE) as usize;

/// Takes what the daemon says. Clones are the same desk.
#[derive(Debug, Clone)]
pub(super) struct Desk(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    runner: InProcess,
    limits: Limits,
    outgoing: Outgoing,
    sessions: Listed<Session>,
    questions: Arc<Questions>,
}

/// What the desk has of a session.
#[derive(Debug)]
struct Session {
    cancel: CancelFlag,
    credit: Arc<Semaphore>,
    progress: Arc<AtomicU64>,
    /// Chunks for an open recogniser; absent once it is to be closed.
    chunks: Option<mpsc::UnboundedSender<Chunk>>,
    /// Text for a renderer; absent once it is all there.
    text: Option<mpsc::UnboundedSender<Segments>>,
}

impl Desk {
    pub(super) fn new(runner: InProcess, limits: Limits, outgoing: Outgoing) -> Self {
        let (sessions, questions) = (Listed::default(), Arc::default());
        Self(Arc::new(Shared { runner, limits, outgoing, sessions, questions }))
    }

    /// Returns how far each session is.
    pub(super) fn progress(&self) -> BTreeMap<SessionId, u64> {
        let sessions = self.0.sessions.lock();
        let progress = |session: &Session| session.progress.load(Ordering::Relaxed);
        sessions.iter().map(|(id, session)| (*id, progress(session))).collect()
    }

    /// Takes one message; what concerns a session that has ended came too late, and is nothing.
    pub(super) fn take(&self, packet: Packet<ToWorker>) {
        let Packet { message, file } = packet;
        match message {
            // There is one, at the beginning.
            ToWorker::Setup(_) => {}
            ToWorker::Open { session, job, work } => {
                self.0.limits.begin_session();
                let inputs = self.open(session);
                let run = session::Run {
                    session,
                    job,
                    runner: self.0.runner.clone(),
                    outgoing: self.0.outgoing.clone(),
                    questions: Arc::clone(&self.0.questions),
                    file,
                    inputs,
                };
                let desk = self.clone();
                tokio::spawn(async move {
                    let said = run.run(work).await;
                    desk.0.sessions.lock().remove(&session);
                    if let Some(packet) = said {
                        drop(desk.0.outgoing.send(packet));
                    }
                });
            }
            ToWorker::Credit { session } => self.with(session, |open| open.credit.add_permits(1)),
            ToWorker::Recognise { session, number, map } => {
                let samples = file.map(|file| bulk::open_samples(&file, CHUNK_SAMPLES));
                match samples {
                    Some(Ok(samples)) => self.recognise(session, Chunk { number, samples, map }),
                    _ => self.refuse(session, number, &map),
                }
            }
            ToWorker::Text { session, text } => self.with(session, |open| match text {
                Some(text) => drop(open.text.as_ref().map(|to| to.send(text))),
                None => open.text = None,
            }),
            ToWorker::Media { request, failed } => {
                self.0.questions.answer(request, failed.map_or(Ok(file), Err));
            }
            ToWorker::Cancel { session } => self.with(session, |open| open.cancel.trip()),
            ToWorker::Close { session } => self.with(session, |open| open.chunks = None),
        }
    }

    fn open(&self, session: SessionId) -> Inputs {
        let (cancel, credit) = (CancelFlag::new(), Arc::new(Semaphore::new(0)));
        let progress = Arc::<AtomicU64>::default();
        let (chunks_in, chunks) = mpsc::unbounded_channel();
        let (text_in, text) = mpsc::unbounded_channel();
        let open = Session {
            cancel: cancel.clone(),
            credit: Arc::clone(&credit),
            progress: Arc::clone(&progress),
            chunks: Some(chunks_in),
            text: Some(text_in),
        };
        self.0.sessions.lock().insert(session, open);
        Inputs { cancel, credit, progress, chunks, text }
    }

    fn with(&self, session: SessionId, act: impl FnOnce(&mut Session)) {
        if let Some(open) = self.0.sessions.lock().get_mut(&session) {
            act(open);
        }
    }

    fn recognise(&self, session: SessionId, chunk: Chunk) {
        self.with(session, |open| drop(open.chunks.as_ref().map(|to| to.send(chunk))));
    }

    /// Says that a chunk came without its samples.
    fn refuse(&self, session: SessionId, number: u32, map: &ChunkMap) {
        let why = format!("chunk {number} at frame {} came without its samples", map.start());
        say(&self.0.outgoing, FromWorker::Failed { session, error: broken("worker", &why) });
    }
}
