//! Refusals: what cannot be done is said in the shape that clients read, and leaves nothing behind.

use scribed_schemas::api_key::Scopes;
use serde_json::{Value, json};

use super::{PREFIXES, house, id, post, submitted};
use crate::reply::Reply;
use crate::request::{field, file};

/// Asserts a 400 about these parameters.
#[track_caller]
fn check_parameters(reply: &Reply, expected: &Value) {
    assert_eq!(reply.status, 400, "{}", reply.text());
    assert_eq!(reply.json()["parameters"], *expected);
    assert_eq!(reply.json()["parameter"], *expected);
}

#[tokio::test]
async fn options_that_cannot_be_honoured_are_refused_and_nothing_is_kept() {
    let (house, key) = house().await;
    let options =
        json!({"callback_url": "https://example.org/done", "rush": true, "verbatim": true});
    let options = options.to_string();
    for parts in [
        [file("media", "a.mp3", b"words"), field("options", &options)],
        [field("options", &options), file("media", "a.mp3", b"words")],
    ] {
        let reply = post(&house, &key, PREFIXES[0]).form(&parts).send().await;
        let text = |name: &str| format!("The option {name} is not supported by this server");
        let expected = json!({"rush": [text("rush")], "verbatim": [text("verbatim")]});
        check_parameters(&reply, &expected);
    }
    house.until_files(0).await;
    assert_eq!(house.engine.store().jobs(None, 0, 1).await.unwrap().total, 0);
}

#[tokio::test]
async fn a_form_that_is_not_as_it_should_be_is_refused_by_the_name_of_its_part() {
    let (house, key) = house().await;
    let media = || file("media", "a.mp3", b"words");
    for (parts, expected) in [
        (vec![field("options", "{}")], json!({"media": ["The media field is required"]})),
        (
            vec![media(), field("options", "[]")],
            json!({"options": ["The options must be a JSON object"]}),
        ),
        (
            vec![media(), field("options", "{")],
            json!({"options": ["The options is not valid JSON"]}),
        ),
        (vec![media(), media()], json!({"media": ["Only one media file may be sent"]})),
        (
            vec![file("media", "a.mp3", b"!no-audio\n")],
            json!({"media": ["Invalid media: the file holds no sound"]}),
        ),
        (vec![file("media", "a.mp3", b"")], json!({"media": ["Invalid media: the file is empty"]})),
    ] {
        check_parameters(&post(&house, &key, PREFIXES[1]).form(&parts).send().await, &expected);
    }
    house.until_files(0).await;
}

#[tokio::test]
async fn a_source_that_cannot_be_asked_is_refused_by_the_name_of_its_parameter() {
    let (house, key) = house().await;
    let twice =
        json!({"media_url": "https://a.example/", "source_config": {"url": "https://b.example/"}});
    let headers = json!({"url": "https://a.example/", "auth_headers": {"authorization": "x"}});
    for (body, expected) in [
        (json!({"metadata": "m"}), json!({"media_url": ["The media_url field is required"]})),
        (json!({"media_url": " "}), json!({"media_url": ["The media_url field is required"]})),
        (
            json!({"source_config": {}}),
            json!({"source_config.url": ["The source_config.url field is required"]}),
        ),
        (twice, json!({"media_url": ["Only one of media_url and source_config may be given"]})),
        (
            json!({ "source_config": headers }),
            json!({"source_config.auth_headers": [
                "Headers are not sent; name a URL that needs none, such as a signed one"
            ]}),
        ),
    ] {
        let reply = post(&house, &key, PREFIXES[0]).json(&body).send().await;
        check_parameters(&reply, &expected);
    }
    for (name, url) in [
        ("media_url", "ftp://a.example/a.mp3"),
        ("media_url", "https://somebody:secret@a.example/a.mp3"),
        ("media_url", "http://127.0.0.1/a.mp3"),
        ("source_config", "https://[::1]/a.mp3"),
        ("source_config", "https://a.example:22/a.mp3"),
    ] {
        let value = if name == "media_url" { json!(url) } else { json!({ "url": url }) };
        let reply = post(&house, &key, PREFIXES[1]).json(&json!({ (name): value })).send().await;
        assert_eq!(reply.status, 400, "{url}: {}", reply.text());
        let why = reply.json()["parameters"][name][0].as_str().expect("it says why").to_owned();
        assert!(why.starts_with("This URL cannot be used: "), "{url}: {why}");
        assert!(!why.contains("secret"), "{why}");
    }
    assert_eq!(house.engine.store().jobs(None, 0, 1).await.unwrap().total, 0);
    let broken = post(&house, &key, PREFIXES[0]).body("application/json", "{").send().await;
    check_parameters(&broken, &json!({"body": ["The body is not valid JSON"]}));
}

#[tokio::test]
async fn a_callback_that_cannot_be_made_is_refused_by_the_name_of_its_parameter() {
    let (house, key) = house().await;
    let inside = "http://10.0.0.1/done?sign=geheim";
    let outside = "https://example.org/done";
    for (options, name, word) in [
        (json!({ "callback_url": inside }), "callback_url", "private"),
        (json!({ "notification_config": { "url": inside } }), "notification_config.url", "private"),
        (
            json!({"callback_url": outside, "notification_config": {"url": outside}}),
            "notification_config",
            "Only one of callback_url and notification_config may be given",
        ),
        (
            json!({"notification_config": {"url": outside, "auth_headers": {"Host": "geheim"}}}),
            "notification_config.auth_headers",
            "The header host cannot be sent: it belongs to the connection",
        ),
        (json!({"delete_after_seconds": 2_592_001}), "delete_after_seconds", "2592000"),
        (json!({"filter_profanity": true, "language": "de"}), "filter_profanity", "English"),
    ] {
        let mut by_url = options.clone();
        by_url["media_url"] = json!("https://example.org/a.mp3");
        let form = [file("media", "a.mp3", b"words"), field("options", &options.to_string())];
        for reply in [
            post(&house, &key, PREFIXES[0]).form(&form).send().await,
            post(&house, &key, PREFIXES[1]).json(&by_url).send().await,
        ] {
            assert_eq!(reply.status, 400, "{}", reply.text());
            let body = reply.json();
            let names: Vec<_> = body["parameters"].as_object().unwrap().keys().collect();
            assert_eq!(names, [name], "{body}");
            assert!(body["parameter"][name][0].as_str().unwrap().contains(word), "{body}");
            assert!(!reply.text().contains("geheim"), "{body}");
        }
    }
    house.until_files(0).await;
    assert_eq!(house.engine.store().jobs(None, 0, 1).await.unwrap().total, 0);
}

#[tokio::test]
async fn a_body_of_another_kind_is_refused() {
    let (house, key) = house().await;
    for kind in ["text/plain", "application/x-www-form-urlencoded", ""] {
        let reply = post(&house, &key, PREFIXES[1]).body(kind, "media=x").send().await;
        assert_eq!(reply.status, 415, "{kind}: {}", reply.text());
    }
}

#[tokio::test]
async fn a_recording_over_the_limit_is_refused() {
    let house = crate::harness::House::with(|config| config.http.max_upload_bytes = 1_000).await;
    let owner = house.account("somebody").await;
    let key = house.api_key(owner, Scopes::all()).await;
    let parts = [file("media", "a.mp3", &[b'x'; 2_000])];
    let reply = post(&house, &key, PREFIXES[0]).form(&parts).send().await;
    assert_eq!(reply.status, 413, "{}", reply.text());
    assert_eq!(reply.header("content-type"), "application/problem+json");
    house.until_files(0).await;
}

#[tokio::test]
async fn a_job_that_is_not_done_gives_no_text_and_is_not_deleted() {
    let (house, key) = house().await;
    let job = submitted(&house, &key, PREFIXES[1], "words\n", &json!({})).await;
    let path = format!("/speechtotext/v1/jobs/{}", job["id"].as_str().unwrap());
    for (end, detail) in
        [("transcript", "obtain the transcript"), ("captions", "obtain the captions")]
    {
        let reply = house.get(&format!("{path}/{end}")).bearer(&key).send().await;
        assert_eq!(reply.status, 409);
        let body = reply.json();
        assert_eq!(body["detail"], format!("Job is in invalid state to {detail}"));
        assert_eq!(
            (&body["current_value"], &body["allowed_values"]),
            (&json!("in_progress"), &json!(["transcribed"]))
        );
    }
    let reply = house.delete(&path).bearer(&key).send().await;
    assert_eq!((reply.status, &reply.json()["current_value"]), (409, &json!("in_progress")));
    assert_eq!(house.get(&path).bearer(&key).send().await.status, 200);
}

#[tokio::test]
async fn a_job_that_was_cancelled_has_failed_and_can_be_deleted() {
    let (house, key) = house().await;
    let job = submitted(&house, &key, PREFIXES[1], "words\n", &json!({})).await;
    house.engine.cancel(id(&job)).await.unwrap();
    let path = format!("/revspeech/v1beta/jobs/{}", job["id"].as_str().unwrap());
    let shown = house.get(&path).bearer(&key).send().await.json();
    assert_eq!((&shown["status"], &shown["failure"]), (&json!("failed"), &json!("unspecified")));
    assert_eq!(shown["failure_detail"], "The job was cancelled.");
    let transcript = house.get(&format!("{path}/transcript")).bearer(&key);
    let reply = transcript.header("Accept", "text/plain").send().await;
    assert_eq!((reply.status, &reply.json()["current_value"]), (409, &json!("failed")));
    assert_eq!(house.delete(&path).bearer(&key).send().await.status, 204);
}

#[tokio::test]
async fn a_foreign_job_and_one_that_never_was_do_not_exist() {
    let (house, key) = house().await;
    let other = house.account("another").await;
    let other = house.api_key(other, Scopes::all()).await;
    let job = submitted(&house, &other, PREFIXES[1], "words\n", &json!({})).await;
    let foreign = job["id"].as_str().unwrap().to_owned();
    for id in [foreign.as_str(), "7", "abc", "0", "-1", "007"] {
        for end in ["", "/transcript", "/captions"] {
            let path = format!("/speechtotext/v1/jobs/{id}{end}");
            let reply = house.get(&path).bearer(&key).send().await;
            let title = reply.json()["title"].clone();
            assert_eq!((reply.status, title), (404, json!("could not find job")), "{path}");
        }
        let reply = house.delete(&format!("/speechtotext/v1/jobs/{id}")).bearer(&key).send().await;
        assert_eq!(reply.status, 404);
        let list = format!("/revspeech/v1beta/jobs?starting_after={id}");
        let reply = house.get(&list).bearer(&key).send().await;
        check_parameters(&reply, &json!({"starting_after": ["There is no job with this id"]}));
    }
    assert_eq!(house.get("/speechtotext/v1/jobs").bearer(&key).send().await.json(), json!([]));
}

#[tokio::test]
async fn a_limit_that_is_none_is_refused() {
    let (house, key) = house().await;
    for (limit, text) in [
        ("1001", "The max value for limit is 1000"),
        ("0", "The min value for limit is 1"),
        ("ten", "The limit must be an integer"),
    ] {
        let reply = house.get(&format!("/revspeech/v1beta/jobs?limit={limit}")).bearer(&key);
        check_parameters(&reply.send().await, &json!({"limit": [text]}));
    }
}

#[tokio::test]
async fn one_key_of_idempotency_is_one_job() {
    let (house, key) = house().await;
    let send = async |script: &[u8]| {
        let parts = [file("media", "a.mp3", script)];
        post(&house, &key, PREFIXES[1]).header("Idempotency-Key", "k").form(&parts).send().await
    };
    let first = send(b"words\n").await.json();
    assert_eq!(send(b"words\n").await.json()["id"], first["id"]);
    let other = send(b"other words\n").await;
    assert_eq!(
        (other.status, other.json()["parameters"]["Idempotency-Key"].is_array()),
        (400, true)
    );
    house.until_files(1).await;
}
