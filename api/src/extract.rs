//! Extraction: caller, query and body of a request, each as a `Result` that the handler unwraps.

use std::convert::Infallible;

use http::HeaderMap;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use scribed_schemas::account::Account;
use scribed_schemas::api_key::Scope;
use serde_json::Value;
use warp::Filter;

use crate::Api;
use crate::answer::{Answer, Refusal};
use crate::limits::Body;
use crate::rate::Client;
use crate::validate::{Checks, Document, Fault, Query};

/// Words of 401 answers; clients compare them.
pub(crate) const INVALID_TOKEN: Refusal = Refusal::Unauthorized("Invalid or expired token");
const NO_BEARER: Refusal = Refusal::Unauthorized("Invalid Authorization Header");
pub(crate) const BLOCKED: Refusal = Refusal::Unauthorized("Your account is blocked");

/// Reads one value from a query and notes what is wrong with it.
pub(crate) type ReadQuery<T> = fn(&mut Checks, &Query) -> Option<T>;
/// Reads one value from a query and a JSON body and notes what is wrong with them.
pub(crate) type ReadBoth<T> = fn(&mut Checks, &Query, &Document) -> Option<T>;

/// Whoever called with a token or a key that is good.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// Its account, as it is now.
    pub(crate) account: Account,
}

impl Api {
    /// Hands the shared parts to a handler.
    pub(crate) fn context(
        &self,
    ) -> impl Filter<Extract = (Api,), Error = Infallible> + Clone + use<> {
        let api = self.clone();
        warp::any().map(move || api.clone())
    }

    /// Hands over the address that a request came from.
    pub(crate) fn client() -> impl Filter<Extract = (Client,), Error = warp::Rejection> + Clone {
        // The lobby has put it there.
        warp::ext::get::<Client>()
    }

    /// Finds out who calls.
    pub(crate) fn caller(
        &self,
    ) -> impl Filter<Extract = (Answer<Caller>,), Error = Infallible> + Clone + use<> {
        let headers = warp::header::headers_cloned();
        self.context()
            .and(headers)
            .then(|api: Api, headers: HeaderMap| async move { api.authenticate(&headers).await })
    }

    /// Finds out who calls with a token, or with an API key that has a scope.
    pub(crate) fn bearer(
        &self,
        scope: Scope,
    ) -> impl Filter<Extract = (Answer<Caller>,), Error = Infallible> + Clone + use<> {
        let headers = warp::header::headers_cloned();
        self.context().and(headers).then(move |api: Api, headers: HeaderMap| async move {
            api.by_bearer(bearer(&headers).ok_or(NO_BEARER)?, scope).await
        })
    }

    /// Reads the query.
    pub(crate) fn query<T: Send + 'static>(
        read: ReadQuery<T>,
    ) -> impl Filter<Extract = (Answer<T>,), Error = Infallible> + Clone + use<T> {
        raw_query().map(move |query: Query| {
            let mut checks = Checks::default();
            let value = read(&mut checks, &query);
            checks.finish(value)
        })
    }

    /// Reads the query and a JSON body; faults of both are listed together.
    pub(crate) fn query_and_json<T: Send + 'static>(
        &self,
        read: ReadBoth<T>,
    ) -> impl Filter<Extract = (Answer<T>,), Error = warp::Rejection> + Clone + use<T> {
        let headers = warp::header::headers_cloned();
        raw_query().and(headers).and(self.body()).then(
            move |query: Query, headers: HeaderMap, body: Body| async move {
                let document = parse(&headers, &body.whole().await?)?;
                let mut checks = Checks::default();
                let value = read(&mut checks, &query, &document);
                checks.finish(value)
            },
        )
    }

    /// Hands over the body as it arrives, limited to the size of a JSON body for now.
    pub(crate) fn body(
        &self,
    ) -> impl Filter<Extract = (Body,), Error = warp::Rejection> + Clone + use<> {
        let api = self.clone();
        warp::body::stream().map(move |pieces| Body::new(pieces, &api.shared.config.http))
    }

    /// Finds out who sent these headers.
    async fn authenticate(&self, headers: &HeaderMap) -> Answer<Caller> {
        self.by_token(bearer(headers).ok_or(NO_BEARER)?).await
    }
}

/// Returns the token of an `Authorization: Bearer` header; the scheme's case does not matter
/// (RFC 9110 §11.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// Extracts the query, an absent one as an empty one.
pub(crate) fn raw_query() -> impl Filter<Extract = (Query,), Error = Infallible> + Clone {
    let present = warp::query::raw().map(|raw: String| Query::parse(&raw));
    present.or(warp::any().map(Query::default)).unify()
}

/// Parses a JSON body.
///
/// As in the original, a body with no content type is taken as JSON, and one with another type is
/// something without fields.
fn parse(headers: &HeaderMap, body: &[u8]) -> Answer<Document> {
    if body.is_empty() {
        return Ok(Document::Absent);
    }
    if !says_json(headers) {
        return Ok(Document::Other);
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(map)) => Ok(Document::Object(map)),
        Ok(_) => Ok(Document::Other),
        Err(error) => {
            let fault = Fault::not_json(offset(body, &error), category(&error));
            Err(Refusal::invalid(fault))
        }
    }
}

/// Returns whether the content type is JSON, or none is given.
fn says_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE) else { return true };
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    let essence = essence.trim().to_ascii_lowercase();
    let subtype = essence.strip_prefix("application/").unwrap_or_default();
    essence.is_empty() || subtype == "json" || subtype.ends_with("+json")
}

/// Returns the character at which a text stops being JSON.
fn offset(body: &[u8], error: &serde_json::Error) -> usize {
    if error.is_eof() {
        return String::from_utf8_lossy(body).chars().count();
    }
    let before = body.split(|&byte| byte == b'\n').take(error.line().saturating_sub(1));
    let lines: usize = before.map(|line| line.len() + 1).sum();
    let bytes = (lines + error.column().saturating_sub(1)).min(body.len());
    String::from_utf8_lossy(&body[..bytes]).chars().count()
}

/// Says in a few words what is wrong; never repeats the text itself.
fn category(error: &serde_json::Error) -> &'static str {
    if error.is_eof() { "Unexpected end" } else { "Invalid syntax" }
}

/// Parses a body as if it came with this content type.
#[cfg(test)]
pub(crate) fn parsed(content_type: Option<&'static str>, body: &'static str) -> Answer<Document> {
    let mut headers = HeaderMap::new();
    if let Some(content_type) = content_type {
        headers.insert(CONTENT_TYPE, http::HeaderValue::from_static(content_type));
    }
    parse(&headers, body.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_offset(body: &'static str, expected: usize) {
        let Err(Refusal::Invalid(faults)) = parsed(None, body) else {
            panic!("{body:?} should not be JSON");
        };
        assert_eq!(faults[0], Fault::not_json(expected, category_of(body)), "{body:?}");
    }

    fn category_of(body: &str) -> &'static str {
        category(&serde_json::from_str::<Value>(body).unwrap_err())
    }

    #[test]
    fn the_place_where_json_ends_is_counted_in_characters() {
        check_offset("{bad", 1);
        check_offset("{\"a\": \"ü\",\n x}", 12);
        check_offset("[1,", 3);
    }

    #[test]
    fn json_is_told_by_its_content_type_or_by_none() {
        let object = |kind| matches!(parsed(kind, "{}"), Ok(Document::Object(_)));
        assert!(object(None));
        assert!(object(Some("application/json; charset=utf-8")));
        assert!(object(Some("Application/Vnd.Api+JSON")));
        assert!(!object(Some("text/plain")));
        assert!(!object(Some("application/x-www-form-urlencoded")));
        assert!(matches!(parsed(None, ""), Ok(Document::Absent)));
        assert!(matches!(parsed(None, "[]"), Ok(Document::Other)));
    }

    #[test]
    fn a_deep_nest_is_refused_and_not_followed() {
        let deep: &'static str = Box::leak("[".repeat(10_000).into_boxed_str());
        assert!(parsed(None, deep).is_err());
    }

    #[test]
    fn the_bearer_scheme_is_read_in_any_case_and_no_other_is() {
        let token = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, http::HeaderValue::from_static(value));
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(token("bearer a.b.c").as_deref(), Some("a.b.c"));
        assert_eq!(token("Bearer  a.b.c ").as_deref(), Some("a.b.c"));
        for wrong in ["", "Bearer", "Bearer ", "Basic a.b.c", "a.b.c"] {
            assert_eq!(token(wrong), None, "{wrong:?}");
        }
    }
}
