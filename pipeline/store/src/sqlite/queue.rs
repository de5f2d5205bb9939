//! The embedded queue in tables.

use rusqlite::{Connection, OptionalExtension};
use scribed_schemas::time::Timestamp;

use super::failure::Failure;
use super::row::Json;
use crate::store::QueueMessage;

/// Appends a message; the writer is alone, so the next offset is free.
pub(super) fn append(db: &Connection, topic: &str, message: &QueueMessage) -> Result<i64, Failure> {
    let next = "SELECT coalesce(max(position) + 1, 0) FROM messages WHERE topic = ?1";
    let offset: i64 = db.prepare_cached(next)?.query_row([topic], |row| row.get(0))?;
    db.prepare_cached(
        "INSERT INTO messages (topic, position, key, headers, payload, at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute((
        topic,
        offset,
        &message.key,
        Json(&message.headers),
        &message.payload,
        message.at.0,
    ))?;
    Ok(offset)
}

/// Reads messages in order.
pub(super) fn read(
    db: &Connection,
    topic: &str,
    from: i64,
    limit: u32,
) -> Result<Vec<(i64, QueueMessage)>, Failure> {
    let mut statement = db.prepare_cached(
        "SELECT position, key, headers, payload, at FROM messages
         WHERE topic = ?1 AND position >= ?2 ORDER BY position LIMIT ?3",
    )?;
    let found = statement.query_map((topic, from, limit), |row| {
        let message = QueueMessage {
            key: row.get(1)?,
            headers: row.get::<_, Json<_>>(2)?.0,
            payload: row.get(3)?,
            at: Timestamp(row.get(4)?),
        };
        Ok((row.get(0)?, message))
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Returns where a group reads next.
pub(super) fn committed(db: &Connection, topic: &str, group: &str) -> Result<i64, Failure> {
    let query = "SELECT position FROM consumer_groups WHERE topic = ?1 AND name = ?2";
    let found = db.prepare_cached(query)?.query_row((topic, group), |row| row.get(0));
    Ok(found.optional()?.unwrap_or(0))
}

/// Moves where a group reads next, forwards only.
pub(super) fn commit(db: &Connection, topic: &str, group: &str, next: i64) -> Result<(), Failure> {
    db.prepare_cached(
        "INSERT INTO consumer_groups (topic, name, position) VALUES (?1, ?2, max(?3, 0))
         ON CONFLICT (topic, name) DO UPDATE SET position = excluded.position
         WHERE excluded.position > position",
    )?
    .execute((topic, group, next))?;
    Ok(())
}
