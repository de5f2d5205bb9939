//! The writer: one thread that owns the only writing connection and commits requests in groups.
//!
//! ```text
//! callers ─► bounded queue ─► BEGIN IMMEDIATE
//!                              SAVEPOINT · request 1 · RELEASE
//!                              SAVEPOINT · request 2 · ROLLBACK TO   (refused: only its own effect
//! goes)
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

#[cfg(test)]
mod tests {
    use super::*;

    type Answer = oneshot::Receiver<Result<i64, Failure>>;

    /// Returns a request that inserts a value of `bytes` bytes, and its answer.
    fn insert(id: i64, bytes: usize) -> (Box<dyn Request>, Answer) {
        let (reply, answer) = oneshot::channel();
        let work = move |db: &Connection| {
            db.execute("INSERT INTO t VALUES (?1, ?2)", (id, vec![7_u8; bytes]))?;
            Ok(id)
        };
        (Box::new(Pending { work: Some(work), result: None, reply }), answer)
    }

    /// Runs a group as the thread does, and returns its answers.
    fn answered(
        db: &Connection,
        requests: Vec<(Box<dyn Request>, Answer)>,
    ) -> Vec<Option<ErrorKind>> {
        let (mut group, answers): (Vec<_>, Vec<_>) = requests.into_iter().unzip();
        let outcome = commit(db, &mut group);
        if outcome.is_err() {
            roll_back(db);
        }
        for request in group {
            request.answer(outcome.as_ref().copied());
        }
        let kinds = answers.into_iter().map(|mut answer| match answer.try_recv() {
            Ok(result) => result.err().map(|failure| failure.kind),
            Err(e) => panic!("a request got no answer: {e}"),
        });
        kinds.collect()
    }

    fn stored(db: &Connection) -> Vec<i64> {
        let mut statement = db.prepare("SELECT id FROM t ORDER BY id").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    fn database(folder: &tempfile::TempDir) -> Connection {
        let db = Connection::open(folder.path().join("t.db")).unwrap();
        db.execute_batch("CREATE TABLE t (id INTEGER PRIMARY KEY, value BLOB)").unwrap();
        db
    }

    #[test]
    fn a_refused_request_takes_only_its_own_effect_along() {
        let folder = tempfile::tempdir().unwrap();
        let db = database(&folder);
        let requests = [1, 2, 2, 3].map(|id| insert(id, 10));
        let answers = answered(&db, requests.into());
        assert_eq!(answers, [None, None, Some(ErrorKind::Conflict), None]);
        assert_eq!(stored(&db), [1, 2, 3]);
    }

    #[test]
    fn a_full_disk_is_told_to_whom_it_concerns_and_leaves_the_file_whole() {
        let folder = tempfile::tempdir().unwrap();
        let db = database(&folder);
        db.pragma_update(None, "max_page_count", 30).unwrap();
        let requests = vec![insert(1, 10), insert(2, 1 << 20), insert(3, 10)];
        let answers = answered(&db, requests);
        assert_eq!(answers[1], Some(ErrorKind::Full));
        let acknowledged: Vec<i64> =
            (1..).zip(&answers).filter(|(_, a)| a.is_none()).map(|(id, _)| id).collect();
        assert_eq!(stored(&db), acknowledged, "what is there is what was acknowledged");
        let check: String = db.query_row("PRAGMA integrity_check", [], |r| r.get(0)).unwrap();
        assert_eq!(check, "ok");
        assert_eq!(answered(&db, vec![insert(9, 10)]), [None], "the writer works on");
    }

    #[test]
    fn a_group_that_cannot_begin_is_refused_whole() {
        let folder = tempfile::tempdir().unwrap();
        let db = database(&folder);
        db.busy_timeout(std::time::Duration::ZERO).unwrap();
        let other = Connection::open(folder.path().join("t.db")).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let answers = answered(&db, vec![insert(1, 10), insert(2, 10)]);
        assert_eq!(answers, [Some(ErrorKind::Unavailable); 2]);
        other.execute_batch("ROLLBACK").unwrap();
        assert_eq!(answered(&db, vec![insert(1, 10)]), [None]);
    }

    #[test]
    fn a_transaction_that_is_given_up_refuses_its_whole_group() {
        let folder = tempfile::tempdir().unwrap();
        let db = database(&folder);
        let (reply, answer) = oneshot::channel();
        // What SQLite does by itself when the disk fails under it.
        let work = |db: &Connection| {
            db.execute_batch("ROLLBACK")?;
            Err::<i64, Failure>(ErrorKind::Full.into())
        };
        let failing: Box<dyn Request> = Box::new(Pending { work: Some(work), result: None, reply });
        let answers = answered(&db, vec![insert(1, 10), (failing, answer), insert(3, 10)]);
        assert_eq!(answers, [Some(ErrorKind::Full); 3]);
        assert!(stored(&db).is_empty());
    }
}
