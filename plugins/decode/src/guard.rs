//! A fence around Symphonia: a panic over a malformed file is that file's fault, not the instance's.

use std::panic::{AssertUnwindSafe, catch_unwind};

use symphonia::core::errors::Error;

/// How a call into Symphonia failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// As its interface says.
    Told(Error),
    /// By a panic: what was called must not be used any more.
    Broken,
}

/// Runs a call into Symphonia.
///
/// What `call` touches is consistent after it, or given up by the caller.
pub(crate) fn fenced<T>(call: impl FnOnce() -> Result<T, Error>) -> Result<T, Failure> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(Failure::Told),
        Err(panic) => {
            // Dropping what was thrown could throw again.
            std::mem::forget(panic);
            Err(Failure::Broken)
        }
    }
}

/// Turns a failure into an error where the difference does not matter.
pub(crate) fn told(failure: Failure) -> Error {
    match failure {
        Failure::Told(error) => error,
        Failure::Broken => Error::DecodeError("it breaks the reader"),
    }
}
