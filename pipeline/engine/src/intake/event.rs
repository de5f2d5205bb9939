//! One upload event: checked, its recording stored, its job made.
//!
//! Whoever may write to the topic is trusted to name owners and keys; the checks here are against
//! mistakes.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use scribed_bus::Message;
use scribed_media::InboxError;
use scribed_outbound::ErrorKind;
use scribed_schemas::account::Account;
use scribed_schemas::callback::{Callback, CallbackStyle};
use scribed_schemas::event::{MediaSource, UPLOAD_SCHEMA, UploadEvent};
use scribed_schemas::id::{JobId, MediaId};
use scribed_schemas::job::JobOptions;
use scribed_schemas::media::Media;
use scribed_store::{IdempotencyKey, Submitted};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::envelope;
use crate::engine::{Engine, Submission};
use crate::error::Error;

/// Longest id of a producer, in characters.
pub(super) const LONGEST_ID: usize = 200;
/// Most bytes of a recording inside an event.
pub(super) const MOST_INLINE_BYTES: usize = 512 * 1024;

/// Every reason for which an event is refused for good.
pub(crate) const REASONS: [&str; 14] = [
    "malformed",
    "unknown_schema",
    "no_such_owner",
    "owner_inactive",
    "no_such_pipeline",
    "forbidden_callback",
    "unsupported_callback",
    "media_gone",
    "not_allowed",
    "too_large",
    "id_conflict",
    "active_job",
    ErrorKind::UnsupportedUrl.word(),
    ErrorKind::Forbidden.word(),
];

/// A job that stands for an event.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken {
    pub(super) job: JobId,
    pub(super) is_terminal: bool,
}

/// Why an event is not a job.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It never will be.
    Bad {
        /// Stable word.
        reason: &'static str,
        /// One sentence for a person.
        detail: String,
    },
    /// Something that the intake needs is away; try again.
    Away(Error),
}

/// Makes the job of an event, or finds the one that it made before.
pub(super) async fn take(engine: &Engine, message: &Message) -> Result<Taken, Refusal> {
    let event = parse(message)?;
    let owner = owner(engine, &event).await?;
    // Before anything is stored for it.
    engine.plans().plan(event.pipeline.as_deref()).map_err(submit_refusal)?;
    let callback = callback(engine, &event)?;
    let digest = digest(&event);
    let Brought { media, recording, copy } = bring(engine, &event, &owner, &digest).await?;
    let name = event.name.clone().unwrap_or_else(|| event.id.clone());
    let submission = Submission {
        owner: owner.id,
        name,
        media,
        pipeline: event.pipeline,
        options: JobOptions {
            language: event.language,
            upload: Some(event.id.clone()),
            reference: event.reference,
            callback,
            ..JobOptions::default()
        },
        priority: event.priority,
        facts: None,
        idempotency: Some(IdempotencyKey {
            key: event.id.clone(),
            fingerprint: format!("{recording}:{digest}"),
        }),
        one_active: false,
    };
    let submitted = engine.submit(submission).await.map_err(submit_refusal);
    if let Some(copy) = copy
        && is_left_over(engine, &copy, &submitted).await
    {
        discard(engine, &copy).await;
    }
    match submitted? {
        Submitted::Created(job) | Submitted::Existing(job) => {
            Ok(Taken { job: job.id, is_terminal: job.state.is_terminal() })
        }
        Submitted::Conflict => Err(bad(
            "id_conflict",
            format!("the id {:?} of {} stands for another submission", event.id, event.owner),
        )),
        // Events never ask to be the only job; an owner's other jobs do not stand in the way.
        Submitted::ActiveJob(job) => Err(bad("active_job", format!("job {job} is not done yet"))),
    }
}

/// Returns what tells one event from another under the same id: everything that it says, whatever its
/// envelope and the order of its members.
pub(super) fn digest(event: &UploadEvent) -> String {
    // A shape of texts alone can always be written.
    let canonical = serde_json::to_vec(event).unwrap_or_default();
    hex::encode(Sha256::digest(canonical))
}

/// Reads an event, and refuses what never will be one.
pub(super) fn parse(message: &Message) -> Result<UploadEvent, Refusal> {
    let document = envelope::open(message).map_err(|detail| bad("malformed", detail))?;
    // The version decides how to read the rest, so it is looked at first.
    let schema = document.get("schema").and_then(Value::as_str).unwrap_or("none");
    if schema != UPLOAD_SCHEMA {
        let detail = format!("the event's schema is {schema}, this daemon reads {UPLOAD_SCHEMA}");
        return Err(bad("unknown_schema", detail));
    }
    let event = serde_json::from_value::<UploadEvent>(Value::Object(document));
    let event = event.map_err(|error| bad("malformed", error.to_string()))?;
    let characters = event.id.chars().count();
    if characters == 0 || characters > LONGEST_ID {
        let detail = format!("the id has {characters} characters; allowed are 1 to {LONGEST_ID}");
        return Err(bad("malformed", detail));
    }
    Ok(event)
}

async fn owner(engine: &Engine, event: &UploadEvent) -> Result<Account, Refusal> {
    let account = engine.store().account_by_name(&event.owner).await.map_err(away)?;
    match account {
        Some(account) if account.active => Ok(account),
        Some(_) => {
            Err(bad("owner_inactive", format!("the account {} is switched off", event.owner)))
        }
        None => Err(bad("no_such_owner", format!("there is no account {}", event.owner))),
    }
}

/// Returns who is to be called when the job has ended, as far as the address can be called.
fn callback(engine: &Engine, event: &UploadEvent) -> Result<Option<Callback>, Refusal> {
    let Some(named) = &event.callback else { return Ok(None) };
    engine.outbound().check_call(&named.url).map_err(|error| match error.kind {
        ErrorKind::Forbidden => bad("forbidden_callback", error.to_string()),
        _ => bad("unsupported_callback", error.to_string()),
    })?;
    let (url, style) = (named.url.clone(), CallbackStyle::Scribed);
    Ok(Some(Callback { url, style, headers: BTreeMap::new() }))
}

/// The recording of an event.
#[derive(Debug)]
struct Brought {
    media: Media,
    /// SHA-256 of its bytes, hex, which is what an upload over HTTP is known by; empty where the bytes
    /// were not seen here.
    recording: String,
    /// Its key, where the bytes were stored for this event alone.
    copy: Option<String>,
}

/// Finds or stores the recording of an event.
async fn bring(
    engine: &Engine,
    event: &UploadEvent,
    owner: &Account,
    digest: &str,
) -> Result<Brought, Refusal> {
    let mut recording = String::new();
    let (key, size) = match &event.media {
        MediaSource::Key(key) => (key.clone(), size_of(engine, key).await?),
        MediaSource::Data(data) => {
            let bytes = inline(data)?;
            recording = hex::encode(Sha256::digest(&bytes));
            store_inline(engine, bytes, digest).await?
        }
        MediaSource::File(url) => copy_file(engine, url, digest).await?,
        // Whoever works on the job fetches it; what its text tells is told here.
        MediaSource::Url(url) => {
            let checked = engine.outbound().check(url);
            checked.map_err(|error| bad(error.kind.word(), error.to_string()))?;
            (url.clone(), 0)
        }
    };
    let is_copy = matches!(event.media, MediaSource::Data(_) | MediaSource::File(_));
    let copy = is_copy.then(|| key.clone());
    let media = Media {
        id: MediaId(engine.new_id()),
        owner: owner.id,
        key,
        file_name: event.name.clone().unwrap_or_default(),
        content_type: String::new(),
        size,
        created: engine.now(),
    };
    Ok(Brought { media, recording, copy })
}

/// Returns whether the copy of a recording is nobody's after its submission: there is no job, or the
/// job came another way and has a recording of its own.
async fn is_left_over(engine: &Engine, copy: &str, submitted: &Result<Submitted, Refusal>) -> bool {
    match submitted {
        Ok(Submitted::Created(_)) | Err(Refusal::Away(_)) => false,
        Ok(Submitted::Existing(job)) => match job.media {
            Some(media) => {
                let media = engine.store().media(media).await;
                matches!(media, Ok(Some(media)) if media.key != copy)
            }
            None => false,
        },
        Ok(_) | Err(Refusal::Bad { .. }) => true,
    }
}

async fn discard(engine: &Engine, copy: &str) {
    if let Err(error) = engine.media().delete(copy).await {
        tracing::warn!(%error, key = copy, "the recording of a refused event was not deleted");
    }
}

async fn size_of(engine: &Engine, key: &str) -> Result<u64, Refusal> {
    let gone = |detail: String| bad("media_gone", detail);
    match engine.media().open(key).await {
        Ok(reader) => Ok(reader.len()),
        Err(error) if error.kind == scribed_media::ErrorKind::NotFound => {
            Err(gone(format!("there is no recording under {key:?}")))
        }
        Err(error) if error.kind == scribed_media::ErrorKind::BadKey => {
            Err(gone(format!("{key:?} is not a key")))
        }
        Err(error) => Err(Refusal::Away(error.into())),
    }
}

/// Reads the recording inside an event.
pub(super) fn inline(data: &str) -> Result<Bytes, Refusal> {
    let limit = format!("a recording inside an event has at most {MOST_INLINE_BYTES} bytes");
    if data.len() / 4 * 3 > MOST_INLINE_BYTES + 3 {
        return Err(bad("too_large", limit));
    }
    let bytes = BASE64_STANDARD.decode(data);
    let bytes = bytes.map_err(|error| bad("malformed", format!("media.data: {error}")))?;
    if bytes.len() > MOST_INLINE_BYTES {
        return Err(bad("too_large", limit));
    }
    Ok(Bytes::from(bytes))
}

/// Stores the recording inside an event.
///
/// The key follows from what the event says, so a repeat writes the same again and leaves nothing over.
async fn store_inline(
    engine: &Engine,
    bytes: Bytes,
    digest: &str,
) -> Result<(String, u64), Refusal> {
    let key = format!("events/{digest}");
    let away = |error: scribed_media::Error| Refusal::Away(error.into());
    let mut writer = engine.media().create(&key).await.map_err(away)?;
    writer.write(bytes).await.map_err(away)?;
    let size = writer.finish().await.map_err(away)?;
    Ok((key, size))
}

/// Returns the size of a copy that an earlier delivery of the event made.
async fn copied(engine: &Engine, key: &str) -> Result<Option<u64>, Refusal> {
    match engine.media().open(key).await {
        Ok(copy) => Ok(Some(copy.len())),
        Err(error) if error.kind == scribed_media::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Refusal::Away(error.into())),
    }
}

/// Stores a file that an event names, under a key as [`store_inline`]'s.
async fn copy_file(engine: &Engine, url: &str, digest: &str) -> Result<(String, u64), Refusal> {
    let key = format!("events/{digest}");
    if let Some(size) = copied(engine, &key).await? {
        return Ok((key, size));
    }
    match engine.inbox().copy(url, engine.media().as_ref(), &key).await {
        Ok(size) => Ok((key, size)),
        Err(InboxError::Store(error)) => Err(Refusal::Away(error.into())),
        Err(error @ InboxError::NotAFileUrl { .. }) => Err(bad("malformed", error.to_string())),
        Err(error @ InboxError::Outside { .. }) => Err(bad("not_allowed", error.to_string())),
        Err(error @ InboxError::TooLarge { .. }) => Err(bad("too_large", error.to_string())),
        Err(error @ InboxError::Unreadable { .. }) => Err(bad("media_gone", error.to_string())),
    }
}

fn submit_refusal(error: Error) -> Refusal {
    match error {
        Error::NoSuchPipeline { .. } => bad("no_such_pipeline", error.to_string()),
        error => Refusal::Away(error),
    }
}

fn bad(reason: &'static str, detail: String) -> Refusal {
    Refusal::Bad { reason, detail }
}

fn away(error: scribed_store::Error) -> Refusal {
    Refusal::Away(error.into())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_reason_is_left_out() {
        let code = include_str!("event.rs").split("\nmod tests").next().unwrap();
        let word = |rest: &'static str| rest.trim_start().strip_prefix('"')?.split('"').next();
        let named = code.split("bad(").filter_map(word);
        let of_urls = [ErrorKind::UnsupportedUrl, ErrorKind::Forbidden].map(ErrorKind::word);
        let named: BTreeSet<&str> = named.chain(of_urls).collect();
        assert_eq!(named, REASONS.into_iter().collect());
    }
}
