//! Hearing: what a worker says is taken until it ends.
//!
//! All of it is doubted: a message that does not parse, that names a session which is not open, that
//! carries more than it may, or that was not asked for, ends the worker.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use scribed_engine::runner::RunError;
use scribed_plugin_host::exit;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::log::{self, Lines};
use super::{Death, DeathKind, Shared, WAITING};
use crate::measure;
use crate::message::{FromWorker, Loaded, SessionId};
use crate::nursery::End;
use crate::packet::{self, Packet, PacketError};

/// Longest message of a worker in bytes; what is long comes beside it.
const LONGEST: u64 = 1 << 20;
/// How often deadlines are looked at.
const LOOK: Duration = Duration::from_millis(500);
/// How long an end may take to be told after the socket was closed.
const LAST_WORDS: Duration = Duration::from_secs(2);

impl Shared {
    /// Hears the worker until it ends, and looks at its deadlines.
    pub(super) async fn hear(self: Arc<Self>, ready: mpsc::Sender<Result<Loaded, RunError>>) {
        let mut ears = Ears { ready: Some(ready), step: None, lines: Lines::default() };
        let mut looks = tokio::time::interval(LOOK);
        let mut looked = Instant::now();
        loop {
            tokio::select! {
                biased;
                received = packet::hear(&self.socket, LONGEST) => match received {
                    Ok(Some(packet)) => {
                        if let Err(Breach { why, guilty }) = self.take(packet, &mut ears).await {
                            self.broke(&why, guilty);
                        }
                        // While there is always another packet, no tick is heard.
                        if looked.elapsed() > LOOK {
                            looked = Instant::now();
                            self.look();
                        }
                    }
                    Ok(None) => break,
                    Err(PacketError::Broken(why)) => {
                        self.broke(&why, None);
                        break;
                    }
                    Err(PacketError::Io(error)) => {
                        self.broke(&error.to_string(), None);
                        break;
                    }
                },
                _ = looks.tick() => {
                    looked = Instant::now();
                    self.look();
                }
            }
        }
        self.mourn(&ears).await;
    }

    fn broke(&self, why: &str, guilty: Option<SessionId>) {
        self.end(DeathKind::Broken, format!("it broke the protocol: {why}"), guilty);
    }

    /// Waits for the end of the process, and tells everybody.
    async fn mourn(&self, ears: &Ears) {
        let was_ready = ears.ready.is_none();
        let mut ended = self.child.ended.clone();
        let told = tokio::time::timeout(LAST_WORDS, ended.wait_for(Option::is_some)).await;
        let end = told.ok().and_then(Result::ok).and_then(|end| *end).unwrap_or(End::Unknown);
        // It closed its socket and lives on, or it does not matter any more.
        self.child.kill();
        let sentence = self.sentence().clone();
        let crashed = || {
            let (pid, why, busy) = (self.child.pid, self.tell(end), self.busy());
            Death { pid, kind: kind(end), why, busy, guilty: None }
        };
        let mut death = sentence.unwrap_or_else(crashed);
        if let Some(step) = ears.step.as_ref().filter(|_| !was_ready) {
            death.why = format!("{} while it {step}", death.why);
        }
        measure::ended(&self.group, death.kind, was_ready);
        if death.kind != DeathKind::Dismissed {
            tracing::warn!(
                group = self.group,
                pid = self.child.pid,
                why = death.why,
                "a worker ended"
            );
        }
        self.death.send_replace(Some(death));
        self.sessions().clear();
    }

    /// Tells how it ended, and what may have been the cause.
    fn tell(&self, end: End) -> String {
        match self.address_space_mib {
            // An allocator that gets no memory has no other way to say so.
            limit if limit > 0 && end.is_abort() => {
                format!("{end}; its address space was limited to {limit} MiB")
            }
            _ => end.to_string(),
        }
    }

    /// Ends the worker when a session has stood still for too long.
    fn look(&self) {
        let now = Instant::now();
        let late = self.sessions().iter().find_map(|(id, open)| {
            let patience = open.patience?;
            (now.duration_since(open.moved) > patience).then_some((*id, patience))
        });
        if let Some((session, patience)) = late {
            let why = format!("nothing moved for {} s", patience.as_secs());
            self.end(DeathKind::Deadline, why, Some(session));
        }
    }

    /// Takes one message; says what is wrong with it.
    async fn take(&self, packet: Packet<FromWorker>, ears: &mut Ears) -> Result<(), Breach> {
        let session = match packet.message {
            FromWorker::Ready(loaded) => return self.is_ready(Ok(loaded), ears).await,
            FromWorker::Refused { error } => return self.is_ready(Err(error), ears).await,
            FromWorker::Beat { progress } => {
                self.beat(&progress);
                return Ok(());
            }
            FromWorker::Log { job, stage, level, message } => {
                ears.lines.write(
                    log::Whose { group: &self.group, pid: self.child.pid, job, stage },
                    level,
                    &message,
                );
                return Ok(());
            }
            FromWorker::Begins { .. } if ears.ready.is_none() => {
                return Err("it prepares itself after it was ready".to_owned().into());
            }
            FromWorker::Begins { step } => {
                ears.step = Some(log::plain(&step));
                return Ok(());
            }
            FromWorker::Facts { session, .. }
            | FromWorker::Warning { session, .. }
            | FromWorker::Read { session, .. }
            | FromWorker::Taken { session }
            | FromWorker::Opened { session }
            | FromWorker::Chunk { session, .. }
            | FromWorker::Segments { session, .. }
            | FromWorker::Cut { session, .. }
            | FromWorker::Probed { session }
            | FromWorker::Document { session, .. }
            | FromWorker::Failed { session, .. } => session,
        };
        if session == 0 || session >= self.last.load(Ordering::Relaxed) {
            return Err(format!("there was never a session {session}").into());
        }
        let to = self.sessions().get_mut(&session).map(|open| {
            open.moved = Instant::now();
            open.to.clone()
        });
        // A session that was dropped may still be talked about.
        let Some(to) = to else { return Ok(()) };
        if !self.has_several {
            // Its worker waits with it.
            drop(to.send(packet).await);
        } else if let Err(TrySendError::Full(_)) = to.try_send(packet) {
            // Others would wait as well, for what this one says too much.
            let why = format!("{WAITING} messages of session {session} wait, and it says more");
            return Err(Breach { why, guilty: Some(session) });
        }
        Ok(())
    }

    /// Hands on how its start went.
    async fn is_ready(
        &self,
        said: Result<Loaded, RunError>,
        ears: &mut Ears,
    ) -> Result<(), Breach> {
        let Some(ready) = ears.ready.take() else {
            return Err("it got ready twice".to_owned().into());
        };
        measure::began(&self.group);
        drop(ready.send(said).await);
        Ok(())
    }

    fn beat(&self, progress: &BTreeMap<SessionId, u64>) {
        let mut sessions = self.sessions();
        for (id, now) in progress {
            if let Some(open) = sessions.get_mut(id).filter(|open| *now > open.progress) {
                (open.progress, open.moved) = (*now, Instant::now());
            }
        }
    }
}

/// What is remembered while a worker is heard.
struct Ears {
    /// Waits for the worker to be ready.
    ready: Option<mpsc::Sender<Result<Loaded, RunError>>>,
    /// What it does to get ready, after "it".
    step: Option<String>,
    /// What it may write into our log.
    lines: Lines,
}

/// A promise that a worker did not keep.
struct Breach {
    why: String,
    /// The session that is known to be the cause.
    guilty: Option<SessionId>,
}

impl From<String> for Breach {
    fn from(why: String) -> Self {
        Self { why, guilty: None }
    }
}

/// Tells what the end of a process was.
fn kind(end: End) -> DeathKind {
    match end.code() {
        Some(exit::DEVICE_FAULT | exit::NO_DEVICE) => DeathKind::Device,
        Some(exit::OUT_OF_MEMORY) => DeathKind::Memory,
        _ => DeathKind::Crashed,
    }
}
