//! External workers: claim, text, final states, and what they may not do.

use scribed_schemas::id::JobId;
use scribed_schemas::job::JobState;
use serde_json::{Value, json};

use crate::harness::{House, WORKER_TOKEN};
use crate::reply::Reply;

/// A house in which nobody works on somebody's job: 65 s long, so chunks 0 to 2.
async fn waiting() -> (House, String, JobId) {
    let house = House::open().await;
    let token = house.user("somebody").await;
    let script = format!("{}\n{}\n{}\n", "a".repeat(300), "b".repeat(300), "c".repeat(50));
    let job = house.upload(&token, &script).await;
    (house, token, job)
}

async fn state(house: &House, job: JobId, state: &str) -> Reply {
    house.report(json!({ "transcription_id": job, "current_state": state })).await
}

async fn chunk(house: &House, job: JobId, number: i64, text: &str) -> Reply {
    let chunk = json!({ "text": text, "chunk_no": number });
    house.report(json!({ "transcription_id": job, "new_chunk": chunk })).await
}

#[track_caller]
fn is_in(reply: &Reply, state: &str) -> Value {
    assert_eq!(reply.status, 200, "{}", reply.text());
    let job = reply.json()["transcription"].clone();
    assert_eq!(job["current_state"], state);
    job
}

#[tokio::test]
async fn a_worker_takes_a_job_posts_its_text_and_completes_it() {
    let (house, token, job) = waiting().await;
    let seen = is_in(&state(&house, job, "in_progress").await, "in_progress");
    assert_eq!(seen["chunk_size_secs"], json!(30));
    is_in(&chunk(&house, job, 0, " first words ").await, "in_progress");
    is_in(&chunk(&house, job, 1, "second words").await, "in_progress");
    let last = json!({
        "transcription_id": job,
        "current_state": "completed",
        "new_chunk": { "text": "third words", "chunk_no": 2 },
    });
    let done = is_in(&house.report(last.clone()).await, "completed");
    assert_eq!(done["description"], "first words");
    is_in(&house.report(last).await, "completed");

    let path = format!("/transcript?task_id={job}");
    let text = house.get(&path).bearer(&token).send().await.json();
    let texts: Vec<_> =
        (0..3).map(|n| text["transcriptions"][n]["transcription"].clone()).collect();
    assert_eq!(texts, [json!("first words"), json!("second words"), json!("third words")]);
    assert_eq!(house.job(job).await.planned_chunks, Some(3));
}

#[tokio::test]
async fn a_worker_can_ask_where_a_job_stands() {
    let (house, _, job) = waiting().await;
    let path = |id: &str, secret: &str| {
        format!("/worker/transcription_status?transcription_id={id}&secret_worker_token={secret}")
    };
    is_in(&house.get(&path(&job.to_string(), WORKER_TOKEN)).send().await, "queued");
    let unknown = house.get(&path("7", WORKER_TOKEN)).send().await;
    unknown.refuses(404, "Transcription not found");
    let wrong = house.get(&path(&job.to_string(), "wrong")).send().await;
    wrong.refuses(401, "Invalid secret worker token");
    house.get("/worker/transcription_status").send().await.is_invalid(&[
        ("missing", json!(["query", "transcription_id"])),
        ("missing", json!(["query", "secret_worker_token"])),
    ]);
}

#[tokio::test]
async fn only_the_worker_secret_reports() {
    let (house, _, job) = waiting().await;
    let body = json!({ "transcription_id": job, "current_state": "completed" });
    for secret in ["", "wrong", "the-admin-token"] {
        let path = format!("/worker/transcription_status?secret_worker_token={secret}");
        let reply = house.post(&path).json(&body).send().await;
        reply.refuses(401, "Invalid secret worker token");
    }
    assert_eq!(house.job(job).await.state, JobState::Queued);
}

#[tokio::test]
async fn the_same_text_again_is_fine_and_another_is_refused() {
    let (house, _, job) = waiting().await;
    state(&house, job, "in_progress").await;
    is_in(&chunk(&house, job, 0, "words").await, "in_progress");
    is_in(&chunk(&house, job, 0, "words").await, "in_progress");
    let other = chunk(&house, job, 0, "other words").await;
    other.refuses(409, "Chunk 0 has another text already; it does not change");
    assert_eq!(house.job(job).await.description, "words");
}

#[tokio::test]
async fn a_number_that_no_chunk_can_have_is_invalid() {
    let (house, _, job) = waiting().await;
    state(&house, job, "in_progress").await;
    let place = json!(["body", "new_chunk", "chunk_no"]);
    let above = chunk(&house, job, 3, "words").await;
    above.is_invalid(&[("less_than_equal", place.clone())]);
    assert_eq!(above.json()["detail"][0]["ctx"], json!({ "le": 2 }));
    chunk(&house, job, -1, "words").await.is_invalid(&[("greater_than_equal", place.clone())]);
    chunk(&house, job, i64::MAX, "words").await.is_invalid(&[("less_than_equal", place)]);
}

#[tokio::test]
async fn a_job_must_be_claimed_before_text_comes() {
    let (house, _, job) = waiting().await;
    assert_eq!(chunk(&house, job, 0, "words").await.status, 409);
    assert_eq!(state(&house, job, "completed").await.status, 409);
    is_in(&state(&house, job, "queued").await, "queued");
    assert_eq!(house.job(job).await.ready_chunks, 0);
}

#[tokio::test]
async fn a_job_that_the_engine_works_on_is_left_alone() {
    let house = House::open().await;
    house.work();
    let token = house.user("somebody").await;
    let job = house.upload(&token, "!wait words\n").await;
    house.until(job, JobState::InProgress).await;
    assert_eq!(state(&house, job, "in_progress").await.status, 409);
    assert_eq!(chunk(&house, job, 0, "other").await.status, 409);
    assert_eq!(state(&house, job, "processing_fail").await.status, 409);
    house.runner.release(1);
    house.until(job, JobState::Completed).await;
    assert_eq!(state(&house, job, "in_progress").await.status, 409);
    assert_eq!(chunk(&house, job, 0, "other").await.status, 409);
    is_in(&chunk(&house, job, 0, "words").await, "completed");
}

#[tokio::test]
async fn a_job_with_gaps_is_not_complete() {
    let (house, _, job) = waiting().await;
    state(&house, job, "in_progress").await;
    chunk(&house, job, 0, "words").await;
    chunk(&house, job, 2, "words").await;
    let refused = state(&house, job, "completed").await;
    refused.refuses(409, &format!("Transcription {job} lacks chunk 1"));
    is_in(&chunk(&house, job, 1, "words").await, "in_progress");
    is_in(&state(&house, job, "completed").await, "completed");
}

#[tokio::test]
async fn the_third_error_is_the_last() {
    let (house, _, job) = waiting().await;
    for (count, expected) in
        [(1, "processing_error"), (2, "processing_error"), (3, "processing_fail")]
    {
        is_in(&state(&house, job, "in_progress").await, "in_progress");
        let seen = is_in(&state(&house, job, "processing_error").await, expected);
        assert_eq!(seen["error_count"], json!(count));
    }
    assert_eq!(state(&house, job, "in_progress").await.status, 409);
}

#[tokio::test]
async fn a_worker_can_give_up_at_once_or_hand_a_job_back() {
    let (house, _, job) = waiting().await;
    state(&house, job, "in_progress").await;
    is_in(&state(&house, job, "queued").await, "queued");
    state(&house, job, "in_progress").await;
    is_in(&state(&house, job, "processing_fail").await, "processing_fail");
}

#[tokio::test]
async fn what_was_cancelled_keeps_its_text() {
    let (house, token, job) = waiting().await;
    state(&house, job, "in_progress").await;
    chunk(&house, job, 0, "words").await;
    let path = format!("/transcript/cancel?transcript_id={job}");
    assert_eq!(house.post(&path).bearer(&token).send().await.status, 200);
    assert_eq!(chunk(&house, job, 1, "more").await.status, 409);
    is_in(&state(&house, job, "cancelled").await, "completed_partially");
}

#[tokio::test]
async fn a_worker_that_stops_leaves_a_part_or_nothing() {
    let (house, token, with_text) = waiting().await;
    let without = house.upload(&token, "words\n").await;
    for job in [with_text, without] {
        state(&house, job, "in_progress").await;
    }
    chunk(&house, with_text, 0, "words").await;
    is_in(&state(&house, with_text, "cancelled").await, "completed_partially");
    is_in(&state(&house, without, "completed_partially").await, "cancelled");
}

#[tokio::test]
async fn faults_of_a_report_are_listed_in_order() {
    let house = House::open().await;
    let body = json!({ "current_state": "done", "new_chunk": { "chunk_no": 1.5 } });
    let reply = house.post("/worker/transcription_status").json(&body).send().await;
    reply.is_invalid(&[
        ("missing", json!(["query", "secret_worker_token"])),
        ("missing", json!(["body", "transcription_id"])),
        ("enum", json!(["body", "current_state"])),
        ("missing", json!(["body", "new_chunk", "text"])),
        ("int_from_float", json!(["body", "new_chunk", "chunk_no"])),
    ]);
    assert_eq!(
        reply.json()["detail"][2]["msg"],
        "Input should be 'queued', 'in_progress', 'processing_error', 'completed', \
         'completed_partially', 'processing_fail' or 'cancelled'"
    );
}
