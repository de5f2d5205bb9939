//! From segments in a chunk to segments in the recording.

use scribed_plugin::prelude::*;
use scribed_schemas::chunk::ChunkMap;

use crate::{
    align::Loudness,
    attempt::{Attempt, Piece},
    gates::{self, Limits},
    words,
};

/// Samples around the first and last segment in which their words may lie: 200 ms.
const EDGE: usize = 3_200;

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
    let bounds = bounds(&attempt.pieces, samples.len(), &loudness);
    let placed = attempt.pieces.iter().zip(bounds);
    placed.filter_map(|(piece, at)| segment(attempt, piece, at, &loudness, map, limits)).collect()
}

/// Returns the samples of each piece: in order, without overlap.
fn bounds(pieces: &[Piece], samples: usize, loudness: &Loudness) -> Vec<(usize, usize)> {
    let middle = |piece: &Piece| usize::midpoint(piece.start, piece.end);
    let mut bounds = Vec::with_capacity(pieces.len());
    // What is before the first word and behind the last is searched too: both times of the model
    // may be a little inside.
    let mut start = pieces.first().map_or(0, |first| first.start.saturating_sub(EDGE));
    for pair in pieces.windows(2) {
        let [piece, next] = pair else { continue };
        let within = (middle(piece).max(start), middle(next).min(samples));
        let (end, next_start) = loudness.pause((piece.end, next.start), within);
        bounds.push((start, end.max(start)));
        start = next_start.max(start);
    }
    if let Some(last) = pieces.last() {
        bounds.push((start, (last.end + EDGE).min(samples).max(start)));
    }
    bounds
}

fn segment(
    attempt: &Attempt,
    piece: &Piece,
    bounds: (usize, usize),
    loudness: &Loudness,
    map: &ChunkMap,
    limits: &Limits,
) -> Option<Segment> {
    let text = gates::text(std::slice::from_ref(piece));
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == char::REPLACEMENT_CHARACTER);
    if text.is_empty() {
        return None;
    }
    let spelled = words::spell(&piece.tokens, attempt.language.as_deref());
    let texts: Vec<&str> = spelled.iter().map(|word| word.text.as_str()).collect();
    let placed = loudness.place(&texts, bounds);
    let words: Vec<Word> = spelled
        .into_iter()
        .zip(placed)
        .map(|(word, at)| {
            let (start, end) = in_recording(at, map);
            Word { text: word.text, start, end, probability: word.probability }
        })
        .collect();
    let (start, end) = words
        .first()
        .zip(words.last())
        .map_or_else(|| in_recording(bounds, map), |(first, last)| (first.start, last.end));
    Some(Segment {
        start,
        end,
        text: text.to_owned(),
        words,
        avg_log_prob: gates::avg_log_prob(std::slice::from_ref(piece)),
        no_speech_prob: piece.no_speech_prob,
        temperature: attempt.temperature,
        flags: limits.flags(attempt, piece),
    })
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
