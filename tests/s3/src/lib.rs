//! An S3 server on loopback, for tests: the crates `s3s` (protocol, signatures) and `s3s-fs` (objects
//! in a folder), a count of every request, and faults on demand.
//!
//! - [`objects`]: the operations, and what `s3s-fs` leaves out: unfinished uploads and conditions.
//! - [`faults`]: what was asked for, and what goes wrong next.
#![forbid(unsafe_code)]
#![expect(clippy::missing_panics_doc, reason = "a harness panics wherever a test must fail")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

pub mod faults;
pub mod objects;

pub use faults::{Fault, Operation};

use faults::Script;
use objects::Objects;

/// The one bucket that there is.
pub const BUCKET: &str = "recordings-of-tests";
/// The key that the server lets in.
pub const ACCESS_KEY: &str = "AKIDTESTS";
/// Its secret.
pub const SECRET_KEY: &str = "wJalrXUtnFEMIbPxRfiCYtests";

/// A running server; it ends with the value, and its objects with it.
#[derive(Debug)]
pub struct S3Server {
    endpoint: String,
    folder: TempDir,
    script: Arc<Script>,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl S3Server {
    /// Starts a server with an empty bucket on a free port, on a thread of its own.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(folder.path().join(BUCKET)).expect("there is space");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a socket can be asynchronous");
        let endpoint = format!("http://{}", listener.local_addr().expect("it is bound"));
        let script = Arc::new(Script::default());
        let objects = Objects::new(folder.path(), Arc::clone(&script));
        let mut service = S3ServiceBuilder::new(objects);
        service.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let (service, stop) = (service.build(), CancellationToken::new());
        let until = stop.clone();
        let thread = std::thread::spawn(move || {
            let runtime = Runtime::new().expect("threads can be started");
            runtime.block_on(serve(listener, service, until));
        });
        Self { endpoint, folder, script, stop, thread: Some(thread) }
    }

    /// Returns the address, as clients name it.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Returns how often an operation was asked for.
    pub fn count(&self, operation: Operation) -> usize {
        self.requests().get(&operation).copied().unwrap_or_default()
    }

    /// Returns how often each operation was asked for.
    pub fn requests(&self) -> BTreeMap<Operation, usize> {
        self.script.counts()
    }

    /// Lets the next requests for an operation go wrong, one fault each.
    pub fn fail(&self, operation: Operation, faults: impl IntoIterator<Item = Fault>) {
        self.script.plan(operation, faults);
    }

    /// Lets everything that is asked for fail until it is called with `false`.
    pub fn outage(&self, is_on: bool) {
        self.script.set_outage(is_on);
    }

    /// Lets go of requests that [`Fault::Held`] holds, now and from now on.
    pub fn release(&self) {
        self.script.release();
    }

    /// Returns the most parts of uploads that were on their way at the same time.
    pub fn most_parts_at_once(&self) -> usize {
        self.script.most_parts_at_once()
    }

    /// Returns the keys that uploads were begun for and neither completed nor aborted.
    pub fn unfinished(&self) -> Vec<String> {
        self.script.unfinished().into_iter().map(|upload| upload.key).collect()
    }

    /// Makes the beginning of all unfinished uploads earlier.
    pub fn backdate(&self, by: Duration) {
        self.script.backdate(by);
    }

    /// Lists the keys of all objects, in order.
    pub fn keys(&self) -> Vec<String> {
        let root = self.folder.path().join(BUCKET);
        let (mut folders, mut keys) = (vec![root.clone()], Vec::new());
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let path: PathBuf = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if let Ok(key) = path.strip_prefix(&root) {
                    keys.push(key.display().to_string());
                }
            }
        }
        keys.sort();
        keys
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

/// Serves connections until told to stop.
async fn serve(listener: std::net::TcpListener, service: S3Service, stop: CancellationToken) {
    let listener = TcpListener::from_std(listener).expect("the socket is asynchronous");
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else { continue };
        let service = service.clone();
        tokio::spawn(async move {
            let server = Builder::new(TokioExecutor::new());
            // A client that goes away is no fault of the server's.
            server.serve_connection(TokioIo::new(stream), service).await.ok();
        });
    }
}
