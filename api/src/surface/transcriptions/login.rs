//! `POST /auth/login`: exchange a name and a password for tokens.

use warp::Filter;

use super::credentials::{self, Credentials};
use super::session;
use crate::Api;
use crate::answer::{Answer, Refusal, Success, respond};
use crate::extract::BLOCKED;
use crate::rate::Client;
use crate::routes::Route;

const WRONG: Refusal = Refusal::Unauthorized("Incorrect username or password");

/// The route.
pub(super) fn route(api: &Api) -> Route {
    warp::path!("auth" / "login")
        .and(warp::post())
        .and(Api::client())
        .and(api.query_and_json(credentials::read))
        .and(api.context())
        .then(handle)
        .map(respond)
        .boxed()
}

/// Answers an unknown name and a wrong password alike, by text, status and time.
async fn handle(client: Client, credentials: Answer<Credentials>, api: Api) -> Answer {
    api.shared.rates.logins.count_address(client)?;
    let Credentials { username, password } = credentials?;
    let account = api.by_password(&username, password).await?.ok_or(WRONG)?;
    if !account.active {
        return Err(BLOCKED);
    }
    Success::json(&session::open(&api, &account).await?)
}
