//! Sessions: what a process does for one run of a part.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::{Death, DeathKind, Shared, unknown};
use crate::message::{FromWorker, SessionId, ToWorker};
use crate::packet::Packet;

/// What we have of an open session.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) to: mpsc::Sender<Packet<FromWorker>>,
    /// What was last heard of its progress, and when it moved.
    pub(super) progress: u64,
    pub(super) moved: Instant,
    /// How long it may stand still; none while it waits for us.
    pub(super) patience: Option<Duration>,
}

/// A session of a process. Dropping it asks the worker to stop.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    shared: Arc<Shared>,
    from: mpsc::Receiver<Packet<FromWorker>>,
    patience: Duration,
}

impl Session {
    pub(super) fn new(
        id: SessionId,
        shared: Arc<Shared>,
        from: mpsc::Receiver<Packet<FromWorker>>,
        patience: Duration,
    ) -> Self {
        Self { id, shared, from, patience }
    }

    /// Waits for what the worker says next; an end tells why there is nothing more.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing that arrived is lost.
    pub(crate) async fn next(&mut self) -> Result<Packet<FromWorker>, Death> {
        if let Some(packet) = self.from.recv().await {
            return Ok(packet);
        }
        let mut death = self.shared.death.subscribe();
        let told = death.wait_for(Option::is_some).await;
        Err(told.ok().and_then(|death| death.clone()).unwrap_or_else(unknown))
    }

    /// Says something to the worker.
    pub(crate) async fn say(&self, message: ToWorker, file: Option<OwnedFd>) {
        self.shared.send(Packet { message, file }).await;
    }

    /// Says whether the worker waits for us now; then its clock stands still.
    pub(crate) fn waits_for_us(&self, waits: bool) {
        if let Some(open) = self.shared.sessions().get_mut(&self.id) {
            open.moved = Instant::now();
            open.patience = (!waits).then_some(self.patience);
        }
    }

    /// Ends the worker, since its device works no more; returns its end.
    pub(crate) async fn replace_for_device(&mut self, why: &str) -> Death {
        self.shared.end(DeathKind::Device, why.to_owned(), None);
        loop {
            if let Err(death) = self.next().await {
                return death;
            }
        }
    }

    /// Ends the worker, since it broke a promise.
    pub(crate) fn condemn(&self, why: &str) {
        self.shared.end(DeathKind::Broken, format!("it broke the protocol: {why}"), Some(self.id));
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let was_open = self.shared.sessions().remove(&self.id).is_some();
        if was_open && let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let (shared, session) = (Arc::clone(&self.shared), self.id);
            runtime.spawn(async move {
                shared.send(ToWorker::Cancel { session }.into()).await;
                shared.send(ToWorker::Close { session }.into()).await;
            });
        }
    }
}
