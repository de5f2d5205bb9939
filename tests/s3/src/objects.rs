//! The operations: `s3s-fs` does them, and this adds what it leaves out.
//!
//! Added are the list of unfinished uploads, the condition `If-Match`, and two errors: a folder is no
//! object, and what is not in a bucket is not there.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream;
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput,
    CompleteMultipartUploadOutput, CreateMultipartUploadInput, CreateMultipartUploadOutput,
    DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, ETag,
    ETagCondition, GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput,
    ListMultipartUploadsInput, ListMultipartUploadsOutput, ListObjectsV2Input, ListObjectsV2Output,
    MultipartUpload, PutObjectInput, PutObjectOutput, StreamingBlob, Timestamp, UploadPartInput,
    UploadPartOutput,
};
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;

use crate::faults::{Fault, Operation, Script};

/// Uploads that one page of their list has: few, so that lists have several.
const PAGE: usize = 2;

/// Objects in a folder, one folder a bucket.
#[derive(Debug)]
pub struct Objects {
    files: FileSystem,
    root: PathBuf,
    script: Arc<Script>,
}

impl Objects {
    /// Serves what is below a folder.
    pub(crate) fn new(root: &Path, script: Arc<Script>) -> Self {
        let files = FileSystem::new(root).expect("the folder is there");
        Self { files, root: root.to_owned(), script }
    }

    /// Counts a request for a bucket, which must be there.
    async fn admit(&self, operation: Operation, bucket: &str) -> S3Result<Option<Fault>> {
        let fault = self.script.admit(operation).await?;
        if !self.root.join(bucket).is_dir() {
            return Err(s3_error!(NoSuchBucket, "The specified bucket does not exist"));
        }
        Ok(fault)
    }

    /// Insists on an object.
    fn object(&self, bucket: &str, key: &str) -> S3Result<()> {
        let is_there = self.root.join(bucket).join(key).is_file();
        if is_there { Ok(()) } else { Err(s3_error!(NoSuchKey)) }
    }
}

/// Insists on a condition about the present content.
fn insist(condition: Option<&ETagCondition>, present: Option<&ETag>) -> S3Result<()> {
    match (condition.and_then(ETagCondition::as_etag), present) {
        (Some(wanted), Some(present)) if !wanted.strong_cmp(present) => {
            Err(s3_error!(PreconditionFailed))
        }
        _ => Ok(()),
    }
}

/// Returns an answer, unless it is to be lost.
fn answer<T>(output: S3Response<T>, fault: Option<Fault>) -> S3Result<S3Response<T>> {
    if fault == Some(Fault::Lost) { Err(s3_error!(InternalError)) } else { Ok(output) }
}

/// Cuts a body in the middle of its first piece.
fn cut(body: StreamingBlob) -> StreamingBlob {
    let broken = || stream::once(async { Err(io::Error::from(io::ErrorKind::ConnectionReset)) });
    let half = |piece: Bytes| piece.slice(..piece.len() / 2);
    let whole = body.take(1).map(move |piece| piece.map(half).map_err(io::Error::other));
    StreamingBlob::wrap(whole.chain(broken()))
}

#[async_trait::async_trait]
impl S3 for Objects {
    async fn get_object(
        &self,
        req: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        let fault = self.admit(Operation::Get, &req.input.bucket).await?;
        self.object(&req.input.bucket, &req.input.key)?;
        let condition = req.input.if_match.clone();
        let mut got = self.files.get_object(req).await?;
        insist(condition.as_ref(), got.output.e_tag.as_ref())?;
        if fault == Some(Fault::Cut) {
            got.output.body = got.output.body.map(cut);
        }
        answer(got, fault)
    }

    async fn head_object(
        &self,
        req: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let fault = self.admit(Operation::Head, &req.input.bucket).await?;
        self.object(&req.input.bucket, &req.input.key)?;
        answer(self.files.head_object(req).await?, fault)
    }

    async fn put_object(
        &self,
        req: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let fault = self.admit(Operation::Put, &req.input.bucket).await?;
        answer(self.files.put_object(req).await?, fault)
    }

    async fn delete_object(
        &self,
        req: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let fault = self.admit(Operation::Delete, &req.input.bucket).await?;
        // What is not there is deleted already.
        if self.object(&req.input.bucket, &req.input.key).is_err() {
            return Ok(S3Response::new(DeleteObjectOutput::default()));
        }
        answer(self.files.delete_object(req).await?, fault)
    }

    async fn delete_objects(
        &self,
        req: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let fault = self.admit(Operation::Delete, &req.input.bucket).await?;
        answer(self.files.delete_objects(req).await?, fault)
    }

    async fn list_objects_v2(
        &self,
        req: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let fault = self.admit(Operation::List, &req.input.bucket).await?;
        answer(self.files.list_objects_v2(req).await?, fault)
    }

    async fn create_multipart_upload(
        &self,
        req: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let fault = self.admit(Operation::Begin, &req.input.bucket).await?;
        let key = req.input.key.clone();
        let begun = self.files.create_multipart_upload(req).await?;
        let id = begun.output.upload_id.clone().unwrap_or_default();
        self.script.begun(key, id);
        answer(begun, fault)
    }

    async fn upload_part(
        &self,
        req: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        let _on_its_way = self.script.part_begins();
        let fault = self.admit(Operation::Part, &req.input.bucket).await?;
        answer(self.files.upload_part(req).await?, fault)
    }

    async fn complete_multipart_upload(
        &self,
        req: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let fault = self.admit(Operation::Complete, &req.input.bucket).await?;
        let id = req.input.upload_id.clone();
        if !self.script.unfinished().iter().any(|upload| upload.id == id) {
            return Err(s3_error!(NoSuchUpload));
        }
        let completed = self.files.complete_multipart_upload(req).await?;
        self.script.ended(&id);
        answer(completed, fault)
    }

    async fn abort_multipart_upload(
        &self,
        req: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let fault = self.admit(Operation::Abort, &req.input.bucket).await?;
        let id = req.input.upload_id.clone();
        if !self.script.unfinished().iter().any(|upload| upload.id == id) {
            return Err(s3_error!(NoSuchUpload));
        }
        let aborted = self.files.abort_multipart_upload(req).await?;
        self.script.ended(&id);
        answer(aborted, fault)
    }

    async fn list_multipart_uploads(
        &self,
        req: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        let fault = self.admit(Operation::Unfinished, &req.input.bucket).await?;
        let input = req.input;
        let prefix = input.prefix.clone().unwrap_or_default();
        let after = (
            input.key_marker.clone().unwrap_or_default(),
            input.upload_id_marker.clone().unwrap_or_default(),
        );
        let mut rest = self.script.unfinished();
        rest.retain(|upload| {
            upload.key.starts_with(&prefix) && (&upload.key, &upload.id) > (&after.0, &after.1)
        });
        let last = rest.get(PAGE - 1).filter(|_| rest.len() > PAGE);
        let output = ListMultipartUploadsOutput {
            bucket: Some(input.bucket),
            is_truncated: Some(last.is_some()),
            next_key_marker: last.map(|upload| upload.key.clone()),
            next_upload_id_marker: last.map(|upload| upload.id.clone()),
            uploads: Some(rest.iter().take(PAGE).map(listed).collect()),
            ..Default::default()
        };
        answer(S3Response::new(output), fault)
    }
}

fn listed(upload: &crate::faults::Upload) -> MultipartUpload {
    MultipartUpload {
        key: Some(upload.key.clone()),
        upload_id: Some(upload.id.clone()),
        initiated: Some(Timestamp::from(upload.begun)),
        ..Default::default()
    }
}
