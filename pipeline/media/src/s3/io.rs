//! The thread on which all talk with the service is done.
//!
//! Readers are called on threads that may block, where nothing drives a connection; and connections
//! are kept for the next request, so they must not live on a runtime that ends earlier than the store.

use std::future::Future;
use std::io;
use std::sync::mpsc;

use tokio::runtime::{Builder, Handle, Runtime};

/// The thread, while the value lives.
#[derive(Debug)]
pub(super) struct Io {
    handle: Handle,
    /// Taken when the value is dropped.
    runtime: Option<Runtime>,
}

impl Io {
    /// Starts the thread.
    pub(super) fn start() -> io::Result<Self> {
        let mut builder = Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).thread_name("media-s3").enable_all().build()?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }

    /// Returns what starts work there.
    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Starts work there, whose outcome can be waited for on a thread that may block.
    pub(super) fn begin<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Pending<T> {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.handle.spawn(async move {
            // Nobody waits any more when the recording was closed meanwhile.
            sender.send(work.await).ok();
        });
        Pending(receiver)
    }
}

impl Drop for Io {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // The last owner may be asynchronous, where waiting is not allowed.
            runtime.shutdown_background();
        }
    }
}

/// Work that was begun.
#[derive(Debug)]
pub(super) struct Pending<T>(mpsc::Receiver<T>);

impl<T> Pending<T> {
    /// Waits for the outcome; `None` when the store was closed meanwhile. Blocking.
    pub(super) fn wait(self) -> Option<T> {
        self.0.recv().ok()
    }
}
