//! A session of a worker: one run of a part, with what the daemon puts in and what comes out.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use scribed_engine::CancelFlag;
use scribed_engine::runner::{
    self, Chunk, Cut, Document, Findings, InProcess, Part, RunError, StageRunner as _, Watch,
};
use scribed_schemas::id::JobId;
use scribed_schemas::transcript::Segments;
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};

use super::recording::{Questions, Recording, Source};
use super::{Outgoing, broken, say};
use crate::bulk;
use crate::message::{FromWorker, RecordingInfo, SessionId, Work};
use crate::packet::Packet;

/// What the daemon puts into a session.
#[derive(Debug)]
pub(super) struct Inputs {
    pub(super) cancel: CancelFlag,
    pub(super) credit: Arc<Semaphore>,
    pub(super) progress: Arc<AtomicU64>,
    pub(super) chunks: mpsc::UnboundedReceiver<Chunk>,
    pub(super) text: mpsc::UnboundedReceiver<Segments>,
}

/// One run of a part.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) session: SessionId,
    pub(super) job: Option<JobId>,
    pub(super) runner: InProcess,
    pub(super) outgoing: Outgoing,
    pub(super) questions: Arc<Questions>,
    /// The recording, where it is a file.
    pub(super) file: Option<OwnedFd>,
    pub(super) inputs: Inputs,
}

impl Run {
    /// Runs to the end; returns the message that ends the session.
    pub(super) async fn run(mut self, work: Work) -> Option<Packet<FromWorker>> {
        let session = self.session;
        let findings = Findings::default();
        let watch =
            Watch { job: self.job, cancel: self.inputs.cancel.clone(), findings: findings.clone() };
        let progress = Arc::clone(&self.inputs.progress);
        let mut teller = Teller {
            findings,
            session,
            outgoing: self.outgoing.clone(),
            progress,
            version: 0,
            told: 0,
        };
        let ended = tokio::select! {
            biased;
            ended = self.work(work, watch) => ended,
            () = teller.run() => None,
        };
        // What was reported last is told before the end is.
        teller.tell();
        ended
            .map(|ended| ended.unwrap_or_else(|error| FromWorker::Failed { session, error }.into()))
    }

    async fn work(
        &mut self,
        work: Work,
        watch: Watch,
    ) -> Option<Result<Packet<FromWorker>, RunError>> {
        let session = self.session;
        match work {
            Work::Cut { part, recording } => {
                let cut = self.cut(part, recording, watch).await;
                Some(cut.map(|cut| FromWorker::Cut { session, cut }.into()))
            }
            Work::Probe { part, recording } => {
                let recording = self.recording(recording);
                let probed = self.runner.probe(part, recording, watch).await;
                Some(probed.map(|()| FromWorker::Probed { session }.into()))
            }
            Work::Recogniser { part } => self.recognise(part, watch).await.err().map(Err),
            Work::Render { part } => Some(self.render(part, watch).await),
        }
    }

    /// Returns the recording as stages read it.
    fn recording(&mut self, info: RecordingInfo) -> runner::Recording {
        let source = match self.file.take() {
            Some(file) => Source::File(file.into()),
            None => Source::Daemon {
                session: self.session,
                questions: Arc::clone(&self.questions),
                outgoing: self.outgoing.clone(),
                cancel: self.inputs.cancel.clone(),
            },
        };
        let progress = Arc::clone(&self.inputs.progress);
        runner::Recording {
            reader: Arc::new(Recording { length: info.length, source, progress }),
            file_name: info.file_name,
            media_type: info.media_type,
        }
    }

    /// Cuts a recording; each chunk waits for its credit.
    async fn cut(
        &mut self,
        part: Part,
        info: RecordingInfo,
        watch: Watch,
    ) -> Result<Cut, RunError> {
        let recording = self.recording(info);
        let (to, mut chunks) = mpsc::channel(1);
        let cancel = watch.cancel.clone();
        let run = self.runner.cut(part, recording, to, watch);
        let (inputs, outgoing, session) = (&self.inputs, &self.outgoing, self.session);
        // The channel goes with it: a stage whose chunks nobody takes sees that and stops.
        let hand_over = async move {
            while let Some(Chunk { number, samples, map }) = chunks.recv().await {
                // The semaphore is never closed; a cancelled run waits for no credit.
                tokio::select! {
                    biased;
                    permit = inputs.credit.acquire() => drop(permit.map(SemaphorePermit::forget)),
                    () = cancel.tripped() => return,
                }
                inputs.progress.fetch_add(1, Ordering::Relaxed);
                match bulk::seal_samples(&samples) {
                    Ok(file) => {
                        let message = FromWorker::Chunk { session, number, map };
                        drop(outgoing.send(Packet { message, file: Some(file) }));
                    }
                    Err(error) => return tracing::error!(%error, "a chunk cannot be handed over"),
                }
            }
        };
        tokio::join!(run, hand_over).0
    }

    /// Recognises chunks until the recogniser is closed.
    async fn recognise(&mut self, part: Part, watch: Watch) -> Result<(), RunError> {
        let session = self.session;
        let mut recogniser = self.runner.recogniser(part, watch).await?;
        say(&self.outgoing, FromWorker::Opened { session });
        while let Some(chunk) = self.inputs.chunks.recv().await {
            let said = match recogniser.recognise(Arc::new(chunk)).await {
                Ok(text) => FromWorker::Segments { session, text },
                Err(error) => FromWorker::Failed { session, error },
            };
            self.inputs.progress.fetch_add(1, Ordering::Relaxed);
            say(&self.outgoing, said);
        }
        Ok(())
    }

    /// Renders a text; returns the document.
    async fn render(&mut self, part: Part, watch: Watch) -> Result<Packet<FromWorker>, RunError> {
        let session = self.session;
        let stage = part.stages.last().map(|call| call.stage.clone()).unwrap_or_default();
        let (to, text) = mpsc::channel(1);
        let run = self.runner.render(part, text, watch);
        let hand_on = async {
            while let Some(chunk) = self.inputs.text.recv().await {
                if to.send(chunk).await.is_err() {
                    break;
                }
                self.inputs.progress.fetch_add(1, Ordering::Relaxed);
                say(&self.outgoing, FromWorker::Taken { session });
            }
            drop(to);
        };
        let (made, ()) = tokio::join!(run, hand_on);
        let Document { bytes, media_type, extension } = made?;
        let file = bulk::seal(&bytes).map_err(|error| broken(&stage, &error.to_string()))?;
        let message = FromWorker::Document { session, media_type, extension };
        Ok(Packet { message, file: Some(file) })
    }
}

/// Tells what stages report.
struct Teller {
    findings: Findings,
    session: SessionId,
    outgoing: Outgoing,
    progress: Arc<AtomicU64>,
    /// What was told last.
    version: u64,
    /// Warnings that were told.
    told: usize,
}

impl Teller {
    /// Tells what comes, for as long as it is polled.
    async fn run(&mut self) {
        loop {
            self.findings.newer_than(self.version).await;
            self.progress.fetch_add(1, Ordering::Relaxed);
            self.tell();
        }
    }

    /// Tells what is new.
    fn tell(&mut self) {
        let found = self.findings.now();
        if found.version == self.version {
            return;
        }
        self.version = found.version;
        let session = self.session;
        if let Some(facts) = found.facts {
            say(&self.outgoing, FromWorker::Facts { session, facts });
        }
        for warning in found.warnings.into_iter().skip(self.told) {
            self.told += 1;
            say(&self.outgoing, FromWorker::Warning { session, warning });
        }
    }
}
