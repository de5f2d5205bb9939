//! Upload events from the bus.

use std::time::Duration;

use scribed_bus::{Bus, Delivery, Message};
use scribed_engine::Submission;
use scribed_engine::dead_letter::{DETAIL, OFFSET, REASON};
use scribed_engine::testing::Bench;
use scribed_schemas::event::{DEAD_LETTERS, STATES, StateEvent, UPLOADS};
use scribed_schemas::id::AccountId;
use scribed_schemas::job::{Job, JobOptions, JobState, Priority};
use scribed_store::{IdempotencyKey, Submitted};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// An event whose recording is `script`.
fn event(id: &str, script: &str) -> Value {
    use base64::Engine as _;
    let data = base64::prelude::BASE64_STANDARD.encode(script);
    json!({"schema": "scribed.upload/1", "id": id, "owner": "ada", "media": {"data": data}})
}

async fn publish(bench: &Bench, payload: impl Into<Vec<u8>>) {
    let message = Message {
        key: Vec::new(),
        headers: vec![("producer".to_owned(), b"the test".to_vec())],
        payload: payload.into(),
        at: bench.engine.now(),
    };
    bench.bus.publish(UPLOADS, message).await.expect("the bus takes it");
}

/// Returns what a group still has to read of a topic.
async fn unread(bench: &Bench, topic: &str, group: &str) -> Vec<Delivery> {
    let mut consumer = bench.bus.subscribe(topic, group).await.expect("the bus is there");
    let mut deliveries = Vec::new();
    while let Ok(next) = tokio::time::timeout(Duration::from_secs(1), consumer.next()).await {
        deliveries.push(next.expect("the bus delivers"));
    }
    deliveries
}

async fn jobs(bench: &Bench) -> Vec<Job> {
    bench.store.jobs(None, 0, 100).await.expect("the store answers").jobs
}

/// Waits for the one job of the bench.
async fn the_job(bench: &Bench) -> Job {
    loop {
        if let [job] = &jobs(bench).await[..] {
            return job.clone();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_with_a_recording_in_it_becomes_a_job() {
    let bench = Bench::new();
    let owner = bench.account("ada").await;
    let mut event = event("take-1", "one\ntwo");
    event["name"] = json!("an interview");
    event["language"] = json!("en");
    publish(&bench, event.to_string()).await;
    let running = bench.start();
    let id = the_job(&bench).await.id;
    let job = bench.until_state(id, JobState::Completed).await;
    assert_eq!((job.owner, job.name.as_str()), (owner, "an interview"));
    assert_eq!(job.options.language.as_deref(), Some("en"));
    assert_eq!(bench.texts(id).await, ["one", "two"]);

    let states = unread(&bench, STATES, "the test").await;
    let state: StateEvent =
        serde_json::from_slice(&states[2].message.payload).expect("it is a state event");
    assert_eq!((state.job, state.state, state.owner.as_str()), (id, JobState::Completed, "ada"));
    assert_eq!(states.len(), 3, "queued, in progress, completed");
    tokio::time::sleep(Duration::from_secs(10)).await;
    running.stop().await;
    assert!(unread(&bench, UPLOADS, "scribed").await.is_empty(), "the event is acknowledged");
}

#[tokio::test(start_paused = true)]
async fn an_event_is_acknowledged_only_when_its_job_is_terminal() {
    let bench = Bench::new();
    bench.account("ada").await;
    publish(&bench, event("take-1", "!wait one").to_string()).await;
    let running = bench.start();
    let id = the_job(&bench).await.id;
    bench.until(id, |_| bench.runner.inside() == 1).await;
    running.stop().await;
    assert_eq!(unread(&bench, UPLOADS, "scribed").await.len(), 1, "it comes again");

    let bench = bench.restarted();
    let running = bench.start();
    bench.runner.release(1);
    bench.until_state(id, JobState::Completed).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    running.stop().await;
    assert_eq!(jobs(&bench).await.len(), 1, "the repeat is the same job");
    assert!(unread(&bench, UPLOADS, "scribed").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_event_that_comes_twice_is_one_job() {
    let bench = Bench::new();
    bench.account("ada").await;
    publish(&bench, event("take-1", "one").to_string()).await;
    publish(&bench, event("take-1", "one").to_string()).await;
    let running = bench.start();
    let id = the_job(&bench).await.id;
    bench.until_state(id, JobState::Completed).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    running.stop().await;
    assert_eq!((jobs(&bench).await.len(), bench.media.keys().len()), (1, 1));
    assert!(unread(&bench, DEAD_LETTERS, "the test").await.is_empty());
    assert!(unread(&bench, UPLOADS, "scribed").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_event_whose_job_came_another_way_is_that_job_and_leaves_nothing_over() {
    let bench = Bench::new();
    let owner = bench.account("ada").await;
    let media = bench.record(owner, "one").await;
    let fingerprint = hex::encode(Sha256::digest("one"));
    let submission = Submission {
        owner,
        name: "an upload".to_owned(),
        media,
        pipeline: None,
        options: JobOptions::default(),
        priority: Priority::default(),
        facts: None,
        idempotency: Some(IdempotencyKey { key: "take-1".to_owned(), fingerprint }),
        one_active: false,
    };
    let submitted = bench.engine.submit(submission).await.expect("the store takes it");
    let Submitted::Created(job) = submitted else { panic!("{submitted:?}") };
    publish(&bench, event("take-1", "one").to_string()).await;
    publish(&bench, event("take-1", "another").to_string()).await;
    let running = bench.start();
    bench.until_state(job.id, JobState::Completed).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    running.stop().await;
    assert_eq!((jobs(&bench).await.len(), bench.media.keys().len()), (1, 1));
    let letters = unread(&bench, DEAD_LETTERS, "the test").await;
    assert_eq!(letters.len(), 1, "another recording under the same id: {letters:?}");
    assert!(unread(&bench, UPLOADS, "scribed").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_event_may_name_a_stored_recording() {
    let bench = Bench::new();
    bench.account("ada").await;
    let media = bench.record(AccountId(1), "one").await;
    let mut event = event("take-1", "");
    event["media"] = json!({ "key": media.key });
    publish(&bench, event.to_string()).await;
    let running = bench.start();
    let id = the_job(&bench).await.id;
    bench.until_state(id, JobState::Completed).await;
    assert_eq!(bench.texts(id).await, ["one"]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_event_may_name_a_file_of_an_allowed_folder() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("talk.wav");
    std::fs::write(&file, "one").expect("it can be written");
    let bench = Bench::new().with_inbox(folder.path().to_owned());
    bench.account("ada").await;
    let mut event = event("take-1", "");
    event["media"] = json!({ "file": format!("file://{}", file.display()) });
    publish(&bench, event.to_string()).await;
    publish(&bench, event.to_string()).await;
    let running = bench.start();
    let id = the_job(&bench).await.id;
    bench.until_state(id, JobState::Completed).await;
    assert_eq!(bench.texts(id).await, ["one"]);
    running.stop().await;
    assert_eq!((jobs(&bench).await.len(), bench.media.keys().len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn cloud_events_are_opened_in_both_modes_and_a_repeat_in_another_is_the_same_job() {
    let bench = Bench::new();
    bench.account("ada").await;
    let mut plain = event("take-1", "one");
    plain["reference"] = json!("desk 7");
    let mut bare = plain.clone();
    let members = bare.as_object_mut().expect("an object");
    members.remove("id");
    members.remove("schema");
    let structured = json!({
        "specversion": "1.0", "id": "take-1", "source": "/newsroom", "type": "scribed.upload/1",
        "datacontenttype": "application/json", "data": bare,
    });
    let binary = [("ce_specversion", "1.0"), ("ce_id", "take-1"), ("ce_type", "scribed.upload/1")];
    let named = |headers: &[(&str, &str)]| {
        headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
            .collect()
    };
    let mode = ("content-type", "application/cloudevents+json; charset=UTF-8");
    for (headers, payload) in [
        (named(&[]), plain.to_string()),
        (named(&[mode]), structured.to_string()),
        (named(&[]), structured.to_string()),
        (named(&binary), bare.to_string()),
    ] {
        let payload = payload.into_bytes();
        let message = Message { key: Vec::new(), headers, payload, at: bench.engine.now() };
        bench.bus.publish(UPLOADS, message).await.expect("the bus takes it");
    }
    let running = bench.start();
    let id = the_job(&bench).await.id;
    let job = bench.until_state(id, JobState::Completed).await;
    assert_eq!(job.options.upload.as_deref(), Some("take-1"));
    tokio::time::sleep(Duration::from_secs(10)).await;
    running.stop().await;
    assert_eq!(jobs(&bench).await.len(), 1);
    let letters = unread(&bench, DEAD_LETTERS, "the test").await;
    assert!(letters.is_empty(), "{letters:?}");
    let states = unread(&bench, STATES, "the test").await;
    let state: StateEvent =
        serde_json::from_slice(&states[0].message.payload).expect("it is a state event");
    assert_eq!(state.upload.as_deref(), Some("take-1"));
    assert_eq!(state.reference.as_deref(), Some("desk 7"));
}

#[tokio::test(start_paused = true)]
async fn events_that_cannot_become_jobs_are_dead_letters_with_their_reason() {
    let with = |member: &str, value: Value| {
        let mut event = event("take-1", "one");
        event[member] = value;
        event.to_string()
    };
    let cases = [
        ("not JSON".to_owned(), "malformed"),
        (with("schema", json!("scribed.upload/2")), "unknown_schema"),
        (with("owner", json!("nobody")), "no_such_owner"),
        (with("id", json!("x".repeat(201))), "malformed"),
        (with("id", json!("")), "malformed"),
        (with("pipeline", json!("quick")), "no_such_pipeline"),
        (with("media", json!({"data": "***"})), "malformed"),
        (with("media", json!({"data": "A".repeat(700_004)})), "too_large"),
        (with("media", json!({"key": "recordings/none"})), "media_gone"),
        (with("media", json!({"key": "../secrets/signing-key"})), "media_gone"),
        (with("media", json!({"file": "file:///etc/passwd"})), "not_allowed"),
        (with("media", json!({"file": "/etc/passwd"})), "malformed"),
        (with("media", json!({"url": "https://example.org/a.mp3"})), "forbidden_address"),
        (with("media", json!({"url": "ftp://example.org/a.mp3"})), "unsupported_url"),
        (with("callback", json!({"url": "https://10.0.0.1/done"})), "forbidden_callback"),
        (with("callback", json!({"url": "ftp://example.org/done"})), "unsupported_callback"),
        (with("callback", json!({"url": ""})), "unsupported_callback"),
        (with("callback", json!({})), "malformed"),
        ("[]".to_owned(), "malformed"),
        (event("take-1", "one").to_string().replacen('{', r#"{"id": "take-2", "#, 1), "malformed"),
        (r#"{"specversion": "0.3", "data": {}}"#.to_owned(), "malformed"),
        (r#"{"specversion": "1.0", "data": "text"}"#.to_owned(), "malformed"),
    ];
    let bench = Bench::new();
    bench.account("ada").await;
    for (payload, _) in &cases {
        publish(&bench, payload.clone()).await;
    }
    let running = bench.start();
    tokio::time::sleep(Duration::from_secs(1)).await;
    running.stop().await;
    let letters = unread(&bench, DEAD_LETTERS, "the test").await;
    assert_eq!(letters.len(), cases.len());
    for (offset, (letter, (payload, reason))) in letters.iter().zip(&cases).enumerate() {
        let texts = letter.message.headers.iter().map(|(name, value)| {
            (name.as_str(), std::str::from_utf8(value).expect("these are text"))
        });
        let headers: std::collections::BTreeMap<_, _> = texts.collect();
        assert_eq!(&headers[REASON], reason, "{}", headers[DETAIL]);
        assert_eq!(letter.message.payload, payload.as_bytes(), "the event is kept as it came");
        assert_eq!(headers[OFFSET], offset.to_string());
        assert_eq!(headers["producer"], "the test");
    }
    assert!(jobs(&bench).await.is_empty());
    assert!(unread(&bench, UPLOADS, "scribed").await.is_empty(), "they are acknowledged");
    assert!(bench.media.keys().is_empty(), "what is refused leaves no recording");
}

#[tokio::test(start_paused = true)]
async fn an_id_that_stands_for_another_recording_is_a_dead_letter() {
    let bench = Bench::new();
    bench.account("ada").await;
    publish(&bench, event("take-1", "one").to_string()).await;
    publish(&bench, event("take-1", "another").to_string()).await;
    let running = bench.start();
    tokio::time::sleep(Duration::from_secs(10)).await;
    running.stop().await;
    let letters = unread(&bench, DEAD_LETTERS, "the test").await;
    let reason = letters[0].message.headers.iter().find(|(name, _)| name == REASON);
    assert_eq!(reason.map(|(_, value)| &value[..]), Some(&b"id_conflict"[..]));
    assert_eq!(bench.texts(the_job(&bench).await.id).await, ["one"]);
    assert_eq!(bench.media.keys().len(), 1, "what is refused leaves no recording");
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_ended_by_others_is_acknowledged_too() {
    let bench = Bench::new();
    bench.account("ada").await;
    publish(&bench, event("take-1", "!wait one").to_string()).await;
    let running = bench.start();
    let id = the_job(&bench).await.id;
    bench.store.cancel(id, bench.engine.now()).await.expect("the store cancels");
    tokio::time::sleep(Duration::from_secs(20)).await;
    running.stop().await;
    assert!(unread(&bench, UPLOADS, "scribed").await.is_empty());
}
