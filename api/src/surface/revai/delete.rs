//! `DELETE /jobs/{id}`: a job goes for good, with its text and its recording, on every surface.

use scribed_schemas::api_key::Scope;
use scribed_store::Deleted;
use warp::Filter;

use super::dialect::Dialect;
use super::ownership::own_job;
use super::problem::{self, Answer, Problem};
use super::view::Status;
use crate::Api;
use crate::answer::{Answer as Shared, Refusal, Success};
use crate::extract::Caller;
use crate::routes::Route;

/// The route.
pub(super) fn route(api: &Api, dialect: Dialect) -> Route {
    dialect
        .base()
        .and(warp::path!("jobs" / String))
        .and(warp::delete())
        .and(api.bearer(Scope::Delete))
        .and(api.context())
        .then(handle)
        .map(move |answer| problem::respond(dialect, answer))
        .boxed()
}

async fn handle(id: String, caller: Shared<Caller>, api: Api) -> Answer {
    let job = own_job(&api, &caller?, &id).await?;
    match api.shared.engine.remove(job.id).await? {
        Deleted::Gone => Ok(Success::empty()),
        Deleted::Missing => Err(Problem::NoSuchJob),
        Deleted::Open => Err(Problem::State {
            current: Status::InProgress.word(),
            allowed: &["transcribed", "failed"],
            to: "be deleted",
        }),
        // Others are told of its end in a moment; then it may go.
        Deleted::Untold => Err(Refusal::Unavailable.into()),
    }
}
