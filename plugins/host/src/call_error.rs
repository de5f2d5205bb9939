//! How a call of a stage fails.

use std::fmt;

use scribed_abi as abi;
use serde::Serialize;

/// A call that did not end well.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{stage}: {message}")]
pub struct CallError {
    /// Id of the stage.
    pub stage: String,
    /// What kind of failure it is, and so what to do.
    pub status: Status,
    /// One sentence for a person.
    pub message: String,
}

/// The ways to fail. Codes from the future count as [`Status::Failed`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The configuration is refused; the message names the option.
    InvalidConfig,
    /// This item is bad, e.g. undecodable; the instance is fine.
    InvalidInput,
    /// Something that the stage needs is missing or busy; later it may work.
    Unavailable,
    /// The instance is broken or broke its contract; a new one may work.
    Failed,
    /// The stage saw that it is cancelled.
    Cancelled,
    /// The stage panicked; the instance is poisoned.
    Panicked,
    /// A configured limit of the recording is passed.
    OverLimit,
    /// The recording has no sound.
    NoAudio,
    /// The recording is encrypted.
    Protected,
    /// The device does not work any more in this process.
    DeviceFault,
    /// The device has no memory for this now.
    OutOfMemory,
    /// There is no such device.
    NoDevice,
}

impl Status {
    /// Reads a code of the ABI; `None` for OK.
    pub(crate) fn from_abi(status: abi::Status) -> Option<Self> {
        Some(match status {
            abi::Status::OK => return None,
            abi::Status::INVALID_CONFIG => Self::InvalidConfig,
            abi::Status::INVALID_INPUT => Self::InvalidInput,
            abi::Status::UNAVAILABLE => Self::Unavailable,
            abi::Status::CANCELLED => Self::Cancelled,
            abi::Status::PANICKED => Self::Panicked,
            abi::Status::OVER_LIMIT => Self::OverLimit,
            abi::Status::NO_AUDIO => Self::NoAudio,
            abi::Status::PROTECTED => Self::Protected,
            abi::Status::DEVICE_FAULT => Self::DeviceFault,
            abi::Status::OUT_OF_MEMORY => Self::OutOfMemory,
            abi::Status::NO_DEVICE => Self::NoDevice,
            _ => Self::Failed,
        })
    }

    /// Returns a phrase for when the stage gave no message.
    pub const fn phrase(self) -> &'static str {
        match self {
            Self::InvalidConfig => "the configuration is invalid",
            Self::InvalidInput => "the input is invalid",
            Self::Unavailable => "something it needs is unavailable",
            Self::Failed => "it failed",
            Self::Cancelled => "cancelled",
            Self::Panicked => "it panicked",
            Self::OverLimit => "the recording passes a limit",
            Self::NoAudio => "the recording has no sound",
            Self::Protected => "the recording is encrypted",
            Self::DeviceFault => "its device failed",
            Self::OutOfMemory => "its device has no memory left",
            Self::NoDevice => "its device is missing",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.phrase())
    }
}
