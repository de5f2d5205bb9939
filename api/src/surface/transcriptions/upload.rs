//! `POST /upload-audiofile`: a recording comes in and becomes a job.
//!
//! Bytes go from the connection to the media store piece by piece. Until the whole body is there
//! the write is abandoned by whatever goes wrong. From then on the work no longer depends on the
//! client: it runs in a task of its own and ends with a job or with nothing left behind.

use http::HeaderMap;
use scribed_engine::{Place, ProbeError, Submission};
use scribed_media::MediaWriter;
use scribed_schemas::id::{AccountId, MediaId};
use scribed_schemas::job::{Job, JobOptions, Priority};
use scribed_schemas::media::Media;
use scribed_store::{IdempotencyKey, Submitted};
use serde_json::json;
use sha2::{Digest, Sha256};
use tracing::Instrument as _;
use warp::Filter;

use crate::Api;
use crate::answer::{Answer, Refusal, Success, respond};
use crate::extract::Caller;
use crate::idempotency;
use crate::limits::Body;
use crate::multipart::{Form, Part, PartKind};
use crate::routes::Route;
use crate::validate::Fault;

/// The part that holds the recording.
const PART: &str = "audiofile";
const RESTRICTED: Refusal = Refusal::Forbidden(
    "Access restricted. Either your role or can_interact is invalid for the action.",
);

/// The route.
pub(super) fn route(api: &Api) -> Route {
    warp::path!("upload-audiofile")
        .and(warp::post())
        .and(api.caller())
        .and(warp::header::headers_cloned())
        .and(api.body())
        .and(api.context())
        .then(handle)
        .map(respond)
        .boxed()
}

/// A recording that came in whole but is not stored for good yet.
#[derive(Debug)]
struct Received {
    media: MediaId,
    key: String,
    file_name: String,
    content_type: String,
    writer: Box<dyn MediaWriter>,
    /// SHA-256 of the bytes, hex.
    fingerprint: String,
}

async fn handle(caller: Answer<Caller>, headers: HeaderMap, body: Body, api: Api) -> Answer {
    let account = caller?.account;
    if !account.can_interact {
        return Err(RESTRICTED);
    }
    let key = idempotency::key(&headers)?;
    // Before the body is read: who is put off need not have sent it.
    let place = api.shared.engine.place().await?.ok_or(Refusal::Crowded)?;
    let form = Form::open(&headers, body, api.shared.config.http.max_upload_bytes)?;
    let Some(form) = form else { return Err(missing()) };
    let received = receive(&api, form).await?;
    let work = accept(api.clone(), account.id, received, key, place);
    api.shared.tasks.spawn(work.in_current_span()).await.unwrap_or_else(|error| {
        tracing::error!(%error, "accepting an upload ended early");
        Err(Refusal::Internal)
    })
}

/// Takes the one recording out of a form.
async fn receive(api: &Api, mut form: Form) -> Answer<Received> {
    let mut received: Option<Received> = None;
    while let Some(mut part) = form.next().await? {
        match part.kind() {
            PartKind::Field if part.name() == PART => {
                let rule = "Expected UploadFile, received: <class 'str'>";
                return Err(Refusal::invalid(Fault::value(&["body", PART], rule)));
            }
            PartKind::Field => part.skip().await?,
            PartKind::File if received.is_some() => return Err(second_file(&part)),
            PartKind::File if part.name() != PART => return Err(missing()),
            PartKind::File => received = Some(store(api, &mut part).await?),
        }
    }
    received.ok_or_else(missing)
}

/// Streams a part into the media store.
async fn store(api: &Api, part: &mut Part<'_>) -> Answer<Received> {
    let media = MediaId(api.shared.engine.new_id());
    let key = media.key();
    let mut writer = api.shared.engine.media().create(&key).await?;
    let mut digest = Sha256::new();
    while let Some(bytes) = part.next().await? {
        digest.update(&bytes);
        writer.write(bytes).await?;
    }
    Ok(Received {
        media,
        key,
        file_name: part.file_name(),
        content_type: part.content_type(),
        writer,
        fingerprint: hex::encode(digest.finalize()),
    })
}

/// Stores a recording for good, looks at it, and makes the job; on any refusal nothing is left.
async fn accept(
    api: Api,
    owner: AccountId,
    received: Received,
    key: Option<String>,
    place: Place,
) -> Answer {
    let Received { media, key: stored, file_name, content_type, writer, fingerprint } = received;
    let size = writer.finish().await?;
    let created = api.shared.engine.now();
    let media = Media { id: media, owner, key: stored, file_name, content_type, size, created };
    let idempotency = key.map(|key| IdempotencyKey { key, fingerprint });
    match submit(&api, &media, idempotency).await {
        Ok(Kept::New(job)) => {
            place.fill();
            answer(&job)
        }
        Ok(Kept::Earlier(job)) => {
            forget(&api, &media).await;
            answer(&job)
        }
        Err(refusal) => {
            forget(&api, &media).await;
            Err(refusal)
        }
    }
}

/// What became of an upload.
enum Kept {
    /// A job of its own.
    New(Job),
    /// It came before; the bytes are there twice.
    Earlier(Job),
}

/// Probes and submits a stored recording.
async fn submit(api: &Api, media: &Media, idempotency: Option<IdempotencyKey>) -> Answer<Kept> {
    if media.size == 0 {
        return Err(unusable("the file is empty"));
    }
    let engine = &api.shared.engine;
    let facts = match engine.probe(&media.key, &media.file_name, &media.content_type).await {
        Ok(facts) => facts,
        Err(ProbeError::Refused(fault)) => return Err(unusable(&fault.message)),
        Err(ProbeError::Engine(error)) => return Err(error.into()),
    };
    let submission = Submission {
        owner: media.owner,
        name: media.file_name.clone(),
        media: media.clone(),
        pipeline: None,
        options: JobOptions::default(),
        priority: Priority::default(),
        facts,
        idempotency,
        one_active: api.shared.config.surface.transcriptions.one_active_job,
    };
    match engine.submit(submission).await? {
        Submitted::Created(job) => Ok(Kept::New(job)),
        Submitted::Existing(job) => Ok(Kept::Earlier(job)),
        Submitted::Conflict => Err(idempotency::used_otherwise()),
        // Clients recognise this case by the first word.
        Submitted::ActiveJob(id) => {
            Err(Refusal::Conflict(format!("Transcription {id} is not finished yet")))
        }
    }
}

/// Deletes the bytes of a recording that did not become a job.
///
/// A store that failed may have made the job all the same; then its recording must stay.
async fn forget(api: &Api, media: &Media) {
    let engine = &api.shared.engine;
    if !matches!(engine.store().media(media.id).await, Ok(None)) {
        return;
    }
    if let Err(error) = engine.media().delete(&media.key).await {
        let error = &error as &dyn std::error::Error;
        tracing::warn!(error, media = %media.id, "a refused recording was not deleted");
    }
}

fn answer(job: &Job) -> Answer {
    Success::json(&json!({
        "message": "File uploaded successfully",
        "task_id": job.id,
        "file": job.name,
    }))
}

fn missing() -> Refusal {
    Refusal::invalid(Fault::missing(&["body", PART]))
}

fn second_file(part: &Part<'_>) -> Refusal {
    let rule = format!("Expected one file, received another: {}", part.file_name());
    Refusal::invalid(Fault::value(&["body", part.name()], &rule))
}

fn unusable(why: &str) -> Refusal {
    Refusal::Malformed(format!("Invalid audio file: {why}"))
}
