//! The memory twin: the reference that every other backend is compared with.
//!
//! One map behind one mutex; nothing survives the process, so it serves tests.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};

use crate::error::{Error, ErrorKind, Result};
use crate::key;
use crate::store::{MediaReader, MediaStore, MediaWriter};

/// Recordings in memory. Clones are the same store.
#[derive(Debug, Clone, Default)]
pub struct MemoryMedia(Arc<Mutex<BTreeMap<String, Bytes>>>);

impl MemoryMedia {
    /// Makes an empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the keys in order.
    pub fn keys(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    /// Returns the map; a panic elsewhere cannot have left it half changed.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Bytes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl MediaStore for MemoryMedia {
    async fn create(&self, key: &str) -> Result<Box<dyn MediaWriter>> {
        key::check(key)?;
        let (store, key) = (self.clone(), key.to_owned());
        Ok(Box::new(MemoryWriter { store, key, bytes: BytesMut::new() }))
    }

    async fn open(&self, key: &str) -> Result<Arc<dyn MediaReader>> {
        key::check(key)?;
        let missing = || Error::new(ErrorKind::NotFound, format!("open {key}"));
        let bytes = self.lock().get(key).cloned().ok_or_else(missing)?;
        Ok(Arc::new(MemoryReader(bytes)))
    }

    async fn delete(&self, key: &str) -> Result<()> {
        key::check(key)?;
        self.lock().remove(key);
        Ok(())
    }

    fn keys(&self, folder: &str) -> BoxStream<'static, Result<String>> {
        let inside =
            |key: &String| key.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
        let keys: Vec<_> = self.lock().keys().filter(|key| inside(key)).cloned().map(Ok).collect();
        stream::iter(keys).boxed()
    }

    async fn sweep(&self) -> Result<u64> {
        Ok(0)
    }

    async fn ping(&self) -> Result<()> {
        Ok(())
    }
}

/// A write in progress.
#[derive(Debug)]
struct MemoryWriter {
    store: MemoryMedia,
    key: String,
    bytes: BytesMut,
}

#[async_trait]
impl MediaWriter for MemoryWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.bytes.extend_from_slice(&bytes);
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<u64> {
        let bytes = self.bytes.freeze();
        let length = as_u64(bytes.len());
        self.store.lock().insert(self.key, bytes);
        Ok(length)
    }

    async fn abort(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

/// An open recording.
#[derive(Debug)]
struct MemoryReader(Bytes);

impl MediaReader for MemoryReader {
    fn len(&self) -> u64 {
        as_u64(self.0.len())
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.0.len());
        let rest = &self.0[start..];
        let read = rest.len().min(buf.len());
        buf[..read].copy_from_slice(&rest[..read]);
        Ok(read)
    }
}

fn as_u64(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
