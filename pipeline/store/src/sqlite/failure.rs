//! Failures inside the backend: a kind and a cause, before the caller adds what was attempted.

use rusqlite::ErrorCode;

use crate::error::{Error, ErrorKind};

/// A failed piece of work on a connection.
#[derive(Debug)]
pub(super) struct Failure {
    /// What the caller may do about it.
    pub(super) kind: ErrorKind,
    /// The cause, where there is one below the kind.
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Failure {
    /// Makes a failure with its cause, which may be a sentence.
    pub(super) fn because(
        kind: ErrorKind,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { kind, cause: Some(cause.into()) }
    }

    /// Returns the cause in words.
    pub(super) fn words(&self) -> String {
        self.cause.as_ref().map_or_else(|| self.kind.to_string(), ToString::to_string)
    }

    /// Adds what was attempted.
    pub(super) fn during(self, attempt: impl Into<String>) -> Error {
        Error { attempt: attempt.into(), kind: self.kind, source: self.cause }
    }
}

impl From<ErrorKind> for Failure {
    fn from(kind: ErrorKind) -> Self {
        Self { kind, cause: None }
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self { kind: kind_of(&error), cause: Some(error.into()) }
    }
}

/// Returns what a caller may do about an error of SQLite's.
fn kind_of(error: &rusqlite::Error) -> ErrorKind {
    match error {
        rusqlite::Error::QueryReturnedNoRows => ErrorKind::NotFound,
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::Utf8Error(..) => ErrorKind::Corrupt,
        _ => match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => ErrorKind::Full,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => ErrorKind::Corrupt,
            Some(ErrorCode::ConstraintViolation) => ErrorKind::Conflict,
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
                ErrorKind::Denied
            }
            // Busy, input and output errors, out of memory: it may work later.
            _ => ErrorKind::Unavailable,
        },
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    #[track_caller]
    fn check(code: std::ffi::c_int, expected: ErrorKind) {
        let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
        assert_eq!(Failure::from(error).kind, expected);
    }

    #[test]
    fn codes_of_sqlite_become_kinds_that_say_what_to_do() {
        check(ffi::SQLITE_FULL, ErrorKind::Full);
        check(ffi::SQLITE_BUSY, ErrorKind::Unavailable);
        check(ffi::SQLITE_IOERR, ErrorKind::Unavailable);
        check(ffi::SQLITE_IOERR_WRITE, ErrorKind::Unavailable);
        check(ffi::SQLITE_CORRUPT, ErrorKind::Corrupt);
        check(ffi::SQLITE_NOTADB, ErrorKind::Corrupt);
        check(ffi::SQLITE_CONSTRAINT_UNIQUE, ErrorKind::Conflict);
        check(ffi::SQLITE_READONLY, ErrorKind::Denied);
        check(ffi::SQLITE_CANTOPEN, ErrorKind::Denied);
    }
}
