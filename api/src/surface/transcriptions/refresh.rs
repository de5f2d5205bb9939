//! `POST /auth/refresh`: exchange a refresh token for a new pair, once.

use std::time::Duration;

use scribed_schemas::time::Timestamp;
use scribed_store::{RefreshRotation, Rotation};
use warp::Filter;

use super::session::Pair;
use crate::Api;
use crate::answer::{Answer, Success, respond};
use crate::auth::token::{TokenType, fingerprint};
use crate::extract::{BLOCKED, INVALID_TOKEN};
use crate::rate::Client;
use crate::routes::Route;
use crate::validate::{Checks, Document, Query};

/// The route.
pub(super) fn route(api: &Api) -> Route {
    warp::path!("auth" / "refresh")
        .and(warp::post())
        .and(Api::client())
        .and(api.query_and_json(read))
        .and(api.context())
        .then(handle)
        .map(respond)
        .boxed()
}

fn read(checks: &mut Checks, _: &Query, body: &Document) -> Option<String> {
    body.fields(checks)?.text(checks, "refresh_token")
}

/// A token that was exchanged before ends its whole family: one of its two holders is a thief.
async fn handle(client: Client, token: Answer<String>, api: Api) -> Answer {
    let shared = &api.shared;
    shared.rates.renewals.count_address(client)?;
    let token = token?;
    let claims = shared.signer.verify(&token, TokenType::Refresh).ok_or(INVALID_TOKEN)?;
    let family = claims.family().ok_or(INVALID_TOKEN)?;
    shared.rates.renewals.count_account(claims.account())?;
    let account = shared.engine.store().account(claims.account()).await?;
    let account = account.filter(|account| claims.is_of(account)).ok_or(INVALID_TOKEN)?;
    if !account.active {
        return Err(BLOCKED);
    }
    let now = shared.engine.now();
    let pair = Pair::make(&api, &account, now, family)?;
    let rotation = RefreshRotation {
        family: family.to_owned(),
        presented_hash: fingerprint(&token),
        next_hash: fingerprint(&pair.refresh_token),
        now,
        expires: shared.signer.refresh_expiry(now),
        grace_since: before(now, Duration::from_secs(shared.config.auth.refresh_grace_secs)),
    };
    match shared.engine.store().rotate_refresh(rotation).await? {
        Rotation::Rotated(owner) if owner == account.id => Success::json(&pair),
        Rotation::Reused(owner) => {
            tracing::warn!(account = %owner, "a refresh token came twice; its family is revoked");
            Err(INVALID_TOKEN)
        }
        Rotation::Rotated(_) | Rotation::Unknown => Err(INVALID_TOKEN),
    }
}

/// Returns the instant so much earlier.
fn before(at: Timestamp, by: Duration) -> Timestamp {
    let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
    Timestamp(at.0.saturating_sub(micros))
}
