//! Refusals that every call has: an unknown caller, another version, and a job that is none of the
//! caller's.

use http::Method;
use scribed_api::ENDPOINTS;
use scribed_schemas::api_key::Scopes;
use serde_json::json;

use super::{User, house};
use crate::reply::is_cielo24;
use crate::request::Request;

/// Calls that nobody has to be known for.
const OPEN: &str = "/api/account/login";

fn calls() -> impl Iterator<Item = &'static (Method, &'static str)> {
    ENDPOINTS.iter().filter(|(_, path)| is_cielo24(path))
}

#[tokio::test]
async fn a_call_without_a_good_token_is_refused() {
    let (house, key) = house().await;
    for (method, path) in calls().filter(|(_, path)| *path != OPEN) {
        let send = async |query: &str| {
            Request::new(house.address, method.clone(), &format!("{path}{query}")).send().await
        };
        for none in ["", "?v=1", "?v=1&api_token="] {
            send(none).await.is_error("MISSING_PARAMETER", "The parameter api_token is missing.");
        }
        let wrong = send(&format!("?v=1&api_token={}", &key[1..])).await;
        wrong.is_error("BAD_API_TOKEN", "Invalid or expired token");
        assert!(wrong.header("www-authenticate").is_empty());
    }
    // The token stands in the query, and nowhere else.
    let header = house.get("/api/job/list?v=1").bearer(&key).send().await;
    header.is_error("MISSING_PARAMETER", "api_token");
}

#[tokio::test]
async fn another_version_is_refused_and_none_is_the_first() {
    let (house, key) = house().await;
    for (method, path) in calls() {
        for version in ["2", "0", "1.0", "one"] {
            let path = format!("{path}?v={version}&api_token={key}");
            let reply = Request::new(house.address, method.clone(), &path).send().await;
            reply.is_error("INVALID_OPTION", "v must be 1.");
        }
    }
    for version in ["", "&v=", "&v=1"] {
        let path = format!("/api/job/list?api_token={key}{version}");
        assert_eq!(house.get(&path).send().await.status, 200, "{version}");
    }
}

#[tokio::test]
async fn a_foreign_job_and_one_that_never_was_do_not_exist() {
    let (house, key) = house().await;
    let user = User::of(&house, &key);
    let other = house.account("another").await;
    let other = house.api_key(other, Scopes::all()).await;
    let foreign = User::of(&house, &other).new_job(json!({"job_name": "geheim"})).await;
    let (short, upper) = (foreign.trim_start_matches('0').to_owned(), foreign.to_uppercase());
    let none = "0".repeat(31) + "7";
    for id in [&foreign, &short, &upper, &none, "7", "x", "-1"] {
        for (method, path) in calls().filter(|(_, path)| path.starts_with("/api/job/")) {
            let call = path.trim_start_matches("/api/");
            if matches!(call, "job/new" | "job/list") {
                continue;
            }
            let reply = if *method == Method::GET {
                let more = "caption_format=SRT&media_url=x";
                user.get(call, &format!("job_id={id}&{more}")).send().await
            } else {
                user.post(call, &format!("job_id={id}")).body("", "{}").send().await
            };
            reply.is_error("ITEM_NOT_FOUND", "There is no job with this job_id.");
        }
    }
    let list = user.get("job/list", "").send().await;
    assert_eq!(list.json()["ActiveJobs"], json!([]));
    for call in ["job/info", "job/authorize", "job/delete", "job/get_transcript"] {
        user.get(call, "").send().await.is_error("MISSING_PARAMETER", "job_id");
    }
}

#[tokio::test]
async fn what_is_our_fault_is_a_400_too() {
    let house = crate::harness::House::with(|config| {
        config.limits.account_requests_per_second = 1;
        config.limits.account_requests_burst = 1;
    })
    .await;
    let owner = house.account("somebody").await;
    let key = house.api_key(owner, Scopes::all()).await;
    let user = User::of(&house, &key);
    assert_eq!(user.get("job/list", "").send().await.status, 200);
    let often = user.get("job/list", "").send().await;
    often.is_error("UNHANDLED_ERROR", "Too many requests.");
    assert!(!often.header("retry-after").is_empty());
}
