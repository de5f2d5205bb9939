//! How dead letters are shown.
//!
//! What they say may come from anybody, so nothing of it reaches a terminal as a command.

use scribed_engine::dead_letter::{Letter, Origin, Settlement};
use scribed_schemas::id::JobId;
use serde::Serialize;

use super::book::Page;
use crate::output;

/// Most characters of a detail in a table.
const DETAIL: usize = 80;
/// Most bytes of a payload that are shown as text.
const PAYLOAD: usize = 4_096;

/// A letter as it is listed.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    id: String,
    when: String,
    first_seen: String,
    reason: String,
    detail: String,
    attempts: u32,
    /// Where the event came from; absent for a job.
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    partition: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<i64>,
    /// The job that was given up; absent for an event.
    #[serde(skip_serializing_if = "Option::is_none")]
    job: Option<JobId>,
    /// Bytes of the payload.
    size: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    settled: Option<Settled>,
}

/// What was done about a letter.
#[derive(Debug, Serialize)]
struct Settled {
    action: String,
    by: String,
    at: String,
    became: String,
}

/// A letter with all that it has.
#[derive(Debug, Serialize)]
pub(super) struct Whole {
    #[serde(flatten)]
    row: Row,
    key: Bytes,
    headers: Vec<Header>,
    payload: Bytes,
}

#[derive(Debug, Serialize)]
struct Header {
    name: String,
    value: Bytes,
}

/// Bytes: a text where they are one, else their hexadecimal digits in an object.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Bytes {
    Text(String),
    Other { hex: String },
}

impl Bytes {
    fn of(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Other { hex: hex::encode(bytes) },
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Text(text) => plain(text),
            Self::Other { hex } => format!("0x{hex}"),
        }
    }
}

impl Row {
    /// Takes what is listed out of a letter.
    pub(super) fn of(letter: &Letter, settlement: Option<&Settlement>) -> Self {
        let (topic, partition, offset, job) = match letter.origin() {
            Origin::Event { topic, partition, offset } => (Some(topic), partition, offset, None),
            Origin::Job(job) => (None, None, None, Some(job)),
            Origin::Unknown => (None, None, None, None),
        };
        Self {
            id: letter.name().id,
            when: letter.last_seen(),
            first_seen: letter.first_seen(),
            reason: letter.reason().to_owned(),
            detail: letter.detail().to_owned(),
            attempts: letter.attempts(),
            topic,
            partition,
            offset,
            job,
            size: letter.delivery.message.payload.len(),
            settled: settlement.map(|settlement| Settled {
                action: settlement.action.clone(),
                by: settlement.by.clone(),
                at: settlement.at.clone(),
                became: settlement.became.clone(),
            }),
        }
    }

    /// Says where it came from.
    fn origin(&self) -> String {
        let number = |number: Option<i64>| number.map_or_else(|| "?".to_owned(), |n| n.to_string());
        match (&self.topic, self.job) {
            (_, Some(job)) => format!("job {job}"),
            (Some(topic), None) => {
                let partition = number(self.partition.map(i64::from));
                format!("{topic} {partition}/{}", number(self.offset))
            }
            (None, None) => "?".to_owned(),
        }
    }

    /// Says what was done about it.
    fn fate(&self) -> String {
        self.settled.as_ref().map_or_else(String::new, |Settled { action, by, at, became }| {
            let became = if became.is_empty() { String::new() } else { format!(" as {became}") };
            format!("{action}{became} by {by} at {at}")
        })
    }
}

/// Prints a page as a table, and how much more there is.
pub(super) fn list(page: &Page) {
    let row = |row: &Row| {
        let about = if row.settled.is_some() { row.fate() } else { shortened(&row.detail) };
        let origin = row.origin();
        [&row.id, &row.when, &row.reason, &row.attempts.to_string(), &origin, &about]
            .map(|text| plain(text))
    };
    let rows: Vec<_> = page.rows.iter().map(row).collect();
    output::table(["ID", "WHEN", "REASON", "ATTEMPTS", "FROM", "DETAIL"], &rows);
    let last = page.skipped + page.rows.len();
    if page.rows.len() < page.total {
        output::note(format!(
            "{} to {last} of {}; --skip {last} shows what is older",
            page.skipped + usize::from(!page.rows.is_empty()),
            page.total
        ));
    }
}

/// Returns a letter for programs.
pub(super) fn whole(letter: &Letter, settlement: Option<&Settlement>) -> Whole {
    let message = &letter.delivery.message;
    let header =
        |(name, value): &(String, Vec<u8>)| Header { name: name.clone(), value: Bytes::of(value) };
    Whole {
        row: Row::of(letter, settlement),
        key: Bytes::of(&message.key),
        headers: message.headers.iter().map(header).collect(),
        payload: Bytes::of(&message.payload),
    }
}

/// Prints a letter for a person.
pub(super) fn show(letter: &Letter, settlement: Option<&Settlement>) {
    let Whole { row, key, headers, .. } = whole(letter, settlement);
    let field = |name: &str, value: &str| output::line(format!("{name:9} {}", plain(value)));
    field("letter", &row.id);
    field("reason", &row.reason);
    field("detail", &row.detail);
    field("from", &row.origin());
    field("attempts", &row.attempts.to_string());
    field("first", &row.first_seen);
    field("last", &row.when);
    if row.settled.is_some() {
        field("settled", &row.fate());
    }
    field("key", &key.shown());
    for Header { name, value } in &headers {
        output::line(format!("header    {}: {}", plain(name), value.shown()));
    }
    let payload = &letter.delivery.message.payload;
    field("payload", &format!("{} bytes; --raw writes them as they are", payload.len()));
    let text = String::from_utf8_lossy(&payload[..payload.len().min(PAYLOAD)]);
    output::line(plain(&text));
}

/// Returns a text that does nothing to a terminal: control characters become a mark.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= DETAIL {
        return text.to_owned();
    }
    text.chars().take(DETAIL - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_shown_commands_a_terminal() {
        assert_eq!(plain("a\u{1b}[2Jb\nc"), "a\u{fffd}[2Jb\u{fffd}c");
        assert_eq!(Bytes::of(b"\x1b]0;x\x07").shown(), "\u{fffd}]0;x\u{fffd}");
        assert_eq!(Bytes::of(&[0xff, 1]).shown(), "0xff01");
    }

    #[test]
    fn a_long_detail_is_cut_in_a_table() {
        assert_eq!(shortened("short"), "short");
        assert_eq!(shortened(&"ü".repeat(200)).chars().count(), DETAIL);
    }
}
