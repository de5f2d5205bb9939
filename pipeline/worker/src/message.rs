//! Messages: what the daemon and a worker say to each other.
//!
//! The daemon opens sessions, each one run of a part; a worker answers within them. All that a worker
//! says is checked by the daemon before it is believed.
//!
//! ```text
//! daemon                                  worker
//!   Setup ────────────────────────────────►        load plugins, lock the door
//!         ◄──────────────────────── Begins         for each plugin
//!         ◄──────────────────────── Ready │ Refused
//!   Open(cut) ────────────────────────────►
//!         ◄─── Read ── Media ──►                   the recording, where it is no file
//!   Credit ───────────────────────────────►
//!         ◄────────────────── Chunk + samples      one for each credit
//!         ◄──────────────────────── Done │ Failed  ends the session
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use scribed_engine::runner::{Cut, Part, RunError, StageCall};
use scribed_plugin_host::{Refusal, StageInfo};
use scribed_schemas::audio::{MediaFacts, Warning};
use scribed_schemas::chunk::ChunkMap;
use scribed_schemas::id::JobId;
use scribed_schemas::transcript::Segments;
use serde::{Deserialize, Serialize};
use tracing::Level;
use tracing::level_filters::LevelFilter;

use crate::limits::Limits;

/// Number of a session; never used twice in a process.
pub(crate) type SessionId = u64;

/// What the daemon says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ToWorker {
    /// The first message.
    Setup(Setup),
    /// Begins a session; a recording that is a file comes with it.
    Open { session: SessionId, job: Option<JobId>, work: Work },
    /// The next chunk may come.
    Credit { session: SessionId },
    /// A chunk to be recognised; its samples come with it.
    Recognise { session: SessionId, number: u32, map: ChunkMap },
    /// The next chunk of a text to be rendered; none: that was all.
    Text { session: SessionId, text: Option<Segments> },
    /// Bytes of the recording come with it; `failed` says why there are none.
    Media { request: u64, failed: Option<String> },
    /// Stop soon.
    Cancel { session: SessionId },
    /// Close an open recogniser.
    Close { session: SessionId },
}

/// How a worker begins.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Setup {
    /// What it is for, for people: it stands in its log.
    pub(crate) group: String,
    /// Places of plugins, as in a [`Search`](scribed_plugin_host::Search).
    pub(crate) folders: Vec<PathBuf>,
    /// Pinned contents, as there.
    pub(crate) pins: BTreeMap<String, String>,
    /// Stages that are opened at once and stay open, so that what they load stays loaded.
    pub(crate) warm: Vec<StageCall>,
    /// What it may not pass.
    pub(crate) limits: Limits,
    /// The least severe lines of its log that are wanted; none wants nothing.
    pub(crate) level: Option<LogLevel>,
}

/// What a session does.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Work {
    Cut { part: Part, recording: RecordingInfo },
    Probe { part: Part, recording: RecordingInfo },
    Recogniser { part: Part },
    Render { part: Part },
}

/// What is told of a recording beside its bytes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RecordingInfo {
    /// Length in bytes.
    pub(crate) length: u64,
    pub(crate) file_name: String,
    pub(crate) media_type: String,
}

/// What a worker says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FromWorker {
    /// It is ready for sessions.
    Ready(Loaded),
    /// It cannot work, and ends.
    Refused { error: RunError },
    /// What it does next to get ready, after "it": who crashes in it cannot say so any more.
    Begins { step: String },
    /// It is alive; `progress` grows with everything that a session reads, emits or reports.
    Beat { progress: BTreeMap<SessionId, u64> },
    /// A line of its log.
    Log { job: Option<JobId>, stage: String, level: LogLevel, message: String },
    /// A stage reports what the recording is.
    Facts { session: SessionId, facts: MediaFacts },
    /// A stage warns the recording's owner.
    Warning { session: SessionId, warning: Warning },
    /// It wants bytes of the recording.
    Read { session: SessionId, request: u64, offset: u64, length: u32 },
    /// A renderer has taken a chunk of text; the next may come.
    Taken { session: SessionId },
    /// A recogniser is open.
    Opened { session: SessionId },
    /// A chunk; its samples come with it.
    Chunk { session: SessionId, number: u32, map: ChunkMap },
    /// The text of the chunk.
    Segments { session: SessionId, text: Segments },
    /// A recording was cut to its end; ends the session.
    Cut { session: SessionId, cut: Cut },
    /// A recording was looked at; ends the session.
    Probed { session: SessionId },
    /// A document; its bytes come with it. Ends the session.
    Document { session: SessionId, media_type: String, extension: String },
    /// A stage failed. Ends the session, except an open recogniser's.
    Failed { session: SessionId, error: RunError },
}

/// What a worker has loaded, and what holds it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Loaded {
    /// The stages of its plugins.
    pub stages: Vec<StageInfo>,
    /// Plugins that it did not take.
    pub refusals: Vec<Refused>,
    /// What of its limits this kernel cannot keep.
    pub unlimited: Vec<String>,
}

/// A plugin that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Its file, or the folder that cannot be read.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
    /// What to do.
    pub advice: String,
}

impl From<&Refusal> for Refused {
    fn from(refusal: &Refusal) -> Self {
        let reason = &refusal.reason;
        let advice = reason.advice().to_owned();
        Self { path: refusal.path.clone(), reason: reason.to_string(), advice }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot use plugin {}: {}; {}", self.path.display(), self.reason, self.advice)
    }
}

/// Severity of a line of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl LogLevel {
    /// Returns the least severe level that our own log may hold; none where it holds nothing.
    pub(crate) fn of_our_log() -> Option<Self> {
        LevelFilter::current().into_level().map(Self::from)
    }
}

impl From<Level> for LogLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::ERROR => Self::Error,
            Level::WARN => Self::Warn,
            Level::INFO => Self::Info,
            Level::DEBUG => Self::Debug,
            Level::TRACE => Self::Trace,
        }
    }
}

impl From<LogLevel> for LevelFilter {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
            LogLevel::Trace => Self::TRACE,
        }
    }
}
