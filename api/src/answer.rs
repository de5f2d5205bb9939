//! Answers: what a handler returns, and the one place that makes HTTP of it.
//!
//! A handler returns `Ok(Success)` or `Err(Refusal)`. A refusal says what is wrong, not how it
//! looks on the wire: each surface has its own error shape. Here is the shape of the transcriptions
//! surface, `{"detail": …}`, which is also that of whatever belongs to no surface.

use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{HeaderName, HeaderValue, StatusCode};
use scribed_engine as engine;
use scribed_engine::runner::Reason;
use scribed_media as media;
use scribed_store as store;
use serde::Serialize;
use serde_json::{Value, json};
use warp::reply::Response;

use crate::validate::Fault;

/// What every handler returns.
pub(crate) type Answer<T = Success> = Result<T, Refusal>;

/// An answer that gives what was asked for.
#[derive(Debug)]
#[must_use]
pub(crate) struct Success {
    status: StatusCode,
    /// Absent where there is no body.
    content_type: Option<HeaderValue>,
    disposition: Option<HeaderValue>,
    body: Bytes,
}

impl Success {
    /// Makes a 200 with a JSON body.
    pub(crate) fn json(body: &impl Serialize) -> Answer {
        let body = serde_json::to_vec(body).map_err(|error| {
            tracing::error!(%error, "cannot write an answer as JSON");
            Refusal::Internal
        })?;
        Ok(Self::made(StatusCode::OK, HeaderValue::from_static("application/json"), body.into()))
    }

    fn made(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Self {
        Self { status, content_type: Some(content_type), disposition: None, body }
    }

    /// Makes a 204.
    pub(crate) fn empty() -> Self {
        let status = StatusCode::NO_CONTENT;
        Self { status, content_type: None, disposition: None, body: Bytes::new() }
    }

    /// Makes a 200 without a body.
    pub(crate) fn done() -> Self {
        Self { status: StatusCode::OK, ..Self::empty() }
    }

    /// Makes a 200 with a document for programs.
    pub(crate) fn document(bytes: Vec<u8>, content_type: &'static str) -> Self {
        Self::made(StatusCode::OK, HeaderValue::from_static(content_type), bytes.into())
    }

    /// Makes a 201 with a JSON body.
    pub(crate) fn created(body: &impl Serialize) -> Answer {
        Ok(Self { status: StatusCode::CREATED, ..Self::json(body)? })
    }

    /// Makes a 200 with plain text.
    pub(crate) fn text(body: &'static str) -> Self {
        let content_type = HeaderValue::from_static("text/plain; charset=utf-8");
        Self::made(StatusCode::OK, content_type, Bytes::from_static(body.as_bytes()))
    }

    /// Makes a 200 with a document that a browser saves.
    ///
    /// `name` is what plain clients call the file; `modern_name` is for those that know RFC 6266
    /// §4.3. Both are made by us, of digits and an extension.
    pub(crate) fn file(bytes: Vec<u8>, media_type: &str, name: &str, modern_name: &str) -> Self {
        let disposition =
            format!("attachment; filename=\"{name}\"; filename*=UTF-8''{modern_name}");
        let fallback = HeaderValue::from_static("application/octet-stream");
        let content_type = HeaderValue::from_str(media_type).unwrap_or(fallback);
        let made = Self::made(StatusCode::OK, content_type, bytes.into());
        Self { disposition: HeaderValue::from_str(&disposition).ok(), ..made }
    }
}

/// An answer that gives a reason instead.
#[derive(Debug, PartialEq)]
pub(crate) enum Refusal {
    /// 401: who calls is not known; the words are part of the contract.
    Unauthorized(&'static str),
    /// 403: known, but not allowed.
    Forbidden(&'static str),
    /// 404: there is none, or it is somebody else's.
    NotFound(&'static str),
    /// 405: the path exists, for these methods.
    WrongMethod(String),
    /// 409: not in this state.
    Conflict(String),
    /// 422: every fault of the request, in order.
    Invalid(Vec<Fault>),
    /// 400: the body cannot be read as what it says it is.
    Malformed(String),
    /// 408: the body comes too slowly.
    TooSlow,
    /// 413: the body is longer than this many bytes.
    TooLarge(u64),
    /// 429: too many passwords are being checked just now.
    Busy,
    /// 429: the account or the address has used up its limit, for so long.
    TooOften(Duration),
    /// 500: a fault of ours; the log has it.
    Internal,
    /// 503: something that we need is away for now.
    Unavailable,
    /// 503: as many jobs wait as may.
    Crowded,
    /// 507: the disk is full.
    Full,
}

impl Refusal {
    /// Makes a 422 with one fault.
    pub(crate) fn invalid(fault: Fault) -> Self {
        Self::Invalid(vec![fault])
    }

    /// Returns the status.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Unauthorized(_) => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::WrongMethod(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Busy | Self::TooOften(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable | Self::Crowded => StatusCode::SERVICE_UNAVAILABLE,
            Self::Full => StatusCode::INSUFFICIENT_STORAGE,
        }
    }

    /// Returns the `detail` member.
    pub(crate) fn detail(&self) -> Value {
        match self {
            Self::Unauthorized(text) | Self::Forbidden(text) | Self::NotFound(text) => json!(text),
            Self::Conflict(text) | Self::Malformed(text) => json!(text),
            Self::WrongMethod(_) => json!("Method Not Allowed"),
            Self::Invalid(faults) => json!(faults),
            Self::TooSlow => json!("The request body came too slowly."),
            Self::TooLarge(limit) => json!(format!("The request body is over {limit} bytes.")),
            Self::Busy => json!("Too many sign-ins at once. Try again in a moment."),
            Self::TooOften(wait) => {
                json!(format!("Too many requests. Try again in {} s.", whole_seconds(*wait)))
            }
            Self::Internal => json!("Internal server error"),
            Self::Unavailable => json!("The service is unavailable for now. Try again later."),
            Self::Crowded => json!("Too many recordings wait already. Try again later."),
            Self::Full => json!("The server has no space left. Try again later."),
        }
    }

    /// Returns the header that belongs to the status, if one does.
    pub(crate) fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        match self {
            Self::Unauthorized(_) => Some((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            Self::WrongMethod(allowed) => Some((ALLOW, HeaderValue::from_str(allowed).ok()?)),
            Self::Busy | Self::Unavailable => Some((RETRY_AFTER, HeaderValue::from_static("1"))),
            Self::Crowded => Some((RETRY_AFTER, HeaderValue::from_static("10"))),
            Self::TooOften(wait) => Some((RETRY_AFTER, whole_seconds(*wait).into())),
            Self::Full => Some((RETRY_AFTER, HeaderValue::from_static("60"))),
            _ => None,
        }
    }
}

/// Returns the seconds after which a wait is over: rounded up, and at least one.
fn whole_seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}

impl From<store::Error> for Refusal {
    fn from(error: store::Error) -> Self {
        use store::ErrorKind;
        tracing::warn!(error = &error as &dyn std::error::Error, "the store refused");
        match error.kind {
            ErrorKind::Full => Self::Full,
            ErrorKind::Unavailable | ErrorKind::Locked => Self::Unavailable,
            ErrorKind::NotFound => Self::NotFound("Not Found"),
            ErrorKind::Conflict | ErrorKind::Fenced => {
                Self::Conflict("It was changed by somebody else meanwhile.".to_owned())
            }
            _ => Self::Internal,
        }
    }
}

impl From<media::Error> for Refusal {
    fn from(error: media::Error) -> Self {
        tracing::warn!(error = &error as &dyn std::error::Error, "the media store refused");
        match error.kind {
            media::ErrorKind::Full => Self::Full,
            _ => Self::Unavailable,
        }
    }
}

impl From<engine::Error> for Refusal {
    fn from(error: engine::Error) -> Self {
        match error {
            engine::Error::Store(error) => error.into(),
            engine::Error::Media(error) => error.into(),
            engine::Error::Stage(error)
                if matches!(error.reason, Reason::Unavailable | Reason::SetAside) =>
            {
                tracing::warn!(%error, "a stage lacks what it needs");
                Self::Unavailable
            }
            other => {
                tracing::error!(error = &other as &dyn std::error::Error, "the engine failed");
                Self::Internal
            }
        }
    }
}

/// Makes HTTP of an answer.
pub(crate) fn respond(answer: Answer) -> Response {
    match answer {
        Ok(success) => sent(success, None),
        Err(refusal) => {
            let document = json!({ "detail": refusal.detail() });
            refused(refusal.status(), &document, refusal.header())
        }
    }
}

/// Makes HTTP of a problem document (RFC 7807).
pub(crate) fn problem(
    status: StatusCode,
    document: &Value,
    header: Option<(HeaderName, HeaderValue)>,
) -> Response {
    let content_type = HeaderValue::from_static("application/problem+json");
    sent(Success::made(status, content_type, document.to_string().into()), header)
}

/// Makes HTTP of a refusal that is a JSON document of its surface's own.
pub(crate) fn refused(
    status: StatusCode,
    document: &Value,
    header: Option<(HeaderName, HeaderValue)>,
) -> Response {
    let content_type = HeaderValue::from_static("application/json");
    sent(Success::made(status, content_type, document.to_string().into()), header)
}

/// The only place that sets status and headers.
fn sent(success: Success, header: Option<(HeaderName, HeaderValue)>) -> Response {
    let Success { status, content_type, disposition, body } = success;
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if let Some(content_type) = content_type {
        headers.insert(CONTENT_TYPE, content_type);
    }
    // Answers hold tokens and private text: no cache may keep them, no browser may guess their
    // kind.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(http::header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(disposition) = disposition {
        headers.insert(CONTENT_DISPOSITION, disposition);
    }
    if let Some((name, value)) = header {
        headers.insert(name, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_401_asks_for_a_bearer_token() {
        let response = respond(Err(Refusal::Unauthorized("Invalid or expired token")));
        assert_eq!(response.status(), 401);
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
    }

    #[test]
    fn who_asks_too_often_is_told_for_how_long_in_whole_seconds() {
        for (millis, told) in [(1, "1"), (1_000, "1"), (1_001, "2"), (61_500, "62")] {
            let response = respond(Err(Refusal::TooOften(Duration::from_millis(millis))));
            assert_eq!(response.status(), 429);
            assert_eq!(response.headers()["retry-after"], told);
        }
    }

    #[test]
    fn a_file_name_cannot_break_the_header() {
        let evil = Success::file(Vec::new(), "text/plain\r\nX: y", "7.txt", "7.txt");
        let response = respond(Ok(evil));
        assert_eq!(response.headers()["content-type"], "application/octet-stream");
        assert!(response.headers().get("x").is_none());
    }

    #[test]
    fn a_full_disk_is_507_and_a_store_that_is_away_503() {
        let error = |kind| Refusal::from(store::Error::new(kind, "test"));
        assert_eq!(error(store::ErrorKind::Full).status(), 507);
        assert_eq!(error(store::ErrorKind::Unavailable).status(), 503);
        let response = respond(Err(error(store::ErrorKind::Unavailable)));
        assert_eq!(response.headers()["retry-after"], "1");
    }
}
