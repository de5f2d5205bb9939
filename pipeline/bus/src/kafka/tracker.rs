//! The tracker: what a member has of its partitions, from the fetch to the commit. Pure; no client.
//!
//! ```text
//!             arrived           next              ack                commits
//! librdkafka ────────► ahead ────────► open ────────────► watermark ────────► broker
//!            has_room: a few    at most the window         contiguous only
//! ```
//!
//! Each partition has a window of its own, so a job of hours in one partition holds nothing back in
//! another. Behind a full window a few deliveries wait here and some more in librdkafka, which then
//! fetches no more: nothing is ever paused, as a pause throws away what was fetched.

use std::collections::{BTreeMap, VecDeque};

use crate::window::Window;
use crate::{Delivery, Error, Result};

/// How much a member may have in hand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Deliveries of one partition that may be open.
    pub(super) window: usize,
    /// Deliveries of one partition that may wait behind the window.
    pub(super) ahead: usize,
    /// Bytes of one partition that may wait behind the window; one delivery may always.
    pub(super) ahead_bytes: usize,
}

/// What a member has of its partitions.
#[derive(Debug)]
pub(super) struct Tracker {
    limits: Limits,
    partitions: BTreeMap<i32, Partition>,
    /// Partitions that the topic is known to have.
    count: i32,
    /// The partition that delivered last; the next one has its turn.
    last: i32,
}

/// How much more of a partition may arrive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Room {
    deliveries: usize,
    bytes: usize,
    /// Nothing of it waits, so that one more may come however large it is.
    is_empty: bool,
}

impl Room {
    /// Returns whether one more may arrive.
    pub(super) const fn is_there(self) -> bool {
        self.is_empty || (self.deliveries > 0 && self.bytes > 0)
    }

    /// Notes one that has arrived.
    pub(super) fn take(&mut self, delivery: &Delivery) {
        self.deliveries = self.deliveries.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(size(delivery));
        self.is_empty = false;
    }
}

/// One partition of ours.
#[derive(Debug, Default)]
struct Partition {
    /// What is open; none before the first delivery, which tells where the group stands.
    window: Option<Window>,
    /// Fetched and not delivered, in order.
    ahead: VecDeque<Delivery>,
    ahead_bytes: usize,
    /// The offset after the last fetched one.
    fetched: i64,
    /// Where the last commit that was sent ends.
    sent: i64,
    /// Where the last commit that the broker confirmed ends.
    committed: i64,
}

impl Partition {
    fn watermark(&self) -> Option<i64> {
        self.window.as_ref().map(Window::watermark)
    }
}

impl Tracker {
    /// Makes a tracker of a topic that is known to have `count` partitions; none is ours yet.
    pub(super) fn new(limits: Limits, count: i32) -> Self {
        Self { limits, partitions: BTreeMap::new(), count, last: -1 }
    }

    /// Notes that a partition is ours from now on.
    pub(super) fn assign(&mut self, partition: i32) {
        self.count = self.count.max(partition.saturating_add(1));
        self.partitions.entry(partition).or_default();
    }

    /// Forgets a partition: what waits is dropped, what is open is somebody else's. Returns the
    /// watermark where it is past the last confirmed commit.
    pub(super) fn revoke(&mut self, partition: i32) -> Option<i64> {
        let lost = self.partitions.remove(&partition)?;
        lost.watermark().filter(|watermark| *watermark > lost.committed)
    }

    /// Returns all partitions that are ours.
    pub(super) fn assigned(&self) -> Vec<i32> {
        self.partitions.keys().copied().collect()
    }

    /// Takes what was fetched; what is not ours or came before is dropped.
    pub(super) fn arrived(&mut self, delivery: Delivery) {
        let Some(partition) = self.partitions.get_mut(&delivery.partition) else {
            return;
        };
        if delivery.offset < partition.fetched {
            return;
        }
        partition.fetched = delivery.offset + 1;
        partition.ahead_bytes += size(&delivery);
        partition.ahead.push_back(delivery);
    }

    /// Delivers from the next partition in turn that has something and room in its window.
    pub(super) fn next(&mut self) -> Option<Delivery> {
        let later = self.last.saturating_add(1);
        let turns = self.partitions.range(later..).chain(self.partitions.range(..later));
        let mut ready = turns.filter(|(_, partition)| {
            let has_room = partition.window.as_ref().is_none_or(|window| window.room() > 0);
            has_room && !partition.ahead.is_empty()
        });
        let number = *ready.next()?.0;
        let partition = self.partitions.get_mut(&number)?;
        let delivery = partition.ahead.pop_front()?;
        let window = partition.window.get_or_insert_with(|| {
            // The first delivery stands where the group stands: that much is committed.
            (partition.sent, partition.committed) = (delivery.offset, delivery.offset);
            Window::starting_at(delivery.offset, self.limits.window)
        });
        window.deliver(delivery.offset);
        partition.ahead_bytes -= size(&delivery);
        self.last = number;
        Some(delivery)
    }

    /// Notes an acknowledgement; one of what is not open changes nothing. Returns whether its
    /// partition has something to commit now.
    ///
    /// # Errors
    /// The topic has no such partition.
    pub(super) fn ack(&mut self, topic: &str, partition: i32, offset: i64) -> Result<bool> {
        if !(0..self.count).contains(&partition) {
            let known = self.count;
            return Err(Error::new(format!(
                "acknowledge partition {partition} of {topic}: it has {known}, numbered from 0"
            )));
        }
        let Some(ours) = self.partitions.get_mut(&partition) else { return Ok(false) };
        let Some(window) = &mut ours.window else { return Ok(false) };
        window.ack(offset);
        Ok(window.watermark() > ours.sent)
    }

    /// Returns whether a watermark has moved past what was sent.
    pub(super) fn has_commits(&self) -> bool {
        self.partitions.values().any(|p| p.watermark().is_some_and(|mark| mark > p.sent))
    }

    /// Takes the watermarks that have moved past what was sent, as sent.
    pub(super) fn take_commits(&mut self) -> Vec<(i32, i64)> {
        let mut commits = Vec::new();
        for (number, partition) in &mut self.partitions {
            if let Some(mark) = partition.watermark().filter(|mark| *mark > partition.sent) {
                partition.sent = mark;
                commits.push((*number, mark));
            }
        }
        commits
    }

    /// Notes that the broker confirmed a commit.
    pub(super) fn committed(&mut self, partition: i32, offset: i64) {
        if let Some(partition) = self.partitions.get_mut(&partition) {
            partition.committed = partition.committed.max(offset);
        }
    }

    /// Notes that what was sent and is not confirmed by now must be sent again.
    pub(super) fn commits_unconfirmed(&mut self) {
        for partition in self.partitions.values_mut() {
            partition.sent = partition.committed;
        }
    }

    /// Returns how much more of a partition may arrive.
    pub(super) fn room(&self, partition: i32) -> Room {
        let Limits { ahead, ahead_bytes, .. } = self.limits;
        let Some(partition) = self.partitions.get(&partition) else { return Room::default() };
        let deliveries = ahead.saturating_sub(partition.ahead.len());
        let bytes = ahead_bytes.saturating_sub(partition.ahead_bytes);
        Room { deliveries, bytes, is_empty: partition.ahead.is_empty() }
    }

    /// Returns whether so little of a partition waits that more should be asked for.
    pub(super) fn runs_low(&self, partition: i32) -> bool {
        let Limits { ahead, ahead_bytes, .. } = self.limits;
        self.partitions.get(&partition).is_some_and(|partition| {
            partition.ahead.len() <= ahead / 2 && partition.ahead_bytes <= ahead_bytes / 2
        })
    }
}

/// Returns about how many bytes a delivery takes in memory.
fn size(delivery: &Delivery) -> usize {
    let message = &delivery.message;
    let headers = message.headers.iter().map(|(name, value)| name.len() + value.len());
    size_of::<Delivery>() + message.key.len() + message.payload.len() + headers.sum::<usize>()
}

#[cfg(test)]
mod tests;
