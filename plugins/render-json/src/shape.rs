//! The shape of `scribed.document/1`, borrowed from what it is written from.

use scribed_schemas::transcript::{self, FlagReason, Segments};
use serde::Serialize;

/// The `schema` of the document.
pub(crate) const SCHEMA: &str = "scribed.document/1";

/// All of the document but its segments, in the order in which it is written.
#[derive(Debug, Serialize)]
pub(crate) struct Head<'a> {
    /// Always [`SCHEMA`].
    pub(crate) schema: &'static str,
    /// Name of the recording.
    pub(crate) title: Option<&'a str>,
    /// When it was submitted, RFC 3339.
    pub(crate) created: Option<&'a str>,
    /// Its length in seconds.
    pub(crate) duration_secs: Option<f64>,
    /// BCP 47 tag of the language spoken.
    pub(crate) language: Option<&'a str>,
    /// Whether text may still be missing.
    pub(crate) partial: bool,
    /// The plain text, chunks joined by an empty line.
    pub(crate) text: &'a str,
}

/// One sentence or phrase.
#[derive(Debug, Serialize)]
pub(crate) struct Segment<'a> {
    chunk: u32,
    start: f64,
    end: f64,
    text: &'a str,
    words: Vec<Word<'a>>,
    avg_log_prob: f32,
    no_speech_prob: f32,
    temperature: f32,
    flags: Vec<Flag>,
}

#[derive(Debug, Serialize)]
struct Word<'a> {
    text: &'a str,
    start: f64,
    end: f64,
    probability: f32,
}

#[derive(Debug, Serialize)]
struct Flag {
    reason: FlagReason,
    phrase: &'static str,
    value: f32,
    limit: f32,
}

impl<'a> Segment<'a> {
    /// Turns a segment of this chunk into its published shape.
    pub(crate) fn of(chunk: &Segments, segment: &'a transcript::Segment) -> Self {
        let words = segment.words.iter().map(|word| Word {
            text: &word.text,
            start: seconds(chunk, word.start),
            end: seconds(chunk, word.end),
            probability: word.probability,
        });
        let flags = segment.flags.iter().map(|flag| Flag {
            reason: flag.reason,
            phrase: flag.reason.phrase(),
            value: flag.value,
            limit: flag.limit,
        });
        Self {
            chunk: chunk.chunk,
            start: seconds(chunk, segment.start),
            end: seconds(chunk, segment.end),
            text: &segment.text,
            words: words.collect(),
            avg_log_prob: segment.avg_log_prob,
            no_speech_prob: segment.no_speech_prob,
            temperature: segment.temperature,
            flags: flags.collect(),
        }
    }
}

/// Converts a position to seconds, to the millisecond; nothing is before the recording.
fn seconds(chunk: &Segments, frame: i64) -> f64 {
    (chunk.seconds(frame.max(0)) * 1_000.0).round() / 1_000.0
}
