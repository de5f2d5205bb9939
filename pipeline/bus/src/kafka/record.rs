//! From records of Kafka to messages and back.
//!
//! Null and empty are one here: a record without key, payload or header value arrives with an empty
//! one, and an empty key is published as none. A header without UTF-8 in its name is left out.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rdkafka::Message as _;
use rdkafka::message::{BorrowedHeaders, BorrowedMessage, Header, Headers as _, OwnedHeaders};
use scribed_schemas::time::Timestamp;

use crate::{Delivery, Message};

/// Microseconds in a millisecond: ours is the former, Kafka's the latter.
const MICROS: i64 = 1_000;

/// Copies a record out of the client's memory, as a delivery of the topic that we call `topic`.
pub(super) fn delivery(topic: &str, record: &BorrowedMessage<'_>) -> Delivery {
    let (partition, offset) = (record.partition(), record.offset());
    let millis = record.timestamp().to_millis().unwrap_or(0);
    let message = Message {
        key: record.key().unwrap_or_default().to_vec(),
        headers: record.headers().map(|h| headers(h, partition, offset)).unwrap_or_default(),
        payload: record.payload().unwrap_or_default().to_vec(),
        at: Timestamp(millis.saturating_mul(MICROS)),
    };
    Delivery { topic: topic.to_owned(), partition, offset, message }
}

fn headers(headers: &BorrowedHeaders, partition: i32, offset: i64) -> Vec<(String, Vec<u8>)> {
    let one = |index| {
        // rdkafka panics at a name that is not UTF-8, which any producer can write; in the polling
        // thread that would end the membership, at every restart again.
        let read = catch_unwind(AssertUnwindSafe(|| {
            let header = headers.try_get(index)?;
            Some((header.key.to_owned(), header.value.unwrap_or_default().to_vec()))
        }));
        read.unwrap_or_else(|_| {
            tracing::warn!(partition, offset, index, "left out a header whose name is not UTF-8");
            None
        })
    };
    (0..headers.count()).filter_map(one).collect()
}

/// Returns the headers of a message for the client.
pub(super) fn owned_headers(message: &Message) -> OwnedHeaders {
    let headers = OwnedHeaders::new_with_capacity(message.headers.len());
    message
        .headers
        .iter()
        .fold(headers, |headers, (key, value)| headers.insert(Header { key, value: Some(value) }))
}

/// Returns the time of a message for the client, in milliseconds.
pub(super) fn millis(message: &Message) -> i64 {
    message.at.0.div_euclid(MICROS)
}
