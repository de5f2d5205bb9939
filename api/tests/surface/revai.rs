//! The Rev.ai surface: jobs, transcripts and captions, in both forms.

mod callbacks;
mod keys;
mod profanity;
mod refusals;

use scribed_schemas::api_key::Scopes;
use scribed_schemas::id::JobId;
use scribed_schemas::job::JobState;
use serde_json::{Value, json};

use crate::harness::House;
use crate::request::{Request, field, file};

const PREFIXES: [&str; 2] = ["/revspeech/v1beta", "/speechtotext/v1"];
const JSON: &str = "application/vnd.rev.transcript.v1.0+json";

/// A house with one user, whose API key is returned.
async fn house() -> (House, String) {
    let house = House::open().await;
    let account = house.account("somebody").await;
    let key = house.api_key(account, Scopes::all()).await;
    (house, key)
}

/// Submits a script with options; the answer must be a job.
async fn submitted(house: &House, key: &str, prefix: &str, script: &str, options: &Value) -> Value {
    let parts =
        [file("media", "talk.mp3", script.as_bytes()), field("options", &options.to_string())];
    let reply = post(house, key, prefix).form(&parts).send().await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

fn post(house: &House, key: &str, prefix: &str) -> Request {
    house.post(&format!("{prefix}/jobs")).bearer(key)
}

fn id(job: &Value) -> JobId {
    job["id"].as_str().expect("an id is a text").parse().expect("of digits")
}

/// Submits a script and waits for its text.
async fn transcribed(house: &House, key: &str, script: &str, options: Value) -> JobId {
    let job = submitted(house, key, PREFIXES[1], script, &options).await;
    house.until(id(&job), JobState::Completed).await.id
}

#[tokio::test]
async fn a_recording_becomes_a_job_in_both_forms() {
    let (house, key) = house().await;
    for prefix in PREFIXES {
        let options = json!({"metadata": "call 7", "language": "en", "skip_diarization": true});
        let job = submitted(&house, &key, prefix, "one\ntwo\n", &options).await;
        assert_eq!((&job["status"], &job["metadata"]), (&json!("in_progress"), &json!("call 7")));
        assert_eq!((&job["name"], &job["language"]), (&json!("talk.mp3"), &json!("en")));
        let path = format!("{prefix}/jobs/{}", job["id"].as_str().unwrap());
        assert_eq!(house.get(&path).bearer(&key).send().await.json(), job);
    }
}

#[tokio::test]
async fn the_parts_of_a_form_come_as_clients_send_them() {
    let (house, key) = house().await;
    let media = |head: &str| {
        format!("--B\r\nContent-Disposition: form-data; {head}\r\n\r\nwords\r\n").into_bytes()
    };
    let no_type = media("name=\"media\"; filename=\"/tmp/a/talk.mp3\"");
    let odd_type = media("name=\"media\"; filename=\"talk.mp3\"\r\nContent-Type: audio/.mp3");
    let no_name = media("name=\"media\"");
    for (part, name) in [(no_type, "talk.mp3"), (odd_type, "talk.mp3"), (no_name, "recording")] {
        let reply = post(&house, &key, PREFIXES[0]).form(&[part]).send().await;
        assert_eq!((reply.status, &reply.json()["name"]), (200, &json!(name)), "{}", reply.text());
    }
    let first = field("options", "{\"metadata\":\"m\"}");
    let as_file = file("options", "blob", b"{\"metadata\":\"m\"}");
    for options in [first, as_file] {
        let parts = [options, field("note", "x"), file("media", "a.mp3", b"words")];
        let reply = post(&house, &key, PREFIXES[1]).form(&parts).send().await;
        assert_eq!((reply.status, &reply.json()["metadata"]), (200, &json!("m")));
    }
}

#[tokio::test]
async fn a_finished_job_tells_its_length_and_its_end() {
    let (house, key) = house().await;
    house.work();
    let id = transcribed(&house, &key, "one\ntwo\n", json!({})).await;
    let job = house.get(&format!("/speechtotext/v1/jobs/{id}")).bearer(&key).send().await.json();
    assert_eq!(job["status"], "transcribed");
    assert!(job["completed_on"].as_str().unwrap() >= job["created_on"].as_str().unwrap());
}

#[tokio::test]
async fn a_transcript_comes_in_the_form_that_is_accepted() {
    let (house, key) = house().await;
    house.work();
    let id = transcribed(&house, &key, "Hello, there.\nBye!\n", json!({})).await;
    for prefix in PREFIXES {
        let path = format!("{prefix}/jobs/{id}/transcript");
        let get = |accept: &str| house.get(&path).bearer(&key).header("Accept", accept).send();
        let reply = get(JSON).await;
        assert_eq!(reply.header("content-type"), JSON);
        let values = |reply: &Value| -> String {
            let monologues = reply["monologues"].as_array().unwrap();
            let elements = monologues.iter().flat_map(|m| m["elements"].as_array().unwrap());
            elements.map(|element| element["value"].as_str().unwrap()).collect()
        };
        assert_eq!(values(&reply.json()), "Hello, there.Bye!");
        let text = get("text/plain").await;
        let lines: Vec<String> = text.text().lines().map(str::to_owned).collect();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].starts_with("Speaker 0    00:0"), "{lines:?}");
        assert!(lines[0].ends_with("     Hello, there."), "{lines:?}");
        let refused = get("application/pdf").await;
        assert_eq!(refused.status, 406);
        assert_eq!(refused.json()["allowed_values"], json!([JSON, "text/plain"]));
    }
    let any = |prefix: &str| {
        house.get(&format!("{prefix}/jobs/{id}/transcript")).bearer(&key).header("Accept", "*/*")
    };
    assert_eq!(any(PREFIXES[0]).send().await.status, 406);
    assert_eq!(any(PREFIXES[1]).send().await.header("content-type"), JSON);
}

#[tokio::test]
async fn punctuation_can_be_left_out() {
    let (house, key) = house().await;
    house.work();
    let id = transcribed(&house, &key, "Hello, there.\n", json!({"skip_punctuation": true})).await;
    let path = format!("/speechtotext/v1/jobs/{id}/transcript");
    let transcript = house.get(&path).bearer(&key).send().await.json();
    let elements = transcript["monologues"][0]["elements"].as_array().unwrap().clone();
    let shown: Vec<_> =
        elements.iter().map(|e| (e["type"].as_str(), e["value"].as_str())).collect();
    assert_eq!(shown, [(Some("text"), Some("Hello")), (Some("text"), Some("there"))]);
    let text = house.get(&path).bearer(&key).header("Accept", "text/plain").send().await.text();
    assert!(text.ends_with("     Hello there\n"), "{text}");
}

#[tokio::test]
async fn captions_come_in_the_form_that_is_accepted() {
    let (house, key) = house().await;
    house.work();
    let id = transcribed(&house, &key, "words\n", json!({})).await;
    let path = format!("/revspeech/v1beta/jobs/{id}/captions");
    for (accept, kind) in [
        ("*/*", "application/x-subrip"),
        ("application/x-subrip", "application/x-subrip"),
        ("text/vtt", "text/vtt"),
    ] {
        let reply = house.get(&path).bearer(&key).header("Accept", accept).send().await;
        assert_eq!((reply.status, reply.header("content-type")), (200, kind));
        assert!(reply.text().contains("words"), "{}", reply.text());
    }
    let refused = house.get(&path).bearer(&key).header("Accept", "image/png").send().await;
    assert_eq!(refused.status, 406);
    let channel = house.get(&format!("{path}?speaker_channel=1")).bearer(&key).send().await;
    assert_eq!(
        (channel.status, channel.json()["parameters"]["speaker_channel"].is_array()),
        (400, true)
    );
}

#[tokio::test]
async fn jobs_are_listed_page_by_page_newest_first() {
    let (house, key) = house().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let job = submitted(&house, &key, PREFIXES[0], "words\n", &json!({})).await;
        ids.insert(0, job["id"].clone());
    }
    for prefix in PREFIXES {
        let list = async |query: String| {
            let reply = house.get(&format!("{prefix}/jobs{query}")).bearer(&key).send().await;
            assert_eq!(reply.status, 200, "{}", reply.text());
            let jobs = reply.json();
            jobs.as_array().unwrap().iter().map(|job| job["id"].clone()).collect::<Vec<_>>()
        };
        assert_eq!(list(String::new()).await, ids);
        assert_eq!(list("?limit=2".to_owned()).await, ids[..2]);
        let after = ids[1].as_str().unwrap();
        assert_eq!(list(format!("?limit=2&starting_after={after}")).await, ids[2..]);
    }
}

#[tokio::test]
async fn a_job_is_seen_on_both_surfaces_by_its_owner() {
    let (house, key) = house().await;
    let login = house.login("somebody").await.json();
    let token = login["access_token"].as_str().unwrap();
    let here = id(&submitted(&house, &key, PREFIXES[1], "words\n", &json!({})).await);
    let there = house.upload(token, "words\n").await;
    let list = house.get("/speechtotext/v1/jobs").bearer(token).send().await.json();
    let ids: Vec<JobId> = list.as_array().unwrap().iter().map(id).collect();
    assert_eq!(ids, [there, here]);
    let list = house.get("/transcriptions").bearer(token).send().await.json();
    let ids = list["transcriptions"].as_array().unwrap().iter().map(|job| job["id"].as_i64());
    assert_eq!(ids.collect::<Vec<_>>(), [Some(there.0), Some(here.0)]);
}

#[tokio::test]
async fn a_deleted_job_is_gone_everywhere() {
    let (house, key) = house().await;
    house.work();
    let id = transcribed(&house, &key, "words\n", json!({})).await;
    assert_eq!(house.files(), 1);
    let path = format!("/speechtotext/v1/jobs/{id}");
    let reply = house.delete(&path).bearer(&key).send().await;
    assert_eq!((reply.status, reply.body.len()), (204, 0));
    assert_eq!(house.files(), 0, "the recording is gone too");
    assert_eq!(house.get(&path).bearer(&key).send().await.status, 404);
    assert_eq!(house.delete(&path).bearer(&key).send().await.status, 404);
    let token = house.login("somebody").await.json()["access_token"].as_str().unwrap().to_owned();
    let there = format!("/transcript/info?transcript_id={id}");
    assert_eq!(house.get(&there).bearer(&token).send().await.status, 404);
    let list = house.get("/transcriptions").bearer(&token).send().await.json();
    assert_eq!(list["total"], 0);
}

#[tokio::test]
async fn an_account_has_an_address_and_a_balance() {
    let (house, key) = house().await;
    for prefix in PREFIXES {
        let account = house.get(&format!("{prefix}/account")).bearer(&key).send().await.json();
        let expected = json!({"email": "somebody@localhost", "balance_seconds": 360_000_000});
        assert_eq!(account, expected);
    }
}
