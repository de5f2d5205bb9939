//! Refresh tokens: they work once, and a second use ends the session.

use serde_json::{Value, json};

use crate::harness::House;
use crate::reply::Reply;

const ENDED: &str = "Invalid or expired token";

async fn refresh(house: &House, token: &Value) -> Reply {
    house.post("/auth/refresh").json(&json!({ "refresh_token": token })).send().await
}

async fn session(house: &House) -> Value {
    house.account("somebody").await;
    house.login("somebody").await.json()
}

#[tokio::test]
async fn a_refresh_token_gives_a_new_pair() {
    let house = House::open().await;
    let first = session(&house).await;
    let second = refresh(&house, &first["refresh_token"]).await;
    assert_eq!(second.status, 200);
    let second = second.json();
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    let access = second["access_token"].as_str().unwrap();
    assert_eq!(house.get("/auth/info").bearer(access).send().await.status, 200);
    assert_eq!(refresh(&house, &second["refresh_token"]).await.status, 200);
}

#[tokio::test]
async fn a_token_that_comes_twice_ends_its_whole_family() {
    let house = House::open().await;
    let first = session(&house).await;
    let other_login = house.login("somebody").await.json();
    let second = refresh(&house, &first["refresh_token"]).await.json();
    refresh(&house, &first["refresh_token"]).await.refuses(401, ENDED);
    refresh(&house, &second["refresh_token"]).await.refuses(401, ENDED);
    assert_eq!(refresh(&house, &other_login["refresh_token"]).await.status, 200);
}

#[tokio::test]
async fn of_a_hundred_uses_at_once_exactly_one_succeeds() {
    let house = std::sync::Arc::new(House::open().await);
    let token = session(&house).await["refresh_token"].clone();
    let uses: Vec<_> = (0..100)
        .map(|_| {
            let (house, token) = (house.clone(), token.clone());
            tokio::spawn(async move { refresh(&house, &token).await.status })
        })
        .collect();
    let mut succeeded = 0;
    for one in uses {
        let status = one.await.unwrap();
        assert!(matches!(status, 200 | 401), "{status}");
        succeeded += u32::from(status == 200);
    }
    assert_eq!(succeeded, 1);
}

#[tokio::test]
async fn a_grace_lets_a_lost_answer_be_asked_for_again() {
    let house = House::with(|config| config.auth.refresh_grace_secs = 60).await;
    let first = session(&house).await;
    assert_eq!(refresh(&house, &first["refresh_token"]).await.status, 200);
    assert_eq!(refresh(&house, &first["refresh_token"]).await.status, 200);
}

#[tokio::test]
async fn only_a_refresh_token_is_exchanged_and_only_an_access_token_opens() {
    let house = House::open().await;
    let tokens = session(&house).await;
    refresh(&house, &tokens["access_token"]).await.refuses(401, ENDED);
    let misused = house.get("/auth/info").bearer(tokens["refresh_token"].as_str().unwrap());
    misused.send().await.refuses(401, ENDED);
    refresh(&house, &json!("nonsense")).await.refuses(401, ENDED);
    refresh(&house, &json!(7))
        .await
        .is_invalid(&[("string_type", json!(["body", "refresh_token"]))]);
}

#[tokio::test]
async fn a_token_that_is_over_is_refused() {
    let house = House::with(|config| {
        config.auth.refresh_ttl_secs = 0;
        config.auth.access_ttl_secs = 0;
    })
    .await;
    let tokens = session(&house).await;
    // The store knows no leeway: a family that ends now has ended.
    refresh(&house, &tokens["refresh_token"]).await.refuses(401, ENDED);
}
