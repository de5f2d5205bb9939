//! What can go wrong with a store.

/// Result of a store call.
pub type Result<T> = std::result::Result<T, Error>;

/// A failed store call: what was attempted, and why it failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {attempt}: {kind}")]
pub struct Error {
    /// What was attempted, to what: "renew the lease of job 42".
    pub attempt: String,
    /// What the caller may do about it.
    pub kind: ErrorKind,
    /// The backend's own words.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What the caller may do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There is no such row.
    #[error("there is none")]
    NotFound,
    /// Another row stands in the way.
    #[error("it exists already")]
    Conflict,
    /// The caller's lease is over: stop working.
    #[error("the lease is lost")]
    Fenced,
    /// The disk is full: wait for space.
    #[error("the disk is full")]
    Full,
    /// The backend is away; it may have happened or not; repeat later.
    #[error("the store is unavailable")]
    Unavailable,
    /// Another process holds it.
    #[error("another process holds it")]
    Locked,
    /// The operating system refuses: a folder or file may not be written.
    #[error("the operating system does not permit it")]
    Denied,
    /// The stored data is damaged or from a newer version.
    #[error("the stored data cannot be read")]
    Corrupt,
}

impl Error {
    /// Makes an error without a cause of the backend's.
    pub fn new(kind: ErrorKind, attempt: impl Into<String>) -> Self {
        measure(kind);
        Self { attempt: attempt.into(), kind, source: None }
    }

    /// Makes an error with the backend's cause.
    pub fn caused(
        kind: ErrorKind,
        attempt: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        measure(kind);
        Self { attempt: attempt.into(), kind, source: Some(source.into()) }
    }
}

/// Begins to count errors at 0: a series that begins with its first error has not grown, and no alert
/// would tell of that one.
pub fn count_from_zero() {
    for kind in [ErrorKind::Full, ErrorKind::Unavailable, ErrorKind::Denied, ErrorKind::Corrupt] {
        count(kind, 0);
    }
}

/// Records an error.
fn measure(kind: ErrorKind) {
    count(kind, 1);
}

/// Counts errors that say something of the backend, and not of the call.
fn count(kind: ErrorKind, errors: u64) {
    let kind = match kind {
        ErrorKind::Full => "full",
        ErrorKind::Unavailable => "unavailable",
        ErrorKind::Denied => "denied",
        ErrorKind::Corrupt => "corrupt",
        ErrorKind::NotFound | ErrorKind::Conflict | ErrorKind::Fenced | ErrorKind::Locked => return,
    };
    metrics::counter!(scribed_schemas::metric::STORE_ERRORS, "kind" => kind).increment(errors);
}
