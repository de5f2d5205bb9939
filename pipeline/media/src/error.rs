//! What can go wrong with a media store.

/// Result of a media call.
pub type Result<T> = std::result::Result<T, Error>;

/// A failed media call: what was attempted, and why it failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {attempt}: {kind}")]
pub struct Error {
    /// What was attempted, to what.
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
    /// There is no such recording.
    #[error("there is no such recording")]
    NotFound,
    /// The key is not one that recordings are kept under.
    #[error("the key is not valid")]
    BadKey,
    /// The disk is full: wait for space.
    #[error("the disk is full")]
    Full,
    /// The operating system refuses a folder or file, or a service our credentials.
    #[error("it is not permitted")]
    Denied,
    /// The settings do not fit: there is no such bucket, or the region is another.
    #[error("the settings of the media store do not fit")]
    Misconfigured,
    /// The backend is away: repeat later.
    #[error("the media store is unavailable")]
    Unavailable,
}

impl Error {
    /// Makes an error without a cause of the backend's.
    pub fn new(kind: ErrorKind, attempt: impl Into<String>) -> Self {
        Self { attempt: attempt.into(), kind, source: None }
    }

    /// Makes an error with the backend's cause, whose chain decides the kind.
    pub(crate) fn caused(
        attempt: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        let source = source.into();
        let kind = kind_of(source.as_ref());
        Self { attempt: attempt.into(), kind, source: Some(source) }
    }
}

/// Looks for the operating system's verdict in a chain of causes.
fn kind_of(error: &(dyn std::error::Error + 'static)) -> ErrorKind {
    use std::io::ErrorKind as Io;

    let mut chain = std::iter::successors(Some(error), |error| error.source());
    let io = chain.find_map(|error| error.downcast_ref::<std::io::Error>());
    match io.map(std::io::Error::kind) {
        Some(Io::NotFound | Io::NotADirectory | Io::IsADirectory) => ErrorKind::NotFound,
        Some(Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge) => ErrorKind::Full,
        Some(Io::PermissionDenied | Io::ReadOnlyFilesystem) => ErrorKind::Denied,
        _ => ErrorKind::Unavailable,
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("wrapped")]
    struct Wrapped(#[source] io::Error);

    #[test]
    fn a_full_disk_is_recognised_however_deep_it_is_wrapped() {
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        assert_eq!(Error::caused("write", full()).kind, ErrorKind::Full);
        assert_eq!(Error::caused("write", Wrapped(full())).kind, ErrorKind::Full);
        let quota = io::Error::from(io::ErrorKind::QuotaExceeded);
        assert_eq!(Error::caused("write", Wrapped(quota)).kind, ErrorKind::Full);
        let other = io::Error::other("the cable is out");
        assert_eq!(Error::caused("write", Wrapped(other)).kind, ErrorKind::Unavailable);
    }
}
