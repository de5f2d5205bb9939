//! Why a library was not loaded, and what to do about it.

use std::{fmt, io, path::PathBuf};

use scribed_abi::{AbiVersion, CURRENT};

/// A library, or a folder of them, that the daemon will not use.
#[derive(Debug, thiserror::Error)]
pub struct Refusal {
    /// The file or folder.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub reason: Reason,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, reason } = self;
        write!(f, "cannot use plugin {}: {reason}; {}", path.display(), reason.advice())
    }
}

/// The reasons to refuse.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The file or folder cannot be read.
    #[error("it cannot be read ({0})")]
    Unreadable(io::Error),
    /// It is something else than a file.
    #[error("it is not a regular file")]
    NotAFile,
    /// Somebody else owns it.
    #[error("{what} belongs to user {owner}, neither to root nor to the daemon's user {us}")]
    Owner {
        /// `the file` or the folder it lies in.
        what: String,
        /// Owner's user id.
        owner: u32,
        /// The daemon's effective user id.
        us: u32,
    },
    /// Somebody else may write to it.
    #[error("{what} may be written to by {who} (mode {mode:03o})")]
    Writable {
        /// `the file` or the folder it lies in.
        what: String,
        /// `everybody`, or which group.
        who: String,
        /// Permission bits.
        mode: u32,
    },
    /// Its content is not what the configuration pins.
    #[error("its SHA-256 is {actual}, but {expected} is pinned")]
    Pin {
        /// From the configuration, hex.
        expected: String,
        /// Of the file, hex.
        actual: String,
    },
    /// The system's loader does not take it.
    #[error("it cannot be loaded ({0})")]
    Loader(String),
    /// It is a library but not a plugin.
    #[error("it has no symbol `scribed_entry`")]
    NoEntry,
    /// Its entry is malformed.
    #[error("its entry is malformed: {0}")]
    Entry(String),
    /// It speaks another version.
    #[error("the plugin speaks ABI {plugin}, this daemon {}.x", CURRENT.major)]
    Abi {
        /// The plugin's version.
        plugin: AbiVersion,
    },
    /// A descriptor is malformed.
    #[error("its stage {stage} is malformed: {what}")]
    Stage {
        /// Id where it could be read, else its number from 1.
        stage: String,
        /// What is wrong.
        what: String,
    },
    /// A stage of that id is there already.
    #[error("its stage {id} is already there, from {}", first.display())]
    Duplicate {
        /// The id.
        id: String,
        /// The library that was loaded first.
        first: PathBuf,
    },
}

impl Reason {
    /// Returns what to do.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "check that it exists and that the daemon's user may read it",
            Self::NotAFile => "put the library itself there",
            Self::Owner { .. } => "give it to root: `chown root`, after making sure what it is",
            Self::Writable { .. } => "take the right away: `chmod go-w`",
            Self::Pin { .. } => "put the pinned file back, or pin the new one if you trust it",
            Self::Loader(_) => "rebuild it for this system",
            Self::NoEntry => "take it out of the plugin folder, or export its stages",
            Self::Entry(_) | Self::Stage { .. } => "report it to the plugin's author",
            Self::Abi { plugin } if plugin.major > CURRENT.major => {
                "update the daemon, or get a build of the plugin for this version"
            }
            Self::Abi { .. } => "get a build of the plugin for this version",
            Self::Duplicate { .. } => "keep one of the two",
        }
    }
}
