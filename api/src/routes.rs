//! Routes: every endpoint in one table, and how they are tried.

use http::Method;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use crate::{Api, ops, recover, surface};

/// Every route in this crate has this type, so routes compose without generics.
pub(crate) type Route = BoxedFilter<(Response,)>;

/// A method and the path that it is served on; a step in braces stands for any.
pub type Endpoint = (Method, &'static str);

/// Every endpoint, surface by surface; the API description lists the same.
pub const ENDPOINTS: &[Endpoint] = &[
    (Method::POST, "/auth/register"),
    (Method::POST, "/auth/login"),
    (Method::POST, "/auth/refresh"),
    (Method::GET, "/auth/info"),
    (Method::PATCH, "/auth/patch"),
    (Method::GET, "/transcriptions"),
    (Method::GET, "/transcript"),
    (Method::POST, "/transcript/export"),
    (Method::POST, "/transcript/cancel"),
    (Method::GET, "/transcript/info"),
    (Method::POST, "/upload-audiofile"),
    (Method::POST, "/worker/transcription_status"),
    (Method::GET, "/worker/transcription_status"),
    (Method::GET, "/"),
    (Method::GET, "/livez"),
    (Method::GET, "/readyz"),
    (Method::GET, "/openapi.json"),
    (Method::GET, "/openapi/revai.json"),
    (Method::POST, "/revspeech/v1beta/jobs"),
    (Method::GET, "/revspeech/v1beta/jobs"),
    (Method::GET, "/revspeech/v1beta/jobs/{id}"),
    (Method::DELETE, "/revspeech/v1beta/jobs/{id}"),
    (Method::GET, "/revspeech/v1beta/jobs/{id}/transcript"),
    (Method::GET, "/revspeech/v1beta/jobs/{id}/captions"),
    (Method::GET, "/revspeech/v1beta/account"),
    (Method::POST, "/speechtotext/v1/jobs"),
    (Method::GET, "/speechtotext/v1/jobs"),
    (Method::GET, "/speechtotext/v1/jobs/{id}"),
    (Method::DELETE, "/speechtotext/v1/jobs/{id}"),
    (Method::GET, "/speechtotext/v1/jobs/{id}/transcript"),
    (Method::GET, "/speechtotext/v1/jobs/{id}/captions"),
    (Method::GET, "/speechtotext/v1/account"),
    (Method::GET, "/openapi/cielo24.json"),
    (Method::GET, "/api/account/login"),
    (Method::POST, "/api/account/login"),
    (Method::GET, "/api/account/logout"),
    (Method::POST, "/api/account/logout"),
    (Method::GET, "/api/account/verify_key"),
    (Method::GET, "/api/job/new"),
    (Method::POST, "/api/job/new"),
    (Method::GET, "/api/job/add_media"),
    (Method::POST, "/api/job/add_media"),
    (Method::GET, "/api/job/authorize"),
    (Method::POST, "/api/job/authorize"),
    (Method::GET, "/api/job/perform_transcription"),
    (Method::POST, "/api/job/perform_transcription"),
    (Method::GET, "/api/job/info"),
    (Method::GET, "/api/job/list"),
    (Method::GET, "/api/job/media"),
    (Method::GET, "/api/job/get_transcript"),
    (Method::GET, "/api/job/get_caption"),
    (Method::GET, "/api/job/get_elementlist"),
    (Method::GET, "/api/job/list_elementlists"),
    (Method::GET, "/api/job/delete"),
    (Method::GET, "/api/job/del"),
];

/// Returns all routes; the last one answers whatever no other does.
pub(crate) fn all(api: &Api) -> Route {
    let mut routes = vec![ops::routes(api)];
    let surfaces = &api.shared.config.surface;
    if surfaces.transcriptions.enabled {
        routes.push(surface::transcriptions::routes(api));
    }
    if surfaces.revai.enabled {
        routes.push(surface::revai::routes(api));
    }
    if surfaces.cielo24.enabled {
        routes.push(surface::cielo24::routes(api));
    }
    routes.push(recover::route(api));
    one_of(routes)
}

/// Tries each route in order; the first whose path and method match answers.
pub(crate) fn one_of(routes: Vec<Route>) -> Route {
    let tried = routes.into_iter().reduce(|all, next| all.or(next).unify().boxed());
    // An empty list matches nothing.
    tried.unwrap_or_else(|| warp::any().and_then(|| async { Err(warp::reject()) }).boxed())
}
