//! What the service's refusals mean, and what to do about them.

use object_store::client::{HttpError, HttpErrorKind};

use super::xml;
use crate::error::{Error, ErrorKind};

/// Longest words of the service that are passed on, in characters.
const MOST_CHARS: usize = 200;

/// Why the service did not do something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{said}{}{advice}", if advice.is_empty() { "" } else { "; " })]
pub(super) struct Failure {
    /// What the caller may do.
    pub(super) kind: ErrorKind,
    /// Name that the service gives its reason; may be empty.
    pub(super) code: String,
    /// What was answered, or why nothing was.
    said: String,
    /// What to do, where that is obvious.
    advice: &'static str,
}

impl Failure {
    /// Makes a failure in our own words.
    pub(super) fn new(kind: ErrorKind, said: impl Into<String>) -> Self {
        Self { kind, code: String::new(), said: said.into(), advice: "" }
    }

    /// Reads an answer that is no success.
    pub(super) fn answered(status: u16, body: &str) -> Self {
        let elements = xml::elements(body);
        let code = xml::text_of(&elements, "Code").unwrap_or_default();
        let message = xml::text_of(&elements, "Message").unwrap_or_default();
        let mut said = format!("the service answered {status}");
        for (mark, words) in [(" ", code), (": ", message)] {
            if !words.is_empty() {
                said.push_str(mark);
                said.extend(words.chars().filter(|c| !c.is_control()).take(MOST_CHARS));
            }
        }
        let (kind, advice) = meaning(status, code);
        Self { kind, code: code.to_owned(), said, advice }
    }

    /// Reads what `object_store` says.
    ///
    /// Its error for an answer is a private type, whose text is all that there is: `Server returned
    /// non-2xx status code: 403 Forbidden: <body>`.
    pub(super) fn of(error: &object_store::Error) -> Self {
        let first: &(dyn std::error::Error + 'static) = error;
        let chain = || std::iter::successors(Some(first), |error| error.source());
        if let Some(http) = chain().find_map(|error| error.downcast_ref::<HttpError>()) {
            return Self::unanswered(http);
        }
        let last = chain().last().map(ToString::to_string).unwrap_or_default();
        if let Some((status, body)) = last.split_once("status code: ").and_then(|cut| answer(cut.1))
        {
            return Self::answered(status, body);
        }
        if let Some((_, body)) = last.split_once("error response: ") {
            return Self::answered(200, body);
        }
        let kind = match error {
            object_store::Error::NotFound { .. } => ErrorKind::NotFound,
            object_store::Error::PermissionDenied { .. }
            | object_store::Error::Unauthenticated { .. } => ErrorKind::Denied,
            _ => ErrorKind::Unavailable,
        };
        let advice = if last.contains("incorrectly configured region") { REGION } else { "" };
        Self { advice, ..Self::new(kind, shortened(&last)) }
    }

    /// Reads why there is no answer.
    pub(super) fn unanswered(error: &HttpError) -> Self {
        let first: &(dyn std::error::Error + 'static) = error;
        let last = std::iter::successors(Some(first), |error| error.source()).last();
        let why = shortened(&last.map(ToString::to_string).unwrap_or_default());
        let (said, advice) = match error.kind() {
            HttpErrorKind::Connect => (format!("the service cannot be reached: {why}"), ENDPOINT),
            HttpErrorKind::Timeout => ("the service did not answer in time".to_owned(), ""),
            _ => (format!("the connection to the service broke: {why}"), ""),
        };
        Self { advice, ..Self::new(ErrorKind::Unavailable, said) }
    }

    /// Lets the caller do something else about it.
    pub(super) fn of_kind(self, kind: ErrorKind) -> Self {
        Self { kind, ..self }
    }

    /// Returns whether the same request may succeed a moment later.
    pub(super) fn passes(&self) -> bool {
        self.kind == ErrorKind::Unavailable
    }

    /// Makes it an error of what was attempted.
    pub(super) fn while_trying(self, attempt: impl Into<String>) -> Error {
        Error { attempt: attempt.into(), kind: self.kind, source: Some(Box::new(self)) }
    }
}

const ENDPOINT: &str = "check media.s3.endpoint";
const REGION: &str = "check media.s3.region";
const KEYS: &str = "check media.s3.access_key_id and its secret";
const RIGHTS: &str = "let the access key read, write, delete and list in the bucket and under \
                      media.s3.prefix";

/// Returns what an answer means for the caller, and what to do.
///
/// Codes are those of "Error responses", Amazon S3 API Reference, and of `MinIO` for full disks.
fn meaning(status: u16, code: &str) -> (ErrorKind, &'static str) {
    match (code, status) {
        ("NoSuchBucket", _) => {
            (ErrorKind::Misconfigured, "make the bucket, or check media.s3.bucket")
        }
        (
            "PermanentRedirect"
            | "AuthorizationHeaderMalformed"
            | "IllegalLocationConstraintException",
            _,
        )
        | (_, 301 | 307) => (ErrorKind::Misconfigured, REGION),
        ("InvalidBucketName", _) => (ErrorKind::Misconfigured, "check media.s3.bucket"),
        ("InvalidAccessKeyId" | "SignatureDoesNotMatch" | "NotSignedUp", _) | (_, 401) => {
            (ErrorKind::Denied, KEYS)
        }
        ("ExpiredToken" | "InvalidToken" | "TokenRefreshRequired", _) => {
            (ErrorKind::Denied, "the credentials have expired")
        }
        ("RequestTimeTooSkewed", _) => (ErrorKind::Denied, "set the clock of this host"),
        ("QuotaExceeded" | "XMinioStorageFull" | "XMinioAdminBucketQuotaExceeded", _)
        | (_, 507) => (ErrorKind::Full, ""),
        (_, 403) => (ErrorKind::Denied, RIGHTS),
        (_, 404) => (ErrorKind::NotFound, ""),
        _ => (ErrorKind::Unavailable, ""),
    }
}

/// Splits `403 Forbidden: <body>`.
fn answer(text: &str) -> Option<(u16, &str)> {
    let status = text.get(..3)?.parse().ok()?;
    Some((status, text.split_once(": ").map_or("", |cut| cut.1)))
}

fn shortened(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MOST_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(code: &str) -> String {
        format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>Words</Message></Error>")
    }

    #[test]
    fn an_answer_tells_what_to_do() {
        for (status, code, kind, words) in [
            (403, "InvalidAccessKeyId", ErrorKind::Denied, "media.s3.access_key_id"),
            (403, "SignatureDoesNotMatch", ErrorKind::Denied, "media.s3.access_key_id"),
            (403, "AccessDenied", ErrorKind::Denied, "let the access key"),
            (403, "RequestTimeTooSkewed", ErrorKind::Denied, "clock"),
            (400, "ExpiredToken", ErrorKind::Denied, "expired"),
            (404, "NoSuchBucket", ErrorKind::Misconfigured, "media.s3.bucket"),
            (400, "AuthorizationHeaderMalformed", ErrorKind::Misconfigured, "media.s3.region"),
            (404, "NoSuchKey", ErrorKind::NotFound, "404 NoSuchKey: Words"),
            (507, "XMinioStorageFull", ErrorKind::Full, "507"),
            (503, "SlowDown", ErrorKind::Unavailable, "503 SlowDown: Words"),
        ] {
            let failure = Failure::answered(status, &document(code));
            assert_eq!(failure.kind, kind, "{code}");
            assert!(failure.to_string().contains(words), "{failure}");
        }
    }

    #[test]
    fn an_answer_without_a_document_is_read_by_its_status() {
        for (status, kind) in [
            (401, ErrorKind::Denied),
            (403, ErrorKind::Denied),
            (404, ErrorKind::NotFound),
            (500, ErrorKind::Unavailable),
        ] {
            let failure = Failure::answered(status, "");
            assert_eq!(failure.kind, kind, "{status}");
            assert!(failure.to_string().contains(&status.to_string()), "{failure}");
        }
    }

    #[test]
    fn long_answers_are_cut() {
        let long = document(&"A".repeat(5_000));
        assert!(Failure::answered(500, &long).to_string().len() < 1_000);
    }
}
