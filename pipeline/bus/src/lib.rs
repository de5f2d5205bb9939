//! Messages in and out: topics, consumer groups, acknowledgement.
//!
//! [`Bus`] is the promise. Delivery is at least once: a message may come again after a crash, so
//! whoever handles it de-duplicates by its id, which the store does. Operators look at a topic by a
//! [`Browser`], which is in nobody's way.
//!
//! [`MemoryBus`] is the reference and serves tests, [`EmbeddedBus`] stands on the queue of the
//! store, and with feature `kafka` there is `KafkaBus` for many hosts. With feature `conformance`,
//! the module of that name holds every promise as a test.
#![forbid(unsafe_code)]

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use scribed_schemas::time::Timestamp;
use serde::{Deserialize, Serialize};

#[cfg(feature = "conformance")]
pub mod conformance;
pub mod embedded;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod memory;
mod seat;
mod stored;
mod window;

pub use embedded::EmbeddedBus;
#[cfg(feature = "kafka")]
pub use kafka::{Config as KafkaConfig, KafkaBus};
pub use memory::MemoryBus;

/// The only partition of a topic on the buses of one machine.
pub(crate) const PARTITION: i32 = 0;

/// A place to publish to and to consume from.
#[async_trait]
pub trait Bus: Send + Sync + Debug {
    /// Publishes a message; durable when it returns.
    ///
    /// A repeat after an error, or after a dropped call, may publish it twice.
    async fn publish(&self, topic: &str, message: Message) -> Result<()>;

    /// Joins a consumer group on one topic.
    ///
    /// Deliveries of a partition come in order, starting at the group's committed offset; a new
    /// group starts at the first message. A topic has one partition or more, and messages of one
    /// key, where it is not empty, share one. A partition goes to one member at a time; members
    /// without one wait in [`next`](Consumer::next) until another leaves. A partition may also go
    /// to another member while both stay; what was open in it then comes again there.
    async fn subscribe(&self, topic: &str, group: &str) -> Result<Box<dyn Consumer>>;

    /// Opens a topic for reading from its first message to the end that it has now.
    ///
    /// This is for looking, beside consumers: it is no member of any group, takes no partition from
    /// one, and commits nothing. What it holds at a time does not grow with the topic.
    async fn browse(&self, topic: &str) -> Result<Box<dyn Browser>>;

    /// Returns what traces call it, as `messaging.system` in OpenTelemetry's conventions.
    fn system(&self) -> &'static str {
        "scribed"
    }
}

/// Reads a topic once, without a group.
#[async_trait]
pub trait Browser: Send + Debug {
    /// Returns the next message, and `None`, from then on, at the end that the topic had when it was
    /// opened.
    ///
    /// Those of a partition come in order, of all partitions in any. Cancel safe: a dropped call loses
    /// no message. After an error the reading is over.
    async fn next(&mut self) -> Result<Option<Delivery>>;
}

/// A member of a consumer group.
#[async_trait]
pub trait Consumer: Send + Debug {
    /// Waits for the next delivery.
    ///
    /// At most a configured window of deliveries is unacknowledged in each partition; while all
    /// are full, this waits. Cancel safe: a dropped call loses no delivery.
    ///
    /// After an error the membership may be over for good: drop the consumer and subscribe again.
    async fn next(&mut self) -> Result<Delivery>;

    /// Marks a delivery as done.
    ///
    /// Deliveries may be acknowledged in any order; the committed offset moves only past those
    /// before which nothing is open, so a crash repeats messages and never skips one. It moves soon
    /// after this returns, at the latest when the consumer is dropped, and never back. An offset
    /// that is not open changes nothing, nor does one of a partition that has gone to another
    /// member. Cancel safe: a repeat, or the next acknowledgement, makes up for a dropped or failed
    /// call.
    async fn ack(&mut self, partition: i32, offset: i64) -> Result<()>;
}

/// What is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Orders and partitions, any bytes; empty: no key.
    pub key: Vec<u8>,
    /// Names and values, in order; a name may come several times, a value is any bytes.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The payload.
    pub payload: Vec<u8>,
    /// When it was made; kept to the millisecond at least.
    pub at: Timestamp,
}

/// One handing over of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset in the partition.
    pub offset: i64,
    /// The message.
    pub message: Message,
}

/// Result of a bus call.
pub type Result<T> = std::result::Result<T, Error>;

/// A failed bus call: what was attempted, and why it failed. Every one may be tried again later.
#[derive(Debug, thiserror::Error)]
#[error("cannot {attempt}")]
pub struct Error {
    /// What was attempted, to what.
    pub attempt: String,
    /// The backend's own words.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// Makes an error without a cause of the backend's.
    pub fn new(attempt: impl Into<String>) -> Self {
        measure();
        Self { attempt: attempt.into(), source: None }
    }

    /// Makes an error with the backend's cause.
    pub fn caused(
        attempt: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        measure();
        Self { attempt: attempt.into(), source: Some(source.into()) }
    }
}

/// Begins to count errors at 0: a counter that begins with its first error has not grown, and no alert
/// would tell of that one.
pub fn count_from_zero() {
    metrics::counter!(scribed_schemas::metric::BUS_ERRORS).increment(0);
}

/// Records an error.
fn measure() {
    metrics::counter!(scribed_schemas::metric::BUS_ERRORS).increment(1);
}

/// Settings of the buses of one machine.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Deliveries that a consumer may hold unacknowledged; then it waits. At least 1.
    pub window: u32,
    /// How often to look for messages that another process published, in milliseconds. At least 1.
    ///
    /// Those of the same process are delivered at once.
    pub poll_interval_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self { window: 64, poll_interval_ms: 1_000 }
    }
}

impl Config {
    /// Returns the window as a count of deliveries.
    pub(crate) fn window(&self) -> usize {
        usize::try_from(self.window).unwrap_or(usize::MAX)
    }

    /// Returns the poll interval; never zero, which would spin.
    pub(crate) fn poll_interval(&self) -> Duration {
        Duration::from_millis(self.poll_interval_ms.max(1))
    }
}

/// Refuses an acknowledgement for a partition that topics here do not have.
pub(crate) fn check_partition(topic: &str, partition: i32) -> Result<()> {
    if partition == PARTITION {
        return Ok(());
    }
    Err(Error::new(format!(
        "acknowledge partition {partition} of {topic}: it has only {PARTITION}"
    )))
}
