//! Additions: recordings that come to jobs that wait for them, as bytes or by a URL.

use scribed_engine::ProbeError;
use scribed_schemas::id::{JobId, MediaId};
use scribed_schemas::job::Job;
use scribed_schemas::media::Media;
use scribed_store::{IdempotencyKey, Supplied, Supply};
use sha2::{Digest, Sha256};
use tracing::Instrument as _;

use super::{Received, forget, probe};
use crate::Api;
use crate::answer::{Answer, Refusal};
use crate::limits::Body;
use crate::multipart::UNNAMED;

/// Why a recording was not added to a job; then nothing of it is left.
#[derive(Debug)]
pub(crate) enum NotAdded {
    /// It is of no use, for this reason.
    Unusable(String),
    /// The job waits for none.
    NotAwaited,
    /// Another job of the owner's has the URL.
    Taken,
    /// Something that has nothing to do with the recording.
    Refused(Refusal),
}

impl<E: Into<Refusal>> From<E> for NotAdded {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

impl NotAdded {
    /// Says what a look at a recording means for it.
    fn of(error: ProbeError) -> Self {
        match error {
            ProbeError::Refused(fault) => Self::Unusable(fault.message),
            ProbeError::Engine(error) => error.into(),
        }
    }
}

/// Streams a body into the media store.
pub(crate) async fn receive(api: &Api, mut body: Body) -> Answer<Received> {
    let media = MediaId(api.shared.engine.new_id());
    let key = media.key();
    let mut writer = api.shared.engine.media().create(&key).await?;
    while let Some(bytes) = body.next().await {
        writer.write(bytes?).await?;
    }
    Ok(Received {
        media,
        key,
        file_name: UNNAMED.to_owned(),
        content_type: String::new(),
        writer,
        // Nobody compares it: the job has one recording.
        fingerprint: String::new(),
    })
}

/// Stores a recording for good, looks at it, and gives it to its job, whether or not the client stays.
pub(crate) async fn add(api: &Api, received: Received, job: JobId) -> Result<Job, NotAdded> {
    let work = keep(api.clone(), received, job);
    api.shared.tasks.spawn(work.in_current_span()).await.unwrap_or_else(|error| {
        tracing::error!(%error, "accepting an upload ended early");
        Err(Refusal::Internal.into())
    })
}

/// Does that; on any refusal nothing is left.
async fn keep(api: Api, received: Received, id: JobId) -> Result<Job, NotAdded> {
    let job = api.shared.engine.store().job(id).await?.ok_or(Refusal::NotFound("Not Found"))?;
    let media = received.stored(&api, job.owner).await?;
    let added = supply(&api, &media, id).await;
    if added.is_err() {
        forget(&api, &media).await;
    }
    added
}

/// Probes a stored recording and gives it to its job.
async fn supply(api: &Api, media: &Media, id: JobId) -> Result<Job, NotAdded> {
    let facts = probe(api, media).await.map_err(NotAdded::of)?;
    let supply = Supply::Media { media: media.clone(), facts, source: None, key: None };
    supplied(api.shared.engine.supply(id, supply).await?)
}

/// Tells a job where its recording is to be fetched; nothing is asked of the URL's host yet.
///
/// One job of an owner has a URL, unless another says that it `shares` it. The first one has it for good,
/// whatever it said.
pub(crate) async fn add_url(
    api: &Api,
    job: &Job,
    url: &str,
    shares: bool,
) -> Result<Job, NotAdded> {
    let engine = &api.shared.engine;
    let shown = engine.outbound().shown(url);
    let shown = shown.map_err(|error| NotAdded::Unusable(error.to_string()))?;
    let fingerprint = hex::encode(Sha256::digest(url));
    let key = IdempotencyKey { key: format!("cielo24:media:{fingerprint}"), fingerprint };
    let supply = |key: Option<IdempotencyKey>| {
        let media = Media {
            id: MediaId(engine.new_id()),
            owner: job.owner,
            key: url.to_owned(),
            file_name: shown.rsplit('/').next().unwrap_or_default().to_owned(),
            content_type: String::new(),
            size: 0,
            created: engine.now(),
        };
        Supply::Media { media, facts: None, source: Some(shown.clone()), key }
    };
    match engine.supply(job.id, supply(Some(key))).await? {
        Supplied::Taken(_) if shares => supplied(engine.supply(job.id, supply(None)).await?),
        other => supplied(other),
    }
}

fn supplied(supplied: Supplied) -> Result<Job, NotAdded> {
    match supplied {
        Supplied::Changed(job) => Ok(job),
        Supplied::Left(_) => Err(NotAdded::NotAwaited),
        Supplied::Taken(_) => Err(NotAdded::Taken),
    }
}
