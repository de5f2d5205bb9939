//! Fetching: a job whose recording is still to be fetched gets it before anything else is done with it.
//!
//! An attempt at such a job fetches and does nothing else: then the job is handed back, and whichever host
//! claims it next decodes. So a slow server holds up nobody's recogniser: who fetches has a place of its
//! own, and none among the jobs that are worked on.
//!
//! The bytes go under a key of this attempt alone. The job refers to them from the note on, which the
//! fence guards: of two hosts that fetch, one whose lease was lost has no say. What a crash leaves is a
//! recording that no job has, which is removed as any other is.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use scribed_media::{MediaStore, MediaWriter};
use scribed_outbound::{ErrorKind, Sink, SinkError};
use scribed_schemas::id::MediaId;
use scribed_schemas::job::{Fault, FaultCode};
use scribed_schemas::media::Media;
use scribed_store::FactsNote;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{Attempt, Work, fault_of};
use crate::error::Error;

/// Places for recordings that are fetched.
#[derive(Debug)]
pub(crate) struct Fetches {
    places: Semaphore,
    under_way: AtomicUsize,
}

/// A place, for as long as it lives.
#[derive(Debug)]
struct Place<'a> {
    all: &'a Fetches,
    _permit: Option<SemaphorePermit<'a>>,
}

impl Fetches {
    /// Makes so many places.
    pub(crate) const fn new(places: usize) -> Self {
        Self { places: Semaphore::const_new(places), under_way: AtomicUsize::new(0) }
    }

    /// Returns how many recordings are being fetched.
    pub(crate) fn under_way(&self) -> usize {
        self.under_way.load(Ordering::Relaxed)
    }

    /// Waits for a place.
    async fn enter(&self) -> Place<'_> {
        // The semaphore is never closed, so the only other answer cannot come.
        let permit = self.places.acquire().await.ok();
        self.under_way.fetch_add(1, Ordering::Relaxed);
        Place { all: self, _permit: permit }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.all.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Attempt {
    /// Fetches the recording of the job and makes it the job's, unless somebody says stop.
    pub(super) async fn fetch(&self, wanted: &Media, url: &str) -> Work {
        let shared = &self.engine.shared;
        let fetching = async {
            let _place = shared.fetches.enter().await;
            // The place among the jobs is free for another one.
            shared.work.notify_one();
            match self.bring(wanted, url).await {
                Ok(media) => self.make_ours(media).await,
                Err(fault) => Work::Faulted(fault),
            }
        };
        // What is dropped leaves no recording, or one that no job has.
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Work::Stopped,
            () = self.flag.tripped() => Work::Stopped,
            work = fetching => work,
        }
    }

    /// Fetches a recording into the media store.
    async fn bring(&self, wanted: &Media, url: &str) -> Result<Media, Fault> {
        let id = MediaId(self.engine.new_id());
        let mut recorder = Recorder::new(self.engine.media().as_ref(), id.key());
        let fetched = self.engine.outbound().fetch(url, &mut recorder).await;
        let fetched = fetched.map_err(fault_of_fetch)?;
        let size = recorder.finish().await.map_err(|error| fault_of(&Error::Media(error)))?;
        tracing::info!(job = %self.id(), bytes = size, resumes = fetched.resumes, "fetched");
        Ok(Media {
            id,
            key: id.key(),
            content_type: fetched.content_type,
            size,
            created: self.engine.now(),
            ..wanted.clone()
        })
    }

    /// Makes a stored recording that of the job.
    async fn make_ours(&self, media: Media) -> Work {
        let note = FactsNote { media: Some(media), ..FactsNote::default() };
        match self.note(note).await {
            Ok(()) => Work::Fetched,
            Err(_) => Work::Stopped,
        }
    }
}

/// Says why a recording was not fetched; the word for it comes first.
fn fault_of_fetch(error: scribed_outbound::Error) -> Fault {
    let message = format!("{}: {error}", error.kind.word());
    let code = match error.kind {
        ErrorKind::Sink => return fault_of_sink(error.source, message),
        kind if kind.is_worth_another_try() => FaultCode::FetchFailed,
        _ => FaultCode::Unfetchable,
    };
    Fault { code, message }
}

/// Says why the media store did not take a recording.
fn fault_of_sink(cause: Option<SinkError>, message: String) -> Fault {
    let cause = cause.and_then(|cause| cause.downcast::<scribed_media::Error>().ok());
    cause.map_or(Fault { code: FaultCode::FetchFailed, message }, |error| {
        fault_of(&Error::Media(*error))
    })
}

/// Writes what is fetched into a media store.
#[derive(Debug)]
struct Recorder<'a> {
    media: &'a dyn MediaStore,
    key: String,
    writer: Option<Box<dyn MediaWriter>>,
}

impl<'a> Recorder<'a> {
    fn new(media: &'a dyn MediaStore, key: String) -> Self {
        Self { media, key, writer: None }
    }

    /// Returns the writer of the present beginning.
    async fn writer(&mut self) -> scribed_media::Result<&mut Box<dyn MediaWriter>> {
        match &mut self.writer {
            Some(writer) => Ok(writer),
            none => Ok(none.insert(self.media.create(&self.key).await?)),
        }
    }

    /// Makes the recording durable, and returns its length in bytes.
    async fn finish(mut self) -> scribed_media::Result<u64> {
        match self.writer.take() {
            Some(writer) => writer.finish().await,
            None => self.media.create(&self.key).await?.finish().await,
        }
    }
}

#[async_trait]
impl Sink for Recorder<'_> {
    async fn begin(&mut self, _length: Option<u64>) -> Result<(), SinkError> {
        if let Some(earlier) = self.writer.take() {
            earlier.abort().await?;
        }
        Ok(())
    }

    async fn write(&mut self, bytes: Bytes) -> Result<(), SinkError> {
        Ok(self.writer().await?.write(bytes).await?)
    }
}
