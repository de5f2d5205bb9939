//! Chunks: what the recogniser gets in one inference, and the map back to the recording.
//!
//! The VAD stage packs spans of speech one after another, so a chunk's samples are not contiguous in
//! the recording; its spans say where each run of samples came from.
//!
//! ```text
//! recording   ....[speech A]............[speech B]...[speech C]......
//! chunk                 [speech A][speech B][speech C]
//! spans                 0         len A     len A+B
//! ```

use serde::{Deserialize, Serialize};

use crate::audio::{MODEL_RATE, convert_frames};

/// One run of contiguous source audio inside a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// First sample of the run inside the chunk, at 16 kHz.
    pub chunk_start: u32,
    /// Samples of the run, at 16 kHz.
    pub chunk_len: u32,
    /// First frame of the run in the recording, at the source's rate.
    pub source_start: i64,
    /// Frames of the run in the recording, at the source's rate.
    pub source_len: i64,
}

/// A borrowed chunk: what passes between stages as kind CHUNK.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChunkBlock<'a> {
    /// Number of the chunk, from 0 without gaps.
    pub number: u32,
    /// 16 kHz mono samples, at most 30 s.
    pub samples: &'a [f32],
    /// Rate of the spans' `source_*` positions, in Hz.
    pub source_rate: u32,
    /// Where the samples came from.
    pub spans: &'a [Span],
}

impl ChunkBlock<'_> {
    /// Returns an owned copy of the map to the recording.
    pub fn map(&self) -> ChunkMap {
        ChunkMap { source_rate: self.source_rate, spans: self.spans.to_vec() }
    }
}

/// Where a chunk came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkMap {
    /// Rate of the `source_*` positions, in Hz.
    pub source_rate: u32,
    /// Runs in order, back to back in the chunk, never overlapping in the source.
    pub spans: Vec<Span>,
}

impl ChunkMap {
    /// Maps a sample position of the chunk to a frame of the recording.
    ///
    /// A position on the border of two spans belongs to the later one; one past the end maps to the
    /// end of the last span. An empty map answers 0.
    pub fn source_frame(&self, sample: u32) -> i64 {
        let Some(span) = self.spans.iter().rev().find(|s| s.chunk_start <= sample) else {
            return self.start();
        };
        self.inside(span, sample)
    }

    /// Maps an exclusive end: on the border of two spans it belongs to the earlier one, so that a
    /// word that ends with its span does not stretch over the silence behind it.
    pub fn source_end(&self, sample: u32) -> i64 {
        let Some(span) = self.spans.iter().rev().find(|s| s.chunk_start < sample) else {
            return self.start();
        };
        self.inside(span, sample)
    }

    /// Returns the first source frame.
    pub fn start(&self) -> i64 {
        self.spans.first().map_or(0, |s| s.source_start)
    }

    /// Returns the source frame after the last.
    pub fn end(&self) -> i64 {
        self.spans.last().map_or(0, |s| s.source_start + s.source_len)
    }

    fn inside(&self, span: &Span, sample: u32) -> i64 {
        let within = sample.saturating_sub(span.chunk_start).min(span.chunk_len);
        let offset = convert_frames(i64::from(within), MODEL_RATE, self.source_rate);
        span.source_start + offset.min(span.source_len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_spans() -> ChunkMap {
        ChunkMap {
            source_rate: 48_000,
            spans: vec![
                Span { chunk_start: 0, chunk_len: 1_600, source_start: 4_800, source_len: 4_800 },
                Span {
                    chunk_start: 1_600,
                    chunk_len: 800,
                    source_start: 48_000,
                    source_len: 2_400,
                },
            ],
        }
    }

    #[test]
    fn a_position_maps_through_its_span() {
        let map = two_spans();
        assert_eq!(map.source_frame(0), 4_800);
        assert_eq!(map.source_frame(100), 5_100);
        assert_eq!(map.source_frame(1_700), 48_300);
        assert_eq!(map.source_frame(9_999), 50_400);
    }

    #[test]
    fn a_border_ends_the_earlier_span_and_starts_the_later() {
        let map = two_spans();
        assert_eq!(map.source_frame(1_600), 48_000);
        assert_eq!(map.source_end(1_600), 9_600);
    }
}
