//! Events: what producers send (`scribed.uploads`) and what the daemon publishes.
//!
//! JSON documents with a `schema` member whose last part is the major version.
//! Unknown members are kept by producers and ignored here; an unknown major version is a dead letter.

use serde::{Deserialize, Serialize};

use crate::id::JobId;
use crate::job::{JobState, Priority};

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
}

/// Where a recording is; exactly one member is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaSource {
    /// Key in the media store.
    Key(String),
    /// `file://` URL under an allowed root.
    File(String),
    /// `https://` URL.
    Url(String),
    /// The bytes themselves in base64, at most 512 KiB.
    Data(String),
}

/// A job changed its state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateEvent {
    /// Always [`STATE_SCHEMA`].
    pub schema: String,
    /// Stable id to de-duplicate by.
    pub id: String,
    /// The job.
    pub job: JobId,
    /// Username of the owner.
    pub owner: String,
    /// The new state.
    pub state: JobState,
    /// Why, when it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When, RFC 3339.
    pub at: String,
}
