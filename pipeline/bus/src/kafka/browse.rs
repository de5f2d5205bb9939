//! Browsing: a topic read to its present end, without a group.
//!
//! ```text
//! open ─► ends of all partitions ─► assign them all from their first messages
//! thread: poll ─► channel of few places ─► next        until every partition is at its end
//! ```
//!
//! The partitions are assigned and never subscribed to, so the client joins no group and nothing is
//! committed. A thread polls, since the client's calls block, and it waits while the channel is full.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::mpsc;

use super::config::Config;
use super::news::News;
use super::{options, record};
use crate::{Browser, Delivery, Error, Result};

/// The group that a client must name even if it joins none.
const GROUP: &str = "scribed.browse";
/// Messages that wait between thread and reader. A dead letter may have 2 MiB.
const AHEAD: usize = 16;
/// How long the client is waited for before the thread looks whether somebody still reads.
const TURN: Duration = Duration::from_millis(100);

impl ConsumerContext for News {}

/// A client that reads for one browser.
type Client = BaseConsumer<News>;

/// Reads a topic once.
#[derive(Debug)]
pub(super) struct KafkaBrowser {
    topic: String,
    /// What the thread read; it closes after the end or an error. None after that.
    read: Option<mpsc::Receiver<Step>>,
}

/// What the thread tells.
#[derive(Debug)]
enum Step {
    Message(Box<Delivery>),
    End,
    Failed(Error),
}

/// A topic under our name and that on the brokers, and how long the brokers may take for a step.
#[derive(Debug)]
struct Reading {
    topic: String,
    broker_topic: String,
    patience: Duration,
    news: News,
}

/// Opens a topic with so many partitions, and notes where it ends.
pub(super) async fn open(
    config: &Config,
    topic: &str,
    partitions: i32,
) -> Result<Box<dyn Browser>> {
    let mut settings = options::consumer(config, GROUP, None)?;
    // Ours alone: at the end that a partition has, the client says so.
    settings.set("enable.partition.eof", "true");
    let news = News::default();
    let client: Client = settings.create_with_context(news.clone()).map_err(options::refusal)?;
    let reading = Reading {
        topic: topic.to_owned(),
        broker_topic: config.topic(topic).to_owned(),
        patience: Duration::from_millis(config.answer_timeout_ms.max(1)),
        news,
    };
    let begun = tokio::task::spawn_blocking(move || {
        let ends = reading.ends(&client, partitions)?;
        reading.assign(&client, &ends)?;
        Ok::<_, Error>((reading, client, ends))
    });
    let begun = begun.await.map_err(|error| Error::caused(format!("browse {topic}"), error))?;
    let (reading, client, ends) = begun?;
    let (tell, read) = mpsc::channel(AHEAD);
    thread::Builder::new()
        .name(format!("browse {topic}"))
        .spawn(move || reading.read(&client, ends, &tell))
        .map_err(|error| Error::caused("start a thread that reads Kafka", error))?;
    Ok(Box::new(KafkaBrowser { topic: topic.to_owned(), read: Some(read) }))
}

#[async_trait]
impl Browser for KafkaBrowser {
    async fn next(&mut self) -> Result<Option<Delivery>> {
        let Some(read) = &mut self.read else { return Ok(None) };
        let step = read.recv().await;
        if let Some(Step::Message(delivery)) = step {
            return Ok(Some(*delivery));
        }
        self.read = None;
        match step {
            Some(Step::Failed(error)) => Err(error),
            Some(Step::End | Step::Message(_)) => Ok(None),
            None => Err(Error::new(format!("browse {}: its thread has ended", self.topic))),
        }
    }
}

/// The first offset of each partition that is not read; partitions that are done are left out.
type Ends = BTreeMap<i32, i64>;

impl Reading {
    /// Asks where each partition ends.
    fn ends(&self, client: &Client, partitions: i32) -> Result<Ends> {
        let mut ends = Ends::new();
        for partition in 0..partitions {
            let asked = client.fetch_watermarks(&self.broker_topic, partition, self.patience);
            let (first, end) = asked.map_err(|error| {
                self.failed(&format!("find the end of partition {partition} of"), &error)
            })?;
            if first < end {
                ends.insert(partition, end);
            }
        }
        Ok(ends)
    }

    fn assign(&self, client: &Client, ends: &Ends) -> Result<()> {
        let mut partitions = TopicPartitionList::new();
        for partition in ends.keys() {
            partitions
                .add_partition_offset(&self.broker_topic, *partition, Offset::Beginning)
                .map_err(|error| self.failed("begin to read", &error))?;
        }
        client.assign(&partitions).map_err(|error| self.failed("begin to read", &error))
    }

    /// Reads until every partition is at its end, or nobody listens any more.
    fn read(&self, client: &Client, mut ends: Ends, tell: &mpsc::Sender<Step>) {
        let mut last_sign = Instant::now();
        while !ends.is_empty() {
            let step = match client.poll(TURN) {
                Some(Ok(record)) => {
                    let delivery = record::delivery(&self.topic, &record);
                    is_wanted(&mut ends, &delivery).then(|| Step::Message(Box::new(delivery)))
                }
                // The last offsets of a partition may be a transaction's marks, which nobody sees.
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    ends.remove(&partition);
                    None
                }
                Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => {
                    Some(Step::Failed(self.failed("read", &error)))
                }
                // News; the context has logged them, and the client tries again.
                Some(Err(_)) => continue,
                None if tell.is_closed() => return,
                None if last_sign.elapsed() < self.patience => continue,
                None => Some(Step::Failed(self.silent())),
            };
            let is_over = matches!(step, Some(Step::Failed(_)));
            if let Some(step) = step
                && (tell.blocking_send(step).is_err() || is_over)
            {
                return;
            }
            // Not before the send: the reader's time is not the brokers'.
            last_sign = Instant::now();
        }
        // A reader that went away needs no end.
        tell.blocking_send(Step::End).ok();
    }

    fn failed(&self, attempt: &str, error: &KafkaError) -> Error {
        Error::caused(format!("{attempt} {}", self.topic), self.news.explain(error))
    }

    fn silent(&self) -> Error {
        let error =
            KafkaError::MessageConsumption(rdkafka::types::RDKafkaErrorCode::RequestTimedOut);
        self.failed(&format!("go on for {:?} to read", self.patience), &error)
    }
}

/// Returns whether a message is before the end of its partition; notes when that is reached.
fn is_wanted(ends: &mut Ends, delivery: &Delivery) -> bool {
    let Some(end) = ends.get(&delivery.partition).copied() else { return false };
    if delivery.offset + 1 >= end {
        ends.remove(&delivery.partition);
    }
    delivery.offset < end
}
