//! Recordings' bytes: streamed in, read at random, never held whole in memory.
//!
//! [`MediaStore`] is the promise. Keys are made of ids by us (`recordings/<media id>`), never of a
//! client's file name.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

/// Where recordings are kept.
#[async_trait]
pub trait MediaStore: Send + Sync + Debug {
    /// Starts a streamed write. Nothing is visible under `key` before [`MediaWriter::finish`] returns;
    /// an abandoned writer leaves nothing behind.
    async fn create(&self, key: &str) -> Result<Box<dyn MediaWriter>>;

    /// Opens a recording for random reads; `NotFound` when there is none.
    async fn open(&self, key: &str) -> Result<Arc<dyn MediaReader>>;

    /// Deletes a recording; a missing one is no error.
    async fn delete(&self, key: &str) -> Result<()>;

    /// Removes what interrupted writes of an earlier process left; called once at start.
    async fn sweep(&self) -> Result<u64>;
}

/// A streamed write in progress; dropping it abandons the write.
#[async_trait]
pub trait MediaWriter: Send + Debug {
    /// Appends bytes; returns when they are taken.
    async fn write(&mut self, bytes: Bytes) -> Result<()>;

    /// Makes the recording durable and visible, and returns its length in bytes.
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
}

/// Result of a media call.
pub type Result<T> = std::result::Result<T, Error>;

/// A failed media call.
#[derive(Debug, thiserror::Error)]
#[error("cannot {attempt}: {kind}")]
pub struct Error {
    /// What was attempted, to what.
    pub attempt: String,
    /// What the caller may do about it.
    pub kind: ErrorKind,
    /// The backend's own words.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What the caller may do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There is no such recording.
    #[error("there is no such recording")]
    NotFound,
    /// The disk is full: wait for space.
    #[error("the disk is full")]
    Full,
    /// The backend is away: repeat later.
    #[error("the media store is unavailable")]
    Unavailable,
}
