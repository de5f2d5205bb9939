//! The writer: one thread that owns the only writing connection and commits requests in groups.
//!
//! ```text
//! callers ─► bounded queue ─► BEGIN IMMEDIATE
//!                              SAVEPOINT · request 1 · RELEASE
//!                              SAVEPOINT · request 2 · ROLLBACK TO   (refused: only its own effect goes)
//!                             COMMIT ─► one sync ─► answers 1 and 2
//! ```
//!
//! Nobody waits for company: a group is what came while the group before it was committed.

use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::failure::Failure;
use crate::error::ErrorKind;

/// Most requests of one group, so that the first of them does not wait for ever.
const GROUP_LIMIT: usize = 64;

/// The way to the writing thread.
#[derive(Debug)]
pub(super) struct Writer {
    /// None once the store is closed.
    queue: Mutex<Option<mpsc::Sender<Box<dyn Request>>>>,
    /// None once it was waited for.
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// A piece of work that waits for its group.
trait Request: Send + std::fmt::Debug {
    /// Does the work; returns the kind of its failure.
    fn run(&mut self, db: &Connection) -> Option<ErrorKind>;

    /// Answers the caller, now that the group is durable or lost.
    fn answer(self: Box<Self>, group: Result<(), &Failure>);
}

impl Writer {
    /// Starts the thread, which owns the connection from now on.
    ///
    /// # Errors
    ///
    /// When the operating system has no thread left.
    pub(super) fn start(db: Connection, queue_limit: usize) -> std::io::Result<Self> {
        let (queue, requests) = mpsc::channel(queue_limit.max(1));
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || write_until_closed(&db, requests))?;
        Ok(Self { queue: Mutex::new(Some(queue)), thread: Mutex::new(Some(thread)) })
    }

    /// Runs `work` in a transaction and returns its result once that is durable.
    ///
    /// # Cancel safety
    ///
    /// A dropped call may have happened or not, as with `Unavailable`.
    pub(super) async fn write<T, F>(&self, work: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let request = Box::new(Pending { work: Some(work), result: None, reply });
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let queue = queue.ok_or_else(closed)?;
        queue.send(request).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    /// Lets the thread finish what is queued, and waits for it; blocks for as long as that takes.
    pub(super) fn stop(&self) {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that writes the database had panicked");
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Says that nobody takes requests any more.
fn closed() -> Failure {
    Failure::because(ErrorKind::Unavailable, "the store is closed")
}

/// A request with the way back to its caller.
struct Pending<F, T> {
    /// None once it ran.
    work: Option<F>,
    /// None until it ran.
    result: Option<Result<T, Failure>>,
    reply: oneshot::Sender<Result<T, Failure>>,
}

impl<F, T> std::fmt::Debug for Pending<F, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pending").field("ran", &self.result.is_some()).finish_non_exhaustive()
    }
}

impl<F, T> Request for Pending<F, T>
where
    T: Send,
    F: FnOnce(&Connection) -> Result<T, Failure> + Send,
{
    fn run(&mut self, db: &Connection) -> Option<ErrorKind> {
        let work = self.work.take()?;
        let result = work(db);
        let failed = result.as_ref().err().map(|failure| failure.kind);
        self.result = Some(result);
        failed
    }

    fn answer(self: Box<Self>, group: Result<(), &Failure>) {
        let result = match (group, self.result) {
            (_, Some(Err(own))) => Err(own),
            (Ok(()), Some(done)) => done,
            (Ok(()), None) => Err(closed()),
            (Err(lost), _) => Err(Failure::because(lost.kind, lost.words())),
        };
        // A caller that went away meanwhile does not want to know.
        drop(self.reply.send(result));
    }
}

/// Takes requests in groups until every sender is gone, then leaves the file tidy.
fn write_until_closed(db: &Connection, mut requests: mpsc::Receiver<Box<dyn Request>>) {
    let mut group = Vec::new();
    while requests.blocking_recv_many(&mut group, GROUP_LIMIT) > 0 {
        let outcome = commit(db, &mut group);
        if let Err(lost) = &outcome {
            tracing::warn!(requests = group.len(), cause = lost.words(), "cannot commit a group");
            roll_back(db);
        }
        for request in group.drain(..) {
            request.answer(outcome.as_ref().copied());
        }
    }
    if let Err(e) = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())) {
        tracing::warn!(cause = %e, "cannot fold the write-ahead log into the database at the end");
    }
}

/// Runs a group in one transaction; an error means that nothing of it happened.
fn commit(db: &Connection, group: &mut [Box<dyn Request>]) -> Result<(), Failure> {
    run(db, "BEGIN IMMEDIATE")?;
    for request in group {
        run(db, "SAVEPOINT request")?;
        let failed = request.run(db);
        if db.is_autocommit() {
            // SQLite gives up the whole transaction when the disk is full or fails.
            let kind = failed.unwrap_or(ErrorKind::Unavailable);
            return Err(Failure::because(kind, "the transaction was given up"));
        }
        if failed.is_some() {
            run(db, "ROLLBACK TO request")?;
        }
        run(db, "RELEASE request")?;
    }
    run(db, "COMMIT")
}

/// Runs one statement without parameters.
fn run(db: &Connection, statement: &str) -> Result<(), Failure> {
    db.prepare_cached(statement)?.execute([])?;
    Ok(())
}

/// Leaves a failed transaction, if it is still open.
fn roll_back(db: &Connection) {
    if db.is_autocommit() {
        return;
    }
    if let Err(e) = db.execute_batch("ROLLBACK") {
        tracing::error!(cause = %e, "cannot roll back");
    }
}
