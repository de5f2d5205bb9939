//! The readers: a few connections that read beside the writer, each lent to one call at a time.
//!
//! In WAL mode a reader sees the last commit before its transaction began and waits for nobody.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::failure::Failure;
use crate::error::ErrorKind;

/// The connections for reading.
#[derive(Debug)]
pub(super) struct Readers {
    idle: Idle,
    /// One permit for each connection; closed with the store.
    permits: Arc<Semaphore>,
    count: u32,
}

/// Connections that nobody uses.
type Idle = Arc<Mutex<Vec<Connection>>>;

impl Readers {
    /// Takes over the connections.
    pub(super) fn new(connections: Vec<Connection>) -> Self {
        let count = u32::try_from(connections.len()).unwrap_or(u32::MAX);
        let permits = Arc::new(Semaphore::new(connections.len()));
        Self { idle: Arc::new(Mutex::new(connections)), permits, count }
    }

    /// Runs `work` on a blocking thread with a connection of its own.
    ///
    /// # Cancel safety
    ///
    /// A dropped call changes nothing; its connection comes back when the work is done.
    pub(super) async fn read<T, F>(&self, work: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| closed())?;
        let idle = Arc::clone(&self.idle);
        let done = tokio::task::spawn_blocking(move || {
            let lent = Lent::take(idle, permit).ok_or_else(closed)?;
            lent.connection.as_ref().map_or_else(|| Err(closed()), work)
        });
        done.await.map_err(|panicked| Failure::because(ErrorKind::Unavailable, panicked))?
    }

    /// Waits for the calls in progress, then closes the connections; later calls are refused.
    pub(super) async fn close(&self) {
        // Held until the end, so that nobody brings a connection back; an error: closed already.
        let all = self.permits.acquire_many(self.count).await;
        self.permits.close();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
        drop(all);
    }
}

/// Says that there are no connections any more.
fn closed() -> Failure {
    Failure::because(ErrorKind::Unavailable, "the store is closed")
}

/// A connection in use; it goes back even when the work panics.
struct Lent {
    /// Present until the drop.
    connection: Option<Connection>,
    idle: Idle,
    _permit: OwnedSemaphorePermit,
}

impl Lent {
    /// Takes an idle connection; the permit says that there is one unless the store is closed.
    fn take(idle: Idle, permit: OwnedSemaphorePermit) -> Option<Self> {
        let connection = idle.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
        Some(Self { connection: Some(connection), idle, _permit: permit })
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.extend(self.connection.take());
    }
}
