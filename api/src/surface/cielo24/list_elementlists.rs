//! `GET /api/job/list_elementlists`: the versions of a job's list of elements, of which there is one.

use scribed_schemas::api_key::Scope;
use serde_json::json;
use warp::Filter;

use super::call::Call;
use super::error::{Answer, respond};
use super::version;
use crate::Api;
use crate::answer::Success;
use crate::extract::raw_query;
use crate::routes::Route;
use crate::validate::Query;

/// The route.
pub(super) fn route(api: &Api) -> Route {
    warp::path!("api" / "job" / "list_elementlists")
        .and(warp::get())
        .and(raw_query())
        .and(api.context())
        .then(handle)
        .map(respond)
        .boxed()
}

async fn handle(query: Query, api: Api) -> Answer {
    let call = Call::read(&api, query, Scope::Read).await?;
    // Before a job is done the list is empty.
    let version = version::of(&call.job(&api).await?).ok();
    let versions = version.map(|version| json!({"iwp_name": version::NAME, "version": version}));
    Ok(Success::json(&versions.as_slice())?)
}
