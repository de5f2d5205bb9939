//! One question: a GET that follows redirects to an answer with a recording in it.

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CONNECTION, CONTENT_ENCODING, HOST, LOCATION, USER_AGENT,
};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::time::timeout;

use crate::connection::Connection;
use crate::error::{Error, ErrorKind, Failure};
use crate::outbound::Outbound;
use crate::target::Target;

/// What we call ourselves.
pub(crate) const OUR_NAME: &str = concat!("scribed/", env!("CARGO_PKG_VERSION"));

/// An answer with a recording in it, or a part of one.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Head and body.
    pub(crate) response: Response<Incoming>,
    /// Where the redirects led.
    pub(crate) target: Target,
    /// Ends with the answer.
    _connection: Connection,
}

/// Asks for a recording with these headers added, and follows redirects.
///
/// The answer is 200; 206 or 416 as well where the headers ask for a range.
pub(crate) async fn ask(
    outbound: &Outbound,
    first: &Target,
    headers: &HeaderMap,
) -> Result<Answer, Error> {
    let mut target = first.clone();
    for _ in 0..=outbound.config.redirects {
        let at = |failure: Failure| failure.at(target.shown());
        let (response, connection) = once(outbound, &target, headers).await.map_err(at)?;
        if !is_redirect(response.status()) {
            check(&response, !headers.is_empty()).map_err(at)?;
            return Ok(Answer { response, target, _connection: connection });
        }
        let location = location(response.headers()).map_err(at)?;
        target = target.join(location, &outbound.rules)?;
    }
    let most = outbound.config.redirects;
    let detail = format!("there are more than {most} of them (`outbound.redirects`)");
    Err(Failure::new(ErrorKind::BadRedirect, detail).at(first.shown()))
}

/// Asks one host once.
async fn once(
    outbound: &Outbound,
    target: &Target,
    headers: &HeaderMap,
) -> Result<(Response<Incoming>, Connection), Failure> {
    let request = request(target, headers)?;
    let mut connection = Connection::open(outbound, target).await?;
    let answered = timeout(outbound.config.idle_timeout(), connection.send(request)).await;
    let response = answered.unwrap_or_else(|_| Err(silent()))?;
    Ok((response, connection))
}

/// Says that a host was silent for too long.
pub(crate) fn silent() -> Failure {
    let detail = "the server was silent for longer than `outbound.idle_timeout_ms`";
    Failure::new(ErrorKind::TimedOut, detail)
}

fn request(target: &Target, headers: &HeaderMap) -> Result<Request<Full<Bytes>>, Failure> {
    let unsupported = |error: http::Error| Failure::caused(ErrorKind::UnsupportedUrl, error);
    let mut request = Request::get(target.path_and_query())
        .header(HOST, target.authority())
        .header(ACCEPT, "*/*")
        // The bytes are wanted as they are stored there.
        .header(ACCEPT_ENCODING, "identity")
        .header(CONNECTION, "close")
        .header(USER_AGENT, OUR_NAME)
        .body(Full::default())
        .map_err(unsupported)?;
    request.headers_mut().extend(headers.clone());
    Ok(request)
}

pub(crate) fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

fn location(headers: &HeaderMap) -> Result<&str, Failure> {
    let location = headers.get(LOCATION).map(HeaderValue::to_str);
    match location {
        Some(Ok(location)) => Ok(location),
        _ => Err(Failure::new(ErrorKind::BadRedirect, "one leads nowhere")),
    }
}

/// Refuses an answer without a recording.
fn check(response: &Response<Incoming>, is_range: bool) -> Result<(), Failure> {
    let status = response.status();
    let kind = match status.as_u16() {
        200 => return check_encoding(response.headers()),
        206 if is_range => return check_encoding(response.headers()),
        416 if is_range => return Ok(()),
        404 | 410 => ErrorKind::NotFound,
        // Those of the client's range that say "later" (RFC 9110, section 15.5; RFC 6585; RFC 8470).
        408 | 425 | 429 | 500..=599 => ErrorKind::ServerTrouble,
        400..=499 => ErrorKind::Refused,
        _ => ErrorKind::BadAnswer,
    };
    Err(Failure::new(kind, format!("the server answered {status}")))
}

/// Refuses bytes that are not the recording's own.
fn check_encoding(headers: &HeaderMap) -> Result<(), Failure> {
    let is_plain = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"identity");
    if headers.get_all(CONTENT_ENCODING).iter().all(is_plain) {
        return Ok(());
    }
    let detail = "the server compresses what it sends although it is asked not to";
    Err(Failure::new(ErrorKind::BadAnswer, detail))
}
