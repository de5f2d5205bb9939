//! The memory twin: the reference that every other bus is compared with.
//!
//! Topics are lists behind one mutex, each with the one partition 0.
//! Nothing survives the process, so it serves tests.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::Notify;

use crate::seat::{Seat, Seats};
use crate::window::Window;
use crate::{
    Browser, Bus, Config, Consumer, Delivery, Message, PARTITION, Result, check_partition,
};

/// A bus in memory.
#[derive(Debug, Default)]
pub struct MemoryBus {
    shared: Arc<Shared>,
    config: Config,
}

/// What the bus and its consumers share.
#[derive(Debug, Default)]
struct Shared {
    topics: Mutex<Topics>,
    published: Notify,
    seats: Seats,
}

/// All messages and how far each group has come.
#[derive(Debug, Default)]
struct Topics {
    messages: BTreeMap<String, Vec<Message>>,
    committed: BTreeMap<(String, String), i64>,
}

impl MemoryBus {
    /// Makes an empty bus with the default window.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes an empty bus.
    pub fn with_config(config: Config) -> Self {
        Self { shared: Arc::default(), config }
    }
}

impl Shared {
    /// Returns the topics; a panic elsewhere cannot have left them half changed.
    fn topics(&self) -> MutexGuard<'_, Topics> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Bus for MemoryBus {
    async fn publish(&self, topic: &str, message: Message) -> Result<()> {
        self.shared.topics().messages.entry(topic.to_owned()).or_default().push(message);
        self.shared.published.notify_waiters();
        Ok(())
    }

    async fn subscribe(&self, topic: &str, group: &str) -> Result<Box<dyn Consumer>> {
        Ok(Box::new(MemoryConsumer {
            shared: Arc::clone(&self.shared),
            place: (topic.to_owned(), group.to_owned()),
            limit: self.config.window(),
            active: None,
        }))
    }

    async fn browse(&self, topic: &str) -> Result<Box<dyn Browser>> {
        let end = self.shared.topics().messages.get(topic).map_or(0, Vec::len);
        let (shared, topic) = (Arc::clone(&self.shared), topic.to_owned());
        Ok(Box::new(MemoryBrowser { shared, topic, next: 0, end }))
    }
}

/// Reads a topic once.
#[derive(Debug)]
struct MemoryBrowser {
    shared: Arc<Shared>,
    topic: String,
    /// Offset that is read next.
    next: usize,
    /// The first offset that is not read.
    end: usize,
}

#[async_trait]
impl Browser for MemoryBrowser {
    async fn next(&mut self) -> Result<Option<Delivery>> {
        if self.next == self.end {
            return Ok(None);
        }
        let topics = self.shared.topics();
        let message = topics.messages.get(&self.topic).and_then(|all| all.get(self.next)).cloned();
        let (topic, offset) = (self.topic.clone(), i64::try_from(self.next).unwrap_or(i64::MAX));
        self.next += 1;
        Ok(message.map(|message| Delivery { topic, partition: PARTITION, offset, message }))
    }
}

/// A member of a group.
#[derive(Debug)]
struct MemoryConsumer {
    shared: Arc<Shared>,
    /// Topic and group.
    place: (String, String),
    /// Most deliveries that may be open.
    limit: usize,
    /// The seat and what is in flight; none until the first call of `next` got the seat.
    active: Option<(Seat, Window)>,
}

impl MemoryConsumer {
    /// Waits for the seat, then starts at the committed offset.
    async fn window(&mut self) -> Result<&mut Window> {
        if self.active.is_none() {
            let seat = self.shared.seats.take(&self.place.0, &self.place.1).await?;
            let committed = self.shared.topics().committed.get(&self.place).copied().unwrap_or(0);
            self.active = Some((seat, Window::starting_at(committed, self.limit)));
        }
        match &mut self.active {
            Some((_, window)) => Ok(window),
            None => std::future::pending().await,
        }
    }
}

#[async_trait]
impl Consumer for MemoryConsumer {
    async fn next(&mut self) -> Result<Delivery> {
        let (shared, topic) = (Arc::clone(&self.shared), self.place.0.clone());
        let window = self.window().await?;
        if window.room() == 0 {
            // Only `ack` makes room, and it needs this very consumer: the caller drops this call
            // first.
            return std::future::pending().await;
        }
        loop {
            // Made before the look, so a message that comes between look and wait still wakes.
            let published = shared.published.notified();
            let offset = window.next();
            let found = usize::try_from(offset).ok().and_then(|index| {
                shared.topics().messages.get(&topic).and_then(|m| m.get(index).cloned())
            });
            if let Some(message) = found {
                window.deliver(offset);
                return Ok(Delivery { topic, partition: PARTITION, offset, message });
            }
            published.await;
        }
    }

    async fn ack(&mut self, partition: i32, offset: i64) -> Result<()> {
        check_partition(&self.place.0, partition)?;
        if let Some((_, window)) = &mut self.active {
            window.ack(offset);
            let mut topics = self.shared.topics();
            topics.committed.insert(self.place.clone(), window.watermark());
        }
        Ok(())
    }
}
