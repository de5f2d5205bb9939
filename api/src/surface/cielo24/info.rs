//! `GET /api/job/info`: what is known of a job.

use scribed_schemas::api_key::Scope;
use warp::Filter;

use super::call::Call;
use super::error::{Answer, respond};
use super::view::View;
use crate::Api;
use crate::answer::Success;
use crate::extract::raw_query;
use crate::routes::Route;
use crate::validate::Query;

/// The route.
pub(super) fn route(api: &Api) -> Route {
    warp::path!("api" / "job" / "info")
        .and(warp::get())
        .and(raw_query())
        .and(api.context())
        .then(handle)
        .map(respond)
        .boxed()
}

async fn handle(query: Query, api: Api) -> Answer {
    let call = Call::read(&api, query, Scope::Read).await?;
    Ok(Success::json(&View::of(&call.job(&api).await?))?)
}
