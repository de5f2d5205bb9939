//! What can go wrong on the way to an address that a user chose.

use std::path::PathBuf;

/// Result of a call that leaves the daemon.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A recording that was not fetched, or a call that nobody answered: where, and why.
#[derive(Debug, thiserror::Error)]
#[error("cannot {purpose} {url}: {}", self.reason())]
pub struct Error {
    /// What was attempted.
    pub purpose: Purpose,
    /// Scheme, host and path of the URL; what follows may be a signature and is not shown.
    pub url: String,
    /// What the caller may do about it.
    pub kind: ErrorKind,
    /// What was found, in one sentence; may be empty.
    pub detail: String,
    /// The cause in its own words.
    #[source]
    pub source: Option<Cause>,
}

impl Error {
    /// Returns why, without the URL, of which even the path may be a secret.
    pub fn reason(&self) -> String {
        let Self { kind, detail, .. } = self;
        if detail.is_empty() { kind.to_string() } else { format!("{kind}: {detail}") }
    }

    /// Says that it was a call.
    pub(crate) fn of_a_call(self) -> Self {
        Self { purpose: Purpose::Call, ..self }
    }
}

/// What was attempted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Purpose {
    /// To fetch a recording.
    #[error("fetch")]
    Fetch,
    /// To call somebody.
    #[error("call")]
    Call,
}

/// The cause of an error in its own words.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What the caller may do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// It is no `http` or `https` URL that every reader reads alike.
    #[error("this is not a URL that is asked")]
    UnsupportedUrl,
    /// The address rules refuse it: it leads where users may not.
    #[error("the address is not allowed")]
    Forbidden,
    /// The host has nothing there.
    #[error("there is nothing at this address")]
    NotFound,
    /// The host does not give it to us.
    #[error("the server refuses it")]
    Refused,
    /// A redirect leads astray: too many, to nowhere, or from encrypted to open.
    #[error("the redirects cannot be followed")]
    BadRedirect,
    /// It is larger than recordings may be.
    #[error("it is too large")]
    TooLarge,
    /// The answer is not one that a recording can be read from.
    #[error("the answer makes no sense")]
    BadAnswer,
    /// The certificate of the host is not one that is trusted.
    #[error("the server cannot prove who it is")]
    Untrusted,
    /// The host is not found, or does not take the connection.
    #[error("the server cannot be reached")]
    Unreachable,
    /// The host has trouble of its own, or too much to do.
    #[error("the server is in trouble")]
    ServerTrouble,
    /// It took too long.
    #[error("it took too long")]
    TimedOut,
    /// The connection ended before what was asked for was there.
    #[error("the connection broke off")]
    BrokenOff,
    /// What was fetched could not be kept here; the cause says why.
    #[error("it cannot be kept")]
    Sink,
    /// A header that was to go along is none, or not the caller's to set.
    #[error("a header cannot be sent")]
    BadHeader,
}

impl ErrorKind {
    /// Every kind.
    pub const ALL: [Self; 14] = [
        Self::UnsupportedUrl,
        Self::Forbidden,
        Self::NotFound,
        Self::Refused,
        Self::BadRedirect,
        Self::TooLarge,
        Self::BadAnswer,
        Self::Untrusted,
        Self::Unreachable,
        Self::ServerTrouble,
        Self::TimedOut,
        Self::BrokenOff,
        Self::Sink,
        Self::BadHeader,
    ];

    /// Returns the stable word for programs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::UnsupportedUrl => "unsupported_url",
            Self::Forbidden => "forbidden_address",
            Self::NotFound => "not_found",
            Self::Refused => "refused",
            Self::BadRedirect => "bad_redirect",
            Self::TooLarge => "too_large",
            Self::BadAnswer => "bad_answer",
            Self::Untrusted => "untrusted",
            Self::Unreachable => "unreachable",
            Self::ServerTrouble => "server_trouble",
            Self::TimedOut => "timed_out",
            Self::BrokenOff => "broken_off",
            Self::Sink => "not_kept",
            Self::BadHeader => "bad_header",
        }
    }

    /// Returns whether the same call may succeed later, with nothing changed on our side.
    ///
    /// Of [`Sink`](Self::Sink) the cause decides, which is the caller's own.
    pub const fn is_worth_another_try(self) -> bool {
        matches!(self, Self::Unreachable | Self::ServerTrouble | Self::TimedOut | Self::BrokenOff)
    }
}

/// Settings that cannot work.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file of authorities is missing or holds none.
    #[error("outbound.ca_file {}: {reason}; name a file of certificates in PEM", path.display())]
    Authorities {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no encryption to be had.
    #[error("no encryption can be set up for what is fetched: {0}")]
    Encryption(#[from] rustls::Error),
}

/// A failure before it is known which URL it belongs to.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: ErrorKind,
    detail: String,
    source: Option<Cause>,
}

impl Failure {
    /// Makes a failure in our own words.
    pub(crate) fn new(kind: ErrorKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), source: None }
    }

    /// Makes a failure with a cause that says what happened.
    pub(crate) fn caused(kind: ErrorKind, source: impl Into<Cause>) -> Self {
        let source = source.into();
        Self { kind, detail: chain(source.as_ref()), source: Some(source) }
    }

    /// Says where it happened.
    pub(crate) fn at(self, url: impl Into<String>) -> Error {
        let Self { kind, detail, source } = self;
        Error { purpose: Purpose::Fetch, url: url.into(), kind, detail, source }
    }
}

/// Returns an error with its causes in one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut line = error.to_string();
    for cause in std::iter::successors(error.source(), |cause| cause.source()) {
        let cause = cause.to_string();
        // Some say their cause themselves.
        if !line.contains(&cause) {
            line = format!("{line}: {cause}");
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_kind_has_a_word_of_its_own() {
        let words: BTreeSet<_> = ErrorKind::ALL.iter().map(|kind| kind.word()).collect();
        assert_eq!(words.len(), ErrorKind::ALL.len());
        let sentences: BTreeSet<_> = ErrorKind::ALL.iter().map(ToString::to_string).collect();
        assert_eq!(sentences.len(), ErrorKind::ALL.len());
    }

    #[test]
    fn an_error_says_from_where_and_why() {
        let gone = Failure::new(ErrorKind::NotFound, "the server answered 404");
        let said = gone.at("https://example.org/a.wav").to_string();
        assert_eq!(
            said,
            "cannot fetch https://example.org/a.wav: there is nothing at this address: the server \
             answered 404"
        );
        let silent = Failure::new(ErrorKind::TimedOut, "").at("http://example.org/").of_a_call();
        assert_eq!(silent.to_string(), "cannot call http://example.org/: it took too long");
        let cause = std::io::Error::other("the cable is out");
        let failure = Failure::caused(ErrorKind::Unreachable, cause).at("http://example.org/");
        assert!(failure.to_string().ends_with("cannot be reached: the cable is out"), "{failure}");
        assert_eq!(failure.reason(), "the server cannot be reached: the cable is out");
        assert!(std::error::Error::source(&failure).is_some());
    }
}
