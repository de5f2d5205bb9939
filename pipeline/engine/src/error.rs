//! What can go wrong with a call to the engine.

use scribed_schemas::id::JobId;
use scribed_schemas::job::Fault;

use crate::runner::RunError;

/// Result of an engine call.
pub type Result<T> = std::result::Result<T, Error>;

/// A failed engine call.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store failed; its kind says what the caller may do.
    #[error(transparent)]
    Store(#[from] scribed_store::Error),
    /// The media store failed; its kind says what the caller may do.
    #[error(transparent)]
    Media(#[from] scribed_media::Error),
    /// There is no pipeline of that name.
    #[error("there is no pipeline {name:?}; there are {}", known.join(", "))]
    NoSuchPipeline {
        /// The name that was asked for.
        name: String,
        /// Those that exist.
        known: Vec<String>,
    },
    /// A stage failed.
    #[error(transparent)]
    Stage(#[from] RunError),
}

/// Why an export cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// There is no such job.
    #[error("there is no job {0}")]
    NoSuchJob(JobId),
    /// There is not one chunk yet, and the job is not completed.
    #[error("job {0} has no text yet")]
    NoText(JobId),
    /// The job's pipeline does not make that format.
    #[error("there is no format {asked:?}; there are {}", known.join(", "))]
    NoSuchFormat {
        /// The format that was asked for.
        asked: String,
        /// Those that the pipeline makes.
        known: Vec<String>,
    },
    /// The engine or what it stands on failed.
    #[error(transparent)]
    Engine(#[from] Error),
}

impl From<scribed_store::Error> for RenderError {
    fn from(error: scribed_store::Error) -> Self {
        Self::Engine(error.into())
    }
}

/// Why a recording cannot be probed.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The recording is of no use; the fault says why, in words for its owner.
    #[error("{}", .0.message)]
    Refused(Fault),
    /// The engine or what it stands on failed.
    #[error(transparent)]
    Engine(#[from] Error),
}
