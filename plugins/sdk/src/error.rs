//! How a stage fails, and what each way lets the daemon do.

use scribed_abi::Status;

/// The result of everything that a stage does.
pub type Result<T, E = StageError> = std::result::Result<T, E>;

/// Why a stage could not do its work. The message is one sentence for a person, without the name of
/// the stage, which the daemon puts before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StageError {
    /// An option is wrong; names it. The pipeline does not start.
    #[error("{0}")]
    InvalidConfig(String),
    /// This item is bad, e.g. undecodable. The job fails at once; the instance is fine.
    #[error("{0}")]
    InvalidInput(String),
    /// A configured limit of the recording is passed. The job fails at once.
    #[error("{0}")]
    OverLimit(String),
    /// The recording has no sound. The job fails at once.
    #[error("{0}")]
    NoAudio(String),
    /// The recording is encrypted. The job fails at once.
    #[error("{0}")]
    Protected(String),
    /// Something that the stage needs is missing or busy. The job is tried again later.
    #[error("{0}")]
    Unavailable(String),
    /// The device does not work any more in this process. The process is replaced, and the job goes on
    /// there.
    #[error("{0}")]
    DeviceFault(String),
    /// The device has no memory for this now. It is tried again, with less at once.
    #[error("{0}")]
    OutOfMemory(String),
    /// There is no such device. The job is tried again later.
    #[error("{0}")]
    NoDevice(String),
    /// The instance is broken. It is replaced and the job tried again.
    #[error("{0}")]
    Failed(String),
    /// The stage saw [`Host::cancelled`](crate::Host::cancelled) and left its work.
    #[error("cancelled")]
    Cancelled,
    /// The daemon wants no more from this call; what [`Out::emit`](crate::Out::emit) answers then.
    #[error("no more is wanted")]
    Stopped,
}

impl StageError {
    /// Returns the code that crosses to the daemon.
    pub(crate) fn status(&self) -> Status {
        match self {
            Self::InvalidConfig(_) => Status::INVALID_CONFIG,
            Self::InvalidInput(_) => Status::INVALID_INPUT,
            Self::OverLimit(_) => Status::OVER_LIMIT,
            Self::NoAudio(_) => Status::NO_AUDIO,
            Self::Protected(_) => Status::PROTECTED,
            Self::Unavailable(_) => Status::UNAVAILABLE,
            Self::DeviceFault(_) => Status::DEVICE_FAULT,
            Self::OutOfMemory(_) => Status::OUT_OF_MEMORY,
            Self::NoDevice(_) => Status::NO_DEVICE,
            Self::Failed(_) => Status::FAILED,
            Self::Cancelled | Self::Stopped => Status::CANCELLED,
        }
    }

    /// Turns a code back, for the test bench.
    pub(crate) fn from_status(status: Status, message: String) -> Result<()> {
        Err(match status {
            Status::OK => return Ok(()),
            Status::INVALID_CONFIG => Self::InvalidConfig(message),
            Status::INVALID_INPUT => Self::InvalidInput(message),
            Status::OVER_LIMIT => Self::OverLimit(message),
            Status::NO_AUDIO => Self::NoAudio(message),
            Status::PROTECTED => Self::Protected(message),
            Status::UNAVAILABLE => Self::Unavailable(message),
            Status::DEVICE_FAULT => Self::DeviceFault(message),
            Status::OUT_OF_MEMORY => Self::OutOfMemory(message),
            Status::NO_DEVICE => Self::NoDevice(message),
            Status::CANCELLED => Self::Cancelled,
            _ => Self::Failed(message),
        })
    }
}
