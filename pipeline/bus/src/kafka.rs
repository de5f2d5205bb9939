//! The bus on Kafka, for many hosts.
//!
//! ```text
//! publish ─► producer: idempotent, acks=all ─► delivery report
//!
//! brokers ──► polling thread ◄─► membership ◄─► next, ack
//!         ◄── commit thread  ◄─┘  tracker: window and watermark of each partition
//! ```
//!
//! A consumer's offsets move only past contiguous acknowledgements, so a crash repeats events and
//! loses none. Partitions come and go by cooperative rebalances, which touch only what moves.
//! Topics are never made by accident: a missing one is an error that names the command.
//!
//! - [`config`]: the settings.
//! - `options`: from them to librdkafka.
//! - `producer`, `consumer`: the two directions.
//! - `browse`: reading without a group.
//! - `thread`, `rebalance`, `commit`: the polling thread, its callbacks, and who commits for it.
//! - `membership`, `tracker`: what a consumer has of its partitions.
//! - `instance`: names of static members.
//! - [`inspection`]: a topic and a group seen from outside.
//! - `record`, `news`: what comes and goes, what the client tells.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::metadata::MetadataTopic;
use scribed_schemas::event::DEAD_LETTERS;

use crate::{Browser, Bus, Consumer, Error, Message, Result};

mod browse;
mod commit;
pub mod config;
mod consumer;
pub mod inspection;
mod instance;
mod membership;
mod news;
mod options;
mod producer;
mod rebalance;
mod record;
mod thread;
mod tracker;

pub use config::Config;

use consumer::KafkaConsumer;
use instance::{Instances, Seat};
use membership::Membership;
use producer::Producer;

/// Settings of the topics that [`KafkaBus::create_topics`] makes: a backlog must not expire before
/// it is worked off, and Kafka forgets the offsets of an idle group after 7 days.
const RETENTION_MS: &str = "2592000000"; // 30 days
/// Brokers refuse messages of more than an hour from their future by default, and so every message of
/// a host whose clock is wrong.
const ANY_TIME: &str = "9223372036854775807";
/// Largest message of the topic of dead letters: an event that just fits its own topic must fit there
/// too, with the reason beside it. The producer's limit is the same.
const LARGEST_LETTER: &str = "2097152"; // 2 MiB; brokers take 1 MiB by default

/// A bus on a Kafka cluster.
#[derive(Debug)]
pub struct KafkaBus {
    config: Config,
    producer: Arc<Producer>,
    instances: Instances,
}

impl KafkaBus {
    /// Makes a bus; it connects in the background.
    ///
    /// # Errors
    /// Names the setting that is wrong, or the file that cannot be read.
    pub fn new(config: Config) -> Result<Self> {
        config.validate()?;
        let producer = Arc::new(Producer::new(options::producer(&config)?)?);
        Ok(Self { config, producer, instances: Instances::default() })
    }

    /// Checks that topics exist, by our names of them.
    ///
    /// # Errors
    /// Names the first missing topic and the command that makes it; or the brokers do not answer.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is changed.
    pub async fn check_topics(&self, topics: &[&str]) -> Result<()> {
        for topic in topics {
            self.partitions(topic).await?;
        }
        Ok(())
    }

    /// Makes those of the topics that do not exist, by our names of them, and returns their names on
    /// the brokers.
    ///
    /// They keep messages for 30 days and, with three replicas or more, take one only when two
    /// replicas have it; dead letters may be larger than what others take.
    ///
    /// # Errors
    /// The brokers refuse, as with fewer brokers than replicas, or do not answer.
    ///
    /// # Cancel safety
    /// A dropped call may have made some of them; a repeat makes the others.
    pub async fn create_topics(
        &self,
        topics: &[&str],
        partitions: i32,
        replicas: i32,
    ) -> Result<Vec<String>> {
        let admin: AdminClient<DefaultClientContext> =
            self.producer.client().create().map_err(options::refusal)?;
        let wanted = topics.iter().map(|topic| {
            let (name, fixed) = (self.config.topic(topic), TopicReplication::Fixed(replicas));
            let in_sync = if replicas >= 3 { "2" } else { "1" };
            let new = NewTopic::new(name, partitions, fixed)
                .set("retention.ms", RETENTION_MS)
                .set("min.insync.replicas", in_sync)
                .set("message.timestamp.after.max.ms", ANY_TIME);
            if *topic == DEAD_LETTERS { new.set("max.message.bytes", LARGEST_LETTER) } else { new }
        });
        let limit = AdminOptions::new().operation_timeout(Some(self.answer_timeout()));
        let answers = admin.create_topics(&wanted.collect::<Vec<_>>(), &limit).await;
        let answers = answers.map_err(|error| {
            Error::caused(format!("make the topics {}", topics.join(", ")), error)
        })?;
        let mut made = Vec::new();
        for answer in answers {
            match answer {
                Ok(name) => made.push(name),
                Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((name, code)) => {
                    return Err(Error::caused(format!("make the topic {name}"), code));
                }
            }
        }
        Ok(made)
    }

    /// Returns how many partitions a topic has.
    async fn partitions(&self, topic: &str) -> Result<i32> {
        let name = self.config.topic(topic).to_owned();
        let (producer, limit) = (Arc::clone(&self.producer), self.answer_timeout());
        let asked = tokio::task::spawn_blocking(move || {
            let metadata = producer.metadata(Some(&name), limit)?;
            let found = metadata.topics().iter().find(|found| found.name() == name);
            Ok((found.map(examine), name))
        });
        let attempt = || format!("ask Kafka about topic {topic}");
        let (found, name) = asked.await.map_err(|error| Error::caused(attempt(), error))??;
        match found {
            Some(Ok(count)) if count > 0 => Ok(count),
            Some(Err(code)) if code != RDKafkaErrorCode::UnknownTopicOrPartition => {
                Err(Error::caused(attempt(), code))
            }
            _ => Err(self.missing(topic, &name)),
        }
    }

    fn missing(&self, topic: &str, name: &str) -> Error {
        let brokers = self.config.brokers.join(",");
        let size = if topic == DEAD_LETTERS {
            format!(" --config max.message.bytes={LARGEST_LETTER}")
        } else {
            String::new()
        };
        Error::new(format!(
            "find topic {name}: make it with `kafka-topics.sh --bootstrap-server {brokers} \
             --create --topic {name} --partitions 48 --replication-factor 3 \
             --config retention.ms={RETENTION_MS} --config min.insync.replicas=2{size}`"
        ))
    }

    fn answer_timeout(&self) -> Duration {
        Duration::from_millis(self.config.answer_timeout_ms.max(1))
    }
}

/// Returns how many partitions a topic has, or what the brokers say against it.
fn examine(topic: &MetadataTopic) -> std::result::Result<i32, RDKafkaErrorCode> {
    match topic.error() {
        Some(error) => Err(error.into()),
        None => Ok(i32::try_from(topic.partitions().len()).unwrap_or(i32::MAX)),
    }
}

#[async_trait]
impl Bus for KafkaBus {
    async fn publish(&self, topic: &str, message: Message) -> Result<()> {
        self.producer.publish(self.config.topic(topic), &message).await
    }

    async fn subscribe(&self, topic: &str, group: &str) -> Result<Box<dyn Consumer>> {
        let count = self.partitions(topic).await?;
        let name = self.config.topic(topic);
        let window = usize::try_from(self.config.window).unwrap_or(usize::MAX);
        let host = self.config.host_id.as_deref();
        let seat = host.map(|_| self.instances.take(topic, group));
        let instance =
            host.zip(seat.as_ref()).map(|(host, seat): (&str, &Seat)| seat.name(host, name));
        let client = options::consumer(&self.config, group, instance.as_deref())?;
        let membership = Arc::new(Membership::new([topic, name, group], window, count));
        let ended = thread::spawn(&client, &membership)?;
        Ok(Box::new(KafkaConsumer::new(membership, ended, seat)))
    }

    async fn browse(&self, topic: &str) -> Result<Box<dyn Browser>> {
        let partitions = self.partitions(topic).await?;
        browse::open(&self.config, topic, partitions).await
    }

    fn system(&self) -> &'static str {
        "kafka"
    }
}
