//! What is known about a stage before there is an instance of it.

use std::{fmt, path::PathBuf};

use scribed_abi as abi;
use serde::{Deserialize, Serialize};

/// A stage of the catalog.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageInfo {
    /// Identity: `org.scribed.decode`.
    pub id: String,
    /// Version, for people.
    pub version: String,
    /// One line that says what it does.
    pub summary: String,
    /// JSON Schema of its configuration.
    pub config_schema: serde_json::Value,
    /// What it takes.
    pub accepts: Kind,
    /// What it makes.
    pub emits: Kind,
    /// Capabilities: bits of [`flags`](crate::flags).
    pub flags: u64,
    /// The file that it comes from.
    pub library: PathBuf,
}

/// What passes between stages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Kind {
    /// A whole recording by random access.
    Media,
    /// Contiguous samples.
    Audio,
    /// What the recogniser takes in one inference.
    Chunk,
    /// Text with times.
    Segments,
    /// A finished document.
    Document,
}

impl Kind {
    /// Reads a code of the ABI; `None` for one from the future.
    pub(crate) fn from_abi(kind: abi::Kind) -> Option<Self> {
        Some(match kind {
            abi::Kind::MEDIA => Self::Media,
            abi::Kind::AUDIO => Self::Audio,
            abi::Kind::CHUNK => Self::Chunk,
            abi::Kind::SEGMENTS => Self::Segments,
            abi::Kind::DOCUMENT => Self::Document,
            _ => return None,
        })
    }

    /// Returns the code of the ABI.
    pub(crate) fn code(self) -> abi::Kind {
        match self {
            Self::Media => abi::Kind::MEDIA,
            Self::Audio => abi::Kind::AUDIO,
            Self::Chunk => abi::Kind::CHUNK,
            Self::Segments => abi::Kind::SEGMENTS,
            Self::Document => abi::Kind::DOCUMENT,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.code().fmt(f)
    }
}
