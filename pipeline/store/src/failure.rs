//! Failures inside a backend: a kind and a cause, before the caller adds what was attempted.

use crate::error::{Error, ErrorKind};

/// A failed piece of work of a backend.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What the caller may do about it.
    pub(crate) kind: ErrorKind,
    /// The cause, where there is one below the kind.
    pub(crate) cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Failure {
    /// Makes a failure with its cause, which may be a sentence.
    pub(crate) fn because(
        kind: ErrorKind,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { kind, cause: Some(cause.into()) }
    }

    /// Returns the cause in words.
    pub(crate) fn words(&self) -> String {
        self.cause.as_ref().map_or_else(|| self.kind.to_string(), ToString::to_string)
    }

    /// Adds what was attempted.
    pub(crate) fn during(self, attempt: impl Into<String>) -> Error {
        Error { attempt: attempt.into(), kind: self.kind, source: self.cause }
    }
}

impl From<ErrorKind> for Failure {
    fn from(kind: ErrorKind) -> Self {
        Self { kind, cause: None }
    }
}
