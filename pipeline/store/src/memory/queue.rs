//! The embedded queue in memory.

use super::Tables;
use crate::store::QueueMessage;

impl Tables {
    /// Appends a message.
    pub(super) fn append(&mut self, topic: &str, message: QueueMessage) -> i64 {
        let messages = self.topics.entry(topic.to_owned()).or_default();
        messages.push(message);
        as_offset(messages.len() - 1)
    }

    /// Reads messages in order.
    pub(super) fn read(&self, topic: &str, from: i64, limit: u32) -> Vec<(i64, QueueMessage)> {
        let messages = self.topics.get(topic).map_or(&[][..], Vec::as_slice);
        let numbered = messages.iter().enumerate().map(|(i, message)| (as_offset(i), message));
        let rest = numbered.filter(|(offset, _)| *offset >= from).take(limit as usize);
        rest.map(|(offset, message)| (offset, message.clone())).collect()
    }

    /// Returns where a group reads next.
    pub(super) fn committed(&self, topic: &str, group: &str) -> i64 {
        let place = (topic.to_owned(), group.to_owned());
        self.groups.get(&place).copied().unwrap_or(0)
    }

    /// Moves where a group reads next, forwards only.
    pub(super) fn commit(&mut self, topic: &str, group: &str, next: i64) {
        let stored = self.groups.entry((topic.to_owned(), group.to_owned())).or_insert(0);
        *stored = next.max(*stored);
    }
}

/// Converts a position in memory to an offset.
fn as_offset(index: usize) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX)
}
