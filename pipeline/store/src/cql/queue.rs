//! The queue: messages in blocks, each written where the one before it stands.
//!
//! An offset is free when its row is not there, and it is only tried once the one before it was seen,
//! so offsets have no gaps whoever else appends.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use scribed_schemas::time::Timestamp;
use uuid::Uuid;

use super::CqlStore;
use super::failure::Failure;
use super::race::Race;
use super::row::{from_json, to_json};
use crate::store::QueueMessage;

/// Messages of a block, which is a partition. Changing it needs a migration.
const BLOCK: i64 = 1_000;

/// Where this host appended last, by topic: where it tries first.
#[derive(Debug, Default)]
pub(super) struct Tails(Mutex<HashMap<String, i64>>);

impl Tails {
    fn get(&self, topic: &str) -> Option<i64> {
        self.tails().get(topic).copied()
    }

    fn put(&self, topic: &str, next: i64) {
        let mut tails = self.tails();
        let tail = tails.entry(topic.to_owned()).or_insert(next);
        *tail = next.max(*tail);
    }

    fn tails(&self) -> MutexGuard<'_, HashMap<String, i64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CqlStore {
    /// Appends a message and returns its offset.
    pub(super) async fn append_message(
        &self,
        topic: &str,
        message: &QueueMessage,
    ) -> Result<i64, Failure> {
        let _seat = self.seats.take("messages", topic).await;
        let say = &self.db.say;
        let headers = to_json(&message.headers)?;
        let mut next = match self.tails.get(topic) {
            Some(next) => next,
            None => self.find_tail(topic).await?,
        };
        let mut race = Race::begin();
        loop {
            let block = next / BLOCK;
            if next % BLOCK == 0 {
                self.db.write(&say.add_block, (topic, block)).await?;
            }
            let values = (
                topic,
                block,
                next,
                &message.key,
                &headers,
                &message.payload,
                message.at.0,
                race.op,
            );
            match self.db.change(&say.append, values).await {
                Ok(true) => break,
                Ok(false) => {
                    let op: Option<(Uuid,)> =
                        self.db.row(&say.message_op, (topic, block, next)).await?;
                    if op == Some((race.op,)) {
                        break;
                    }
                    race.lost().await?;
                    next = self.find_tail(topic).await?.max(next + 1);
                }
                Err(failure) => race.silent(failure).await?,
            }
        }
        self.tails.put(topic, next + 1);
        Ok(next)
    }

    /// Returns the offset after the last message.
    async fn find_tail(&self, topic: &str) -> Result<i64, Failure> {
        let say = &self.db.say;
        let block: Option<(i64,)> = self.db.row(&say.last_block, (topic,)).await?;
        let Some((block,)) = block else {
            return Ok(0);
        };
        let last: Option<(i64,)> = self.db.row(&say.last_message, (topic, block)).await?;
        // A block is known before its first message is there; the one before it is full then.
        Ok(last.map_or(block * BLOCK, |(last,)| last + 1))
    }

    /// Reads messages in order.
    pub(super) async fn read_messages(
        &self,
        topic: &str,
        from: i64,
        limit: u32,
    ) -> Result<Vec<(i64, QueueMessage)>, Failure> {
        let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut messages = Vec::new();
        let mut next = from.max(0);
        while messages.len() < wanted {
            let most = i32::try_from(wanted - messages.len()).unwrap_or(i32::MAX);
            let block = next / BLOCK;
            let before = messages.len();
            let values = (topic, block, next, most);
            let take = |row: (i64, String, String, Vec<u8>, i64)| {
                // A message that is on its way hides those behind it, else it would be passed over.
                let follows = row.0 == next;
                if follows {
                    next += 1;
                    messages.push(row);
                }
                follows
            };
            self.db.while_wanted(&self.db.say.messages, values, take).await?;
            if messages.len() == before || next / BLOCK == block {
                break;
            }
        }
        messages.into_iter().map(message).collect()
    }

    /// Returns where a group reads next.
    pub(super) async fn group_position(&self, topic: &str, group: &str) -> Result<i64, Failure> {
        let found: Option<(i64,)> = self.db.row(&self.db.say.group, (topic, group)).await?;
        Ok(found.map_or(0, |(position,)| position))
    }

    /// Moves where a group reads next, forwards only.
    pub(super) async fn move_group(
        &self,
        topic: &str,
        group: &str,
        next: i64,
    ) -> Result<(), Failure> {
        if next <= 0 {
            return Ok(());
        }
        let _seat = self.seats.take("consumer_groups", (topic, group)).await;
        let say = &self.db.say;
        let mut race = Race::begin();
        loop {
            // No token is needed: positions only grow, so it does not matter who moved them.
            let statement = if race.is_uncertain() { &say.group_agreed } else { &say.group };
            let found: Option<(i64,)> = self.db.row(statement, (topic, group)).await?;
            let answer = match found {
                Some((position,)) if position >= next => return Ok(()),
                Some((position,)) => {
                    self.db.change(&say.next_commit, (next, topic, group, position)).await
                }
                None => self.db.change(&say.first_commit, (topic, group, next)).await,
            };
            if race.settled(answer).await? {
                return Ok(());
            }
        }
    }
}

/// Makes a message of its row.
fn message(
    (position, key, headers, payload, at): (i64, String, String, Vec<u8>, i64),
) -> Result<(i64, QueueMessage), Failure> {
    let headers = from_json(&headers)?;
    Ok((position, QueueMessage { key, headers, payload, at: Timestamp(at) }))
}
