//! Jobs and orders: what they may say, and what is refused.

use scribed_schemas::job::Priority;
use serde_json::{Value, json};

use super::{User, house, number};

#[tokio::test]
async fn one_external_id_is_one_job_unless_another_is_meant() {
    let (house, key) = house().await;
    let user = User::of(&house, &key);
    let new = async |shares: Value| {
        let body = json!({"external_id": "7", "is_duplicate": shares});
        user.post("job/new", "").json(&body).send().await
    };
    let first = new(json!("true")).await;
    assert_eq!(first.status, 200, "{}", first.text());
    for shares in [Value::Null, json!("false"), json!(false)] {
        let refused = new(shares).await;
        refused.is_error("INVALID_QUERY", "There is a job with this external_id already");
    }
    let second = new(json!("True")).await.json();
    assert_ne!(second["JobId"], first.json()["JobId"]);
    let listed = user.get("job/list", "ExternalID=7").send().await.json();
    assert_eq!(listed["ActiveJobs"].as_array().unwrap().len(), 2);
    let other = house.account("another").await;
    let other = house.api_key(other, scribed_schemas::api_key::Scopes::all()).await;
    let other = User::of(&house, &other);
    other.new_job(json!({"external_id": "7"})).await;
}

#[tokio::test]
async fn one_key_of_idempotency_is_one_job() {
    let (house, key) = house().await;
    let user = User::of(&house, &key);
    let new = async |key: &str, body: Value| {
        user.post("job/new", "").header("Idempotency-Key", key).json(&body).send().await
    };
    let first = new("k", json!({})).await.json();
    assert_eq!(new("k", json!({})).await.json(), first);
    assert_ne!(new("l", json!({})).await.json(), first);
    let with_id = new("m", json!({"external_id": "7"})).await.json();
    assert_eq!(new("m", json!({"external_id": "7"})).await.json(), with_id);
    let other = new("n", json!({"external_id": "7"})).await;
    other.is_error("INVALID_QUERY", "There is a job with this external_id already");
    let shared = json!({"external_id": "7", "is_duplicate": "true"});
    let second = new("n", shared.clone()).await.json();
    assert_ne!(second, with_id);
    assert_eq!(new("n", shared).await.json(), second);
    new("", json!({})).await.is_error("INVALID_QUERY", "Idempotency-Key");
}

#[tokio::test]
async fn what_a_job_may_not_say_is_refused_by_its_name() {
    let (house, key) = house().await;
    let user = User::of(&house, &key);
    for (body, kind, words) in [
        (json!({"language": "klingon"}), "INVALID_OPTION", "language must be one of"),
        (json!({"is_duplicate": "perhaps"}), "INVALID_OPTION", "is_duplicate must be"),
        (json!({"expected_speakers": "many"}), "INVALID_QUERY", "expected_speakers must be"),
        (json!({"username": "another"}), "ACCOUNT_UNPRIVILEGED", "There are no sub-accounts"),
        (json!({"job_name": "x".repeat(256)}), "INVALID_QUERY", "job_name has more than 255"),
        (json!({"external_id": "x".repeat(201)}), "INVALID_QUERY", "external_id has more"),
        (json!({"job_name": "a\nb"}), "INVALID_QUERY", "control characters"),
        (json!({"job_name": {"a": 1}}), "INVALID_QUERY", "job_name must be a text"),
        (json!([]), "INVALID_QUERY", "The body must be a JSON object."),
    ] {
        user.post("job/new", "").json(&body).send().await.is_error(kind, words);
    }
    let broken = user.post("job/new", "").body("application/json", "{").send().await;
    broken.is_error("INVALID_QUERY", "The body is not valid JSON.");
    assert_eq!(house.engine.store().jobs(None, 0, 1).await.unwrap().total, 0);
    // What nobody knows is ignored, and nothing is no value.
    let odd = json!({"colour": "red", "job_name": null, "language": "", "username": "somebody"});
    user.new_job(odd).await;
    let none = user.post("job/new", "").body("application/json", "").send().await;
    assert_eq!(none.status, 200, "{}", none.text());
}

#[tokio::test]
async fn languages_of_the_vendors_own_reach_the_recogniser_as_tags() {
    let (house, key) = house().await;
    let user = User::of(&house, &key);
    for (code, tag) in [("cz", "cs"), ("zh-tw", "zh"), ("en-GB", "en-gb"), ("", "en")] {
        let id = user.new_job(json!({ "language": code })).await;
        assert_eq!(house.job(number(&id)).await.options.language.as_deref(), Some(tag));
        let shown = if code.is_empty() { "en" } else { code };
        assert_eq!(user.info(&id).await["SourceLanguage"], shown);
    }
}

/// Makes a job that waits for its order.
async fn waiting(user: &User<'_>) -> String {
    let id = user.new_job(json!({})).await;
    assert_eq!(user.add_media(&id, "words\n").await.status, 200);
    id
}

#[tokio::test]
async fn what_an_order_may_not_say_is_refused_by_its_name() {
    let (house, key) = house().await;
    let user = User::of(&house, &key);
    let id = waiting(&user).await;
    let long = json!({"notes": "x".repeat(1_001)}).to_string();
    for (more, kind, words) in [
        (json!({"job_id": ""}), "MISSING_PARAMETER", "job_id"),
        (json!({"transcription_fidelity": null}), "MISSING_PARAMETER", "transcription_fidelity"),
        (json!({"priority": ""}), "MISSING_PARAMETER", "priority"),
        (json!({"transcription_fidelity": "BEST"}), "INVALID_OPTION", "MECHANICAL, PREMIUM"),
        (json!({"priority": "SOON"}), "INVALID_OPTION", "STANDARD, PRIORITY"),
        (json!({"turnaround_hours": 0}), "INVALID_QUERY", "turnaround_hours must be from 1"),
        (json!({"turnaround_hours": "x"}), "INVALID_QUERY", "whole number"),
        (json!({"target_language": "de"}), "INVALID_OPTION", "nothing is translated"),
        (json!({"target_language": "en,fr"}), "INVALID_OPTION", "target_language fr"),
        (json!({"target_language": "xx"}), "INVALID_OPTION", "target_language must be"),
        (json!({"options": "notes"}), "INVALID_OPTION", "options must be a JSON object"),
        (json!({"options": "{\"colour\": 1}"}), "INVALID_OPTION", "colour"),
        (json!({"options": "{\"speaker_id\": true}"}), "INVALID_OPTION", "speaker_id"),
        (json!({ "options": long }), "INVALID_OPTION", "notes"),
        (json!({"standard_product": "x"}), "INVALID_OPTION", "standard_product"),
        (json!({"callback_url": "ftp://a.example/"}), "INVALID_URL", "callback_url"),
        (json!({"callback_url": "http://10.0.0.1/"}), "INVALID_URL", "callback_url"),
        (json!({"callback_url": "http://a b@c.example/"}), "INVALID_URL", "callback_url"),
        (json!({"callback_url": "https://a.example:22/"}), "INVALID_URL", "callback_url"),
    ] {
        user.perform(&id, more).await.is_error(kind, words);
    }
    assert_eq!(user.info(&id).await["JobStatus"], "Pending", "it can still be ordered");
    let order = json!({"target_language": "en", "standard_product": "y", "colour": "red"});
    assert_eq!(user.perform(&id, order).await.status, 200);
}

#[tokio::test]
async fn a_job_is_ordered_once_and_after_its_recording() {
    let (house, key) = house().await;
    let user = User::of(&house, &key);
    let id = user.new_job(json!({})).await;
    let early = user.perform(&id, json!({})).await;
    early.is_error("INVALID_QUERY", "The job has no media yet");
    assert_eq!(user.add_media(&id, "words\n").await.status, 200);
    assert_eq!(user.perform(&id, json!({})).await.status, 200);
    let again = user.perform(&id, json!({"priority": "PRIORITY"})).await;
    again.is_error("INVALID_QUERY", "was requested already");
    assert_eq!(house.job(number(&id)).await.priority, Priority::Standard);
    house.engine.cancel(number(&id)).await.unwrap();
    user.perform(&id, json!({})).await.is_error("INVALID_QUERY", "was requested already");
    let failed = user.info(&id).await;
    assert_eq!(
        (&failed["JobStatus"], &failed["ErrorComment"]),
        (&json!("Media Failure"), &json!("The job was cancelled."),)
    );
    let other = user.new_job(json!({})).await;
    house.engine.cancel(number(&other)).await.unwrap();
    user.add_media(&other, "words\n").await.is_error("INVALID_QUERY", "");
    house.until_files(1).await;
}

#[tokio::test]
async fn of_two_orders_at_once_one_is_taken() {
    let (house, key) = house().await;
    let user = User::of(&house, &key);
    let id = waiting(&user).await;
    let (one, other) = tokio::join!(
        user.perform(&id, json!({"transcription_fidelity": "PREMIUM"})),
        user.perform(&id, json!({"transcription_fidelity": "PROFESSIONAL"})),
    );
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400], "{} {}", one.text(), other.text());
    let expected = if one.status == 200 { "PREMIUM" } else { "HIGH" };
    assert_eq!(user.info(&id).await["Fidelity"], expected);
}

#[tokio::test]
async fn what_the_order_does_not_say_stays_as_the_job_was_made() {
    let (house, key) = house().await;
    let user = User::of(&house, &key);
    let made = json!({"language": "cz", "reference": "desk 4", "external_id": "7"});
    let id = user.new_job(made).await;
    let url = "media_url=https%3A%2F%2Fexample.org%2Fa.mp3";
    let added = user.get("job/add_media", &format!("job_id={id}&{url}")).send().await;
    assert_eq!(added.status, 200, "{}", added.text());
    assert_eq!(user.perform(&id, json!({"turnaround_hours": 100})).await.status, 200);
    let options = house.job(number(&id)).await.options;
    assert_eq!(options.language.as_deref(), Some("cs"));
    assert_eq!(options.reference.as_deref(), Some("desk 4"));
    assert_eq!(options.external_id.as_deref(), Some("7"));
    assert_eq!(options.source.as_deref(), Some("https://example.org/a.mp3"));
    let info = user.info(&id).await;
    assert_eq!((&info["SourceLanguage"], &info["Priority"]), (&json!("cz"), &json!("STANDARD")));
}
