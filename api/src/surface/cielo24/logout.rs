//! `/api/account/logout`: the token of a login opens nothing any more.
//!
//! API keys and access tokens of other surfaces were not given by a login here, and stay as they are.

use scribed_schemas::api_key::Scope;
use warp::Filter;

use super::call::{token, version};
use super::error::{Answer, respond};
use crate::Api;
use crate::answer::Success;
use crate::auth::api_key::presented_login_hash;
use crate::extract::raw_query;
use crate::routes::Route;
use crate::validate::Query;

/// The routes.
pub(super) fn route(api: &Api) -> Route {
    warp::path!("api" / "account" / "logout")
        .and(warp::get().or(warp::post()).unify())
        .and(raw_query())
        .and(api.context())
        .then(handle)
        .map(respond)
        .boxed()
}

async fn handle(query: Query, api: Api) -> Answer {
    let token = token(&query)?;
    version(&query)?;
    match presented_login_hash(token) {
        Some(hash) => {
            let key = api.key_in_force(&hash).await?;
            let engine = &api.shared.engine;
            engine.store().revoke_api_key(key.account, key.id, engine.now()).await?;
        }
        None => drop(api.by_api_token(token, Scope::Read).await?),
    }
    Ok(Success::empty())
}
