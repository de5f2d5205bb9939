//! API keys: what opens the surface, and what does not.

use scribed_schemas::api_key::{Scope, Scopes};
use scribed_store::AccountChange;
use serde_json::json;

use super::{PREFIXES, house, post, submitted};
use crate::harness::House;
use crate::reply::Reply;
use crate::request::{field, file};

async fn account(house: &House, bearer: &str) -> Reply {
    house.get("/speechtotext/v1/account").bearer(bearer).send().await
}

#[tokio::test]
async fn a_request_without_a_good_key_is_denied_in_the_words_of_its_form() {
    let (house, key) = house().await;
    let title = "Authorization has been denied for this request";
    for wrong in ["", "scribed_", &format!("{key}0"), &key[..key.len() - 1], &key.to_uppercase()] {
        let reply = house.get("/revspeech/v1beta/jobs").bearer(wrong).send().await;
        assert_eq!((reply.status, reply.json()), (401, json!({"title": title})), "{wrong:?}");
        let reply = account(&house, wrong).await;
        let expected = json!({"title": format!("{title}."), "status": 401});
        assert_eq!((reply.status, reply.json()), (401, expected), "{wrong:?}");
    }
    assert_eq!(house.get("/speechtotext/v1/account").send().await.status, 401);
    let basic = house.get("/speechtotext/v1/account").header("Authorization", "Basic eDp5");
    assert_eq!(basic.send().await.status, 401);
}

#[tokio::test]
async fn an_access_token_opens_what_a_key_opens() {
    let (house, _) = house().await;
    let tokens = house.login("somebody").await.json();
    assert_eq!(account(&house, tokens["access_token"].as_str().unwrap()).await.status, 200);
    assert_eq!(account(&house, tokens["refresh_token"].as_str().unwrap()).await.status, 401);
}

#[tokio::test]
async fn a_key_opens_no_other_surface() {
    let (house, key) = house().await;
    let reply = house.get("/auth/info").bearer(&key).send().await;
    reply.refuses(401, "Invalid or expired token");
}

#[tokio::test]
async fn a_key_allows_what_its_scopes_name() {
    let (house, all) = house().await;
    let owner = house.engine.store().account_by_name("somebody").await.unwrap().unwrap().id;
    let job = submitted(&house, &all, PREFIXES[1], "words\n", &json!({})).await;
    let path = format!("/speechtotext/v1/jobs/{}", job["id"].as_str().unwrap());
    for scope in Scope::ALL {
        let key = house.api_key(owner, [scope].into_iter().collect()).await;
        let read = house.get(&path).bearer(&key).send().await.status;
        let submit = post(&house, &key, PREFIXES[1]).form(&[field("x", "")]).send().await.status;
        let delete = house.delete(&path).bearer(&key).send().await.status;
        // Past the key, the form lacks its recording and the job is not done.
        let expected = match scope {
            Scope::Read => (200, 403, 403),
            Scope::Submit => (403, 400, 403),
            Scope::Delete => (403, 403, 409),
        };
        assert_eq!((read, submit, delete), expected, "{scope:?}");
    }
    let none = house.api_key(owner, Scopes::default()).await;
    assert_eq!(account(&house, &none).await.status, 403);
}

#[tokio::test]
async fn a_revoked_key_opens_nothing() {
    let (house, key) = house().await;
    let store = house.engine.store();
    let owner = store.account_by_name("somebody").await.unwrap().unwrap().id;
    assert_eq!(account(&house, &key).await.status, 200);
    let stored = store.api_keys(owner, None, 9).await.unwrap();
    store.revoke_api_key(owner, stored[0].id, house.engine.now()).await.unwrap();
    assert_eq!(account(&house, &key).await.status, 401);
}

#[tokio::test]
async fn a_key_that_is_over_opens_nothing() {
    let (house, _) = house().await;
    let store = house.engine.store();
    let owner = store.account_by_name("somebody").await.unwrap().unwrap().id;
    let fresh = scribed_api::FreshKey::draw();
    let now = house.engine.now();
    let mut stored = store.api_keys(owner, None, 1).await.unwrap().remove(0);
    stored.id.0 += 1;
    stored.hash = fresh.hash;
    stored.expires = Some(now);
    store.create_api_key(stored).await.unwrap();
    assert_eq!(account(&house, fresh.text.expose()).await.status, 401);
}

#[tokio::test]
async fn the_key_of_a_blocked_account_opens_nothing() {
    let (house, key) = house().await;
    let store = house.engine.store();
    let owner = store.account_by_name("somebody").await.unwrap().unwrap().id;
    let change = AccountChange { active: Some(false), ..AccountChange::default() };
    store.update_account(owner, change, house.engine.now()).await.unwrap();
    assert_eq!(account(&house, &key).await.status, 401);
}

#[tokio::test]
async fn who_may_not_interact_may_not_submit() {
    let (house, key) = house().await;
    let store = house.engine.store();
    let owner = store.account_by_name("somebody").await.unwrap().unwrap().id;
    let change = AccountChange { can_interact: Some(false), ..AccountChange::default() };
    store.update_account(owner, change, house.engine.now()).await.unwrap();
    let reply = post(&house, &key, PREFIXES[0]).form(&[file("media", "a.mp3", b"x")]).send().await;
    assert_eq!((reply.status, house.files()), (403, 0));
    assert_eq!(account(&house, &key).await.status, 200);
}
