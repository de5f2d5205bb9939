//! Accounts: what opens the surface, logins, and how they end.

use scribed_schemas::api_key::{Scope, Scopes};
use scribed_schemas::time::Timestamp;
use scribed_store::AccountChange;
use serde_json::{Value, json};

use super::{User, house};
use crate::harness::{House, PASSWORD};
use crate::reply::Reply;

const BAD_TOKEN: &str = "BAD_API_TOKEN";

async fn verify(house: &House, token: &str) -> Reply {
    User::of(house, token).get("account/verify_key", "").send().await
}

/// Logs in by POST; the token.
async fn login(house: &House) -> String {
    let body = json!({"username": "somebody", "password": PASSWORD});
    let reply = house.post("/api/account/login?v=1").json(&body).send().await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["ApiToken"].as_str().expect("a token").to_owned()
}

#[tokio::test]
async fn a_login_gives_a_token_of_32_digits_in_every_way_it_can_be_asked_for() {
    let (house, key) = house().await;
    let quoted = PASSWORD.replace('!', "%21");
    let query = format!("/api/account/login?v=1&username=somebody&password={quoted}");
    let by_key = format!("/api/account/login?v=1&username=somebody&securekey={key}");
    let plain = || house.get("/api/account/login?v=1").header("x-auth-user", "somebody");
    let body = json!({"username": "somebody", "password": PASSWORD});
    for request in [
        house.get(&query),
        house.get(&by_key),
        plain().header("x-auth-password", PASSWORD),
        plain().header("x-auth-securekey", &key),
        house.post("/api/account/login?v=1").json(&body),
        house.post("/api/account/login").json(&json!({"username": "somebody", "securekey": key})),
    ] {
        let reply = request.send().await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let tokens = reply.json();
        assert_eq!(tokens["ApiToken"], tokens["api_token"]);
        let token = tokens["ApiToken"].as_str().unwrap();
        assert_eq!(token.len(), 32);
        assert_eq!(verify(&house, token).await.json(), json!({"name": "somebody"}));
        let stored = house.engine.store();
        let owner = stored.account_by_name("somebody").await.unwrap().unwrap().id;
        let keys = stored.api_keys(owner, None, 99).await.unwrap();
        assert!(keys.iter().all(|key| key.hash != token), "the token itself is not kept");
    }
}

#[tokio::test]
async fn a_login_that_is_wrong_says_nothing_of_the_account() {
    let (house, key) = house().await;
    let other = house.account("another").await;
    let foreign = house.api_key(other, Scopes::all()).await;
    let said = "The username and the password do not belong together.";
    let mut refusals = Vec::new();
    for body in [
        json!({"username": "somebody", "password": "Wrong-12!"}),
        json!({"username": "nobody", "password": PASSWORD}),
        json!({"username": "another", "securekey": key}),
        json!({"username": "somebody", "securekey": foreign}),
        json!({"username": "somebody", "securekey": "scribed_x"}),
    ] {
        let reply = house.post("/api/account/login").json(&body).send().await;
        reply.is_error("LOGIN_INVALID", said);
        refusals.push(reply.body);
    }
    refusals.dedup();
    assert_eq!(refusals.len(), 1);
    let none = house.get("/api/account/login?v=1&username=somebody").send().await;
    none.is_error("MISSING_PARAMETER", "password");
    let none = house.get("/api/account/login?v=1").send().await;
    none.is_error("MISSING_PARAMETER", "username");
    house
        .change("somebody", AccountChange { active: Some(false), ..AccountChange::default() })
        .await;
    let body = json!({"username": "somebody", "password": PASSWORD});
    let blocked = house.post("/api/account/login").json(&body).send().await;
    blocked.is_error("ACCOUNT_UNPRIVILEGED", "blocked");
}

#[tokio::test]
async fn a_logout_ends_its_token_and_no_other() {
    let (house, key) = house().await;
    let (one, other) = (login(&house).await, login(&house).await);
    let logout = async |token: &str| User::of(&house, token).get("account/logout", "").send().await;
    let reply = logout(&one).await;
    assert_eq!((reply.status, reply.body.len()), (204, 0));
    verify(&house, &one).await.is_error(BAD_TOKEN, "Invalid or expired token");
    logout(&one).await.is_error(BAD_TOKEN, "");
    assert_eq!(verify(&house, &other).await.status, 200);
    let posted = User::of(&house, &other).post("account/logout", "").send().await;
    assert_eq!(posted.status, 204);
    // An API key is no session.
    assert_eq!(logout(&key).await.status, 204);
    assert_eq!(verify(&house, &key).await.status, 200);
    logout("0".repeat(32).as_str()).await.is_error(BAD_TOKEN, "");
}

#[tokio::test]
async fn a_token_ends_with_its_time_with_its_password_and_with_its_account() {
    let house = House::with(|config| config.surface.cielo24.login_ttl_secs = 0).await;
    house.account("somebody").await;
    let over = login(&house).await;
    verify(&house, &over).await.is_error(BAD_TOKEN, "Invalid or expired token");

    let (house, key) = super::house().await;
    let token = login(&house).await;
    let hash = scribed_api::hash_password("Another-12!").unwrap();
    house
        .change("somebody", AccountChange { password_hash: Some(hash), ..AccountChange::default() })
        .await;
    verify(&house, &token).await.is_error(BAD_TOKEN, "");
    assert_eq!(verify(&house, &key).await.status, 200, "a key is no password's");
    house
        .change("somebody", AccountChange { active: Some(false), ..AccountChange::default() })
        .await;
    verify(&house, &key).await.is_error(BAD_TOKEN, "blocked");
}

#[tokio::test]
async fn a_token_that_was_given_for_a_key_allows_no_more_and_lives_no_longer() {
    let (house, _) = house().await;
    let store = house.engine.store();
    let owner = store.account_by_name("somebody").await.unwrap().unwrap().id;
    let reader = house.api_key(owner, [Scope::Read].into_iter().collect()).await;
    let body = json!({"username": "somebody", "securekey": reader});
    let token = house.post("/api/account/login").json(&body).send().await.json();
    let user = User::of(&house, token["ApiToken"].as_str().unwrap());
    assert_eq!(user.get("job/list", "").send().await.status, 200);
    let refused = user.post("job/new", "").json(&json!({})).send().await;
    refused.is_error("ACCOUNT_UNPRIVILEGED", "not made for this action");

    let mut ending = store.api_keys(owner, None, 99).await.unwrap().remove(0);
    let fresh = scribed_api::FreshKey::draw();
    let end = Timestamp(house.engine.now().0 + 60_000_000);
    (ending.id.0, ending.hash, ending.expires) = (ending.id.0 + 1, fresh.hash, Some(end));
    store.create_api_key(ending).await.unwrap();
    let body = json!({"username": "somebody", "securekey": fresh.text.expose()});
    let reply = house.post("/api/account/login").json(&body).send().await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let keys = store.api_keys(owner, None, 99).await.unwrap();
    assert_eq!(keys.iter().filter(|key| key.expires == Some(end)).count(), 2);
}

#[tokio::test]
async fn a_key_a_token_of_a_login_and_an_access_token_open_the_surface() {
    let (house, key) = house().await;
    let tokens = house.login("somebody").await.json();
    let text = |name: &str| tokens[name].as_str().unwrap().to_owned();
    for token in [key.clone(), login(&house).await, text("access_token")] {
        assert_eq!(verify(&house, &token).await.status, 200, "{token}");
    }
    let wrong = [text("refresh_token"), key.to_uppercase(), format!("{key}0"), "x".to_owned()];
    for token in wrong {
        verify(&house, &token).await.is_error(BAD_TOKEN, "Invalid or expired token");
    }
    // Nor does the token of a login open another surface.
    let token = login(&house).await;
    let other = house.get("/speechtotext/v1/account").bearer(&token).send().await;
    assert_eq!(other.status, 401);
    house.get("/auth/info").bearer(&token).send().await.refuses(401, "Invalid or expired token");
}

#[tokio::test]
async fn a_key_allows_what_its_scopes_name() {
    let (house, all) = house().await;
    let owner = house.engine.store().account_by_name("somebody").await.unwrap().unwrap().id;
    let id = User::of(&house, &all).new_job(json!({})).await;
    for scope in Scope::ALL {
        let key = house.api_key(owner, [scope].into_iter().collect()).await;
        let user = User::of(&house, &key);
        let allowed = async |call: &str, query: &str| {
            let reply = user.get(call, query).send().await;
            reply.error_type() != "ACCOUNT_UNPRIVILEGED"
        };
        let job_id = format!("job_id={id}");
        let found = (
            allowed("job/info", &job_id).await,
            allowed("job/new", "").await,
            allowed("job/delete", "").await,
        );
        let expected = match scope {
            Scope::Read => (true, false, false),
            Scope::Submit => (false, true, false),
            Scope::Delete => (false, false, true),
        };
        assert_eq!(found, expected, "{scope:?}");
    }
}

#[tokio::test]
async fn who_may_not_interact_may_not_submit() {
    let (house, key) = house().await;
    let user = User::of(&house, &key);
    let id = user.new_job(json!({})).await;
    house
        .change("somebody", AccountChange { can_interact: Some(false), ..AccountChange::default() })
        .await;
    let restricted = "This account may not submit recordings.";
    let new = user.post("job/new", "").json(&json!({})).send().await;
    let by_url = user.get("job/add_media", &format!("job_id={id}&media_url=x")).send().await;
    for reply in [new, user.add_media(&id, "x").await, by_url, user.perform(&id, json!({})).await] {
        reply.is_error("ACCOUNT_UNPRIVILEGED", restricted);
    }
    assert_eq!(house.files(), 0);
    assert_eq!(user.info(&id).await["JobStatus"], "Pending");
}

#[tokio::test]
async fn tries_to_log_in_are_counted_with_those_of_other_surfaces() {
    let house = House::with(|config| {
        config.limits.account_tries_per_minute = 1;
        config.limits.account_tries_burst = 3;
    })
    .await;
    house.account("somebody").await;
    assert_eq!(house.login("somebody").await.status, 200);
    let body = |password: &str| json!({"username": "Somebody", "password": password});
    let ask = async |body: Value| house.post("/api/account/login").json(&body).send().await;
    ask(body("x")).await.is_error("LOGIN_INVALID", "");
    ask(json!({"username": "SOMEBODY", "securekey": "x"})).await.is_error("LOGIN_INVALID", "");
    let often = ask(body(PASSWORD)).await;
    often.is_error("UNHANDLED_ERROR", "Too many requests. Try again in");
    assert!(!often.header("retry-after").is_empty());
}
