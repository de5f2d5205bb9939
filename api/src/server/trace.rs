//! The span of a request, for whoever traces: its method, its route and its status.
//!
//! No path that is no route of ours, no query and no header is in it: they carry secrets and names.

use http::{Method, Request, StatusCode, Version};
use scribed_engine::trace::{self, HEADER, TARGET};
use tracing::field::Empty;
use tracing::{Span, info_span};

use crate::routes::ENDPOINTS;

/// Paths that are asked for again and again by probes.
const PROBES: [&str; 2] = ["/livez", "/readyz"];

/// Begins the span of a request: a child of its client's, where that says so by `traceparent`.
pub(super) fn begin<B>(request: &Request<B>) -> Span {
    if PROBES.contains(&request.uri().path()) {
        return Span::none();
    }
    let span = info_span!(
        target: TARGET,
        parent: None,
        "request",
        otel.name = name(request),
        otel.kind = "server",
        http.request.method = method(request),
        http.route = route(request),
        url.scheme = "http",
        network.protocol.version = version(request.version()),
        http.response.status_code = Empty,
        scribed.job.id = Empty,
        "error.type" = Empty,
        otel.status_code = Empty,
    );
    let parent = request.headers().get(HEADER).and_then(|value| value.to_str().ok());
    trace::adopt(&span, parent);
    span
}

/// Says how a request was answered.
pub(super) fn answered(span: &Span, status: StatusCode) {
    span.record("http.response.status_code", i64::from(status.as_u16()));
    if status.is_server_error() {
        trace::failed(span, status.as_str());
    }
}

fn name<B>(request: &Request<B>) -> String {
    // The conventions' name for a request with a method that nobody knows.
    let method = known(request.method()).unwrap_or("HTTP");
    route(request).map_or_else(|| method.to_owned(), |route| format!("{method} {route}"))
}

fn method<B>(request: &Request<B>) -> &'static str {
    known(request.method()).unwrap_or("_OTHER")
}

/// Returns the name of a method that is everybody's; others may say anything.
fn known(method: &Method) -> Option<&'static str> {
    const KNOWN: [&str; 9] =
        ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
    KNOWN.into_iter().find(|known| *known == method.as_str())
}

/// Returns the route that a path belongs to; no route has a part that varies.
fn route<B>(request: &Request<B>) -> Option<&'static str> {
    let path = request.uri().path();
    let path = path.strip_suffix('/').filter(|rest| !rest.is_empty()).unwrap_or(path);
    ENDPOINTS.iter().find(|(_, known)| *known == path).map(|(_, known)| *known)
}

fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        _ => "1.1",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn named(method: &str, uri: &str, expected: &str) {
        let request = Request::builder().method(method).uri(uri).body(()).unwrap();
        assert_eq!(name(&request), expected);
    }

    #[test]
    fn a_request_is_called_by_its_route_and_never_by_what_its_client_wrote() {
        named("GET", "/transcript?task_id=7", "GET /transcript");
        named("POST", "/upload-audiofile/", "POST /upload-audiofile");
        named("GET", "/", "GET /");
        named("GET", "/secret/of/mine", "GET");
        named("SECRET", "/transcript", "HTTP /transcript");
    }
}
