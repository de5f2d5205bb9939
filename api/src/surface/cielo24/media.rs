//! `GET /api/job/media`: where the recording of a job was fetched.

use scribed_schemas::api_key::Scope;
use serde_json::json;
use warp::Filter;

use super::call::Call;
use super::error::{Answer, respond};
use crate::Api;
use crate::answer::Success;
use crate::extract::raw_query;
use crate::routes::Route;
use crate::validate::Query;

/// The route.
pub(super) fn route(api: &Api) -> Route {
    warp::path!("api" / "job" / "media")
        .and(warp::get())
        .and(raw_query())
        .and(api.context())
        .then(handle)
        .map(respond)
        .boxed()
}

/// Scheme, host and path of the URL, without what only the fetch needs. As documented, there is none for
/// a recording that was sent.
async fn handle(query: Query, api: Api) -> Answer {
    let call = Call::read(&api, query, Scope::Read).await?;
    let document = match call.job(&api).await?.options.source {
        Some(url) => json!({ "MediaUrl": url }),
        None => json!({}),
    };
    Ok(Success::json(&document)?)
}
