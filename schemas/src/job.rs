//! Jobs: one recording to be transcribed, its states, and why it may have failed.
//!
//! ```text
//! awaiting_media ─ awaiting_authorization ─► queued ─► in_progress ─► completed
//!                                              ▲  │          │  └───► completed_partially
//!                                              │  │          ├─ fault ► processing_error ─► in_progress
//!                                              │  ▼          │               └─ attempts used up ─► processing_fail
//!                                              └ lease lost  └─ cancel ► cancelled │ completed_partially
//! ```

use serde::{Deserialize, Serialize};

use std::collections::BTreeMap;

use crate::audio::{MediaFacts, Warning, seconds};
use crate::callback::{Callback, FollowUp};
use crate::id::{AccountId, JobId, MediaId};
use crate::outbox::Outbox;
use crate::time::Timestamp;

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Made before its recording arrived, or before the order to work on it.
    AwaitingMedia,
    /// Held until somebody with the right to do so lets it go.
    AwaitingAuthorization,
    /// Ready to be worked on.
    Queued,
    /// Somebody holds its lease.
    InProgress,
    /// An attempt failed; another follows.
    ProcessingError,
    /// All chunks are stored.
    Completed,
    /// Ended with text, but not all of it.
    CompletedPartially,
    /// Given up.
    ProcessingFail,
    /// Cancelled before there was any text.
    Cancelled,
}

impl JobState {
    /// Every state.
    pub const ALL: [Self; 9] = [
        Self::AwaitingMedia,
        Self::AwaitingAuthorization,
        Self::Queued,
        Self::InProgress,
        Self::ProcessingError,
        Self::Completed,
        Self::CompletedPartially,
        Self::ProcessingFail,
        Self::Cancelled,
    ];

    /// Returns the stored word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AwaitingMedia => "awaiting_media",
            Self::AwaitingAuthorization => "awaiting_authorization",
            Self::Queued => "queued",
            Self::InProgress => "in_progress",
            Self::ProcessingError => "processing_error",
            Self::Completed => "completed",
            Self::CompletedPartially => "completed_partially",
            Self::ProcessingFail => "processing_fail",
            Self::Cancelled => "cancelled",
        }
    }

    /// Finds the state of a stored word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Returns whether nothing will happen to the job any more.
    pub const fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Completed | Self::CompletedPartially | Self::ProcessingFail | Self::Cancelled
        )
    }

    /// Returns whether a worker may take the job when its time has come.
    pub const fn is_claimable(self) -> bool {
        matches!(self, Self::Queued | Self::ProcessingError)
    }
}

/// How urgent a job is; urgent ones are claimed first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// First come, first served.
    #[default]
    Standard,
    /// Before every standard one.
    Priority,
}

/// What the submitter asked for beside the recording itself.
///
/// Stages see those options whose names their configuration schema marks `x-scribed-job-option`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct JobOptions {
    /// BCP 47 tag of the spoken language; absent: the pipeline's setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Words that the recogniser should expect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// The producer's id of the event that submitted it; absent when it came another way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<String>,
    /// What the submitter wants to see again, in our events and as metadata.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Where the recording was to be fetched from, without what only the fetch needs: scheme, host and
    /// path; absent when it came otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Whether documents that list words leave out the marks between them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skip_punctuation: bool,
    /// Whether what is shown of the text has its profanities hidden; what is stored has not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub filter_profanity: bool,
    /// The submitter's own id of the recording, where its surface has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Who is to be called once the job is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback: Option<Callback>,
    /// Seconds from the end of the job after which it is deleted; absent: it stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_after_secs: Option<u64>,
    /// What the surface that took it shows again under these names, and nothing else goes by.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub particulars: BTreeMap<String, String>,
    /// The W3C `traceparent` of its submission, which the spans of all work on it belong to; absent when
    /// nobody traces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
}

/// One recording to be transcribed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Its identity.
    pub id: JobId,
    /// Whose it is.
    pub owner: AccountId,
    /// Name for people; by default the file's.
    pub name: String,
    /// The recording; absent while awaited.
    pub media: Option<MediaId>,
    /// Pipeline that works on it.
    pub pipeline: String,
    /// What the submitter asked for.
    pub options: JobOptions,
    /// How urgent it is.
    pub priority: Priority,
    /// Where it stands.
    pub state: JobState,
    /// Faults that were charged to it so far.
    pub error_count: u32,
    /// The last fault, while it matters.
    pub fault: Option<Fault>,
    /// What is known of the recording.
    pub facts: Option<MediaFacts>,
    /// Facts that its owner should know.
    pub warnings: Vec<Warning>,
    /// Frames of the recording at `facts.sample_rate` that were worked through.
    pub progress_frames: i64,
    /// Chunks from 0 without a gap that can be read.
    pub ready_chunks: u32,
    /// Chunks in all, once known.
    pub planned_chunks: Option<u32>,
    /// Longest chunk, in seconds: the packing limit of its pipeline.
    pub chunk_limit_secs: u32,
    /// First 256 characters of chunk 0.
    pub description: String,
    /// Who works on it now.
    pub lease: Option<Lease>,
    /// Grows with every lease and with cancellation; a write with an older one is refused.
    pub fence: i64,
    /// Not claimed before this instant.
    pub not_before: Timestamp,
    /// When it was submitted.
    pub created: Timestamp,
    /// When it last changed.
    pub updated: Timestamp,
    /// When it reached a terminal state.
    pub finished: Option<Timestamp>,
    /// What is still to be published about it; absent when nobody is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outbox: Option<Outbox>,
    /// What it still waits for.
    #[serde(default, skip_serializing_if = "Awaits::is_nothing")]
    pub awaits: Awaits,
    /// What is to follow it; absent before it is done, and when nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follow_up: Option<FollowUp>,
}

/// What a job waits for before it may be worked on: some surfaces make it before its recording comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Awaits {
    /// Its recording.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub media: bool,
    /// The order to work on it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub order: bool,
    /// The word of somebody who may let it go.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub authorization: bool,
}

impl Awaits {
    /// Returns whether nothing is missing.
    pub const fn is_nothing(&self) -> bool {
        !self.media && !self.order && !self.authorization
    }

    /// Returns the state of a job that waits for this, and for nothing else but its turn.
    pub const fn state(self) -> JobState {
        if self.media || self.order {
            JobState::AwaitingMedia
        } else if self.authorization {
            JobState::AwaitingAuthorization
        } else {
            JobState::Queued
        }
    }
}

impl Job {
    /// Returns the recording's length in seconds; 0 until it is known.
    pub fn audio_secs(&self) -> f64 {
        let known = self.facts.as_ref();
        known.and_then(|f| f.frames.map(|n| seconds(n, f.sample_rate))).unwrap_or(0.0)
    }

    /// Returns whether something is still to be published about it.
    pub fn has_news(&self) -> bool {
        self.outbox.as_ref().is_some_and(|outbox| {
            !outbox.pending.is_empty()
                || outbox.chunks < self.ready_chunks
                || self.owes_transcript()
        })
    }

    /// Returns whether its text as a whole is still to be published: that of a job that is done.
    pub fn owes_transcript(&self) -> bool {
        let is_done = matches!(self.state, JobState::Completed | JobState::CompletedPartially);
        is_done && self.outbox.as_ref().is_some_and(|outbox| !outbox.transcript)
    }
}

/// A time-bounded right to work on a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Who holds it.
    pub holder: String,
    /// Until when, unless renewed.
    pub until: Timestamp,
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Stable word for programs.
    pub code: FaultCode,
    /// One sentence for a person: what was being done, to what, why it failed, what to do.
    pub message: String,
}

/// The closed list of reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultCode {
    /// The recording cannot be decoded.
    Undecodable,
    /// The file holds no sound.
    NoAudio,
    /// The recording is protected.
    Encrypted,
    /// The recording breaks a configured limit.
    OverLimit,
    /// The recording is gone from the media store.
    MediaGone,
    /// The recording cannot be fetched from where it is said to be.
    Unfetchable,
    /// The recording could not be fetched this time.
    FetchFailed,
    /// The pipeline named by the job does not exist.
    NoSuchPipeline,
    /// A stage refused its options.
    BadOptions,
    /// A stage failed for a reason of its own.
    StageFailed,
    /// A stage panicked.
    StagePanicked,
    /// A stage took its worker down.
    StageCrashed,
    /// Nothing moved for too long.
    Deadline,
    /// A dependency was away; the job is not to blame.
    Unavailable,
}

impl FaultCode {
    /// Every code.
    pub const ALL: [Self; 14] = [
        Self::Undecodable,
        Self::NoAudio,
        Self::Encrypted,
        Self::OverLimit,
        Self::MediaGone,
        Self::Unfetchable,
        Self::FetchFailed,
        Self::NoSuchPipeline,
        Self::BadOptions,
        Self::StageFailed,
        Self::StagePanicked,
        Self::StageCrashed,
        Self::Deadline,
        Self::Unavailable,
    ];

    /// Returns whether the job itself is the cause and trying again is useless.
    pub const fn is_final(self) -> bool {
        matches!(
            self,
            Self::Undecodable
                | Self::NoAudio
                | Self::Encrypted
                | Self::OverLimit
                | Self::MediaGone
                | Self::Unfetchable
                | Self::NoSuchPipeline
                | Self::BadOptions
        )
    }

    /// Returns whether an attempt is charged to the job.
    pub const fn is_charged(self) -> bool {
        !matches!(self, Self::Unavailable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_fault_code_is_left_out_of_all() {
        // The refusal of a word that is none names those that there are.
        let refusal = serde_json::from_str::<FaultCode>("\"?\"").unwrap_err().to_string();
        let (_, known) = refusal.split_once("expected one of").unwrap();
        assert_eq!(known.matches('`').count(), 2 * FaultCode::ALL.len(), "{refusal}");
        for code in FaultCode::ALL {
            let word = serde_json::to_string(&code).unwrap();
            assert!(known.contains(&word.replace('"', "`")), "{word} in {refusal}");
        }
    }
}
