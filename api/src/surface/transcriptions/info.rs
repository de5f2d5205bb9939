//! `GET /auth/info`: the caller's own account.

use warp::Filter;

use super::view::User;
use crate::Api;
use crate::answer::{Answer, Success, respond};
use crate::extract::Caller;
use crate::routes::Route;

/// The route.
pub(super) fn route(api: &Api) -> Route {
    warp::path!("auth" / "info")
        .and(warp::get())
        .and(api.caller())
        .and(api.context())
        .then(handle)
        .map(respond)
        .boxed()
}

async fn handle(caller: Answer<Caller>, api: Api) -> Answer {
    Success::json(&User::of(&caller?.account, &api.shared.config.surface.transcriptions))
}
