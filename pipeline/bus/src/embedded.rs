//! The embedded bus: topics on the queue of the store, for one machine.
//!
//! It stands on [`Store::append`], [`Store::read`], [`Store::committed`] and [`Store::commit`],
//! which is why this crate imports the store: a message and the jobs that come of it are then
//! durable by one file, and a fresh machine needs no broker.
//!
//! ```text
//! publish ─► store.append ─► wake ─┐
//! another process ─► store.append  │ every poll interval
//!                                  ▼
//!                     next ─► store.read from the window's next offset
//!                     ack  ─► window ─► store.commit(watermark)
//! ```
//!
//! A topic has one partition, 0. A consumer starts at its group's committed offset, so what was not
//! acknowledged before a crash comes again.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use scribed_store::{QueueMessage, Store};
use tokio::sync::Notify;

use crate::seat::{Seat, Seats};
use crate::window::Window;
use crate::{
    Browser, Bus, Config, Consumer, Delivery, Error, Message, PARTITION, Result, check_partition,
    stored,
};

/// Most messages that are read from the store at once.
const READ_AHEAD: u32 = 64;

/// A bus on the queue of a store.
#[derive(Debug)]
pub struct EmbeddedBus {
    shared: Arc<Shared>,
    config: Config,
}

/// What the bus and its consumers share.
#[derive(Debug)]
struct Shared {
    store: Arc<dyn Store>,
    published: Notify,
    seats: Seats,
}

impl EmbeddedBus {
    /// Makes a bus on a store, with the default settings.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self::with_config(store, Config::default())
    }

    /// Makes a bus on a store.
    pub fn with_config(store: Arc<dyn Store>, config: Config) -> Self {
        let shared = Shared { store, published: Notify::new(), seats: Seats::default() };
        Self { shared: Arc::new(shared), config }
    }
}

#[async_trait]
impl Bus for EmbeddedBus {
    async fn publish(&self, topic: &str, message: Message) -> Result<()> {
        let appended = self.shared.store.append(topic, message.into()).await;
        appended.map_err(|e| Error::caused(format!("publish to {topic}"), e))?;
        self.shared.published.notify_waiters();
        Ok(())
    }

    async fn subscribe(&self, topic: &str, group: &str) -> Result<Box<dyn Consumer>> {
        Ok(Box::new(EmbeddedConsumer {
            shared: Arc::clone(&self.shared),
            topic: topic.to_owned(),
            group: group.to_owned(),
            limit: self.config.window(),
            poll_interval: self.config.poll_interval(),
            active: None,
        }))
    }

    async fn browse(&self, topic: &str) -> Result<Box<dyn Browser>> {
        let store = Arc::clone(&self.shared.store);
        let end = end(store.as_ref(), topic).await?;
        let topic = topic.to_owned();
        Ok(Box::new(EmbeddedBrowser { store, topic, next: 0, end, ahead: VecDeque::new() }))
    }
}

/// Finds the offset that the next message of a topic will have.
///
/// Offsets have no gaps, so doubling and halving find it in a few dozen short reads, however long the
/// topic is.
async fn end(store: &dyn Store, topic: &str) -> Result<i64> {
    // Below `low` all are there, at `high` and above none.
    let (mut low, mut high) = (0, None::<i64>);
    while high.is_none_or(|high| low < high) {
        let looked_at = high.map_or_else(|| low.saturating_mul(2), |high| low + (high - low) / 2);
        let found = store.read(topic, looked_at, 1).await;
        let found = found.map_err(|e| Error::caused(format!("find the end of {topic}"), e))?;
        if found.is_empty() {
            high = Some(looked_at);
        } else {
            low = looked_at.saturating_add(1);
        }
    }
    Ok(low)
}

/// Reads a topic once.
#[derive(Debug)]
struct EmbeddedBrowser {
    store: Arc<dyn Store>,
    topic: String,
    /// Offset from which the store is read next.
    next: i64,
    /// The first offset that is not read.
    end: i64,
    /// Read from the store and not handed out yet.
    ahead: VecDeque<(i64, QueueMessage)>,
}

#[async_trait]
impl Browser for EmbeddedBrowser {
    async fn next(&mut self) -> Result<Option<Delivery>> {
        if self.ahead.is_empty() && self.next < self.end {
            let read = self.store.read(&self.topic, self.next, READ_AHEAD).await;
            let read = read.map_err(|e| {
                Error::caused(format!("read {} from offset {}", self.topic, self.next), e)
            })?;
            self.ahead = read.into_iter().filter(|(offset, _)| *offset < self.end).collect();
            self.next = self.ahead.back().map_or(self.end, |(offset, _)| offset + 1);
        }
        let topic = self.topic.clone();
        Ok(self.ahead.pop_front().map(|(offset, message)| Delivery {
            topic,
            partition: PARTITION,
            offset,
            message: message.into(),
        }))
    }
}

/// A member of a group.
#[derive(Debug)]
struct EmbeddedConsumer {
    shared: Arc<Shared>,
    topic: String,
    group: String,
    /// Most deliveries that may be open.
    limit: usize,
    poll_interval: Duration,
    /// None until the first call of `next` got the seat.
    active: Option<Active>,
}

/// What a member has once it has the group's seat.
#[derive(Debug)]
struct Active {
    _seat: Seat,
    window: Window,
    /// Read from the store and not delivered yet; begins at the window's next offset.
    ahead: VecDeque<(i64, QueueMessage)>,
    /// What the store knows as the group's offset.
    committed: i64,
}

impl EmbeddedConsumer {
    /// Waits for the seat, then starts at the committed offset.
    async fn take_seat(&mut self) -> Result<()> {
        if self.active.is_none() {
            let seat = self.shared.seats.take(&self.topic, &self.group).await?;
            let committed = self.shared.store.committed(&self.topic, &self.group).await;
            let committed = committed.map_err(|e| {
                let attempt = format!("find where group {} stands in {}", self.group, self.topic);
                Error::caused(attempt, e)
            })?;
            let window = Window::starting_at(committed, self.limit);
            self.active = Some(Active { _seat: seat, window, ahead: VecDeque::new(), committed });
        }
        Ok(())
    }

    /// Delivers the next message if one was read already.
    fn deliver(&mut self) -> Option<Delivery> {
        let active = self.active.as_mut()?;
        let (offset, message) = active.ahead.pop_front()?;
        active.window.deliver(offset);
        let topic = self.topic.clone();
        Some(Delivery { topic, partition: PARTITION, offset, message: message.into() })
    }

    /// Reads on from the window's next offset; nothing when nothing is there.
    async fn read_ahead(&mut self) -> Result<()> {
        let Some(active) = self.active.as_mut() else {
            return Ok(());
        };
        let from = active.window.next();
        let read = self.shared.store.read(&self.topic, from, READ_AHEAD).await;
        let read =
            read.map_err(|e| Error::caused(format!("read {} from offset {from}", self.topic), e))?;
        active.ahead = read.into();
        Ok(())
    }
}

#[async_trait]
impl Consumer for EmbeddedConsumer {
    async fn next(&mut self) -> Result<Delivery> {
        self.take_seat().await?;
        if self.active.as_ref().is_some_and(|active| active.window.room() == 0) {
            // Only `ack` makes room, and it needs this very consumer: the caller drops this call
            // first.
            return std::future::pending().await;
        }
        let shared = Arc::clone(&self.shared);
        loop {
            // Made before the look, so a message that comes between look and wait still wakes.
            let published = shared.published.notified();
            if let Some(delivery) = self.deliver() {
                return Ok(delivery);
            }
            self.read_ahead().await?;
            if let Some(delivery) = self.deliver() {
                return Ok(delivery);
            }
            // Running out of time is the other reason to look again, not an error.
            drop(tokio::time::timeout(self.poll_interval, published).await);
        }
    }

    async fn ack(&mut self, partition: i32, offset: i64) -> Result<()> {
        check_partition(&self.topic, partition)?;
        let Some(active) = self.active.as_mut() else {
            return Ok(());
        };
        active.window.ack(offset);
        let watermark = active.window.watermark();
        if watermark > active.committed {
            let committed = self.shared.store.commit(&self.topic, &self.group, watermark).await;
            committed.map_err(|e| {
                let attempt = format!("commit offset {watermark} of {}", self.topic);
                Error::caused(attempt, e)
            })?;
            active.committed = watermark;
        }
        Ok(())
    }
}

impl From<Message> for QueueMessage {
    fn from(message: Message) -> Self {
        let Message { key, headers, payload, at } = message;
        let headers = headers.into_iter().map(|(name, value)| (name, stored::write(value)));
        Self { key: stored::write(key), headers: headers.collect(), payload, at }
    }
}

impl From<QueueMessage> for Message {
    fn from(message: QueueMessage) -> Self {
        let QueueMessage { key, headers, payload, at } = message;
        let headers = headers.into_iter().map(|(name, value)| (name, stored::read(value)));
        Self { key: stored::read(key), headers: headers.collect(), payload, at }
    }
}
