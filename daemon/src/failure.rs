//! Failures of commands: what is said, what to do about it, and the exit code.

use std::fmt;

/// Exit code of a command that did not do its work.
const FAILED: u8 = 1;
/// Exit code of wrong usage, configuration, plugins or models.
const REFUSED: u8 = 2;

/// A command that did not do its work.
#[derive(Debug)]
pub struct Failure {
    /// What was attempted and why it failed.
    pub error: anyhow::Error,
    /// What to do, where that is obvious.
    pub hint: Option<String>,
    /// Exit code of the process.
    pub exit: u8,
}

impl Failure {
    /// Makes a failure of usage, configuration, plugins or models: nothing was begun.
    pub fn refused(error: impl Into<anyhow::Error>) -> Self {
        Self { error: error.into(), hint: None, exit: REFUSED }
    }

    /// Makes a failure of the work itself.
    pub fn failed(error: impl Into<anyhow::Error>) -> Self {
        Self { error: error.into(), hint: None, exit: FAILED }
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.error)
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::failed(error)
    }
}
