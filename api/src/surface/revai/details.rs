//! `GET /jobs/{id}`: where a job stands.

use scribed_schemas::api_key::Scope;
use warp::Filter;

use super::dialect::Dialect;
use super::ownership::own_job;
use super::problem::{self, Answer};
use super::view::View;
use crate::Api;
use crate::answer::{Answer as Shared, Success};
use crate::extract::Caller;
use crate::routes::Route;

/// The route.
pub(super) fn route(api: &Api, dialect: Dialect) -> Route {
    dialect
        .base()
        .and(warp::path!("jobs" / String))
        .and(warp::get())
        .and(api.bearer(Scope::Read))
        .and(api.context())
        .then(move |id, caller, api| handle(dialect, id, caller, api))
        .map(move |answer| problem::respond(dialect, answer))
        .boxed()
}

async fn handle(dialect: Dialect, id: String, caller: Shared<Caller>, api: Api) -> Answer {
    let job = own_job(&api, &caller?, &id).await?;
    Ok(Success::json(&View::of(&job, dialect))?)
}
