//! Segments and words: the document between recogniser and renderers, and what a chunk stores.
//!
//! Positions are frames at `sample_rate` of the recording.

use serde::{Deserialize, Serialize};

use crate::audio::seconds;

/// The `schema` of [`Segments`].
pub const SEGMENTS_SCHEMA: &str = "scribed.segments/1";

/// The text of one chunk, as it passes between stages (kind SEGMENTS) and as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Segments {
    /// Always [`SEGMENTS_SCHEMA`].
    pub schema: String,
    /// Number of the chunk, from 0.
    pub chunk: u32,
    /// Rate of every position in this document, in Hz: that of the recording.
    pub sample_rate: u32,
    /// First frame that the chunk covers.
    pub start: i64,
    /// Frame after the last that it covers.
    pub end: i64,
    /// BCP 47 tag of the language spoken, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Sentences or phrases in order; empty when nothing was said.
    pub segments: Vec<Segment>,
}

impl Segments {
    /// Makes an empty document for a chunk.
    pub fn empty(chunk: u32, sample_rate: u32, start: i64, end: i64) -> Self {
        let schema = SEGMENTS_SCHEMA.to_owned();
        Self { schema, chunk, sample_rate, start, end, language: None, segments: Vec::new() }
    }

    /// Returns the plain text: segments joined by one space.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for segment in self.segments.iter().map(|s| s.text.trim()).filter(|t| !t.is_empty()) {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(segment);
        }
        text
    }

    /// Converts a position of this document to seconds.
    pub fn seconds(&self, frame: i64) -> f64 {
        seconds(frame, self.sample_rate)
    }
}

/// One committed stretch of text; it never changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// First frame.
    pub start: i64,
    /// Frame after the last.
    pub end: i64,
    /// The text, trimmed.
    pub text: String,
    /// Words with their times, in order; may be empty where the model gives none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<Word>,
    /// Mean natural log of the token probabilities.
    pub avg_log_prob: f32,
    /// The model's probability that there was no speech.
    pub no_speech_prob: f32,
    /// Decoder temperature that gave this text; 0 is greedy.
    pub temperature: f32,
    /// Why the text should be looked at; empty when nothing is wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<QualityFlag>,
}

impl Segment {
    /// Tells of each word whether it follows the one before it without a blank, which is the rule in
    /// Chinese and Japanese; the text of the segment knows.
    pub fn glued_words(&self) -> Vec<bool> {
        let mut rest = self.text.as_str();
        let mut glued = Vec::with_capacity(self.words.len());
        for word in &self.words {
            let Some(at) = rest.find(word.text.trim()) else {
                // Words and text disagree; a blank between words is never wrong to read.
                return vec![false; self.words.len()];
            };
            glued.push(at == 0 && !glued.is_empty());
            rest = &rest[at + word.text.trim().len()..];
        }
        glued
    }
}

/// One word with its times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Word {
    /// The word with its punctuation, without blanks around it.
    pub text: String,
    /// First frame.
    pub start: i64,
    /// Frame after the last.
    pub end: i64,
    /// Mean probability of its tokens, 0 to 1.
    pub probability: f32,
}

/// A reason to doubt a segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QualityFlag {
    /// Which gate failed.
    pub reason: FlagReason,
    /// The value that failed it.
    pub value: f32,
    /// The limit that it failed.
    pub limit: f32,
}

/// The gates of the recogniser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlagReason {
    /// Mean log-prob too low: the model was unsure.
    LowLogProb,
    /// Text compresses too well: it repeats itself.
    HighCompression,
    /// The same few words again and again.
    RepeatedNgram,
    /// More characters a second than anybody speaks.
    TooFast,
    /// The model itself thinks that nobody spoke.
    NoSpeech,
}

impl FlagReason {
    /// Returns a phrase for a person, as it stands in documents.
    pub const fn phrase(self) -> &'static str {
        match self {
            Self::LowLogProb => "the recogniser was unsure",
            Self::HighCompression => "the text repeats itself",
            Self::RepeatedNgram => "the same words come again and again",
            Self::TooFast => "more text than anybody speaks in that time",
            Self::NoSpeech => "probably nobody spoke here",
        }
    }
}
