//! `GET /api/job/add_media`: a job is told where its recording is fetched.

use scribed_schemas::api_key::Scope;
use serde_json::json;
use warp::Filter;

use super::add_media_file::refuse;
use super::call::Call;
use super::error::{Answer, Error, respond};
use super::id::{self, Task};
use crate::Api;
use crate::answer::Success;
use crate::extract::raw_query;
use crate::recording::addition::{self, NotAdded};
use crate::routes::Route;
use crate::validate::Query;

const PARAMETER: &str = "media_url";

/// The route.
pub(super) fn route(api: &Api) -> Route {
    warp::path!("api" / "job" / "add_media")
        .and(warp::get())
        .and(raw_query())
        .and(api.context())
        .then(handle)
        .map(respond)
        .boxed()
}

async fn handle(query: Query, api: Api) -> Answer {
    let call = Call::read(&api, query, Scope::Submit).await?;
    call.may_submit()?;
    let job = call.job(&api).await?;
    let url = call.params.required(PARAMETER)?;
    let shares = call.params.flag("is_duplicate")?.unwrap_or(false);
    let added = addition::add_url(&api, &job, &url, shares).await;
    let job = added.map_err(|why| match why {
        NotAdded::Unusable(why) => Error::url(PARAMETER, &why),
        other => refuse(other),
    })?;
    Ok(Success::json(&json!({ "TaskId": id::task(job.id, Task::AddMedia) }))?)
}
