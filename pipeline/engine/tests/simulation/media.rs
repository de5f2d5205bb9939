//! The media store as one host sees it: the memory twin behind the weather.

use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use scribed_media::{Error, ErrorKind, MediaReader, MediaStore, MediaWriter, Result};

use crate::life::Access::{Read, Write};
use crate::life::{Access, Life};
use crate::weather::Part;

/// The media store as one host sees it.
#[derive(Debug)]
pub(crate) struct SimMedia {
    life: Arc<Life>,
}

impl SimMedia {
    pub(crate) fn new(life: Arc<Life>) -> Self {
        Self { life }
    }
}

/// Makes a call that fails and waits as the weather says.
async fn around<T: Send>(
    life: &Life,
    call: &str,
    access: Access,
    effect: impl Future<Output = Result<T>> + Send,
) -> Result<T> {
    let lost = |_| {
        let is_full = access == Write && life.sim.roll(|dice| dice.in_thousand(100));
        let kind = if is_full { ErrorKind::Full } else { ErrorKind::Unavailable };
        Error::new(kind, format!("{call}: this failure was planned"))
    };
    let fate = life.go(Part::Media, call, access).await.map_err(lost)?;
    let answer = effect.await;
    life.come_back(fate, call, access).await.map_err(lost)?;
    answer
}

#[async_trait]
impl MediaStore for SimMedia {
    async fn create(&self, key: &str) -> Result<Box<dyn MediaWriter>> {
        let life = Arc::clone(&self.life);
        let create = async {
            let inner = self.life.sim.recordings.create(key).await?;
            let writer: Box<dyn MediaWriter> = Box::new(SimWriter { life, inner });
            Ok(writer)
        };
        around(&self.life, "create", Write, create).await
    }

    async fn open(&self, key: &str) -> Result<Arc<dyn MediaReader>> {
        let life = Arc::clone(&self.life);
        let open = async {
            let inner = self.life.sim.recordings.open(key).await?;
            let reader: Arc<dyn MediaReader> = Arc::new(SimReader { life, inner });
            Ok(reader)
        };
        around(&self.life, "open", Read, open).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        around(&self.life, "delete", Write, self.life.sim.recordings.delete(key)).await
    }

    fn keys(&self, folder: &str) -> BoxStream<'static, Result<String>> {
        MediaStore::keys(&self.life.sim.recordings, folder)
    }

    async fn sweep(&self) -> Result<u64> {
        around(&self.life, "sweep", Write, self.life.sim.recordings.sweep()).await
    }

    async fn ping(&self) -> Result<()> {
        around(&self.life, "ping", Read, self.life.sim.recordings.ping()).await
    }
}

/// A write in progress.
#[derive(Debug)]
struct SimWriter {
    life: Arc<Life>,
    inner: Box<dyn MediaWriter>,
}

#[async_trait]
impl MediaWriter for SimWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        around(&self.life, "write", Write, self.inner.write(bytes)).await
    }

    async fn finish(self: Box<Self>) -> Result<u64> {
        let Self { life, inner } = *self;
        around(&life, "finish of a recording", Write, inner.finish()).await
    }

    async fn abort(self: Box<Self>) -> Result<()> {
        self.inner.abort().await
    }
}

/// An open recording.
#[derive(Debug)]
struct SimReader {
    life: Arc<Life>,
    inner: Arc<dyn MediaReader>,
}

impl MediaReader for SimReader {
    fn len(&self) -> u64 {
        self.inner.len()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let sim = &self.life.sim;
        let is_rough = sim.weather(|weather| !weather.is_calm());
        if is_rough && sim.roll(|dice| dice.in_thousand(10)) {
            return Err(io::Error::other("this failure was planned"));
        }
        self.inner.read_at(offset, buf)
    }
}
