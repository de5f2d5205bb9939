//! Dead letters: what was given up, as it came, with the reason in headers of its own.
//!
//! Key, payload and headers of a buried event are those of its producer, unchanged; ours begin with
//! [`PREFIX`]. Who sends a letter back to its topic leaves them in place: should it come here again,
//! its attempts are counted on and its first day is kept.
//!
//! [`Letter`] reads one from the topic, and [`Settlement`] says there that one needs no more attention:
//! records of Kafka cannot be deleted singly.

use scribed_bus::{Delivery, Message};
use scribed_schemas::time::Timestamp;

use crate::clock::rfc3339;

mod letter;
pub mod settlement;

pub use letter::{Letter, Name, Origin};
pub use settlement::{Action, Settlement};

/// Begins the names of our headers.
pub const PREFIX: &str = "scribed.dlq.";
/// Stable id of the letter: a crash may publish it twice, with the same one.
pub const ID: &str = "scribed.dlq.id";
/// Stable word for why.
pub const REASON: &str = "scribed.dlq.reason";
/// One sentence for a person, at most [`LONGEST_DETAIL`] bytes.
pub const DETAIL: &str = "scribed.dlq.detail";
/// Topic that the event came from.
pub const TOPIC: &str = "scribed.dlq.topic";
/// Its partition.
pub const PARTITION: &str = "scribed.dlq.partition";
/// Its offset.
pub const OFFSET: &str = "scribed.dlq.offset";
/// When its producer made it, RFC 3339.
pub const TIMESTAMP: &str = "scribed.dlq.timestamp";
/// How often it was tried, this time included.
pub const ATTEMPTS: &str = "scribed.dlq.attempts";
/// When it was given up for the first time, RFC 3339.
pub const FIRST_SEEN: &str = "scribed.dlq.first-seen";
/// When it was given up this time, RFC 3339.
pub const LAST_SEEN: &str = "scribed.dlq.last-seen";
/// Who gave it up.
pub const HOST: &str = "scribed.dlq.host";
/// The version of who gave it up.
pub const VERSION: &str = "scribed.dlq.version";
/// The job that was given up.
pub const JOB: &str = "scribed.dlq.job";

/// Longest detail, in bytes; brokers limit what a record may take, and the payload is to fit.
pub const LONGEST_DETAIL: usize = 1_024;

/// Headers as messages carry them.
pub(crate) type Headers = Vec<(String, Vec<u8>)>;

/// Why something is given up, and by whom.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Verdict<'a> {
    /// Stable word.
    pub(crate) reason: &'a str,
    /// One sentence for a person.
    pub(crate) detail: &'a str,
    /// Now.
    pub(crate) at: Timestamp,
    /// Who says so.
    pub(crate) host: &'a str,
}

/// Makes the letter of an event that cannot become a job.
pub(crate) fn of_event(delivery: &Delivery, verdict: Verdict<'_>) -> Message {
    let Delivery { topic, partition, offset, message } = delivery;
    let ours = |name: &str| name.starts_with(PREFIX);
    let earlier = |name: &str| {
        let found = message.headers.iter().find(|(header, _)| header == name);
        found.and_then(|(_, value)| std::str::from_utf8(value).ok())
    };
    let attempts = earlier(ATTEMPTS).and_then(|count| count.parse().ok()).unwrap_or(0_u32);
    let now = rfc3339(verdict.at);
    let first = earlier(FIRST_SEEN).map_or_else(|| now.clone(), str::to_owned);
    let kept = message.headers.iter().filter(|(name, _)| !ours(name)).cloned();
    let about = [
        (ID, format!("{topic}:{partition}:{offset}")),
        (TOPIC, topic.clone()),
        (PARTITION, partition.to_string()),
        (OFFSET, offset.to_string()),
        (TIMESTAMP, rfc3339(message.at)),
        (ATTEMPTS, attempts.saturating_add(1).to_string()),
        (FIRST_SEEN, first),
    ];
    let headers = kept.chain(headers(about)).chain(common(verdict)).collect();
    Message { headers, at: verdict.at, ..message.clone() }
}

/// Makes the headers of the letter of a job whose attempts are used up.
pub(crate) fn of_job(job: &str, attempts: u32, verdict: Verdict<'_>) -> Headers {
    let about = [
        // A job that is worked again after its letter used up other attempts.
        (ID, format!("job:{job}:{attempts}")),
        (JOB, job.to_owned()),
        (ATTEMPTS, attempts.to_string()),
        (FIRST_SEEN, rfc3339(verdict.at)),
    ];
    headers(about).chain(common(verdict)).collect()
}

fn common(verdict: Verdict<'_>) -> impl Iterator<Item = (String, Vec<u8>)> {
    headers([
        (REASON, verdict.reason.to_owned()),
        (DETAIL, shortened(verdict.detail)),
        (LAST_SEEN, rfc3339(verdict.at)),
        (HOST, verdict.host.to_owned()),
        (VERSION, env!("CARGO_PKG_VERSION").to_owned()),
    ])
}

fn headers<const N: usize>(
    texts: [(&'static str, String); N],
) -> impl Iterator<Item = (String, Vec<u8>)> {
    texts.into_iter().map(|(name, value)| (name.to_owned(), value.into_bytes()))
}

/// Cuts a detail to its limit, between characters.
fn shortened(detail: &str) -> String {
    let fits = |end: &usize| detail.is_char_boundary(*end);
    let end = (0..=detail.len().min(LONGEST_DETAIL)).rev().find(fits).unwrap_or(0);
    detail[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp(1_767_225_600_000_000);

    fn verdict(detail: &str) -> Verdict<'_> {
        Verdict { reason: "malformed", detail, at: AT, host: "asr-1" }
    }

    fn header<'a>(message: &'a Message, name: &str) -> &'a str {
        let mut found = message.headers.iter().filter(|(header, _)| header == name);
        let value = found.next().map_or(&b""[..], |(_, value)| value);
        assert!(found.next().is_none(), "{name} stands there once");
        std::str::from_utf8(value).unwrap()
    }

    fn delivery() -> Delivery {
        let message = Message {
            key: vec![0xff, 1],
            headers: vec![("trace".to_owned(), vec![0xfe]), ("trace".to_owned(), vec![])],
            payload: vec![0xff, 0, 7],
            at: Timestamp(AT.0 - 3_600_000_000),
        };
        Delivery { topic: "scribed.uploads".to_owned(), partition: 3, offset: 70, message }
    }

    #[test]
    fn a_letter_is_the_event_as_it_came_and_says_why() {
        let event = delivery();
        let letter = of_event(&event, verdict("expected value at line 1"));
        assert_eq!((&letter.key, &letter.payload), (&event.message.key, &event.message.payload));
        assert_eq!(letter.headers[..2], event.message.headers);
        for (name, value) in [
            (ID, "scribed.uploads:3:70"),
            (REASON, "malformed"),
            (DETAIL, "expected value at line 1"),
            (TOPIC, "scribed.uploads"),
            (PARTITION, "3"),
            (OFFSET, "70"),
            (TIMESTAMP, "2025-12-31T23:00:00Z"),
            (ATTEMPTS, "1"),
            (FIRST_SEEN, "2026-01-01T00:00:00Z"),
            (LAST_SEEN, "2026-01-01T00:00:00Z"),
            (HOST, "asr-1"),
            (VERSION, env!("CARGO_PKG_VERSION")),
        ] {
            assert_eq!(header(&letter, name), value, "{name}");
        }
    }

    #[test]
    fn a_letter_that_comes_back_counts_on() {
        let mut event = delivery();
        event.message = of_event(&event, verdict("first"));
        event.offset = 99;
        let again =
            of_event(&event, Verdict { at: Timestamp(AT.0 + 1_000_000), ..verdict("second") });
        assert_eq!(header(&again, ATTEMPTS), "2");
        assert_eq!(header(&again, ID), "scribed.uploads:3:99");
        assert_eq!(header(&again, DETAIL), "second");
        assert_eq!(header(&again, FIRST_SEEN), "2026-01-01T00:00:00Z");
        assert_eq!(header(&again, LAST_SEEN), "2026-01-01T00:00:01Z");
    }

    #[test]
    fn a_long_detail_is_cut_between_characters() {
        let letter = of_event(&delivery(), verdict(&"ü€".repeat(600)));
        let detail = header(&letter, DETAIL);
        assert!(detail.len() <= LONGEST_DETAIL && detail.len() > LONGEST_DETAIL - 4);
    }
}
