//! Recordings that come in: from a form to the media store, and from there to a job.
//!
//! Bytes go from the connection to the media store piece by piece. Until the whole body is there
//! the write is abandoned by whatever goes wrong. From then on the work no longer depends on the
//! client: it runs in a task of its own and ends with a job or with nothing left behind.
//!
//! A recording that a URL names is fetched by whoever works on its job; here the URL is looked at only.
//!
//! Every surface that takes recordings takes them here, and says in its own words why one was not taken.

pub(crate) mod addition;

use scribed_engine::{Place, ProbeError, Submission};
use scribed_media::MediaWriter;
use scribed_schemas::audio::MediaFacts;
use scribed_schemas::id::{AccountId, JobId, MediaId};
use scribed_schemas::job::{Fault, FaultCode, Job, JobOptions, Priority};
use scribed_schemas::media::Media;
use scribed_store::{IdempotencyKey, Submitted};
use sha2::{Digest, Sha256};
use tracing::Instrument as _;

use crate::Api;
use crate::answer::{Answer, Refusal};
use crate::multipart::Part;

/// A recording that came in whole but is not stored for good yet.
#[derive(Debug)]
pub(crate) struct Received {
    media: MediaId,
    key: String,
    file_name: String,
    content_type: String,
    writer: Box<dyn MediaWriter>,
    /// SHA-256 of the bytes, hex.
    fingerprint: String,
}

/// What is to become of a recording.
#[derive(Debug)]
pub(crate) struct Order {
    /// Whose it is.
    pub(crate) owner: AccountId,
    /// What was asked for beside.
    pub(crate) options: JobOptions,
    /// The caller's name for the submission.
    pub(crate) key: Option<String>,
    /// Refuse when the owner has a job that is not done.
    pub(crate) one_active: bool,
    /// A place among the jobs that wait.
    pub(crate) place: Place,
}

/// Why a recording did not become a job; then nothing of it is left.
#[derive(Debug)]
pub(crate) enum NotTaken {
    /// It is of no use, for this reason.
    Unusable(String),
    /// The caller's name stands for another recording.
    KeyUsedOtherwise,
    /// This job of the owner's is not done yet.
    ActiveJob(JobId),
    /// Something that has nothing to do with the recording.
    Refused(Refusal),
}

impl<E: Into<Refusal>> From<E> for NotTaken {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

impl NotTaken {
    /// Says what a look at a recording means for it.
    fn of(error: ProbeError) -> Self {
        match error {
            ProbeError::Refused(fault) => Self::Unusable(fault.message),
            ProbeError::Engine(error) => error.into(),
        }
    }
}

/// Streams a part of a form into the media store.
pub(crate) async fn receive(api: &Api, part: &mut Part<'_>) -> Answer<Received> {
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

/// Makes the job of a recording that is to be fetched, whether or not the client stays.
pub(crate) async fn accept_url(api: &Api, url: String, order: Order) -> Result<Job, NotTaken> {
    let work = take_url(api.clone(), url, order);
    api.shared.tasks.spawn(work.in_current_span()).await.unwrap_or_else(|error| {
        tracing::error!(%error, "accepting a URL ended early");
        Err(Refusal::Internal.into())
    })
}

/// Does that; nothing is asked of the URL's host yet.
async fn take_url(api: Api, url: String, order: Order) -> Result<Job, NotTaken> {
    let Order { owner, options, key, one_active, place } = order;
    let engine = &api.shared.engine;
    let shown = engine.outbound().shown(&url);
    let shown = shown.map_err(|error| NotTaken::Unusable(error.to_string()))?;
    let idempotency =
        key.map(|key| IdempotencyKey { key, fingerprint: hex::encode(Sha256::digest(&url)) });
    let media = Media {
        id: MediaId(engine.new_id()),
        owner,
        key: url,
        file_name: shown.rsplit('/').next().unwrap_or_default().to_owned(),
        content_type: String::new(),
        size: 0,
        created: engine.now(),
    };
    let submission = Submission {
        owner,
        name: media.file_name.clone(),
        media,
        pipeline: None,
        options: JobOptions { source: Some(shown), ..options },
        priority: Priority::default(),
        facts: None,
        idempotency,
        one_active,
    };
    match engine.submit(submission).await? {
        Submitted::Created(job) => {
            place.fill();
            Ok(job)
        }
        Submitted::Existing(job) => Ok(job),
        Submitted::Conflict => Err(NotTaken::KeyUsedOtherwise),
        Submitted::ActiveJob(id) => Err(NotTaken::ActiveJob(id)),
    }
}

/// Stores a recording for good, looks at it, and makes its job, whether or not the client stays.
pub(crate) async fn accept(api: &Api, received: Received, order: Order) -> Result<Job, NotTaken> {
    let work = keep(api.clone(), received, order);
    api.shared.tasks.spawn(work.in_current_span()).await.unwrap_or_else(|error| {
        tracing::error!(%error, "accepting an upload ended early");
        Err(Refusal::Internal.into())
    })
}

/// Does that; on any refusal nothing is left.
async fn keep(api: Api, received: Received, order: Order) -> Result<Job, NotTaken> {
    let Order { owner, options, key, one_active, place } = order;
    let fingerprint = received.fingerprint.clone();
    let media = received.stored(&api, owner).await?;
    let idempotency = key.map(|key| IdempotencyKey { key, fingerprint });
    match submit(&api, &media, options, idempotency, one_active).await {
        Ok(Kept::New(job)) => {
            place.fill();
            Ok(job)
        }
        Ok(Kept::Earlier(job)) => {
            forget(&api, &media).await;
            Ok(job)
        }
        Err(why) => {
            forget(&api, &media).await;
            Err(why)
        }
    }
}

impl Received {
    /// Stores it for good.
    async fn stored(self, api: &Api, owner: AccountId) -> Answer<Media> {
        let Self { media, key, file_name, content_type, writer, .. } = self;
        let size = writer.finish().await?;
        let created = api.shared.engine.now();
        Ok(Media { id: media, owner, key, file_name, content_type, size, created })
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
async fn submit(
    api: &Api,
    media: &Media,
    options: JobOptions,
    idempotency: Option<IdempotencyKey>,
    one_active: bool,
) -> Result<Kept, NotTaken> {
    let facts = probe(api, media).await.map_err(NotTaken::of)?;
    let submission = Submission {
        owner: media.owner,
        name: media.file_name.clone(),
        media: media.clone(),
        pipeline: None,
        options,
        priority: Priority::default(),
        facts,
        idempotency,
        one_active,
    };
    match api.shared.engine.submit(submission).await? {
        Submitted::Created(job) => Ok(Kept::New(job)),
        Submitted::Existing(job) => Ok(Kept::Earlier(job)),
        Submitted::Conflict => Err(NotTaken::KeyUsedOtherwise),
        Submitted::ActiveJob(id) => Err(NotTaken::ActiveJob(id)),
    }
}

/// Looks at a stored recording: what it is, as far as that shows at its beginning.
async fn probe(api: &Api, media: &Media) -> Result<Option<MediaFacts>, ProbeError> {
    if media.size == 0 {
        let message = "the file is empty".to_owned();
        return Err(ProbeError::Refused(Fault { code: FaultCode::Undecodable, message }));
    }
    api.shared.engine.probe(&media.key, &media.file_name, &media.content_type).await
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
