//! What the errors of the driver and of the database mean to a caller.

use scylla::errors::{
    ConnectionError, ConnectionPoolError, ConnectionSetupRequestErrorKind, DbError,
    DeserializationError, ExecutionError, IntoRowsResultError, MetadataError, NewSessionError,
    NextPageError, NextRowError, PagerExecutionError, PrepareError, RequestAttemptError,
    RequestError, RowsError, SchemaAgreementError, TypeCheckError, UseKeyspaceError, WriteType,
};
use scylla::statement::Consistency;

use crate::error::ErrorKind;
pub(super) use crate::failure::Failure;

/// Implements the conversion of errors whose kind depends on what they are.
macro_rules! failures {
    ($($error:ty => $kind:expr;)+) => {
        $(
            impl From<$error> for Failure {
                fn from(error: $error) -> Self {
                    let kind: fn(&$error) -> ErrorKind = $kind;
                    Self { kind: kind(&error), cause: Some(error.into()) }
                }
            }
        )+
    };
}

failures! {
    ExecutionError => of_execution;
    PagerExecutionError => of_pager;
    PrepareError => of_prepare;
    NewSessionError => of_session;
    NextRowError => of_row;
    UseKeyspaceError => of_keyspace;
    SchemaAgreementError => |_| ErrorKind::Unavailable;
    // What stands there is not what this program wrote.
    IntoRowsResultError => |_| ErrorKind::Corrupt;
    RowsError => |_| ErrorKind::Corrupt;
    TypeCheckError => |_| ErrorKind::Corrupt;
    DeserializationError => |_| ErrorKind::Corrupt;
    serde_json::Error => |_| ErrorKind::Corrupt;
}

/// Returns whether the replicas say that an agreement was pushed back by another: it happens at once
/// where several want the same row, and it is worth trying again.
pub(super) fn is_contested(failure: &Failure) -> bool {
    let cause = failure.cause.as_ref().and_then(|cause| cause.downcast_ref());
    let Some(ExecutionError::LastAttemptError(RequestAttemptError::DbError(said, _))) = cause
    else {
        return false;
    };
    match said {
        DbError::WriteTimeout { write_type, .. } => *write_type == WriteType::Cas,
        DbError::ReadTimeout { consistency, .. } => {
            matches!(consistency, Consistency::Serial | Consistency::LocalSerial)
        }
        _ => false,
    }
}

/// Sorts the errors of one statement.
fn of_execution(error: &ExecutionError) -> ErrorKind {
    match error {
        ExecutionError::BadQuery(_) => ErrorKind::Corrupt,
        ExecutionError::PrepareError(error) => of_prepare(error),
        ExecutionError::ConnectionPoolError(error) => of_pool(error),
        ExecutionError::LastAttemptError(error) => of_attempt(error),
        ExecutionError::UseKeyspaceError(error) => of_keyspace(error),
        // Timeouts, no node to ask, a schema that is still being agreed on: it may work later.
        _ => ErrorKind::Unavailable,
    }
}

/// Sorts the errors of a statement that is read page by page, at its beginning.
fn of_pager(error: &PagerExecutionError) -> ErrorKind {
    match error {
        PagerExecutionError::PrepareError(error) => of_prepare(error),
        PagerExecutionError::SerializationError(_) => ErrorKind::Corrupt,
        PagerExecutionError::NextPageError(error) => of_page(error),
        _ => ErrorKind::Unavailable,
    }
}

/// Sorts the errors of a statement that is read page by page, on its way.
fn of_row(error: &NextRowError) -> ErrorKind {
    match error {
        NextRowError::NextPageError(error) => of_page(error),
        _ => ErrorKind::Corrupt,
    }
}

/// Sorts the errors of one page.
fn of_page(error: &NextPageError) -> ErrorKind {
    match error {
        NextPageError::RequestFailure(RequestError::LastAttemptError(error)) => of_attempt(error),
        NextPageError::RequestFailure(RequestError::ConnectionPoolError(error)) => of_pool(error),
        NextPageError::RequestFailure(_) => ErrorKind::Unavailable,
        _ => ErrorKind::Corrupt,
    }
}

/// Sorts the errors of making a statement ready.
fn of_prepare(error: &PrepareError) -> ErrorKind {
    match error {
        PrepareError::ConnectionPoolError(error) => of_pool(error),
        PrepareError::AllAttemptsFailed { first_attempt, .. } => of_attempt(first_attempt),
        _ => ErrorKind::Corrupt,
    }
}

/// Sorts the errors of connecting.
fn of_session(error: &NewSessionError) -> ErrorKind {
    match error {
        NewSessionError::MetadataError(MetadataError::ConnectionPoolError(error)) => of_pool(error),
        NewSessionError::UseKeyspaceError(error) => of_keyspace(error),
        NewSessionError::EmptyKnownNodesList | NewSessionError::IllegalConfig(_) => {
            ErrorKind::NotFound
        }
        _ => ErrorKind::Unavailable,
    }
}

/// Sorts the errors of choosing the keyspace.
fn of_keyspace(error: &UseKeyspaceError) -> ErrorKind {
    match error {
        UseKeyspaceError::RequestError(error) => of_attempt(error),
        UseKeyspaceError::RequestTimeout(_) => ErrorKind::Unavailable,
        _ => ErrorKind::NotFound,
    }
}

/// Sorts the errors of having no connection: a refused password is worth telling apart.
fn of_pool(error: &ConnectionPoolError) -> ErrorKind {
    let ConnectionPoolError::Broken { last_connection_error } = error else {
        return ErrorKind::Unavailable;
    };
    match last_connection_error {
        ConnectionError::ConnectionSetupRequestError(error) => match &error.error {
            ConnectionSetupRequestErrorKind::DbError(error, _) => of_database(error),
            _ => ErrorKind::Unavailable,
        },
        _ => ErrorKind::Unavailable,
    }
}

/// Sorts the errors of one try on one node.
fn of_attempt(error: &RequestAttemptError) -> ErrorKind {
    match error {
        RequestAttemptError::DbError(error, _) => of_database(error),
        RequestAttemptError::UnableToAllocStreamId
        | RequestAttemptError::BrokenConnectionError(_) => ErrorKind::Unavailable,
        _ => ErrorKind::Corrupt,
    }
}

/// Sorts what the database itself says.
fn of_database(error: &DbError) -> ErrorKind {
    match error {
        DbError::AuthenticationError | DbError::Unauthorized => ErrorKind::Denied,
        // A table or column that is not there, or not of the type that it should be.
        DbError::SyntaxError | DbError::Invalid | DbError::ConfigError => ErrorKind::Corrupt,
        DbError::AlreadyExists { .. } => ErrorKind::Conflict,
        // Too few replicas, timeouts, overload, failures on replicas: it may work later.
        _ => ErrorKind::Unavailable,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn said(said: DbError) -> Failure {
        let attempt = RequestAttemptError::DbError(said, "words".to_owned());
        Failure::from(ExecutionError::LastAttemptError(attempt))
    }

    #[track_caller]
    fn check(error: DbError, expected: ErrorKind) {
        let failure = said(error);
        assert_eq!(failure.kind, expected);
        assert!(failure.words().contains("words"), "{}", failure.words());
    }

    #[test]
    fn words_of_the_database_become_kinds_that_say_what_to_do() {
        let consistency = Consistency::LocalQuorum;
        check(DbError::Unavailable { consistency, required: 2, alive: 1 }, ErrorKind::Unavailable);
        check(
            DbError::WriteTimeout {
                consistency,
                received: 1,
                required: 2,
                write_type: WriteType::Cas,
            },
            ErrorKind::Unavailable,
        );
        check(
            DbError::ReadTimeout { consistency, received: 1, required: 2, data_present: false },
            ErrorKind::Unavailable,
        );
        check(DbError::Overloaded, ErrorKind::Unavailable);
        check(DbError::IsBootstrapping, ErrorKind::Unavailable);
        check(DbError::ServerError, ErrorKind::Unavailable);
        check(DbError::Unauthorized, ErrorKind::Denied);
        check(DbError::AuthenticationError, ErrorKind::Denied);
        check(DbError::Invalid, ErrorKind::Corrupt);
        check(DbError::SyntaxError, ErrorKind::Corrupt);
    }

    #[test]
    fn an_agreement_that_was_pushed_back_is_told_from_a_slow_database() {
        let (received, required, data_present) = (1, 2, false);
        let written = |consistency, write_type| {
            said(DbError::WriteTimeout { consistency, received, required, write_type })
        };
        assert!(is_contested(&written(Consistency::LocalSerial, WriteType::Cas)));
        assert!(!is_contested(&written(Consistency::LocalQuorum, WriteType::Simple)));
        let read = |consistency| {
            said(DbError::ReadTimeout { consistency, received, required, data_present })
        };
        assert!(is_contested(&read(Consistency::Serial)));
        assert!(!is_contested(&read(Consistency::LocalQuorum)));
        assert!(!is_contested(&said(DbError::Overloaded)));
        let silence = ExecutionError::RequestTimeout(Duration::from_secs(1));
        assert!(!is_contested(&silence.into()));
    }

    #[test]
    fn a_driver_that_cannot_reach_the_database_says_come_again() {
        let timeout = ExecutionError::RequestTimeout(Duration::from_secs(1));
        assert_eq!(Failure::from(timeout).kind, ErrorKind::Unavailable);
        assert_eq!(Failure::from(ExecutionError::EmptyPlan).kind, ErrorKind::Unavailable);
        let pool = ConnectionPoolError::Initializing;
        let refused = ExecutionError::ConnectionPoolError(pool);
        assert_eq!(Failure::from(refused).kind, ErrorKind::Unavailable);
    }
}
