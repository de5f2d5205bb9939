//! From segments in a chunk to segments in the recording.

use scribed_plugin::prelude::*;
use scribed_schemas::chunk::ChunkMap;

use crate::{
    align::Loudness,
    attempt::{Attempt, Piece},
    gates::{self, Limits},
    words,
};

/// Turns an attempt into segments with positions in the recording.
///
/// Segments do not overlap and stay inside the chunk; words stay inside their segment, and no word
/// stretches over silence that was cut out.
pub(crate) fn segments(
    attempt: &Attempt,
    samples: &[f32],
    map: &ChunkMap,
    limits: &Limits,
) -> Vec<Segment> {
    let loudness = Loudness::of(samples);
    let mut segments = Vec::with_capacity(attempt.pieces.len());
    let mut earliest = 0;
    for (index, piece) in attempt.pieces.iter().enumerate() {
        let text = gates::text(std::slice::from_ref(piece));
        let text =
            text.trim_matches(|c: char| c.is_whitespace() || c == char::REPLACEMENT_CHARACTER);
        if text.is_empty() {
            continue;
        }
        // What the next segment is sure of is not taken from it.
        let next = attempt.pieces.get(index + 1).map_or(samples.len(), |next| next.start);
        let latest = next.max(piece.end).min(samples.len()).max(earliest);
        let bounds = (piece.start.max(earliest), piece.end.min(samples.len()));
        let spelled = words::spell(&piece.tokens, attempt.language.as_deref());
        let texts: Vec<&str> = spelled.iter().map(|word| word.text.as_str()).collect();
        let placed = loudness.place(&texts, bounds, (earliest, latest));
        let words: Vec<Word> = spelled
            .into_iter()
            .zip(&placed)
            .map(|(word, at)| {
                let (start, end) = in_recording(*at, map);
                Word { text: word.text, start, end, probability: word.probability }
            })
            .collect();
        let (first, last) =
            placed.first().zip(placed.last()).map_or(bounds, |(first, last)| (first.0, last.1));
        earliest = earliest.max(last);
        let (start, end) = words
            .first()
            .zip(words.last())
            .map_or_else(|| in_recording((first, last), map), |(a, z)| (a.start, z.end));
        segments.push(Segment {
            start,
            end: end.max(start),
            text: text.to_owned(),
            words,
            avg_log_prob: gates::avg_log_prob(std::slice::from_ref(piece)),
            no_speech_prob: piece.no_speech_prob,
            temperature: attempt.temperature,
            flags: limits.flags(attempt, piece),
        });
    }
    segments
}

/// Maps a word to the recording. One that lies over a seam, where silence was cut out, belongs to the
/// side that has more of it.
fn in_recording((start, end): (usize, usize), map: &ChunkMap) -> (i64, i64) {
    let overlap = |span: &Span| {
        let from = start.max(span.chunk_start as usize);
        let to = end.min((span.chunk_start + span.chunk_len) as usize);
        (to.saturating_sub(from), from, to)
    };
    let (_, from, to) = map
        .spans
        .iter()
        .map(overlap)
        .filter(|(shared, ..)| *shared > 0)
        .max_by_key(|(shared, from, _)| (*shared, std::cmp::Reverse(*from)))
        .unwrap_or((0, start, end));
    let small = |sample: usize| u32::try_from(sample).unwrap_or(u32::MAX);
    let start = map.source_frame(small(from));
    (start, map.source_end(small(to)).max(start))
}

impl Limits {
    /// Returns the reasons to doubt one segment: its own, and those of the whole text that show only
    /// over several segments.
    fn flags(
        &self,
        attempt: &Attempt,
        piece: &Piece,
    ) -> Vec<scribed_schemas::transcript::QualityFlag> {
        let mut flags = self.judge(std::slice::from_ref(piece));
        for flag in self.judge(&attempt.pieces) {
            if !flags.iter().any(|known| known.reason == flag.reason) {
                flags.push(flag);
            }
        }
        flags
    }
}
