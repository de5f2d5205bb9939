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

    /// Returns whether it keeps its promise for a chunk of so many samples, so that no position of it
    /// overflows: there is a rate, spans are in order, lie inside the chunk, and overlap neither there
    /// nor in the source.
    pub fn is_sound(&self, samples: usize) -> bool {
        let (mut chunk_end, mut source_end) = (0, i64::MIN);
        self.source_rate > 0
            && self.spans.iter().all(|span| {
                let is_after = span.chunk_start >= chunk_end
                    && span.source_start >= source_end
                    && span.source_len >= 0;
                let end = span.chunk_start.checked_add(span.chunk_len);
                let source = span.source_start.checked_add(span.source_len);
                let (Some(end), Some(source)) = (end, source) else { return false };
                (chunk_end, source_end) = (end, source);
                is_after && usize::try_from(end).is_ok_and(|end| end <= samples)
            })
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
    fn a_map_is_sound_whose_spans_are_in_order_inside_the_chunk() {
        let good = two_spans();
        assert!(good.is_sound(2_400) && good.is_sound(9_999));
        assert!(!good.is_sound(2_399), "the last span ends behind the chunk");
        assert!(ChunkMap { spans: Vec::new(), ..good.clone() }.is_sound(0));
        assert!(!ChunkMap { source_rate: 0, ..good.clone() }.is_sound(2_400));
        let last = good.spans[1];
        for (what, span) in [
            ("overlaps in the chunk", Span { chunk_start: 1_599, ..last }),
            ("overlaps in the source", Span { source_start: 9_599, ..last }),
            ("goes backwards in the source", Span { source_len: -1, ..last }),
            ("overflows in the chunk", Span { chunk_len: u32::MAX, ..last }),
            ("overflows in the source", Span { source_start: i64::MAX, ..last }),
        ] {
            let map = ChunkMap { spans: vec![good.spans[0], span], ..good.clone() };
            assert!(!map.is_sound(4_000), "{what}");
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
