//! Requests of the vendor's generated client, as it sends them: its lines in their order, its queries, its
//! bodies.
//!
//! That client is in no package registry. It was run, at commit 7c17053 of cielo24/cielo24-python with
//! urllib3 2.8.0, against a server that wrote down what it was sent; here its requests name the ids of
//! this server, and ask for the end of the connection.

use scribed_schemas::callback::CallbackStyle;
use scribed_schemas::job::JobState;
use serde_json::{Value, json};

use super::{User, house, number};
use crate::harness::House;
use crate::reply::Reply;
use crate::request::exchange;

const JSON: &str = "application/json";
const MP4: &str = "video/mp4";

/// What the client sends.
struct Sent<'a> {
    line: String,
    /// None: it has no body.
    body: Option<(&'a str, &'a str)>,
}

impl Sent<'_> {
    async fn to(&self, house: &House) -> Reply {
        let mut lines = vec![
            format!("{} HTTP/1.1", self.line),
            format!("Host: {}", house.address),
            "Accept-Encoding: identity".to_owned(),
        ];
        let agent = "User-Agent: OpenAPI-Generator/1.0.0/python".to_owned();
        let accept = "Accept: application/json".to_owned();
        let text = match self.body {
            None => {
                lines.extend([accept, agent]);
                ""
            }
            Some((kind, text)) => {
                let length = format!("Content-Length: {}", text.len());
                let kind = format!("Content-Type: {kind}");
                // Of an empty body it tells the kind last.
                let order = if text.is_empty() { [agent, kind] } else { [kind, agent] };
                lines.extend([length, accept]);
                lines.extend(order);
                text
            }
        };
        lines.push("Connection: close\r\n\r\n".to_owned());
        let sent = [lines.join("\r\n"), text.to_owned()].concat();
        let reply = exchange(house.address, sent.as_bytes()).await;
        let (method, path) = self.line.split_once(' ').expect("a method and a path");
        reply.fits(&method.parse().expect("a method"), path);
        reply
    }
}

fn post<'a>(call: &str, query: &str, kind: &'a str, body: &'a str) -> Sent<'a> {
    Sent { line: format!("POST /api/job/{call}?{query}"), body: Some((kind, body)) }
}

fn get(call: &str, query: &str) -> Sent<'static> {
    Sent { line: format!("GET /api/job/{call}?{query}"), body: None }
}

/// Returns the members of an answer, which the client insists are texts.
#[track_caller]
fn texts(reply: &Reply, expected: &[&str]) -> Vec<String> {
    assert_eq!((reply.status, reply.header("content-type")), (200, JSON), "{}", reply.text());
    let body = reply.json();
    let members = body.as_object().expect("an object");
    assert_eq!(members.keys().map(String::as_str).collect::<Vec<_>>(), expected);
    members.values().map(|value| value.as_str().expect("a text").to_owned()).collect()
}

/// Makes a job as the client does; its id.
async fn made(house: &House, key: &str, body: &str) -> String {
    let reply = post("new", &format!("v=1&api_token={key}"), JSON, body).to(house).await;
    texts(&reply, &["JobId", "TaskId"]).remove(0)
}

/// Orders a job as the client does.
async fn ordered(house: &House, key: &str, body: &str) -> Reply {
    post("perform_transcription", &format!("v=1&api_token={key}"), JSON, body).to(house).await
}

#[tokio::test]
async fn a_job_from_a_file_with_a_callback() {
    let (house, key) = house().await;
    house.work();
    let body = "{\"job_name\": \"a b\", \"language\": \"en\", \"external_id\": \"12345\", \
        \"requestor\": \"r\", \"reference\": \"f\", \"expected_speakers\": 40, \
        \"is_duplicate\": \"false\"}";
    let id = made(&house, &key, body).await;
    let query = format!("v=1&job_id={id}&api_token={key}");
    let added = post("add_media", &query, MP4, "words\n").to(&house).await;
    texts(&added, &["TaskId"]);
    let allowed = post("authorize", &query, JSON, "").to(&house).await;
    assert_eq!((allowed.status, allowed.body.len()), (200, 0));
    let order = format!(
        "{{\"job_id\": \"{id}\", \"transcription_fidelity\": \"MECHANICAL\", \
         \"priority\": \"STANDARD\", \"callback_url\": \"http://www.domain.com/path\", \
         \"options\": \"{{\\\"notes\\\": \\\"test\\\"}}\", \"target_language\": \"en\", \
         \"turnaround_hours\": 36}}"
    );
    texts(&ordered(&house, &key, &order).await, &["TaskId"]);
    let job = house.until(number(&id), JobState::Completed).await;
    let callback = job.options.callback.expect("somebody is to be called");
    let expected = ("http://www.domain.com/path", CallbackStyle::Cielo24);
    assert_eq!((callback.url.as_str(), callback.style), expected);
    let info = User::of(&house, &key).info(&id).await;
    assert_eq!((&info["JobName"], &info["ExternalId"]), (&json!("a b"), &json!("12345")));
}

#[tokio::test]
async fn a_job_from_a_url() {
    let (house, key) = house().await;
    let id = made(&house, &key, "{}").await;
    let url = "http%3A%2F%2Fwww.domain.com%2Fvideo.mp4%3Fa%3Db+c";
    let query = format!("v=1&job_id={id}&media_url={url}&api_token={key}");
    texts(&get("add_media", &query).to(&house).await, &["TaskId"]);
    let order = format!(
        "{{\"job_id\": \"{id}\", \"transcription_fidelity\": \"PREMIUM\", \"priority\": \"PRIORITY\"}}"
    );
    texts(&ordered(&house, &key, &order).await, &["TaskId"]);
    let job = house.job(number(&id)).await;
    assert_eq!(job.options.source.as_deref(), Some("http://www.domain.com/video.mp4"));
    let media = house.engine.store().media(job.media.unwrap()).await.unwrap().unwrap();
    assert_eq!(media.url(), Some("http://www.domain.com/video.mp4?a=b c"));

    // Its parameters that may be left out stand first.
    let other = made(&house, &key, "{}").await;
    let query = format!("v=1&job_id={other}&media_url={url}&api_token={key}");
    let refused = get("add_media", &query).to(&house).await;
    refused.is_error("INVALID_QUERY", "There is a job with this media_url already");
    let shared = get("add_media", &format!("is_duplicate=true&{query}")).to(&house).await;
    texts(&shared, &["TaskId"]);
    let third = made(&house, &key, "{}").await;
    let query = format!("is_duplicate=false&v=1&job_id={third}&api_token={key}");
    texts(&post("add_media", &query, MP4, "words\n").to(&house).await, &["TaskId"]);
}

#[tokio::test]
async fn each_error_is_one_that_the_client_can_read() {
    let (house, key) = house().await;
    let id = made(&house, &key, "{\"external_id\": \"12345\"}").await;
    let order = |job: &str, fidelity: &str| {
        format!(
            "{{\"job_id\": \"{job}\", \"transcription_fidelity\": \"{fidelity}\", \
             \"priority\": \"STANDARD\"}}"
        )
    };
    let query = |job: &str, token: &str| format!("v=1&job_id={job}&api_token={token}");
    let unknown = "0fbd6015910e42dca25a863c4925d77c";
    let url = format!("v=1&job_id={id}&media_url=http%3A%2F%2F10.0.0.1%2F&api_token={key}");
    let answers: [(Reply, &str); 9] = [
        (post("new", "v=1&api_token=wrong", JSON, "{}").to(&house).await, "BAD_API_TOKEN"),
        (post("new", "v=1", JSON, "{}").to(&house).await, "MISSING_PARAMETER"),
        (
            post("new", &format!("v=1&api_token={key}"), JSON, "{\"external_id\": \"12345\"}")
                .to(&house)
                .await,
            "INVALID_QUERY",
        ),
        (get("add_media", &url).to(&house).await, "INVALID_URL"),
        (post("authorize", &query(unknown, &key), JSON, "").to(&house).await, "ITEM_NOT_FOUND"),
        (
            post("add_media", &query(unknown, &key), MP4, "words\n").to(&house).await,
            "ITEM_NOT_FOUND",
        ),
        (
            post("add_media", &query(&id, &key), MP4, "!no-audio\n").to(&house).await,
            "INVALID_QUERY",
        ),
        (ordered(&house, &key, &order(&id, "MECHANICAL")).await, "INVALID_QUERY"),
        (ordered(&house, &key, &order(&id, "BEST")).await, "INVALID_OPTION"),
    ];
    for (reply, kind) in answers {
        reply.is_error(kind, "");
        let body: Value = reply.json();
        assert!(body["ErrorComment"].as_str().is_some_and(|comment| !comment.is_empty()), "{body}");
        assert_eq!(reply.header("content-type"), JSON);
    }
}
