//! The whisper stage: chunks of speech go in, text with words, times and quality flags comes out.
//!
//! ```text
//! chunk → greedy ─ gates ─► words with times → positions in the recording → segments
//!                    └─ failed: beam search, then rising temperatures; the best is kept and flagged
//! ```
//!
//! Models are ggml files, as whisper.cpp reads them. One copy of the weights per model and device
//! serves every instance in the process; each chunk borrows a state (key-value cache and
//! buffers) from a pool.
//!
//! Each chunk is decoded on its own: its text depends on its samples, the model and the options
//! only, so a job that goes on after a crash gives what it would have given without one.
//!
//! - [`model`]: weights and states. [`file`](mod@file): what is checked before C code reads a file.
//! - [`attempt`]: one decoding. [`ladder`]: which ones, in what order.
//! - [`gates`]: what makes a text doubtful.
//! - [`words`]: from tokens to words. [`align`]: their times. [`place`]: into the recording.
//! - [`ffi`]: the two callbacks that whisper.cpp is given. [`device`]: the GPU, and how it fails.

mod align;
mod attempt;
mod config;
mod device;
mod ffi;
mod file;
mod gates;
mod ladder;
mod language;
mod model;
mod place;
mod words;

use scribed_plugin::prelude::*;

pub use self::config::Config;
use self::{ladder::Ladder, model::Model};

/// Shortest input that whisper.cpp decodes: 100 ms.
const SHORTEST: usize = MODEL_RATE as usize / 10;

/// The stage `org.scribed.whisper`.
#[derive(Debug)]
pub struct Whisper {
    ladder: Ladder,
}

impl Stage for Whisper {
    const ID: &'static str = "org.scribed.whisper";
    const SUMMARY: &'static str = "recognises speech with a Whisper model: text, words with times, quality flags (whisper.cpp)";
    type Config = Config;
    type Accepts = ChunkKind;
    type Emits = SegmentsKind;

    fn open(config: Config, host: Host) -> Result<Self> {
        config.validate()?;
        let model = Model::shared(&config, &host)?;
        Ok(Self { ladder: Ladder::new(&config, model, host)? })
    }

    fn process(&mut self, chunk: ChunkBlock<'_>, out: &mut Out<'_, SegmentsKind>) -> Result<()> {
        let map = chunk.map();
        let nothing = Segments::empty(chunk.number, chunk.source_rate, map.start(), map.end());
        if chunk.samples.len() < SHORTEST {
            return out.emit(nothing);
        }
        let best = self.ladder.climb(chunk.samples)?;
        let segments = place::segments(&best, chunk.samples, &map, self.ladder.limits());
        out.emit(Segments { language: best.language, segments, ..nothing })
    }
}

export_stages!(Whisper);
