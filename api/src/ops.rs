//! For operators: `/livez`, `/readyz`, and the descriptions of the surfaces: `/openapi.json`,
//! `/openapi/revai.json` and `/openapi/cielo24.json`.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use warp::Filter;
use warp::reply::Response;

use crate::Api;
use crate::answer::{Answer, Refusal, Success, respond};
use crate::routes::{Route, one_of};

/// Paths that are there whichever surface is on.
pub(crate) const PATHS: &[&str] =
    &["/livez", "/readyz", "/openapi.json", "/openapi/revai.json", "/openapi/cielo24.json"];

/// How long the store may take to answer before it counts as away.
const PATIENCE: Duration = Duration::from_secs(2);

/// The descriptions as they are written.
const TRANSCRIPTIONS: &str = include_str!("../../schemas/openapi/transcriptions.yaml");
const REVAI: &str = include_str!("../../schemas/openapi/revai.yaml");
const CIELO24: &str = include_str!("../../schemas/openapi/cielo24.yaml");

/// The descriptions of the surfaces, as JSON.
#[derive(Debug)]
pub(crate) struct Descriptions {
    transcriptions: Bytes,
    revai: Bytes,
    cielo24: Bytes,
}

impl Descriptions {
    /// Reads the descriptions that are built in.
    pub(crate) fn read() -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let json = |text| -> Result<Bytes, Box<dyn std::error::Error + Send + Sync>> {
            let document: serde_json::Value = serde_yaml_ng::from_str(text)?;
            Ok(serde_json::to_vec(&document)?.into())
        };
        Ok(Self {
            transcriptions: json(TRANSCRIPTIONS)?,
            revai: json(REVAI)?,
            cielo24: json(CIELO24)?,
        })
    }
}

/// Returns the routes.
pub(crate) fn routes(api: &Api) -> Route {
    one_of(vec![live(), ready(api), transcriptions(api), revai(api), cielo24(api)])
}

/// Returns whether the store answers.
pub(crate) async fn store_answers(api: &Api) -> bool {
    let ping = api.shared.engine.store().ping();
    matches!(tokio::time::timeout(PATIENCE, ping).await, Ok(Ok(())))
}

/// `GET /livez`: the process answers.
fn live() -> Route {
    warp::path!("livez").and(warp::get()).map(|| respond(Ok(Success::text("ok")))).boxed()
}

/// `GET /readyz`: and so does what it stands on.
fn ready(api: &Api) -> Route {
    warp::path!("readyz").and(warp::get()).and(api.context()).then(is_ready).map(respond).boxed()
}

async fn is_ready(api: Api) -> Answer {
    if store_answers(&api).await && media_answers(&api).await {
        Ok(Success::text("ok"))
    } else {
        Err(Refusal::Unavailable)
    }
}

/// Returns whether recordings could be kept and read.
async fn media_answers(api: &Api) -> bool {
    let ping = api.shared.engine.media().ping();
    matches!(tokio::time::timeout(PATIENCE, ping).await, Ok(Ok(())))
}

/// `GET /openapi.json`.
fn transcriptions(api: &Api) -> Route {
    let answer = |api: Api| described(&api.shared.descriptions.transcriptions);
    warp::path!("openapi.json").and(warp::get()).and(api.context()).map(answer).boxed()
}

/// `GET /openapi/revai.json`.
fn revai(api: &Api) -> Route {
    let answer = |api: Api| described(&api.shared.descriptions.revai);
    warp::path!("openapi" / "revai.json").and(warp::get()).and(api.context()).map(answer).boxed()
}

/// `GET /openapi/cielo24.json`.
fn cielo24(api: &Api) -> Route {
    let answer = |api: Api| described(&api.shared.descriptions.cielo24);
    let path = warp::path!("openapi" / "cielo24.json");
    path.and(warp::get()).and(api.context()).map(answer).boxed()
}

fn described(description: &Bytes) -> Response {
    let mut response = Response::new(description.clone().into());
    *response.status_mut() = StatusCode::OK;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(http::header::CONTENT_TYPE, json);
    response
}
