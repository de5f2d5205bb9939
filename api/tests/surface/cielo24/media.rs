//! Recordings: sent as the body of a request, or named by a URL; one for each job.

use scribed_schemas::job::JobState;
use serde_json::json;

use super::{User, house, number};
use crate::harness::House;
use crate::request::exchange;

const URL: &str = "media_url=https%3A%2F%2Fexample.org%2Fa.mp3%3Fsign%3Dgeheim";

#[tokio::test]
async fn a_recording_is_taken_whatever_its_content_type() {
    let (house, key) = house().await;
    let user = User::of(&house, &key);
    for (kind, files) in [("video/mp4", 1), ("", 2), ("application/json", 3), ("multipart/x", 4)] {
        let id = user.new_job(json!({})).await;
        let request = user.post("job/add_media", &format!("job_id={id}&is_duplicate=false"));
        let reply = request.body(kind, "{not json}\n").send().await;
        assert_eq!((reply.status, house.files()), (200, files), "{kind}: {}", reply.text());
    }
}

#[tokio::test]
async fn a_recording_of_no_use_is_refused_and_the_job_goes_on_waiting() {
    let (house, key) = house().await;
    let user = User::of(&house, &key);
    let id = user.new_job(json!({})).await;
    let refused = user.add_media(&id, "!no-audio\n").await;
    refused.is_error("INVALID_QUERY", "The media cannot be used: the file holds no sound.");
    let refused = user.add_media(&id, "").await;
    refused.is_error("INVALID_QUERY", "The media cannot be used: the file is empty.");
    house.until_files(0).await;
    assert_eq!(user.info(&id).await["JobStatus"], "Pending");
    assert_eq!(user.add_media(&id, "words\n").await.status, 200);
}

#[tokio::test]
async fn a_job_has_one_recording() {
    let (house, key) = house().await;
    let user = User::of(&house, &key);
    let id = user.new_job(json!({})).await;
    assert_eq!(user.add_media(&id, "words\n").await.status, 200);
    let again = user.add_media(&id, "other words\n").await;
    again.is_error("INVALID_QUERY", "The job has its media already.");
    let by_url = user.get("job/add_media", &format!("job_id={id}&{URL}")).send().await;
    by_url.is_error("INVALID_QUERY", "The job has its media already.");
    assert_eq!(user.perform(&id, json!({})).await.status, 200);
    let after = user.add_media(&id, "other words\n").await;
    after.is_error("INVALID_QUERY", "The job has its media already.");
    house.until_files(1).await;
}

#[tokio::test]
async fn of_two_recordings_at_once_the_job_has_one_and_the_other_leaves_nothing() {
    let (house, key) = house().await;
    let user = User::of(&house, &key);
    let id = user.new_job(json!({})).await;
    let (one, other) = tokio::join!(user.add_media(&id, "one\n"), user.add_media(&id, "two\n"));
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400], "{} {}", one.text(), other.text());
    house.until_files(1).await;
}

/// Sends a head and a body as they are, and returns the answer.
async fn sent(house: &House, path: &str, lines: &str, body: &str) -> crate::reply::Reply {
    let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{lines}\r\n\r\n");
    exchange(house.address, &[head.as_bytes(), body.as_bytes()].concat()).await
}

#[tokio::test]
async fn a_body_without_its_length_is_refused() {
    let (house, key) = house().await;
    let user = User::of(&house, &key);
    let id = user.new_job(json!({})).await;
    let path = user.path("job/add_media", &format!("job_id={id}"));
    let chunked =
        sent(&house, &path, "Transfer-Encoding: chunked", "6\r\nwords\n\r\n0\r\n\r\n").await;
    chunked.is_error("INVALID_QUERY", "Chunked transfer encoding is not supported");
    let none = sent(&house, &path, "Accept: */*", "").await;
    none.is_error("MISSING_PARAMETER", "Content-Length");
    // One byte too many, and one that is allowed but does not come: the second is cut off by its client.
    let long = sent(&house, &path, "Content-Length: 10737418240", "").await;
    long.is_error("INVALID_QUERY", "over 10737418239 bytes");
    house.until_files(0).await;
}

#[tokio::test]
async fn a_recording_over_the_limit_of_the_server_is_refused() {
    let house = House::with(|config| config.http.max_upload_bytes = 1_000).await;
    let owner = house.account("somebody").await;
    let key = house.api_key(owner, scribed_schemas::api_key::Scopes::all()).await;
    let user = User::of(&house, &key);
    let id = user.new_job(json!({})).await;
    let refused = user.add_media(&id, &"x".repeat(1_001)).await;
    refused.is_error("INVALID_QUERY", "The request body is over 1000 bytes.");
    assert_eq!(user.add_media(&id, &"x".repeat(1_000)).await.status, 200);
    house.until_files(1).await;
}

#[tokio::test]
async fn a_url_is_noted_and_shown_without_its_query() {
    let (house, key) = house().await;
    let user = User::of(&house, &key);
    let id = user.new_job(json!({})).await;
    let job_id = format!("job_id={id}");
    let reply = user.get("job/add_media", &format!("{job_id}&{URL}")).send().await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(reply.json()["TaskId"].is_string());
    let media = user.get("job/media", &job_id).send().await.json();
    assert_eq!(media, json!({"MediaUrl": "https://example.org/a.mp3"}));
    assert_eq!(user.perform(&id, json!({})).await.status, 200);
    let job = house.job(number(&id)).await;
    assert_eq!(job.state, JobState::Queued);
    let stored = house.engine.store().media(job.media.unwrap()).await.unwrap().unwrap();
    assert_eq!(stored.url(), Some("https://example.org/a.mp3?sign=geheim"));
    let sent = user.new_job(json!({})).await;
    assert_eq!(user.add_media(&sent, "words\n").await.status, 200);
    let media = user.get("job/media", &format!("job_id={sent}")).send().await;
    assert_eq!(media.json(), json!({}), "a recording that was sent has no URL");
}

#[tokio::test]
async fn a_url_that_cannot_be_asked_is_refused_without_being_repeated() {
    let (house, key) = house().await;
    let user = User::of(&house, &key);
    let id = user.new_job(json!({})).await;
    for url in [
        "ftp%3A%2F%2Fa.example%2Fa.mp3",
        "https%3A%2F%2Fme%3Ageheim%40a.example%2F",
        "http%3A%2F%2F127.0.0.1%2Fa.mp3",
        "https%3A%2F%2F%5B%3A%3A1%5D%2F",
        "http%3A%2F%2F169.254.169.254%2Flatest",
        "https%3A%2F%2Fa.example%3A22%2F",
        "nonsense",
    ] {
        let query = format!("job_id={id}&media_url={url}");
        let refused = user.get("job/add_media", &query).send().await;
        refused.is_error("INVALID_URL", "The URL in media_url cannot be used: ");
        assert!(!refused.text().contains("geheim"), "{}", refused.text());
    }
    let none = user.get("job/add_media", &format!("job_id={id}")).send().await;
    none.is_error("MISSING_PARAMETER", "media_url");
    let posted = user.post("job/add_media", &format!("job_id={id}&{URL}")).body("", "x").send();
    posted.await.is_error("INVALID_QUERY", "media_url is for GET");
    assert_eq!(user.info(&id).await["JobStatus"], "Pending");
}

#[tokio::test]
async fn one_url_is_one_job_unless_another_is_meant() {
    let (house, key) = house().await;
    let user = User::of(&house, &key);
    let other = house.account("another").await;
    let other = house.api_key(other, scribed_schemas::api_key::Scopes::all()).await;
    let other = User::of(&house, &other);
    let add = async |user: &User<'_>, more: &str| {
        let id = user.new_job(json!({})).await;
        let query = format!("job_id={id}&{URL}{more}");
        (id, user.get("job/add_media", &query).send().await)
    };
    // The first one has the URL, though it says that it may be shared.
    let (first, reply) = add(&user, "&is_duplicate=true").await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    for more in ["", "&is_duplicate=false", "&is_duplicate=False"] {
        let (_, refused) = add(&user, more).await;
        refused.is_error("INVALID_QUERY", "There is a job with this media_url already");
    }
    assert_eq!(add(&user, "&is_duplicate=TRUE").await.1.status, 200);
    assert_eq!(add(&other, "").await.1.status, 200, "another account's is another's");
    let (_, odd) = add(&user, "&is_duplicate=perhaps").await;
    odd.is_error("INVALID_OPTION", "is_duplicate must be true or false.");
    // Once it is gone, its URL is free.
    let gone = user.get("job/delete", &format!("job_id={first}")).send().await;
    assert_eq!(gone.status, 200, "{}", gone.text());
    assert_eq!(add(&user, "").await.1.status, 200);
}
