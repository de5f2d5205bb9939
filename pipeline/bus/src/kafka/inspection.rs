//! Looking on: all records of a topic, and how far a group has come, without being a member of it.
//!
//! For checks and operators. Nothing is committed and no partition moves.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::{KafkaBus, options, record};
use crate::{Delivery, Error, Result};

/// Longest wait for the next record before the clock of the whole reading is looked at.
const POLL: Duration = Duration::from_millis(100);

/// How far a group has come in one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The partition.
    pub partition: i32,
    /// Offset of the oldest record that is kept.
    pub begin: i64,
    /// Offset that the next record will get.
    pub end: i64,
    /// Offset that the group reads next; none before its first commit.
    pub committed: Option<i64>,
}

impl KafkaBus {
    /// Returns how far a group has come, by partition, by our names of both.
    ///
    /// # Errors
    /// The topic is missing, or the brokers do not answer in time.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is changed.
    pub async fn positions(&self, topic: &str, group: &str) -> Result<Vec<Position>> {
        let count = self.partitions(topic).await?;
        let look = self.look(topic, group)?;
        let attempt = format!("ask Kafka how far group {group} is in {topic}");
        blocking(attempt, move || look.positions(count)).await
    }

    /// Returns all records that a topic keeps as of now, by our name of it: by partition, in order.
    ///
    /// They are all in memory at once, so this is for topics of a test or for a small one.
    ///
    /// # Errors
    /// The topic is missing, or the brokers do not answer in time.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is changed.
    pub async fn records(&self, topic: &str) -> Result<Vec<Delivery>> {
        let count = self.partitions(topic).await?;
        let look = self.look(topic, "scribed")?;
        blocking(format!("read all of {topic}"), move || look.records(count)).await
    }

    fn look(&self, topic: &str, group: &str) -> Result<Look> {
        let client = options::consumer(&self.config, group, None)?;
        let name = self.config.topic(topic).to_owned();
        Ok(Look { client, topic: topic.to_owned(), name, patience: self.answer_timeout() })
    }
}

/// One look at a topic.
struct Look {
    client: ClientConfig,
    /// Our name of it.
    topic: String,
    /// Its name on the brokers.
    name: String,
    patience: Duration,
}

impl Look {
    fn positions(&self, count: i32) -> std::result::Result<Vec<Position>, KafkaError> {
        let consumer: BaseConsumer = self.client.create()?;
        let mut asked = TopicPartitionList::new();
        for partition in 0..count {
            asked.add_partition(&self.name, partition);
        }
        let answer = consumer.committed_offsets(asked, self.patience)?;
        let committed = |partition| match answer.find_partition(&self.name, partition)?.offset() {
            Offset::Offset(offset) => Some(offset),
            _ => None,
        };
        let position = |partition| {
            let (begin, end) = consumer.fetch_watermarks(&self.name, partition, self.patience)?;
            Ok(Position { partition, begin, end, committed: committed(partition) })
        };
        (0..count).map(position).collect()
    }

    fn records(&self, count: i32) -> std::result::Result<Vec<Delivery>, KafkaError> {
        let consumer: BaseConsumer = self.client.create()?;
        let mut records = Vec::new();
        for partition in 0..count {
            let (begin, end) = consumer.fetch_watermarks(&self.name, partition, self.patience)?;
            if begin < end {
                let mut one = TopicPartitionList::new();
                one.add_partition_offset(&self.name, partition, Offset::Offset(begin))?;
                consumer.assign(&one)?;
                self.read(&consumer, end, &mut records)?;
            }
        }
        Ok(records)
    }

    /// Reads the assigned partition up to an offset.
    fn read(
        &self,
        consumer: &BaseConsumer,
        end: i64,
        records: &mut Vec<Delivery>,
    ) -> std::result::Result<(), KafkaError> {
        let mut heard = Instant::now();
        loop {
            match consumer.poll(POLL) {
                Some(Ok(record)) => {
                    heard = Instant::now();
                    let delivery = record::delivery(&self.topic, &record);
                    let is_last = delivery.offset >= end - 1;
                    if delivery.offset < end {
                        records.push(delivery);
                    }
                    if is_last {
                        return Ok(());
                    }
                }
                // A broker that is away is news; the client goes on by itself.
                Some(Err(error)) if heard.elapsed() > self.patience => return Err(error),
                None if heard.elapsed() > self.patience => {
                    let code = rdkafka::types::RDKafkaErrorCode::OperationTimedOut;
                    return Err(KafkaError::MessageConsumption(code));
                }
                Some(Err(_)) | None => {}
            }
        }
    }
}

/// Runs what waits for brokers off the async threads.
async fn blocking<T: Send + 'static>(
    attempt: String,
    work: impl FnOnce() -> std::result::Result<T, KafkaError> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| Error::caused(attempt, error)),
        Err(error) => Err(Error::caused(attempt, error)),
    }
}
