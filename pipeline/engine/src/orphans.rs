//! Orphans: uploaded recordings that no job has, because somebody crashed between storing one and making
//! its job, or could not delete one that was refused.
//!
//! The bytes of an upload are stored first, and its job is made after, so a recording without a job may
//! be about to get one, on any host. It is removed when it was seen without a job twice, with the whole
//! age between: no clock is compared with another, and nothing hangs on what a media store says of times.
//! [`in_time`] makes sure that no job comes later than that.
//!
//! Where most recordings seem to be orphans, the database is another than theirs: a wrong keyspace, an old
//! copy. Then none is removed, and the log says so.
//!
//! Recordings of upload events are left alone: an event comes again until its job is there, and a
//! producer may store the recording long before it sends the event.

use std::time::Duration;

use futures_util::StreamExt;
use scribed_media::{Error as MediaError, ErrorKind};
use scribed_schemas::id::MediaId;
use scribed_schemas::media::{Media, RECORDINGS};
use scribed_schemas::time::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::engine::Engine;
use crate::error::Result;

/// How often a daemon that runs for long looks again.
const LOOK: Duration = Duration::from_secs(24 * 60 * 60);
/// Most orphans that are held in mind; the others are found by the next look, which follows at once.
const MOST: usize = 10_000;
/// Fewer orphans than this are believed, however few recordings there are.
const FEW: usize = 10;

/// Refuses a recording whose job comes so late that the recording may be taken for an orphan.
pub(crate) fn in_time(engine: &Engine, media: &Media, now: Timestamp) -> Result<()> {
    let waited = now.since(media.created);
    match engine.config().orphan_age() {
        Some(age) if waited >= age / 2 && MediaId::of_key(&media.key).is_some() => {
            let attempt = format!("make a job of {} after {} s", media.key, waited.as_secs());
            Err(MediaError::new(ErrorKind::Unavailable, attempt).into())
        }
        _ => Ok(()),
    }
}

/// Looks for orphans and removes them, until `stop`.
pub(crate) async fn run(engine: &Engine, stop: &CancellationToken) {
    let work = async {
        let Some(age) = engine.config().orphan_age() else { return };
        loop {
            let found = find(engine).await;
            if !found.is_empty() {
                tokio::time::sleep(age).await;
                remove(engine, &found).await;
            }
            if found.len() < MOST {
                tokio::time::sleep(LOOK).await;
            }
        }
    };
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        // Where orphans are kept there is nothing to do, and a part of a daemon lives as long as it.
        () = async { work.await; stop.cancelled().await } => {}
    }
}

/// Lists recordings that no job has now.
async fn find(engine: &Engine) -> Vec<MediaId> {
    let (mut found, mut seen) = (Vec::new(), 0_usize);
    let mut keys = engine.media().keys(RECORDINGS);
    while let Some(key) = keys.next().await {
        match key {
            Ok(key) => {
                if let Some(id) = MediaId::of_key(&key) {
                    seen += 1;
                    if is_orphan(engine, id).await {
                        found.push(id);
                    }
                }
            }
            Err(error) => {
                tracing::warn!(%error, "cannot look for recordings that no job has");
                return found;
            }
        }
        if found.len() >= MOST {
            break;
        }
    }
    believed(found, seen)
}

/// Returns the orphans, unless they are too many among the recordings that were seen to be true.
fn believed(found: Vec<MediaId>, seen: usize) -> Vec<MediaId> {
    if found.len() < FEW || found.len() <= seen / 2 {
        return found;
    }
    tracing::error!(
        found = found.len(),
        of = seen,
        "most recordings have no job in this database; none is removed: is it the database that belongs to \
         them?"
    );
    Vec::new()
}

/// Removes those that still have no job.
async fn remove(engine: &Engine, found: &[MediaId]) {
    let mut removed = 0_usize;
    for id in found {
        if !is_orphan(engine, *id).await {
            continue;
        }
        match engine.media().delete(&id.key()).await {
            Ok(()) => removed += 1,
            Err(error) => tracing::warn!(%error, "a recording that no job has stays for now"),
        }
    }
    if removed > 0 {
        tracing::info!(removed, "removed recordings that no job had");
    }
}

/// Returns whether it is certain that a recording has no job: a store that is away knows nothing.
async fn is_orphan(engine: &Engine, id: MediaId) -> bool {
    matches!(engine.store().media(id).await, Ok(None))
}
