//! CORS: which web pages may call from a browser (Fetch standard, "CORS protocol").

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use warp::reply::Response;

/// Methods that are served at all.
const METHODS: HeaderValue = HeaderValue::from_static("DELETE, GET, PATCH, POST, PUT");
/// How long a browser may remember the answer, in seconds.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");
/// Headers that a page may read beside the plain ones.
const EXPOSED: HeaderValue = HeaderValue::from_static("Content-Disposition, Retry-After");

/// The origins that may call.
#[derive(Debug)]
pub(super) struct Cors {
    any: bool,
    origins: Vec<String>,
}

/// An origin that may call; the value is what the browser is told.
#[derive(Debug, Clone)]
pub(super) struct Allowed {
    value: HeaderValue,
    /// Whether the answer depends on who asks.
    varies: bool,
}

impl Cors {
    /// Reads the settings.
    pub(super) fn new(origins: &[String]) -> Self {
        let origins = origins.iter().map(|origin| origin.trim_end_matches('/').to_owned());
        let origins: Vec<String> = origins.collect();
        Self { any: origins.iter().any(|origin| origin == "*"), origins }
    }

    /// Returns whether the page that sent these headers may call; `None` also when no page did.
    pub(super) fn allow(&self, headers: &HeaderMap) -> Option<Allowed> {
        let origin = headers.get(ORIGIN)?;
        if self.any {
            return Some(Allowed { value: HeaderValue::from_static("*"), varies: false });
        }
        let text = origin.to_str().ok()?;
        let known = self.origins.iter().any(|known| known.eq_ignore_ascii_case(text));
        known.then(|| Allowed { value: origin.clone(), varies: true })
    }

    /// Answers a browser's question whether it may send a request.
    pub(super) fn preflight<B>(
        &self,
        request: &Request<B>,
        allowed: Option<&Allowed>,
    ) -> Option<Response> {
        let headers = request.headers();
        let asks = request.method() == Method::OPTIONS
            && headers.contains_key(ORIGIN)
            && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        if !asks || self.origins.is_empty() {
            return None;
        }
        let mut response = Response::new("OK".into());
        if allowed.is_none() {
            *response.status_mut() = StatusCode::BAD_REQUEST;
            *response.body_mut() = "Disallowed CORS origin".into();
            return Some(response);
        }
        let answer = response.headers_mut();
        answer.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        answer.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        if let Some(wanted) = headers.get(ACCESS_CONTROL_REQUEST_HEADERS) {
            answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
        }
        Some(response)
    }
}

impl Allowed {
    /// Tells the browser.
    pub(super) fn mark(self, headers: &mut HeaderMap) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, self.value);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        if self.varies {
            headers.append(VARY, HeaderValue::from_static("Origin"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(origin: &'static str) -> Request<()> {
        Request::options("/auth/login")
            .header(ORIGIN, origin)
            .header(ACCESS_CONTROL_REQUEST_METHOD, "POST")
            .header(ACCESS_CONTROL_REQUEST_HEADERS, "authorization")
            .body(())
            .unwrap()
    }

    #[track_caller]
    fn check(origins: &[&str], origin: &'static str, expected: Option<&str>) {
        let origins: Vec<String> = origins.iter().map(|&origin| origin.to_owned()).collect();
        let cors = Cors::new(&origins);
        let allowed = cors.allow(asked(origin).headers());
        let mut headers = HeaderMap::new();
        if let Some(allowed) = allowed {
            allowed.mark(&mut headers);
        }
        let told = headers.get(ACCESS_CONTROL_ALLOW_ORIGIN).map(|value| value.to_str().unwrap());
        assert_eq!(told, expected, "{origin}");
    }

    #[test]
    fn only_origins_in_the_list_may_call() {
        check(&["*"], "https://anywhere.example", Some("*"));
        check(&["https://a.example/"], "https://a.example", Some("https://a.example"));
        check(&["https://a.example"], "https://b.example", None);
        check(&["https://a.example"], "https://a.example.evil.example", None);
        check(&[], "https://a.example", None);
    }

    #[test]
    fn a_preflight_is_answered_for_every_path() {
        let cors = Cors::new(&["https://a.example".to_owned()]);
        let request = asked("https://a.example");
        let allowed = cors.allow(request.headers());
        let answer = cors.preflight(&request, allowed.as_ref()).unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()[ACCESS_CONTROL_ALLOW_HEADERS], "authorization");
        let stranger = asked("https://b.example");
        assert_eq!(cors.preflight(&stranger, None).unwrap().status(), 400);
        assert!(cors.preflight(&Request::options("/").body(()).unwrap(), None).is_none());
    }
}
