//! `/api/account/login`: a name and a password, or an API key, are exchanged for a token.
//!
//! They come in the query, in headers, or in a JSON body. The token is an API key with an end: it opens
//! what the account may do, or what the key that was shown does.

use http::HeaderMap;
use scribed_schemas::account::Account;
use scribed_schemas::api_key::{ApiKey, Scopes};
use scribed_schemas::id::ApiKeyId;
use scribed_schemas::time::Timestamp;
use serde_json::json;
use warp::Filter;

use super::call::version;
use super::error::{Answer, Error, Kind, respond};
use super::params::Params;
use crate::Api;
use crate::answer::{Refusal, Success};
use crate::auth::api_key::{FreshKey, login_label, presented_hash};
use crate::extract::raw_query;
use crate::limits::Body;
use crate::rate::Client;
use crate::routes::Route;
use crate::validate::Query;

const BLOCKED: Refusal = Refusal::Forbidden("Your account is blocked.");

/// The routes.
pub(super) fn route(api: &Api) -> Route {
    let path = || warp::path!("api" / "account" / "login");
    let head = || Api::client().and(raw_query()).and(warp::header::headers_cloned());
    let get = path().and(warp::get()).and(head()).and(api.context());
    let post = path().and(warp::post()).and(head()).and(api.body()).and(api.context());
    let (get, post) = (get.then(asked).map(respond), post.then(posted).map(respond));
    get.or(post).unify().boxed()
}

async fn asked(client: Client, query: Query, headers: HeaderMap, api: Api) -> Answer {
    api.shared.rates.logins.count_address(client)?;
    version(&query)?;
    handle(&Params::of_query(query), &headers, &api).await
}

async fn posted(client: Client, query: Query, headers: HeaderMap, body: Body, api: Api) -> Answer {
    api.shared.rates.logins.count_address(client)?;
    version(&query)?;
    handle(&Params::of_body(query, body).await?, &headers, &api).await
}

async fn handle(params: &Params, headers: &HeaderMap, api: &Api) -> Answer {
    let given = |header: &str, name: &str| -> Answer<Option<String>> {
        let header = headers.get(header).and_then(|value| value.to_str().ok());
        let header = header.filter(|value| !value.is_empty()).map(str::to_owned);
        Ok(header.or(params.text(name)?.map(std::borrow::Cow::into_owned)))
    };
    let username = given("x-auth-user", "username")?;
    let username = username.ok_or_else(|| Error::missing("username"))?;
    let password = given("x-auth-password", "password")?;
    let grant = match (password, given("x-auth-securekey", "securekey")?) {
        (Some(password), _) => with_password(api, &username, password).await?,
        (None, Some(key)) => with_key(api, &username, &key).await?,
        (None, None) => return Err(Error::missing("password")),
    };
    if !grant.account.active {
        return Err(BLOCKED.into());
    }
    let token = open(api, grant).await?;
    // Documented in one way and in the other.
    Ok(Success::json(&json!({"ApiToken": token, "api_token": token}))?)
}

/// What somebody is let in with.
struct Grant {
    account: Account,
    scopes: Scopes,
    /// When it ends in any case.
    expires: Option<Timestamp>,
}

fn wrong() -> Error {
    Error::new(Kind::LoginInvalid, "The username and the password do not belong together.")
}

async fn with_password(api: &Api, username: &str, password: String) -> Answer<Grant> {
    let account = api.by_password(username, password).await?.ok_or_else(wrong)?;
    Ok(Grant { account, scopes: Scopes::all(), expires: None })
}

async fn with_key(api: &Api, username: &str, key: &str) -> Answer<Grant> {
    api.shared.rates.logins.count_name(username)?;
    let hash = presented_hash(key).ok_or_else(wrong)?;
    let (engine, now) = (&api.shared.engine, api.shared.engine.now());
    let key = engine.store().api_key(&hash).await?.filter(|key| key.is_in_force(now));
    let key = key.ok_or_else(wrong)?;
    let account = engine.store().account(key.account).await?;
    let account = account.filter(|account| account.username == username).ok_or_else(wrong)?;
    Ok(Grant { account, scopes: key.scopes, expires: key.expires })
}

/// Makes a token and keeps its hash.
async fn open(api: &Api, grant: Grant) -> Answer<String> {
    let Grant { account, scopes, expires } = grant;
    let engine = &api.shared.engine;
    let (fresh, created) = (FreshKey::draw_login(), engine.now());
    let ttl = i64::try_from(api.shared.config.surface.cielo24.login_ttl_secs).unwrap_or(i64::MAX);
    let end = Timestamp(created.0.saturating_add(ttl.saturating_mul(1_000_000)));
    let key = ApiKey {
        id: ApiKeyId(engine.new_id()),
        account: account.id,
        hash: fresh.hash,
        label: login_label(&account),
        scopes,
        created,
        expires: Some(expires.map_or(end, |expires| expires.min(end))),
        revoked: None,
    };
    engine.store().create_api_key(key).await?;
    Ok(fresh.text.expose().to_owned())
}
