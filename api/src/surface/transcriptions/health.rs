//! `GET /`: whether the API and its store answer.

use serde_json::json;
use warp::Filter;

use crate::answer::{Answer, Success, respond};
use crate::routes::Route;
use crate::{Api, ops};

/// The route.
pub(super) fn route(api: &Api) -> Route {
    warp::path::end().and(warp::get()).and(api.context()).then(handle).map(respond).boxed()
}

async fn handle(api: Api) -> Answer {
    Success::json(&json!({ "api": true, "database": ops::store_answers(&api).await }))
}
