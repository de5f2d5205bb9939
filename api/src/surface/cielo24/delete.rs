//! `GET /api/job/delete`, or `/del` as the oldest client writes it: a job goes for good, with its text and
//! its recording, on every surface. One that is not done is cancelled first.

use scribed_schemas::api_key::Scope;
use scribed_schemas::job::Job;
use scribed_store::Deleted;
use serde_json::json;
use warp::Filter;

use super::call::Call;
use super::error::{Answer, Error, respond};
use super::id::{self, Task};
use crate::Api;
use crate::answer::{Refusal, Success};
use crate::extract::raw_query;
use crate::routes::Route;
use crate::validate::Query;

/// The routes.
pub(super) fn route(api: &Api) -> Route {
    let paths =
        warp::path!("api" / "job" / "delete").or(warp::path!("api" / "job" / "del")).unify();
    paths.and(warp::get()).and(raw_query()).and(api.context()).then(handle).map(respond).boxed()
}

async fn handle(query: Query, api: Api) -> Answer {
    let call = Call::read(&api, query, Scope::Delete).await?;
    let job = call.job(&api).await?;
    match remove(&api, &job).await? {
        Deleted::Gone => Ok(Success::json(&json!({ "TaskId": id::task(job.id, Task::Delete) }))?),
        Deleted::Missing => Err(Error::no_such_job()),
        // Others are told of its end in a moment; then it may go.
        Deleted::Open | Deleted::Untold => Err(Refusal::Unavailable.into()),
    }
}

async fn remove(api: &Api, job: &Job) -> Answer<Deleted> {
    let engine = &api.shared.engine;
    if !job.state.is_terminal() {
        engine.cancel(job.id).await?;
    }
    Ok(engine.remove(job.id).await?)
}
