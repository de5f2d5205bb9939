//! `PATCH /auth/patch`: the administrator changes an account.

use scribed_schemas::id::AccountId;
use scribed_store::{AccountChange, ErrorKind};
use warp::Filter;

use super::credentials::keeps_password_rule;
use super::view::User;
use crate::Api;
use crate::answer::{Answer, Refusal, Success, respond};
use crate::routes::Route;
use crate::validate::{Checks, Document, Query};

/// The answer to a secret that is not the one.
const WRONG_SECRET: Refusal = Refusal::Unauthorized("Invalid secret admin token");

/// What is asked for.
struct Change {
    user: AccountId,
    secret: String,
    password: Option<String>,
    can_interact: Option<bool>,
}

/// The route.
pub(super) fn route(api: &Api) -> Route {
    warp::path!("auth" / "patch")
        .and(warp::patch())
        .and(api.query_and_json(read))
        .and(api.context())
        .then(handle)
        .map(respond)
        .boxed()
}

fn read(checks: &mut Checks, query: &Query, body: &Document) -> Option<Change> {
    let query = query.fields();
    let user = query.int(checks, "user_id");
    let secret = query.text(checks, "secret_admin_token");
    let body = body.fields(checks)?;
    let password = body.optional_text(checks, "password");
    if let Ok(Some(password)) = &password {
        keeps_password_rule(checks, &body, password);
    }
    let can_interact = body.optional_bool(checks, "can_interact");
    let (user, secret) = (AccountId(user?), secret?);
    let (password, can_interact) = (password.ok()?, can_interact.ok()?);
    Some(Change { user, secret, password, can_interact })
}

/// A new password ends every session of the account; the store does that in the same transaction.
async fn handle(change: Answer<Change>, api: Api) -> Answer {
    let Change { user, secret, password, can_interact } = change?;
    let shared = &api.shared;
    if !shared.secrets.is_admin(&secret) {
        return Err(WRONG_SECRET);
    }
    let password_hash = match password {
        Some(password) => Some(shared.hasher.hash(password).await?),
        None => None,
    };
    let change = AccountChange { password_hash, can_interact, ..AccountChange::default() };
    let changed = shared.engine.store().update_account(user, change, shared.engine.now()).await;
    let account = changed.map_err(|error| match error.kind {
        ErrorKind::NotFound => Refusal::NotFound("User not found"),
        _ => error.into(),
    })?;
    Success::json(&User::of(&account, &shared.config.surface.transcriptions))
}
