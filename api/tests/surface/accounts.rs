//! Accounts: register, login, info, patch, and who is let in.

use std::sync::Arc;

use scribed_api::{AdminAccount, ensure_admin};
use scribed_engine::SystemClock;
use scribed_schemas::account::Role;
use scribed_schemas::id::IdGenerator;
use scribed_store::{AccountChange, MemoryStore, Store};
use serde_json::{Value, json};

use crate::harness::{ADMIN_TOKEN, House, PASSWORD};

fn credentials(username: &str) -> Value {
    json!({ "username": username, "password": PASSWORD })
}

#[tokio::test]
async fn who_registers_can_log_in_and_see_the_account() {
    let house = House::open().await;
    let made = house.post("/auth/register").json(&credentials("Somebody")).send().await;
    assert_eq!(made.status, 201);
    let account = made.json();
    assert_eq!(account["username"], "Somebody");
    assert_eq!(account["role"], "user");
    assert_eq!((&account["active"], &account["can_interact"]), (&json!(true), &json!(false)));
    let date = account["create_date"].as_str().unwrap();
    assert!(date.len() == 27 && date.ends_with('Z'), "{date} has six fraction digits");

    let tokens = house.login("Somebody").await;
    assert_eq!((tokens.status, &tokens.json()["token_type"]), (200, &json!("bearer")));
    assert_eq!(tokens.header("cache-control"), "no-store");
    let token = tokens.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(house.get("/auth/info").bearer(&token).send().await.json(), account);
}

#[tokio::test]
async fn a_name_is_taken_once() {
    let house = House::open().await;
    house.account("somebody").await;
    let again = house.post("/auth/register").json(&credentials("somebody")).send().await;
    again.refuses(409, "User 'somebody' already exists");
}

#[tokio::test]
async fn registration_can_be_closed() {
    let house = House::with(|config| config.auth.open_registration = false).await;
    let refused = house.post("/auth/register").json(&credentials("somebody")).send().await;
    assert_eq!(refused.status, 403);
}

#[tokio::test]
async fn who_tries_too_often_is_told_when_to_come_again() {
    let house = House::with(|config| {
        config.limits.account_tries_per_minute = 1;
        config.limits.account_tries_burst = 2;
    })
    .await;
    house.account("somebody").await;
    for name in ["somebody", "SomeBody"] {
        let tried = house.post("/auth/login").json(&credentials(name)).send().await;
        assert_ne!(tried.status, 429);
    }
    let refused = house.login("somebody").await;
    refused.refuses(
        429,
        &format!("Too many requests. Try again in {} s.", refused.header("retry-after")),
    );
    house.account("another").await;
    assert_eq!(house.login("another").await.status, 200);
}

#[tokio::test]
async fn the_rules_for_names_and_passwords_hold_at_login_too() {
    let house = House::open().await;
    for path in ["/auth/register", "/auth/login"] {
        let weak = json!({ "username": "us3r", "password": "short" });
        let reply = house.post(path).json(&weak).send().await;
        reply.is_invalid(&[
            ("value_error", json!(["body", "username"])),
            ("value_error", json!(["body", "password"])),
        ]);
        let detail = &reply.json()["detail"];
        assert_eq!(
            detail[0]["msg"],
            "Value error, Username must consist of Latin letters only and be between 5 and 64 \
             characters long."
        );
        assert_eq!(
            detail[1]["msg"],
            "Value error, Password must be 8-256 characters long, include Latin letters \
             (uppercase and lowercase), numbers, and at least one special character."
        );
        assert!(!reply.text().contains("short"), "a fault must not repeat a password");
    }
}

#[tokio::test]
async fn a_body_that_is_missing_or_wrong_is_told_field_by_field() {
    let house = House::open().await;
    let login = || house.post("/auth/login");
    login().send().await.is_invalid(&[("missing", json!(["body"]))]);
    let both = [("missing", json!(["body", "username"])), ("missing", json!(["body", "password"]))];
    login().json(&json!({})).send().await.is_invalid(&both);
    let broken = login().body("application/json", "{\"username\": ").send().await;
    broken.is_invalid(&[("json_invalid", json!(["body", 13]))]);
    assert_eq!(broken.only_fault(), "JSON decode error");
    let no_object = [("model_attributes_type", json!(["body"]))];
    login().json(&json!([1])).send().await.is_invalid(&no_object);
    let form = login().body("application/x-www-form-urlencoded", "username=a&password=b");
    form.send().await.is_invalid(&no_object);
    let numbers = login().json(&json!({ "username": 1, "password": null })).send().await;
    numbers.is_invalid(&[
        ("string_type", json!(["body", "username"])),
        ("string_type", json!(["body", "password"])),
    ]);
}

#[tokio::test]
async fn a_body_without_a_content_type_is_json_and_unknown_members_have_no_effect() {
    let house = House::open().await;
    let body = json!({ "username": "somebody", "password": PASSWORD, "role": "admin", "id": 1 });
    let made = house.post("/auth/register?x=1").body("", body.to_string()).send().await;
    assert_eq!((made.status, &made.json()["role"]), (201, &json!("user")));
}

#[tokio::test]
async fn an_unknown_name_and_a_wrong_password_are_answered_alike() {
    let house = House::open().await;
    house.account("somebody").await;
    let wrong = json!({ "username": "somebody", "password": "Secret-13!" });
    let wrong = house.post("/auth/login").json(&wrong).send().await;
    let unknown = house.login("nobody").await;
    wrong.refuses(401, "Incorrect username or password");
    assert_eq!(wrong.header("www-authenticate"), "Bearer");
    assert_eq!((unknown.status, unknown.body), (wrong.status, wrong.body));
}

#[tokio::test]
async fn an_account_that_is_blocked_gets_nowhere() {
    let house = House::open().await;
    let token = house.user("somebody").await;
    let tokens = house.login("somebody").await.json();
    let account = house.engine.store().account_by_name("somebody").await.unwrap().unwrap();
    let change = AccountChange { active: Some(false), ..AccountChange::default() };
    house.engine.store().update_account(account.id, change, house.engine.now()).await.unwrap();
    let blocked = "Your account is blocked";
    house.login("somebody").await.refuses(401, blocked);
    house.get("/auth/info").bearer(&token).send().await.refuses(401, blocked);
    let body = json!({ "refresh_token": tokens["refresh_token"] });
    house.post("/auth/refresh").json(&body).send().await.refuses(401, blocked);
}

#[tokio::test]
async fn every_protected_route_wants_a_token() {
    let house = House::open().await;
    let routes = [
        house.get("/auth/info"),
        house.get("/transcriptions"),
        house.get("/transcript?task_id=1"),
        house.get("/transcript/info?transcript_id=1"),
        house.post("/transcript/export?task_id=1&format=txt"),
        house.post("/transcript/cancel?transcript_id=1"),
        house.post("/upload-audiofile"),
    ];
    for request in routes {
        let none = request.clone().send().await;
        none.refuses(401, "Invalid Authorization Header");
        assert_eq!(none.header("www-authenticate"), "Bearer");
        let basic = request.clone().header("Authorization", "Basic c29tZWJvZHk6eA==").send().await;
        basic.refuses(401, "Invalid Authorization Header");
        request.bearer("a.b.c").send().await.refuses(401, "Invalid or expired token");
    }
}

#[tokio::test]
async fn a_token_comes_before_the_faults_of_a_query() {
    let house = House::open().await;
    let reply = house.get("/transcriptions?page=0").send().await;
    reply.refuses(401, "Invalid Authorization Header");
}

#[tokio::test]
async fn the_administrator_lets_an_account_interact_and_changes_its_password() {
    let house = House::with(|config| config.auth.refresh_grace_secs = 60).await;
    house.post("/auth/register").json(&credentials("somebody")).send().await;
    let tokens = house.login("somebody").await.json();
    let account = house.engine.store().account_by_name("somebody").await.unwrap().unwrap();
    let path = format!("/auth/patch?user_id={}&secret_admin_token={ADMIN_TOKEN}", account.id);

    let patched = house.patch(&path).json(&json!({ "can_interact": true })).send().await;
    assert_eq!((patched.status, &patched.json()["can_interact"]), (200, &json!(true)));
    let access = tokens["access_token"].as_str().unwrap();
    assert_eq!(house.get("/auth/info").bearer(access).send().await.json(), patched.json());

    let patched = house.patch(&path).json(&json!({ "password": "Other-12!" })).send().await;
    assert_eq!(patched.status, 200);
    let ended = "Invalid or expired token";
    house.get("/auth/info").bearer(access).send().await.refuses(401, ended);
    let body = json!({ "refresh_token": tokens["refresh_token"] });
    house.post("/auth/refresh").json(&body).send().await.refuses(401, ended);
    house.login("somebody").await.refuses(401, "Incorrect username or password");
    let body = json!({ "username": "somebody", "password": "Other-12!" });
    assert_eq!(house.post("/auth/login").json(&body).send().await.status, 200);
}

#[tokio::test]
async fn only_the_admin_secret_changes_accounts() {
    let house = House::open().await;
    let id = house.account("somebody").await;
    let change = json!({ "can_interact": false });
    for secret in ["", "x", "the-admin-token ", "the-worker-token"] {
        let secret = secret.replace(' ', "%20");
        let path = format!("/auth/patch?user_id={id}&secret_admin_token={secret}");
        let reply = house.patch(&path).json(&change).send().await;
        assert_eq!((reply.status, reply.header("www-authenticate")), (401, "Bearer"));
    }
    let path = format!("/auth/patch?user_id=7&secret_admin_token={ADMIN_TOKEN}");
    house.patch(&path).json(&change).send().await.refuses(404, "User not found");
}

#[tokio::test]
async fn faults_of_query_and_body_are_listed_together() {
    let house = House::open().await;
    let body = json!({ "password": "weak", "can_interact": "maybe" });
    house.patch("/auth/patch?user_id=x").json(&body).send().await.is_invalid(&[
        ("int_parsing", json!(["query", "user_id"])),
        ("missing", json!(["query", "secret_admin_token"])),
        ("value_error", json!(["body", "password"])),
        ("bool_parsing", json!(["body", "can_interact"])),
    ]);
}

#[tokio::test]
async fn a_developer_of_the_crowd_is_a_user_here() {
    let house = House::open().await;
    let token = house.user("somebody").await;
    let account = house.engine.store().account_by_name("somebody").await.unwrap().unwrap();
    let change = AccountChange { role: Some(Role::SworikDeveloper), ..AccountChange::default() };
    house.engine.store().update_account(account.id, change, house.engine.now()).await.unwrap();
    assert_eq!(house.get("/auth/info").bearer(&token).send().await.json()["role"], "user");
}

#[tokio::test]
async fn the_administrators_account_is_made_once() {
    let store = Arc::new(MemoryStore::new());
    let ids = IdGenerator::new(0);
    let made = ensure_admin(&*store, &ids, &SystemClock, PASSWORD).await.unwrap();
    let AdminAccount::Created(id) = made else { panic!("{made:?}") };
    let again = ensure_admin(&*store, &ids, &SystemClock, "Another-1!").await.unwrap();
    assert_eq!(again, AdminAccount::Present(id));
    let account = store.account(id).await.unwrap().unwrap();
    assert_eq!((account.role, account.can_interact), (Role::Admin, true));
    let house = House::over(store, |_| {}).await;
    assert_eq!(house.login("admin").await.status, 200);
}

#[tokio::test]
async fn more_sign_ins_than_can_be_hashed_are_sent_away() {
    let house = Arc::new(House::with(|config| config.auth.hash_concurrency = 1).await);
    house.account("somebody").await;
    let tries: Vec<_> = (0..200)
        .map(|_| {
            let house = house.clone();
            tokio::spawn(async move { house.login("somebody").await })
        })
        .collect();
    let (mut let_in, mut sent_away) = (0, 0);
    for one in tries {
        let reply = one.await.unwrap();
        match reply.status {
            200 => let_in += 1,
            429 => {
                assert_eq!(reply.header("retry-after"), "1");
                sent_away += 1;
            }
            other => panic!("answered {other}"),
        }
    }
    assert!(let_in > 0 && sent_away > 0, "{let_in} let in, {sent_away} sent away");
}
