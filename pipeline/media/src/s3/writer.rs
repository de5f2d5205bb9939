//! An upload: parts go out while bytes come in.

use async_trait::async_trait;
use bytes::Bytes;
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, MultipartUpload, ObjectStore, ObjectStoreExt, PutMultipartOptions,
    PutPayload,
};
use tokio::task::{JoinError, JoinSet};

use super::S3Media;
use super::failure::Failure;
use crate::error::{ErrorKind, Result};
use crate::store::MediaWriter;

/// Most parts of an upload ("Amazon S3 multipart upload limits", Amazon S3 User Guide).
const MOST_PARTS: u64 = 10_000;

/// Metadata of an object that tells which write made it.
const MARK: Attribute = Attribute::Metadata(std::borrow::Cow::Borrowed("scribed-write"));

/// A write in progress.
#[derive(Debug)]
pub(super) struct S3Writer {
    media: S3Media,
    key: String,
    path: Path,
    /// Bytes that wait until a part is full.
    waiting: Vec<Bytes>,
    waiting_bytes: usize,
    written: u64,
    /// Absent until the first part is full, so that a small recording is one request.
    upload: Option<Upload>,
}

/// An upload that the service knows of.
#[derive(Debug)]
struct Upload {
    service: Box<dyn MultipartUpload>,
    /// Parts on their way.
    parts: JoinSet<object_store::Result<()>>,
    begun: u64,
    /// Tells our object from another under the same key.
    mark: String,
}

impl S3Writer {
    /// Begins a write; nothing is asked of the service yet.
    pub(super) fn new(media: S3Media, key: &str) -> Self {
        let path = media.path(key);
        Self {
            media,
            key: key.to_owned(),
            path,
            waiting: Vec::new(),
            waiting_bytes: 0,
            written: 0,
            upload: None,
        }
    }

    /// Takes what waits.
    fn payload(&mut self) -> PutPayload {
        self.waiting_bytes = 0;
        std::mem::take(&mut self.waiting).into_iter().collect()
    }

    fn wait(&mut self, bytes: Bytes) {
        self.waiting_bytes += bytes.len();
        self.waiting.push(bytes);
    }

    /// Sends what waits as a part, once fewer than the most are on their way.
    ///
    /// The upload stays with the writer while this waits: whoever drops the call drops the writer
    /// next, which must find it.
    async fn send(&mut self) -> std::result::Result<(), Failure> {
        if self.upload.is_none() {
            self.upload = Some(self.begin().await?);
        }
        let most = self.media.0.config.parts();
        while let Some(upload) = self.upload.as_mut().filter(|u| u.parts.len() >= most) {
            upload.one_arrives().await?;
        }
        let payload = self.payload();
        let Some(upload) = self.upload.as_mut() else { return Ok(()) };
        if upload.begun == MOST_PARTS {
            return Err(Failure::new(
                ErrorKind::Misconfigured,
                format!("the recording has more than {MOST_PARTS} parts; raise media.s3.part_mib"),
            ));
        }
        let part = upload.service.put_part(payload);
        upload.parts.spawn_on(part, self.media.0.io.handle());
        upload.begun += 1;
        Ok(())
    }

    /// Tells the service of the upload.
    async fn begin(&mut self) -> std::result::Result<Upload, Failure> {
        let mark = format!("{:016x}", rand::random::<u64>());
        let attributes = Attributes::from_iter([(MARK, mark.clone())]);
        let options = PutMultipartOptions::from(attributes);
        let begun = self.media.0.store.put_multipart_opts(&self.path, options).await;
        let service = begun.map_err(|error| unfinished(&error))?;
        Ok(Upload { service, parts: JoinSet::new(), begun: 0, mark })
    }

    async fn complete(&mut self) -> std::result::Result<(), Failure> {
        if self.upload.is_none() {
            let payload = self.payload();
            let put = self.media.0.store.put(&self.path, payload).await;
            return put.map(|_| ()).map_err(|error| unfinished(&error));
        }
        if self.waiting_bytes > 0 {
            self.send().await?;
        }
        let Some(upload) = self.upload.as_mut() else { return Ok(()) };
        while !upload.parts.is_empty() {
            upload.one_arrives().await?;
        }
        let completed = upload.service.complete().await;
        let mark = upload.mark.clone();
        let Err(error) = completed else {
            self.upload = None;
            return Ok(());
        };
        // The answer may have been lost after the object was made, or the repetition of the request
        // have found the upload gone for that reason.
        if is_there(&self.media, &self.path, &mark).await {
            self.upload = None;
            return Ok(());
        }
        Err(unfinished(&error))
    }

    /// Lets the service forget the upload, also when nobody waits for that any more.
    async fn give_up(&mut self) -> std::result::Result<(), Failure> {
        let Some(upload) = self.upload.take() else { return Ok(()) };
        let given_up = self.media.0.io.handle().spawn(upload.give_up());
        given_up.await.unwrap_or_else(|error| Err(ended(&error)))
    }
}

impl Upload {
    /// Waits until a part has arrived, of those on their way.
    async fn one_arrives(&mut self) -> std::result::Result<(), Failure> {
        match self.parts.join_next().await {
            None | Some(Ok(Ok(()))) => Ok(()),
            Some(Ok(Err(error))) => Err(unfinished(&error)),
            Some(Err(error)) => Err(ended(&error)),
        }
    }

    async fn give_up(mut self) -> std::result::Result<(), Failure> {
        // A part that arrives after the end of its upload would stay.
        self.parts.shutdown().await;
        match self.service.abort().await {
            Ok(()) => Ok(()),
            Err(error) => match Failure::of(&error) {
                // It is gone already.
                Failure { kind: ErrorKind::NotFound, .. } => Ok(()),
                failure => Err(failure),
            },
        }
    }
}

#[async_trait]
impl MediaWriter for S3Writer {
    async fn write(&mut self, mut bytes: Bytes) -> Result<()> {
        let part = self.media.0.config.part_bytes();
        self.written += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        // Parts are cut to the same size: some services insist on it.
        while self.waiting_bytes + bytes.len() >= part {
            let rest = bytes.split_off(part - self.waiting_bytes);
            self.wait(bytes);
            bytes = rest;
            let sent = self.send().await;
            sent.map_err(|failure| failure.while_trying(format!("write {}", self.key)))?;
        }
        if !bytes.is_empty() {
            self.wait(bytes);
        }
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<u64> {
        let Err(failure) = self.complete().await else { return Ok(self.written) };
        // Dropping would do it as well, but later.
        if let Err(failure) = self.give_up().await {
            left_behind(&self.key, &failure);
        }
        Err(failure.while_trying(format!("write {}", self.key)))
    }

    async fn abort(mut self: Box<Self>) -> Result<()> {
        let given_up = self.give_up().await;
        given_up.map_err(|failure| failure.while_trying(format!("give up writing {}", self.key)))
    }
}

impl Drop for S3Writer {
    fn drop(&mut self) {
        let Some(upload) = self.upload.take() else { return };
        // The store goes along: the thread must not end before this is done.
        let (media, key) = (self.media.clone(), self.key.clone());
        let handle = media.0.io.handle().clone();
        handle.spawn(async move {
            if let Err(failure) = upload.give_up().await {
                left_behind(&key, &failure);
            }
            drop(media);
        });
    }
}

/// Returns whether the object at a place is the one that the write of a mark made.
async fn is_there(media: &S3Media, path: &Path, mark: &str) -> bool {
    let found = media.head(path).await;
    found.is_ok_and(|found| found.attributes.get(&MARK).is_some_and(|made| &**made == mark))
}

fn left_behind(key: &str, failure: &Failure) {
    tracing::warn!(key, %failure, "parts of an abandoned upload stay until they are swept");
}

/// Reads why an upload failed; a missing upload is no missing recording.
fn unfinished(error: &object_store::Error) -> Failure {
    let failure = Failure::of(error);
    match failure.kind {
        ErrorKind::NotFound => failure.of_kind(ErrorKind::Unavailable),
        _ => failure,
    }
}

/// Says that the thread of the store ended.
fn ended(error: &JoinError) -> Failure {
    Failure::new(ErrorKind::Unavailable, format!("the upload was ended: {error}"))
}
