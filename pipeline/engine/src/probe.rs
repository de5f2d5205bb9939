//! Probes: a look at the beginning of a recording before anybody is promised anything.
//!
//! The first stage of the default pipeline gets the recording behind a reader that allows so many bytes
//! and then fails. What the stage says then is not the recording's fault and is ignored.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use scribed_media::MediaReader;
use scribed_schemas::audio::MediaFacts;
use tracing::Instrument as _;

use crate::cancel::CancelFlag;
use crate::engine::Engine;
use crate::error::{Error, ProbeError};
use crate::plan::Options;
use crate::runner::{Reason, Recording, RunError, Watch};
use crate::spans;

/// See [`Engine::probe`].
pub(crate) async fn probe(
    engine: &Engine,
    key: &str,
    file_name: &str,
    content_type: &str,
) -> Result<Option<MediaFacts>, ProbeError> {
    let first = engine.plans().plan(None)?.first(&Options::default());
    let reader = engine.media().open(key).await.map_err(Error::from)?;
    // The semaphore is never closed, so the only other answer cannot come.
    let _permit = engine.shared.probes.acquire().await.ok();
    let watch = Watch::default();
    let _stops_with_us = watch.cancel.trip_on_drop();
    let limited = Arc::new(Limited {
        reader,
        left: AtomicU64::new(engine.config().probe_bytes),
        cancel: watch.cancel.clone(),
    });
    let recording = Recording {
        reader: Arc::clone(&limited) as Arc<dyn MediaReader>,
        file_name: file_name.to_owned(),
        media_type: content_type.to_owned(),
    };
    let limit = Duration::from_millis(engine.config().probe_ms);
    let run = engine.runner().probe(first, recording, watch.clone()).instrument(spans::probe());
    let ended = tokio::time::timeout(limit, run).await.unwrap_or(Ok(()));
    let found = watch.findings.now().facts;
    match ended {
        Err(error) if limited.is_used_up() => {
            tracing::debug!(key, %error, "a probe reached its limit");
            Ok(found)
        }
        Err(error) => refusal(&error).map_or(Ok(found), Err),
        Ok(()) => Ok(found),
    }
}

/// Returns the refusal when the recording is to blame; a stage's own trouble shows in the job.
fn refusal(error: &RunError) -> Option<ProbeError> {
    match error.reason {
        Reason::InvalidInput | Reason::OverLimit | Reason::NoAudio | Reason::Protected => {
            Some(ProbeError::Refused(error.fault()))
        }
        _ => {
            tracing::warn!(%error, "a probe failed");
            None
        }
    }
}

/// A reader that gives so many bytes and then fails.
#[derive(Debug)]
struct Limited {
    reader: Arc<dyn MediaReader>,
    /// Bytes that may still be read.
    left: AtomicU64,
    cancel: CancelFlag,
}

impl Limited {
    fn is_used_up(&self) -> bool {
        self.left.load(Ordering::Relaxed) == 0
    }
}

impl MediaReader for Limited {
    fn len(&self) -> u64 {
        self.reader.len()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        if self.cancel.is_tripped() {
            return Err(io::Error::other("the probe is over"));
        }
        let left = self.left.load(Ordering::Relaxed);
        if left == 0 {
            return Err(io::Error::other("the probe has read what it may"));
        }
        let allowed = usize::try_from(left).unwrap_or(usize::MAX).min(buf.len());
        let read = self.reader.read_at(offset, &mut buf[..allowed])?;
        self.left.fetch_sub(u64::try_from(read).unwrap_or(left).min(left), Ordering::Relaxed);
        Ok(read)
    }
}
