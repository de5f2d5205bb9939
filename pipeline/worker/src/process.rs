//! A process: one worker as the daemon sees it. Its sessions, its pulse, its end.
//!
//! All that it says is doubted, see `hearing`. A process that ends tells each of its open sessions why.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use scribed_engine::runner::RunError;
use scribed_schemas::id::JobId;
use tokio::net::UnixDatagram;
use tokio::sync::{mpsc, watch};

use crate::message::{Loaded, LogLevel, SessionId, Setup, ToWorker, Work};
use crate::nursery::{Child, Nursery, Program};
use crate::packet::{self, Packet};

mod hearing;
pub(crate) mod log;
mod session;

use session::Open;
pub(crate) use session::Session;

/// Messages of a session that wait to be taken.
const WAITING: usize = 64;

/// A worker. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Process {
    shared: Arc<Shared>,
    /// What it has loaded.
    pub(crate) loaded: Loaded,
}

#[derive(Debug)]
struct Shared {
    group: String,
    /// Whether it serves several sessions at once.
    has_several: bool,
    /// See [`Limits`](crate::limits::Limits).
    address_space_mib: u64,
    child: Child,
    socket: UnixDatagram,
    /// Packets leave one after the other, each whole.
    sending: tokio::sync::Mutex<()>,
    sessions: Mutex<BTreeMap<SessionId, Open>>,
    last: AtomicU64,
    /// Why we ended it; the first reason stands.
    sentence: Mutex<Option<Death>>,
    /// How it ended, once it has.
    death: watch::Sender<Option<Death>>,
}

/// How a process begins.
#[derive(Debug)]
pub(crate) struct Birth {
    pub(crate) setup: Setup,
    /// Whether it gets the environment of the daemon, without what is the daemon's alone.
    pub(crate) keeps_environment: bool,
    /// Whether it is to serve several sessions at once.
    pub(crate) has_several: bool,
    /// How long it may take to get ready.
    pub(crate) patience: Duration,
}

/// Why a process is no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Death {
    pub(crate) pid: u32,
    pub(crate) kind: DeathKind,
    /// In words, after "its worker ended: ".
    pub(crate) why: String,
    /// Sessions that had work in hand.
    pub(crate) busy: Vec<SessionId>,
    /// The one that is known to be the cause.
    pub(crate) guilty: Option<SessionId>,
}

/// Kinds of death.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeathKind {
    /// It ended by itself.
    Crashed,
    /// A session stood still for too long.
    Deadline,
    /// It said what it must not.
    Broken,
    /// Its device does not work any more, or is missing.
    Device,
    /// Its device has no memory left.
    Memory,
    /// We have no use for it any more.
    Dismissed,
}

impl Process {
    /// Starts a worker and waits until it is ready.
    ///
    /// # Errors
    /// It cannot be started, or does not get ready in time; or the refusal of one of its stages.
    pub(crate) async fn start(
        nursery: &Nursery,
        program: &Program,
        birth: Birth,
    ) -> Result<Self, StartError> {
        let Birth { setup, keeps_environment, has_several, patience } = birth;
        let child = nursery.spawn(program, &setup.group, keeps_environment).await;
        let child = child.map_err(StartError::Spawn)?;
        let socket =
            child.socket.try_clone().and_then(packet::register).map_err(StartError::Spawn)?;
        let shared = Arc::new(Shared {
            group: setup.group.clone(),
            has_several,
            address_space_mib: setup.limits.address_space_mib,
            child,
            socket,
            sending: tokio::sync::Mutex::default(),
            sessions: Mutex::default(),
            last: AtomicU64::new(1),
            sentence: Mutex::default(),
            death: watch::channel(None).0,
        });
        let (ready, mut first) = mpsc::channel(1);
        // Dropped with the task when the worker ends before it is ready.
        tokio::spawn(Arc::clone(&shared).hear(ready));
        let mut process = Self { shared, loaded: Loaded::default() };
        let level = LogLevel::of_our_log();
        process.send(ToWorker::Setup(Setup { level, ..setup })).await;
        match tokio::time::timeout(patience, first.recv()).await {
            Ok(Some(Ok(loaded))) => {
                process.loaded = loaded;
                Ok(process)
            }
            Ok(Some(Err(error))) => Err(StartError::Refused(error)),
            Ok(None) => Err(StartError::Died(process.death().await)),
            Err(_) => {
                let why = format!("it was not ready after {} s", patience.as_secs());
                process.shared.end(DeathKind::Deadline, why, None);
                Err(StartError::Died(process.death().await))
            }
        }
    }

    /// Returns its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.shared.child.pid
    }

    /// Returns whether it still lives, as far as we know.
    pub(crate) fn is_alive(&self) -> bool {
        self.shared.death.borrow().is_none() && self.shared.sentence().is_none()
    }

    /// Returns whether anybody works with it.
    pub(crate) fn has_sessions(&self) -> bool {
        !self.shared.sessions().is_empty()
    }

    /// Waits for its end.
    pub(crate) async fn death(&self) -> Death {
        let mut death = self.shared.death.subscribe();
        let told = death.wait_for(Option::is_some).await;
        told.ok().and_then(|death| death.clone()).unwrap_or_else(unknown)
    }

    /// Begins a session.
    pub(crate) async fn open(
        &self,
        job: Option<JobId>,
        work: Work,
        file: Option<OwnedFd>,
        patience: Duration,
    ) -> Session {
        let id = self.shared.last.fetch_add(1, Ordering::Relaxed);
        let (to, from) = mpsc::channel(WAITING);
        let open = Open { to, progress: 0, moved: Instant::now(), patience: Some(patience) };
        self.shared.sessions().insert(id, open);
        let session = Session::new(id, Arc::clone(&self.shared), from, patience);
        let message = ToWorker::Open { session: id, job, work };
        self.shared.send(Packet { message, file }).await;
        session
    }

    async fn send(&self, message: ToWorker) {
        self.shared.send(message.into()).await;
    }

    /// Ends it.
    pub(crate) fn dismiss(&self) {
        self.shared.end(DeathKind::Dismissed, "it is not needed any more".to_owned(), None);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Sessions keep what is shared; without its owner a worker is of no use to them.
        self.dismiss();
    }
}

/// A worker that did not get ready.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// It could not be started.
    #[error("cannot start a worker: {0}")]
    Spawn(io::Error),
    /// A stage that it should keep open refused.
    #[error("{0}")]
    Refused(RunError),
    /// It ended before it was ready.
    #[error("a worker ended before it was ready: {}", .0.why)]
    Died(Death),
}

impl Shared {
    /// Returns the sessions; a panic elsewhere cannot have left them half changed.
    fn sessions(&self) -> MutexGuard<'_, BTreeMap<SessionId, Open>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sentence(&self) -> MutexGuard<'_, Option<Death>> {
        self.sentence.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the process; the first reason stands.
    fn end(&self, kind: DeathKind, why: String, guilty: Option<SessionId>) {
        let busy = self.busy();
        let pid = self.child.pid;
        self.sentence().get_or_insert(Death { pid, kind, why, busy, guilty });
        self.child.kill();
    }

    /// Returns the sessions that have work in hand.
    fn busy(&self) -> Vec<SessionId> {
        let sessions = self.sessions();
        let busy = sessions.iter().filter(|(_, open)| open.patience.is_some());
        busy.map(|(id, _)| *id).collect()
    }

    /// Sends a message, when the worker lives.
    async fn send(&self, packet: Packet<ToWorker>) {
        let sent = async {
            let _turn = self.sending.lock().await;
            packet::say(&self.socket, packet).await
        };
        let mut death = self.death.subscribe();
        tokio::select! {
            biased;
            sent = sent => if let Err(error) = sent {
                tracing::debug!(pid = self.child.pid, %error, "a worker hears nothing any more");
            },
            _ = death.wait_for(Option::is_some) => {}
        }
    }
}

fn unknown() -> Death {
    let (kind, why) = (DeathKind::Crashed, "it ended".to_owned());
    Death { pid: 0, kind, why, busy: Vec::new(), guilty: None }
}
