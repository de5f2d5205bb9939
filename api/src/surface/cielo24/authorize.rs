//! `/api/job/authorize`: a job that is held is let go; any other stays as it is.

use http::Method;
use scribed_schemas::api_key::Scope;
use scribed_store::Supply;
use warp::Filter;

use super::call::Call;
use super::error::{Answer, respond};
use crate::Api;
use crate::answer::Success;
use crate::extract::raw_query;
use crate::routes::Route;
use crate::validate::Query;

/// The routes.
pub(super) fn route(api: &Api) -> Route {
    let methods = warp::get().or(warp::post()).unify();
    warp::path!("api" / "job" / "authorize")
        .and(methods)
        .and(warp::method())
        .and(raw_query())
        .and(api.context())
        .then(handle)
        .map(respond)
        .boxed()
}

/// The documents differ: posted it is answered 200, asked for 204; neither has a body.
async fn handle(method: Method, query: Query, api: Api) -> Answer {
    let call = Call::read(&api, query, Scope::Submit).await?;
    let job = call.job(&api).await?;
    if job.awaits.authorization {
        api.shared.engine.supply(job.id, Supply::Authorization).await?;
    }
    Ok(if method == Method::POST { Success::done() } else { Success::empty() })
}
