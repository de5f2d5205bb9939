//! What the Kafka bus costs: events a second through deliver, acknowledge and commit, against a bare
//! consumer of the same client library on the same topic.
//!
//! `SCRIBED_TEST_KAFKA=host:port cargo bench -p scribed-bus --bench kafka` fills a topic of its own,
//! reads it by both in turns, so that a busy machine slows both, and prints the rates and their ratio.
//!
//! The bare consumer is the client's own stream, as a program on tokio uses it: each record is made its
//! own, so that it can go to another task, and offsets are committed in the background whether the
//! record was worked on or not. Ours keeps windows and commits only past what is acknowledged.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rdkafka::ClientConfig;
use rdkafka::config::FromClientConfig as _;
use rdkafka::consumer::{Consumer as _, StreamConsumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};
use scribed_bus::kafka::config::Config;
use scribed_bus::{Bus as _, KafkaBus};
use tokio::runtime::Runtime;

/// Events that are read in one turn.
const EVENTS: u32 = 400_000;
/// Four for each of three hosts.
const PARTITIONS: i32 = 12;
/// Turns of each.
const ROUNDS: u32 = 3;
/// The least ratio of rates.
const LIMIT: f64 = 0.5;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> Result<()> {
    // Only `cargo bench` asks for the measurement; a test run of all targets does not want to wait.
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("kafka: run me by `cargo bench`");
        return Ok(());
    }
    let Ok(brokers) = std::env::var("SCRIBED_TEST_KAFKA") else {
        println!("SKIPPED bench kafka: SCRIBED_TEST_KAFKA is not set");
        return Ok(());
    };
    Runtime::new()?.block_on(measure(&brokers))
}

/// Fills a topic and reads it by both in turns.
async fn measure(brokers: &str) -> Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
    let topic = format!("scribed-bench-{now}");
    let config = Config {
        brokers: brokers.split(',').map(str::to_owned).collect(),
        topics: [("uploads".to_owned(), topic.clone())].into(),
        ..Config::default()
    };
    KafkaBus::new(config.clone())?.create_topics(&["uploads"], PARTITIONS, 1).await?;
    fill(brokers, &topic)?;
    let (mut ours, mut bare) = (Duration::MAX, Duration::MAX);
    for round in 0..ROUNDS {
        let group = format!("{topic}-{round}");
        bare = bare.min(read_bare(brokers, &topic, &format!("{group}-bare")).await?);
        ours = ours.min(read_bus(&config, &group).await?);
    }
    let rate = |time: Duration| f64::from(EVENTS) / time.as_secs_f64();
    let ratio = rate(ours) / rate(bare);
    println!("{EVENTS} events in {PARTITIONS} partitions, best of {ROUNDS}:");
    println!("the bus: {:.0} events/s, a bare consumer: {:.0}", rate(ours), rate(bare));
    println!("ratio {ratio:.2}, at least {LIMIT}");
    if ratio < LIMIT {
        Err(format!("the ratio {ratio:.2} is below {LIMIT}").into())
    } else {
        Ok(())
    }
}

/// Fills the topic with upload events of usual size.
fn fill(brokers: &str, topic: &str) -> Result<()> {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", brokers).set("linger.ms", "20");
    let producer: ThreadedProducer<DefaultProducerContext> =
        ThreadedProducer::from_config(&client)?;
    for number in 0..EVENTS {
        let id = format!("event-{number}");
        let payload = format!(
            r#"{{"schema":"scribed.upload/1","id":"{id}","owner":"newsroom","media":{{"key":"incoming/2026/{id}.flac"}},"name":"Recording {number}","language":"en","priority":"standard","reference":"archive/{number}"}}"#
        );
        let mut record = BaseRecord::to(topic).key(&id).payload(&payload);
        while let Err((error, same)) = producer.send(record) {
            if error != KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) {
                return Err(error.into());
            }
            record = same;
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    producer.flush(Duration::from_secs(60))?;
    Ok(())
}

/// Reads all events by a bare consumer; returns the time from the first to the last.
async fn read_bare(brokers: &str, topic: &str, group: &str) -> Result<Duration> {
    let mut client = ClientConfig::new();
    client
        .set("bootstrap.servers", brokers)
        .set("group.id", group)
        .set("auto.offset.reset", "earliest");
    let consumer: StreamConsumer = client.create()?;
    consumer.subscribe(&[topic])?;
    let mut begin = None;
    let mut bytes = 0;
    for _ in 0..EVENTS {
        let record = consumer.recv().await?.detach();
        bytes += record.payload().map_or(0, <[u8]>::len);
        begin.get_or_insert_with(Instant::now);
    }
    assert!(bytes > 0, "events have contents");
    Ok(begin.ok_or("no event came")?.elapsed())
}

/// Reads and acknowledges all events by the bus; returns the time from the first to the last.
async fn read_bus(config: &Config, group: &str) -> Result<Duration> {
    let groups = [("bench".to_owned(), group.to_owned())].into();
    let bus = KafkaBus::new(Config { groups, ..config.clone() })?;
    let mut consumer = bus.subscribe("uploads", "bench").await?;
    let mut begin = None;
    let mut bytes = 0;
    for _ in 0..EVENTS {
        let delivery = consumer.next().await?;
        bytes += delivery.message.payload.len();
        begin.get_or_insert_with(Instant::now);
        consumer.ack(delivery.partition, delivery.offset).await?;
    }
    assert!(bytes > 0, "events have contents");
    Ok(begin.ok_or("no event came")?.elapsed())
}
