//! A slot: one recogniser of an attempt, and the way of one chunk through it into the store.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use scribed_schemas::audio::MODEL_RATE;
use scribed_schemas::transcript::{SEGMENTS_SCHEMA, Segments};
use tracing::Instrument as _;

use super::tally::Gap;
use super::{Attempt, Stopped};
use crate::measure::{self, BusySlot};
use crate::plan::CHUNK_LIMIT_SECS;
use crate::runner::{Chunk, Part, Reason, Recogniser, RunError, Watch};
use crate::spans;

/// Most samples of a chunk.
pub(super) const MOST_SAMPLES: usize = (CHUNK_LIMIT_SECS * MODEL_RATE) as usize;

/// One recogniser, opened when it is first needed.
#[derive(Debug, Default)]
pub(super) struct Slot {
    recogniser: Option<Box<dyn Recogniser>>,
}

/// Why a chunk has no stored text.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The attempt is stopped.
    Stopped,
    /// The recogniser failed.
    Recogniser(RunError),
}

impl From<Stopped> for Trouble {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

impl Attempt {
    /// Recognises a chunk and stores its text.
    pub(super) async fn work_on(
        &self,
        slot: &mut Slot,
        part: &Part,
        chunk: &Arc<Chunk>,
    ) -> Result<(), Trouble> {
        let text = self.recognise(slot, part, chunk).await?;
        self.put(text).await?;
        self.progress.fetch_max(chunk.map.end(), Ordering::Relaxed);
        Ok(())
    }

    /// Stores an empty text in place of one that could not be made, so that what follows is readable.
    pub(super) async fn put_gap(&self, gap: &Gap) -> Result<(), Stopped> {
        tracing::warn!(job = %self.id(), chunk = gap.number, reason = gap.fault.message, "given up");
        measure::given_up();
        self.findings.warning(gap.warning());
        // First the warning: an empty text without one would pass for silence after a crash.
        self.note_news().await?;
        let (start, end) = (gap.map.start(), gap.map.end());
        self.put(Segments::empty(gap.number, gap.map.source_rate, start, end)).await
    }

    /// Stores a text; what is stored already stays.
    async fn put(&self, text: Segments) -> Result<(), Stopped> {
        let (store, number) = (self.engine.store(), text.chunk);
        let put = || store.put_chunk(self.id(), self.job.fence, text.clone(), self.engine.now());
        let came_of_it = self.persist(put).await?;
        tracing::debug!(job = %self.id(), chunk = number, ?came_of_it, "chunk stored");
        self.engine.has_news(self.id());
        Ok(())
    }

    async fn recognise(
        &self,
        slot: &mut Slot,
        part: &Part,
        chunk: &Arc<Chunk>,
    ) -> Result<Segments, Trouble> {
        let mut tries = 1;
        loop {
            let error = match self.recognise_once(slot, part, chunk).await? {
                Ok(text) => return Ok(text),
                Err(error) => error,
            };
            // Whatever it was, the next chunk or try gets a fresh recogniser.
            slot.recogniser = None;
            if self.flag.is_tripped() {
                return Err(Trouble::Stopped);
            }
            let is_refused = error.reason == Reason::InvalidInput;
            if !is_refused || tries >= self.engine.config().chunk_attempts {
                return Err(Trouble::Recogniser(error));
            }
            tries += 1;
        }
    }

    /// Waits for a free slot and recognises the chunk once.
    async fn recognise_once(
        &self,
        slot: &mut Slot,
        part: &Part,
        chunk: &Arc<Chunk>,
    ) -> Result<Result<Segments, RunError>, Stopped> {
        let _permit = tokio::select! {
            biased;
            () = self.flag.tripped() => return Err(Stopped),
            permit = Arc::clone(&self.engine.shared.slots).acquire_owned() => permit,
        };
        let recogniser = match &mut slot.recogniser {
            Some(recogniser) => recogniser,
            none => match self.engine.runner().recogniser(part.clone(), self.watch()).await {
                Ok(opened) => none.insert(opened),
                Err(error) => return Ok(Err(error)),
            },
        };
        let _busy = BusySlot::new();
        let begun = Instant::now();
        let span = spans::recognition(chunk);
        let text = recogniser.recognise(Arc::clone(chunk)).instrument(span.clone()).await;
        let text = text.and_then(|text| checked(text, chunk, part));
        let took = begun.elapsed();
        if text.is_ok() {
            measure::recognised(chunk, took);
        }
        spans::recognised(&span, chunk, &text, took);
        Ok(text)
    }

    /// Returns what stages of this attempt are watched by.
    pub(super) fn watch(&self) -> Watch {
        Watch { job: Some(self.id()), cancel: self.flag.clone(), findings: self.findings.clone() }
    }
}

/// Refuses a text that is not that of the chunk.
fn checked(text: Segments, chunk: &Chunk, part: &Part) -> Result<Segments, RunError> {
    let is_right = text.schema == SEGMENTS_SCHEMA
        && text.chunk == chunk.number
        && text.sample_rate == chunk.map.source_rate
        && text.start <= text.end;
    if is_right {
        return Ok(text);
    }
    let stage = part.stages.last().map(|call| call.stage.clone()).unwrap_or_default();
    let message = format!(
        "it answered chunk {} with {} of chunk {} at {} Hz, frames {} to {}",
        chunk.number, text.schema, text.chunk, text.sample_rate, text.start, text.end
    );
    Err(RunError::new(stage, Reason::Failed, message))
}
