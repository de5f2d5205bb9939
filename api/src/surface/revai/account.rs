//! `GET /account`: the caller's own account.

use scribed_schemas::account::Account;
use scribed_schemas::api_key::Scope;
use serde_json::json;
use warp::Filter;

use super::dialect::Dialect;
use super::problem::{self, Answer};
use crate::Api;
use crate::answer::{Answer as Shared, Success};
use crate::extract::Caller;
use crate::routes::Route;

/// The route.
pub(super) fn route(api: &Api, dialect: Dialect) -> Route {
    dialect
        .base()
        .and(warp::path!("account"))
        .and(warp::get())
        .and(api.bearer(Scope::Read))
        .and(api.context())
        .then(handle)
        .map(move |answer| problem::respond(dialect, answer))
        .boxed()
}

async fn handle(caller: Shared<Caller>, api: Api) -> Answer {
    let config = &api.shared.config;
    Ok(Success::json(&json!({
        "email": email(&caller?.account, &config.accounts.default_domain),
        "balance_seconds": config.surface.revai.balance_secs,
    }))?)
}

/// Returns the address of an account; one that was made with a name alone is at our own domain.
fn email(account: &Account, domain: &str) -> String {
    let name = &account.username;
    if name.contains('@') { name.clone() } else { format!("{name}@{domain}") }
}
