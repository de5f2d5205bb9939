//! A group: workers of one kind, started when they are needed.
//!
//! Workers that cut and render serve one session at a time, so whoever is in them when they crash is to
//! blame. The worker that recognises is shared, since its model is large; there a crash makes suspects.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use scribed_engine::runner::StageCall;
use tokio::sync::RwLock;

use crate::config::GroupConfig;
use crate::limits::Limits;
use crate::message::Setup;
use crate::nursery::{Nursery, Program};
use crate::process::{Birth, Process, StartError};
use crate::room::Room;

/// First pause before a worker that did not get ready is started again; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Longest pause.
const LAST_PAUSE: Duration = Duration::from_secs(30);

/// Workers of one kind.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) config: GroupConfig,
    setup: Setup,
    program: Program,
    ready_within: Duration,
    idle: Mutex<Vec<Lent>>,
    common: tokio::sync::Mutex<Option<Arc<Process>>>,
    /// Starts that failed in a row.
    failed_starts: Mutex<u32>,
    /// How many chunks its device holds at once.
    pub(crate) room: Room,
    /// Held for writing by a suspect, which works alone; for reading by everybody else.
    pub(crate) alone: RwLock<()>,
}

/// What makes a group beside its settings.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) setup: Setup,
    pub(crate) program: Program,
    pub(crate) ready_within: Duration,
    pub(crate) room: Room,
}

/// A worker that serves one session at a time.
#[derive(Debug)]
pub(crate) struct Lent {
    pub(crate) process: Process,
    /// Sessions that it has served.
    served: u32,
}

impl Group {
    pub(crate) fn new(config: GroupConfig, plan: Plan) -> Self {
        let Plan { setup, program, ready_within, room } = plan;
        Self {
            config,
            setup: Setup { limits: config.limits(), ..setup },
            program,
            ready_within,
            room,
            idle: Mutex::default(),
            common: tokio::sync::Mutex::default(),
            failed_starts: Mutex::default(),
            alone: RwLock::default(),
        }
    }

    /// Returns a worker for one session.
    pub(crate) async fn lend(&self, nursery: &Nursery) -> Result<Lent, StartError> {
        loop {
            let Some(lent) = self.idle().pop() else { break };
            if lent.process.is_alive() {
                return Ok(lent);
            }
        }
        Ok(Lent { process: self.start(nursery, false).await?, served: 0 })
    }

    /// Takes a worker back whose session went well.
    pub(crate) fn give_back(&self, mut lent: Lent) {
        lent.served += 1;
        let is_old = self.config.recycle_after > 0 && lent.served >= self.config.recycle_after;
        let mut idle = self.idle();
        if !is_old && lent.process.is_alive() && idle.len() < self.config.keep_idle as usize {
            idle.push(lent);
        }
    }

    /// Returns the shared worker.
    pub(crate) async fn share(&self, nursery: &Nursery) -> Result<Arc<Process>, StartError> {
        let mut common = self.common.lock().await;
        if let Some(process) = common.as_ref().filter(|process| process.is_alive()) {
            return Ok(Arc::clone(process));
        }
        let process = Arc::new(self.start(nursery, true).await?);
        *common = Some(Arc::clone(&process));
        Ok(process)
    }

    /// Returns the stages that the shared worker keeps open.
    pub(crate) fn warm(&self) -> &[StageCall] {
        &self.setup.warm
    }

    /// Returns whether the shared worker has anything to do.
    pub(crate) async fn is_busy(&self) -> bool {
        self.common.lock().await.as_ref().is_some_and(|process| process.has_sessions())
    }

    /// Ends the shared worker; the next session starts another.
    pub(crate) async fn replace(&self) {
        if let Some(process) = self.common.lock().await.take() {
            process.dismiss();
        }
    }

    /// Starts a worker for several sessions at once, or for one. Only what is shared keeps stages open.
    async fn start(&self, nursery: &Nursery, has_several: bool) -> Result<Process, StartError> {
        let failed = *self.failed_starts();
        if failed > 0 {
            let doubled = FIRST_PAUSE.saturating_mul(1 << failed.min(16).saturating_sub(1));
            tokio::time::sleep(doubled.min(LAST_PAUSE)).await;
        }
        let setup = self.setup.clone();
        let setup = if has_several {
            // A shared one serves as long as it can.
            Setup { limits: Limits { sessions: 0, ..setup.limits }, ..setup }
        } else {
            Setup { warm: Vec::new(), ..setup }
        };
        let birth = Birth {
            setup,
            keeps_environment: !self.config.offline,
            has_several,
            patience: self.ready_within,
        };
        let started = Process::start(nursery, &self.program, birth).await;
        match &started {
            Ok(process) => {
                *self.failed_starts() = 0;
                self.announce(process);
            }
            Err(error) => {
                *self.failed_starts() += 1;
                tracing::error!(group = self.setup.group, %error, "a worker did not get ready");
            }
        }
        started
    }

    fn announce(&self, process: &Process) {
        let (group, pid) = (&self.setup.group, process.pid());
        tracing::info!(group, pid, "a worker is ready");
        for what in &process.loaded.unlimited {
            tracing::warn!(group, pid, "{what}");
        }
    }

    /// Returns the idle workers; a panic elsewhere cannot have left them half changed.
    fn idle(&self) -> MutexGuard<'_, Vec<Lent>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed_starts(&self) -> MutexGuard<'_, u32> {
        self.failed_starts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
