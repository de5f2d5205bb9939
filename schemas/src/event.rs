//! Events: what producers send (`scribed.uploads`) and what the daemon publishes.
//!
//! JSON documents with a `schema` member whose last part is the major version.
//! Unknown members are kept by producers and ignored here; an unknown major version is a dead letter.

use serde::{Deserialize, Serialize};

use crate::id::JobId;
use crate::job::{Job, JobState, Priority};
use crate::transcript::{QualityFlag, Segments};

/// Topic that producers write to.
pub const UPLOADS: &str = "scribed.uploads";
/// Topic of state changes.
pub const STATES: &str = "scribed.states";
/// Topic of finished text.
pub const TRANSCRIPTS: &str = "scribed.transcripts";
/// Topic of what was given up.
pub const DEAD_LETTERS: &str = "scribed.dead-letters";

/// The `schema` of [`UploadEvent`].
pub const UPLOAD_SCHEMA: &str = "scribed.upload/1";
/// The `schema` of [`StateEvent`].
pub const STATE_SCHEMA: &str = "scribed.state/1";
/// The `schema` of [`ChunkEvent`].
pub const CHUNK_SCHEMA: &str = "scribed.chunk/1";
/// The `schema` of [`TranscriptEvent`].
pub const TRANSCRIPT_SCHEMA: &str = "scribed.transcript/1";

/// A producer's request: transcribe this.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UploadEvent {
    /// Always [`UPLOAD_SCHEMA`].
    pub schema: String,
    /// The producer's own id, at most 200 characters; the same id of one owner is the same job.
    pub id: String,
    /// Username of the owner.
    pub owner: String,
    /// Where the recording is.
    pub media: MediaSource,
    /// Name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// BCP 47 tag of the spoken language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Pipeline to use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<String>,
    /// How urgent it is.
    #[serde(default)]
    pub priority: Priority,
    /// Anything the producer wants to see again in our events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Whom to call when the job has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback: Option<Callback>,
}

/// Whom to call when a job has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Callback {
    /// `https://` or `http://` URL; it may name a user and a password.
    pub url: String,
}

/// Where a recording is; exactly one member is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaSource {
    /// Key in the media store.
    Key(String),
    /// `file://` URL under an allowed root.
    File(String),
    /// `https://` or `http://` URL that it is fetched from.
    Url(String),
    /// The bytes themselves in base64, at most 512 KiB.
    Data(String),
}

/// A job changed its state; every change is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateEvent {
    /// Always [`STATE_SCHEMA`].
    pub schema: String,
    /// Stable id to de-duplicate by; ends in the number of the change among those of its job, or in the
    /// state where changes are not published.
    pub id: String,
    /// The job.
    pub job: JobId,
    /// Id of the upload event; absent when the job came another way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<String>,
    /// Username of the owner.
    pub owner: String,
    /// The producer's reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The new state.
    pub state: JobState,
    /// Why, when it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When, RFC 3339.
    pub at: String,
}

/// A chunk has its text; it never changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChunkEvent {
    /// Always [`CHUNK_SCHEMA`].
    pub schema: String,
    /// Stable id to de-duplicate by.
    pub id: String,
    /// The job.
    pub job: JobId,
    /// Id of the upload event; absent when the job came another way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<String>,
    /// Number of the chunk, from 0.
    pub chunk: u32,
    /// Where it begins, in seconds of the recording.
    pub start: f64,
    /// Where it ends, in seconds of the recording.
    pub end: f64,
    /// The plain text.
    pub text: String,
    /// Words with their times; empty where the model gives none.
    pub words: Vec<TimedWord>,
    /// Why the text should be looked at; empty when nothing is wrong.
    pub flags: Vec<QualityFlag>,
}

/// A word and when it was spoken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimedWord {
    /// The word with its punctuation.
    pub text: String,
    /// Where it begins, in seconds of the recording.
    pub start: f64,
    /// Where it ends, in seconds of the recording.
    pub end: f64,
    /// Mean probability of its tokens, 0 to 1.
    pub probability: f32,
}

impl ChunkEvent {
    /// Makes the event of a stored chunk.
    pub fn of(job: &Job, chunk: &Segments) -> Self {
        let words = chunk.segments.iter().flat_map(|segment| &segment.words);
        let flags = chunk.segments.iter().flat_map(|segment| &segment.flags);
        Self {
            schema: CHUNK_SCHEMA.to_owned(),
            id: format!("{}:chunk:{}", job.id, chunk.chunk),
            job: job.id,
            upload: job.options.upload.clone(),
            chunk: chunk.chunk,
            start: chunk.seconds(chunk.start),
            end: chunk.seconds(chunk.end),
            text: chunk.text(),
            words: words
                .map(|word| TimedWord {
                    text: word.text.clone(),
                    start: chunk.seconds(word.start),
                    end: chunk.seconds(word.end),
                    probability: word.probability,
                })
                .collect(),
            flags: flags.cloned().collect(),
        }
    }
}

/// The whole text of a job that is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TranscriptEvent {
    /// Always [`TRANSCRIPT_SCHEMA`].
    pub schema: String,
    /// Stable id to de-duplicate by.
    pub id: String,
    /// The job.
    pub job: JobId,
    /// Id of the upload event; absent when the job came another way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<String>,
    /// How many chunks it has.
    pub chunks: u32,
    /// The plain text: chunks joined by an empty line; absent when it is longer than an event may
    /// be. The chunks have it in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// BCP 47 tag of the language spoken, that of the first chunk where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}
