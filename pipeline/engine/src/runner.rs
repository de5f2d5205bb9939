//! The runner: where stages run.
//!
//! The engine knows stages only through [`StageRunner`]. A part of a plan goes in with its options
//! filled in; chunks, text and documents come out. Everything that passes here is plain data or a
//! reader of bytes, so an implementation may hand it to another process and nothing else changes.
//!
//! ```text
//!  recording ──cut──► chunks ──Recogniser──► segments ──render──► document
//! ```
//!
//! What an implementation promises:
//! - it never runs a stage on an async thread;
//! - when the watch's flag trips it ends soon, with [`Reason::Cancelled`];
//! - a future that is dropped stops the stages behind it as soon as they look at the flag;
//! - it holds at most one chunk beside those in the channel that it was given.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use scribed_media::MediaReader;
use scribed_plugin_host::{CallError, Status};
use scribed_schemas::chunk::ChunkMap;
use scribed_schemas::id::JobId;
use scribed_schemas::job::{Fault, FaultCode};
use scribed_schemas::transcript::Segments;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::cancel::CancelFlag;
pub use crate::findings::{Findings, Found};

mod chain;
mod context;
mod in_process;

pub use in_process::InProcess;

/// Runs parts of plans.
#[async_trait]
pub trait StageRunner: Send + Sync + Debug {
    /// Runs a head (MEDIA → CHUNK) over a whole recording.
    ///
    /// Chunks go into `chunks` in order; when its receiver is gone, the work stops with
    /// [`Reason::Cancelled`].
    async fn cut(
        &self,
        head: Part,
        recording: Recording,
        chunks: mpsc::Sender<Chunk>,
        watch: Watch,
    ) -> Result<Cut, RunError>;

    /// Opens the recognising part (CHUNK → SEGMENTS) for one job and one slot.
    async fn recogniser(&self, part: Part, watch: Watch) -> Result<Box<dyn Recogniser>, RunError>;

    /// Runs a renderer (SEGMENTS* → DOCUMENT) over the text of a job, chunk after chunk.
    ///
    /// The text ends when every sender of `text` is gone.
    async fn render(
        &self,
        renderer: Part,
        text: mpsc::Receiver<Segments>,
        watch: Watch,
    ) -> Result<Document, RunError>;

    /// Runs one stage that accepts MEDIA until it emits for the first time, or ends.
    ///
    /// What it reports on the way is in the watch's findings.
    async fn probe(&self, first: Part, recording: Recording, watch: Watch) -> Result<(), RunError>;

    /// Says why a part is set aside now, with [`Reason::SetAside`], where it is.
    ///
    /// It is asked before the work on a job begins, so that jobs which have to wait start nothing. A part
    /// may still be refused for the same reason when it is to run.
    fn set_aside(&self, _part: &Part) -> Option<RunError> {
        None
    }
}

/// An open recogniser. Dropping it closes its stages.
#[async_trait]
pub trait Recogniser: Send + Debug {
    /// Recognises one chunk.
    ///
    /// After an error the recogniser may be used again only when the reason was
    /// [`Reason::InvalidInput`]; otherwise it is dropped.
    async fn recognise(&mut self, chunk: Arc<Chunk>) -> Result<Segments, RunError>;
}

/// Stages one behind the other, with their options filled in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// The stages in order.
    pub stages: Vec<StageCall>,
    /// The group of processes that it is to run in, where the pipeline names one.
    pub group: Option<String>,
}

/// One stage of a part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageCall {
    /// Id of the stage.
    pub stage: String,
    /// Its configuration, the job's options in it.
    pub config: serde_json::Value,
}

/// A recording as stages see it.
#[derive(Debug, Clone)]
pub struct Recording {
    /// Its bytes.
    pub reader: Arc<dyn MediaReader>,
    /// File name as the client gave it; a hint only.
    pub file_name: String,
    /// Content type as the client gave it; a hint only.
    pub media_type: String,
}

/// What a part is watched by: when to stop, and where reports go.
#[derive(Debug, Clone, Default)]
pub struct Watch {
    /// Whose work it is, for the log.
    pub job: Option<JobId>,
    /// Says when to stop.
    pub cancel: CancelFlag,
    /// Takes what stages report.
    pub findings: Findings,
}

/// An owned chunk on its way to the recogniser.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Chunk {
    /// Its number, from 0 without gaps.
    pub number: u32,
    /// 16 kHz mono samples, at most 30 s.
    pub samples: Vec<f32>,
    /// Where they came from.
    pub map: ChunkMap,
}

/// What a head did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cut {
    /// Chunks that it emitted.
    pub chunks: u32,
    /// Length of what was decoded, in frames of the recording; absent when no stage told.
    pub frames: Option<i64>,
}

/// A rendered document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// The file's bytes.
    pub bytes: Vec<u8>,
    /// Its content type.
    pub media_type: String,
    /// Its file name extension, without a dot.
    pub extension: String,
}

/// A stage that did not do its work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{stage}: {message}")]
pub struct RunError {
    /// Id of the stage.
    pub stage: String,
    /// What kind of failure it was.
    pub reason: Reason,
    /// The stage's own sentence.
    pub message: String,
}

/// Kinds of failure of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It refused its options.
    InvalidConfig,
    /// What it was given is bad, e.g. undecodable.
    InvalidInput,
    /// The recording breaks a configured limit.
    OverLimit,
    /// The recording has no sound.
    NoAudio,
    /// The recording is encrypted.
    Protected,
    /// Something that it needs is missing or busy.
    Unavailable,
    /// Its runner does not let it run for now. Other stages run, so nobody but its own jobs waits.
    ///
    /// A process of stages that says so is not understood: only who started it decides that.
    #[serde(skip)]
    SetAside,
    /// Its device does not work any more in its process.
    DeviceFault,
    /// Its device has no memory for this now.
    OutOfMemory,
    /// Its device is missing.
    NoDevice,
    /// It failed for a reason of its own.
    Failed,
    /// It panicked.
    Panicked,
    /// It took its process down, or passed one of its limits.
    Crashed,
    /// Nothing moved for too long.
    Deadline,
    /// It was told to stop.
    Cancelled,
}

impl Reason {
    /// Returns the word for programs.
    pub const fn code(self) -> FaultCode {
        match self {
            Self::InvalidConfig => FaultCode::BadOptions,
            Self::InvalidInput => FaultCode::Undecodable,
            Self::OverLimit => FaultCode::OverLimit,
            Self::NoAudio => FaultCode::NoAudio,
            Self::Protected => FaultCode::Encrypted,
            Self::Unavailable
            | Self::SetAside
            | Self::DeviceFault
            | Self::OutOfMemory
            | Self::NoDevice => FaultCode::Unavailable,
            Self::Panicked => FaultCode::StagePanicked,
            Self::Crashed => FaultCode::StageCrashed,
            Self::Deadline => FaultCode::Deadline,
            // A stage that stops without having been told to has failed.
            Self::Failed | Self::Cancelled => FaultCode::StageFailed,
        }
    }
}

impl From<CallError> for RunError {
    fn from(error: CallError) -> Self {
        let reason = match error.status {
            Status::InvalidConfig => Reason::InvalidConfig,
            Status::InvalidInput => Reason::InvalidInput,
            Status::Unavailable => Reason::Unavailable,
            Status::Failed => Reason::Failed,
            Status::Cancelled => Reason::Cancelled,
            Status::Panicked => Reason::Panicked,
            Status::OverLimit => Reason::OverLimit,
            Status::NoAudio => Reason::NoAudio,
            Status::Protected => Reason::Protected,
            Status::DeviceFault => Reason::DeviceFault,
            Status::OutOfMemory => Reason::OutOfMemory,
            Status::NoDevice => Reason::NoDevice,
        };
        Self { stage: error.stage, reason, message: error.message }
    }
}

impl RunError {
    /// Makes an error of a stage.
    pub fn new(stage: impl Into<String>, reason: Reason, message: impl Into<String>) -> Self {
        Self { stage: stage.into(), reason, message: message.into() }
    }

    /// Returns the fault of a job whose recording met this error.
    ///
    /// What is wrong with the recording is told in the stage's own words, which are made for its
    /// owner; everything else names the stage.
    pub fn fault(&self) -> Fault {
        let code = self.reason.code();
        let blames_recording = matches!(
            self.reason,
            Reason::InvalidInput | Reason::OverLimit | Reason::NoAudio | Reason::Protected
        );
        let message = if blames_recording { self.message.clone() } else { self.to_string() };
        Fault { code, message }
    }
}
