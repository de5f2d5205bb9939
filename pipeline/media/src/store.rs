//! The trait [`MediaStore`]: what every backend promises.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;

use crate::error::Result;

/// Where recordings are kept.
///
/// A key is one or more names of letters, digits, `-`, `_` and `.`, joined by `/`; a name does not begin
/// with a dot. Everything else is answered with [`BadKey`](crate::ErrorKind::BadKey).
#[async_trait]
pub trait MediaStore: Send + Sync + Debug {
    /// Starts a streamed write. Nothing is visible under `key` before [`MediaWriter::finish`] returns;
    /// an abandoned writer leaves nothing behind.
    async fn create(&self, key: &str) -> Result<Box<dyn MediaWriter>>;

    /// Opens a recording for random reads; `NotFound` when there is none.
    ///
    /// An open recording never shows other bytes than those that it was opened with. When it is
    /// deleted or replaced meanwhile, it stays readable, or reads fail with `NotFound` where the
    /// backend does not keep what is gone.
    async fn open(&self, key: &str) -> Result<Arc<dyn MediaReader>>;

    /// Deletes a recording; a missing one is no error.
    async fn delete(&self, key: &str) -> Result<()>;

    /// Lists the keys of the recordings in a folder, in no order and without holding them all.
    ///
    /// A recording that is still being written has none; one that comes or goes meanwhile may be
    /// listed or not. A folder that is not there has no recordings.
    fn keys(&self, folder: &str) -> BoxStream<'static, Result<String>>;

    /// Removes what interrupted writes of an earlier process left, and returns how many; called once
    /// at start, before anything is written.
    async fn sweep(&self) -> Result<u64>;

    /// Returns whether recordings could be kept and read now: `Ok`, or why not.
    async fn ping(&self) -> Result<()>;
}

/// A streamed write in progress; dropping it abandons the write.
#[async_trait]
pub trait MediaWriter: Send + Debug {
    /// Appends bytes; returns when they are taken.
    ///
    /// After an error the write can only be abandoned.
    async fn write(&mut self, bytes: Bytes) -> Result<()>;

    /// Makes the recording durable and visible, and returns its length in bytes.
    ///
    /// A recording that was there under the key is replaced.
    async fn finish(self: Box<Self>) -> Result<u64>;

    /// Gives up the write and removes what it left.
    async fn abort(self: Box<Self>) -> Result<()>;
}

/// Random reads of one recording. Blocking: called on stage threads, never on async ones.
pub trait MediaReader: Send + Sync + Debug {
    /// Length in bytes.
    fn len(&self) -> u64;

    /// Returns whether the recording has no bytes.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads bytes at `offset` into `buf` and returns how many; 0 only at the end.
    ///
    /// # Errors
    /// The I/O error of the backend.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> std::io::Result<usize>;

    /// Returns the file, open for reading only, where the recording is exactly one: then another
    /// process may read it without us.
    fn file(&self) -> Option<&std::fs::File> {
        None
    }
}
