//! Messages in and out: topics, consumer groups, acknowledgement.
//!
//! [`Bus`] is the promise. Delivery is at least once: a message may come again after a crash, so whoever
//! handles it de-duplicates by its id, which the store does.

use std::fmt::Debug;

use async_trait::async_trait;
use scribed_schemas::time::Timestamp;

/// A place to publish to and to consume from.
#[async_trait]
pub trait Bus: Send + Sync + Debug {
    /// Publishes a message; durable when it returns.
    async fn publish(&self, topic: &str, message: Message) -> Result<()>;

    /// Joins a consumer group on one topic.
    ///
    /// Deliveries of a partition come in order, starting at the group's committed offset.
    async fn subscribe(&self, topic: &str, group: &str) -> Result<Box<dyn Consumer>>;
}

/// A member of a consumer group.
#[async_trait]
pub trait Consumer: Send + Debug {
    /// Waits for the next delivery.
    ///
    /// At most a configured window of deliveries is unacknowledged; then this waits. Cancel safe: a
    /// dropped call loses no delivery.
    async fn next(&mut self) -> Result<Delivery>;

    /// Marks a delivery as done.
    ///
    /// Deliveries may be acknowledged in any order; the committed offset moves only past those before which
    /// nothing is open, so a crash repeats messages and never skips one.
    async fn ack(&mut self, partition: i32, offset: i64) -> Result<()>;
}

/// What is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Orders and partitions; may be empty.
    pub key: String,
    /// Names and values, in order.
    pub headers: Vec<(String, String)>,
    /// The payload.
    pub payload: Vec<u8>,
    /// When it was made.
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
