//! What is told of jobs on the bus, whatever is away and whoever goes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use scribed_bus::{Browser, Bus, Consumer, Error, MemoryBus, Message, Result};
use scribed_engine::Config;
use scribed_engine::testing::Bench;
use scribed_schemas::event::{DEAD_LETTERS, STATES, TRANSCRIPTS};
use scribed_schemas::id::JobId;
use scribed_schemas::job::JobState;
use scribed_store::MemoryStore;
use serde_json::Value;

/// A bus that takes nothing while it is away.
#[derive(Debug)]
struct Flaky {
    inner: Arc<MemoryBus>,
    away: AtomicBool,
}

#[async_trait]
impl Bus for Flaky {
    async fn publish(&self, topic: &str, message: Message) -> Result<()> {
        if self.away.load(Ordering::Relaxed) {
            return Err(Error::new(format!("publish to {topic}: the bus is away")));
        }
        self.inner.publish(topic, message).await
    }

    async fn subscribe(&self, topic: &str, group: &str) -> Result<Box<dyn Consumer>> {
        self.inner.subscribe(topic, group).await
    }

    async fn browse(&self, topic: &str) -> Result<Box<dyn Browser>> {
        self.inner.browse(topic).await
    }
}

/// Returns a bench whose bus is away until it is told otherwise.
fn unheard() -> (Bench, Arc<Flaky>) {
    let bench = Bench::new();
    let bus = Arc::new(Flaky { inner: Arc::clone(&bench.bus), away: AtomicBool::new(true) });
    (bench.with_bus(Arc::clone(&bus) as Arc<dyn Bus>), bus)
}

/// Waits until nothing is left to be told of a job.
async fn until_told(bench: &Bench, id: JobId) {
    bench.until(id, |job| job.state.is_terminal() && !job.has_news()).await;
}

/// Returns what was published to a topic.
async fn published(bench: &Bench, topic: &str) -> Vec<Value> {
    let mut consumer = bench.bus.subscribe(topic, "the test").await.expect("the bus is there");
    let mut events = Vec::new();
    while let Ok(next) = tokio::time::timeout(Duration::from_secs(1), consumer.next()).await {
        let message = next.expect("the bus delivers").message;
        events.push(serde_json::from_slice(&message.payload).expect("it is JSON"));
    }
    events
}

fn ids(events: &[Value]) -> Vec<String> {
    events.iter().map(|event| event["id"].as_str().expect("it has an id").to_owned()).collect()
}

/// Returns the states of a topic in the order of their numbers, each once.
fn states(mut events: Vec<Value>) -> Vec<String> {
    events.sort_by_key(|event| event["id"].as_str().map(str::to_owned));
    events.dedup_by_key(|event| event["id"].clone());
    events.iter().map(|event| event["state"].as_str().expect("a word").to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn every_change_chunk_and_text_is_told_once() {
    let bench = Bench::new();
    bench.account("ada").await;
    let id = bench.submit("one\ntwo\nthree").await;
    let running = bench.start();
    until_told(&bench, id).await;
    running.stop().await;
    let told = published(&bench, STATES).await;
    assert_eq!(ids(&told), [0, 1, 2].map(|n| format!("{id}:state:{n}")));
    assert_eq!(states(told), ["queued", "in_progress", "completed"]);
    let told = published(&bench, TRANSCRIPTS).await;
    let expected = ["chunk:0", "chunk:1", "chunk:2", "transcript"];
    assert_eq!(ids(&told), expected.map(|word| format!("{id}:{word}")));
    assert_eq!(told[1]["text"], "two");
    assert_eq!(told[3]["text"], "one\n\ntwo\n\nthree");
    assert_eq!(told[3]["chunks"], 3);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_could_be_told_is_told_when_the_bus_is_back() {
    let (bench, bus) = unheard();
    let id = bench.submit("one\n!fail 1 two").await;
    let running = bench.start();
    bench.until_state(id, JobState::Completed).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(bench.job(id).await.has_news());
    bus.away.store(false, Ordering::Relaxed);
    until_told(&bench, id).await;
    running.stop().await;
    let told = states(published(&bench, STATES).await);
    let expected = ["queued", "in_progress", "processing_error", "in_progress", "completed"];
    assert_eq!(told, expected);
}

#[tokio::test(start_paused = true)]
async fn another_host_tells_the_news_of_one_that_is_gone() {
    let (bench, bus) = unheard();
    let id = bench.submit("one\ntwo").await;
    let running = bench.start();
    bench.until_state(id, JobState::Completed).await;
    running.crash().await;
    bus.away.store(false, Ordering::Relaxed);
    let bench = bench.restarted();
    let running = bench.start();
    until_told(&bench, id).await;
    running.stop().await;
    assert_eq!(states(published(&bench, STATES).await).len(), 3);
    assert_eq!(published(&bench, TRANSCRIPTS).await.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_job_that_was_cancelled_is_told() {
    let bench = Bench::new();
    let id = bench.submit("!wait one").await;
    let running = bench.start();
    bench.until(id, |_| bench.runner.inside() == 1).await;
    bench.engine.cancel(id).await.expect("the store takes it").expect("it was at work");
    until_told(&bench, id).await;
    running.stop().await;
    let told = states(published(&bench, STATES).await);
    assert_eq!(told, ["queued", "in_progress", "cancelled"]);
    assert!(published(&bench, TRANSCRIPTS).await.is_empty(), "there is no text");
}

#[tokio::test(start_paused = true)]
async fn a_job_that_was_given_up_while_the_bus_was_away_is_buried_later() {
    let (bench, bus) = unheard();
    let id = bench.submit("!fail 9 one").await;
    let running = bench.start();
    let job = bench.until_state(id, JobState::ProcessingFail).await;
    bus.away.store(false, Ordering::Relaxed);
    until_told(&bench, id).await;
    running.stop().await;
    let letters = published(&bench, DEAD_LETTERS).await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0]["job"]["id"], id.0);
    assert_eq!(letters[0]["fault"]["message"], job.fault.expect("it failed").message.as_str());
}

#[tokio::test(start_paused = true)]
async fn a_text_too_long_for_an_event_is_told_by_its_chunks() {
    let config = Config { transcript_event_bytes: 7, ..Config::default() };
    let bench = Bench::with(config, Arc::new(MemoryStore::new()));
    let id = bench.submit("one\ntwo").await;
    let running = bench.start();
    until_told(&bench, id).await;
    running.stop().await;
    let told = published(&bench, TRANSCRIPTS).await;
    assert_eq!(told.len(), 3);
    assert_eq!((&told[2]["chunks"], &told[2]["text"]), (&2.into(), &Value::Null));
}

#[tokio::test(start_paused = true)]
async fn where_nobody_listens_nothing_is_published() {
    let config = Config { publish: Some(false), ..Config::default() };
    let bench = Bench::with(config, Arc::new(MemoryStore::new()));
    let id = bench.submit("one").await;
    let running = bench.start();
    let job = bench.until_state(id, JobState::Completed).await;
    running.stop().await;
    assert_eq!(job.outbox, None);
    assert!(published(&bench, STATES).await.is_empty());
}
