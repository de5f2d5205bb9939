//! What the errors of SQLite mean to a caller.

use rusqlite::ErrorCode;

use crate::error::ErrorKind;
pub(super) use crate::failure::Failure;

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
