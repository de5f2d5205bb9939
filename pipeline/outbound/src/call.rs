//! Calls: somebody is told something, and answers with a status and nothing else.
//!
//! The rules of addresses are those of [`fetch`](crate::fetch). No redirect is followed: whoever is
//! called was named by its submitter, and a signature is for that address. The body of the answer is read
//! away for a moment, so that a server which writes one sees no broken connection, and forgotten.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONNECTION, HOST, USER_AGENT};
use http::{HeaderName, HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use tokio::time::timeout;
use url::Url;

use crate::ask::{OUR_NAME, is_redirect, silent};
use crate::connection::Connection;
use crate::error::{Error, ErrorKind, Failure, Result};
use crate::outbound::Outbound;
use crate::target::Target;
use crate::user::User;

/// Most bytes of an answer that are read away.
const READ_AWAY: usize = 64 * 1024;
/// How long an answer is read away.
const PATIENCE: Duration = Duration::from_secs(2);
/// Longest name and longest value of a header, in bytes.
const LONGEST_NAME: usize = 100;
const LONGEST_VALUE: usize = 4 * 1024;
/// Headers that belong to the connection, whoever speaks.
const OF_THE_CONNECTION: &[&str] = &[
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
/// Headers that a call says itself, or that hosts on its way would heed.
const OF_THE_CALL: &[&str] = &[
    "accept",
    "accept-encoding",
    "content-encoding",
    "content-type",
    "date",
    "forwarded",
    "traceparent",
    "tracestate",
    "user-agent",
    "via",
];
/// Beginnings of such headers.
const BEGINNINGS_OF_THE_CALL: &[&str] = &["proxy-", "webhook-", "x-forwarded-"];

/// How somebody is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// GET, which has no body.
    Get,
    /// POST.
    Post,
}

/// A call.
#[derive(Clone, PartialEq, Eq)]
pub struct Call {
    /// How.
    pub method: Method,
    /// Whom; it may name a user, and is shown to nobody.
    pub url: String,
    /// Headers that go along; of two with one name the last one counts. Shown to nobody.
    pub headers: Vec<(String, String)>,
    /// What is said; empty in a GET.
    pub body: Bytes,
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bytes = self.body.len();
        f.debug_struct("Call")
            .field("method", &self.method)
            .field("bytes", &bytes)
            .finish_non_exhaustive()
    }
}

/// The answer to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Answered(StatusCode);

impl std::fmt::Display for Answered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the receiver answered {}", self.0)?;
        if is_redirect(self.0) {
            f.write_str(", a redirect, and calls follow none")
        } else {
            Ok(())
        }
    }
}

impl Answered {
    /// Returns the status.
    pub fn status(self) -> u16 {
        self.0.as_u16()
    }

    /// Returns whether it was taken.
    pub fn is_success(self) -> bool {
        self.0.is_success()
    }

    /// Returns whether nobody is there any more, and never will be.
    pub fn is_gone(self) -> bool {
        self.0 == StatusCode::GONE
    }
}

impl Outbound {
    /// Looks whether a URL could be called, as far as its text tells; nothing is connected or resolved.
    ///
    /// # Errors
    /// `UnsupportedUrl`, or `Forbidden` for a port or an address in place of a name.
    pub fn check_call(&self, url: &str) -> Result<()> {
        Target::parse_with_user(url, &self.rules).map(drop).map_err(Error::of_a_call)
    }

    /// Calls somebody once.
    ///
    /// # Errors
    /// Says why there is no answer.
    ///
    /// # Cancel safety
    /// A dropped call has closed its connection; it may have been heard or not.
    pub async fn call(&self, call: &Call) -> Result<Answered> {
        let parsed = Target::parse_with_user(&call.url, &self.rules);
        let (target, user) = parsed.map_err(Error::of_a_call)?;
        let called = self.call_target(call, &target, user.as_ref()).await;
        called.map_err(|failure| failure.at(target.shown()).of_a_call())
    }

    async fn call_target(
        &self,
        call: &Call,
        target: &Target,
        user: Option<&User>,
    ) -> Result<Answered, Failure> {
        let request = request(call, target, user)?;
        let mut connection = Connection::open(self, target).await?;
        let answer = timeout(self.config.idle_timeout(), connection.send(request)).await;
        let answer = answer.unwrap_or_else(|_| Err(silent()))?;
        let answered = Answered(answer.status());
        // What the status says is true whatever becomes of the rest.
        timeout(PATIENCE, read_away(answer.into_body())).await.ok();
        Ok(answered)
    }

    /// Returns how long a call takes at most.
    pub fn longest_call(&self) -> Duration {
        self.config.connect_timeout() + self.config.idle_timeout() + PATIENCE
    }
}

/// Returns the host that a URL names, which alone may be shown of one that is called.
pub fn host_of(url: &str) -> Option<String> {
    Url::parse(url).ok()?.host_str().map(str::to_owned)
}

/// Looks whether a submitter may have a header go along with a call.
///
/// # Errors
/// Why it may not, in words that follow the header's name and do not repeat its value, which is a secret.
pub fn check_header(name: &str, value: &str) -> Result<(), &'static str> {
    let (name, _) = header(name, value)?;
    let is_ours = |name: &str| {
        OF_THE_CALL.contains(&name)
            || BEGINNINGS_OF_THE_CALL.iter().any(|beginning| name.starts_with(beginning))
    };
    if name.as_str().len() > LONGEST_NAME {
        Err("its name is too long")
    } else if is_ours(name.as_str()) {
        Err("the call says it itself")
    } else if value.trim() != value || value.is_empty() || !value.is_ascii() {
        Err("its value is not visible characters of ASCII with blanks between them")
    } else {
        Ok(())
    }
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), &'static str> {
    let name = HeaderName::try_from(name).map_err(|_| "its name is none of a header")?;
    if OF_THE_CONNECTION.contains(&name.as_str()) {
        return Err("it belongs to the connection");
    }
    if value.len() > LONGEST_VALUE {
        return Err("its value is too long");
    }
    let mut value = HeaderValue::try_from(value).map_err(|_| "its value is none of a header")?;
    value.set_sensitive(true);
    Ok((name, value))
}

fn request(
    call: &Call,
    target: &Target,
    user: Option<&User>,
) -> Result<Request<Full<Bytes>>, Failure> {
    let method = match call.method {
        Method::Get => http::Method::GET,
        Method::Post => http::Method::POST,
    };
    let unsupported = |error: http::Error| Failure::caused(ErrorKind::UnsupportedUrl, error);
    let mut request = Request::builder()
        .method(method)
        .uri(target.path_and_query())
        .header(HOST, target.authority())
        .header(ACCEPT, "*/*")
        .header(CONNECTION, "close")
        .header(USER_AGENT, OUR_NAME)
        .body(Full::new(call.body.clone()))
        .map_err(unsupported)?;
    let headers = request.headers_mut();
    if let Some(authorization) = user.and_then(User::authorization) {
        headers.insert(AUTHORIZATION, authorization);
    }
    for (name, value) in &call.headers {
        let (name, value) =
            header(name, value).map_err(|why| Failure::new(ErrorKind::BadHeader, why))?;
        headers.insert(name, value);
    }
    Ok(request)
}

/// Reads the rest of an answer away, as far as it is small.
async fn read_away(mut body: Incoming) {
    let mut read = 0;
    while read < READ_AWAY
        && let Some(Ok(frame)) = body.frame().await
    {
        read += frame.data_ref().map_or(0, Bytes::len);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_shows_neither_its_address_nor_its_headers() {
        let call = Call {
            method: Method::Post,
            url: "https://me:geheim@example.org/geheim".to_owned(),
            headers: vec![("authorization".to_owned(), "geheim".to_owned())],
            body: Bytes::from_static(b"geheim"),
        };
        let shown = format!("{call:?}");
        assert!(!shown.contains("geheim") && shown.contains("bytes: 6"), "{shown}");
    }

    #[test]
    fn an_answer_says_what_it_is() {
        let said = |status| Answered(StatusCode::from_u16(status).unwrap()).to_string();
        assert_eq!(said(500), "the receiver answered 500 Internal Server Error");
        assert!(said(302).ends_with("302 Found, a redirect, and calls follow none"));
    }

    #[test]
    fn a_submitter_chooses_headers_that_nobody_else_needs() {
        for name in ["Authorization", "X-Desk"] {
            assert_eq!(check_header(name, "Bearer x"), Ok(()), "{name}");
        }
        for name in [
            "Host",
            "Content-Length",
            "transfer-encoding",
            "Content-Type",
            "Proxy-Authorization",
            "webhook-signature",
            "X-Forwarded-For",
            "x y",
            "x:",
            "x\r\nhost",
            "é",
            "",
            &"x".repeat(LONGEST_NAME + 1),
        ] {
            assert!(check_header(name, "a").is_err(), "{name}");
        }
        for value in ["", " a", "a\r\nHost: other", "a\u{0}", "é", &"a".repeat(LONGEST_VALUE + 1)]
        {
            assert!(check_header("x", value).is_err(), "{value}");
        }
    }

    #[test]
    fn every_header_of_a_submitter_can_be_sent_and_so_can_ours() {
        for name in OF_THE_CALL.iter().chain(&["webhook-id", "authorization"]) {
            assert!(header(name, "a").is_ok(), "{name}");
        }
    }

    #[test]
    fn only_the_host_of_an_address_is_told() {
        assert_eq!(host_of("https://me:x@Example.org:8/a?b").as_deref(), Some("example.org"));
        assert_eq!(host_of("nonsense"), None);
    }
}
