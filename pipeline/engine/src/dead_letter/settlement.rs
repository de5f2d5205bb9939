//! Settlements: records in the topic of dead letters that say of one letter what was done about it.
//!
//! A settlement names its letter, and there may be several of one letter, which say the same to whoever
//! lists: it is done with. So neither their order nor the order of letter and settlement matters, and
//! they may stand in different partitions. Those of one letter share a key, so the first of them is the
//! same for every reader.

use scribed_bus::Message;
use scribed_schemas::time::Timestamp;

use super::TIMESTAMP;
use super::letter::{Name, header};
use crate::clock::rfc3339;

/// Id of the letter that the record settles; what has this header is a settlement.
pub const SETTLES: &str = "scribed.dlq.settles";
/// What was done: the word of an [`Action`].
pub const ACTION: &str = "scribed.dlq.action";
/// Who did it.
pub const BY: &str = "scribed.dlq.by";
/// When, RFC 3339.
pub const AT: &str = "scribed.dlq.at";
/// What came of it: `job:` and its number, or the topic to which an event went back.
pub const BECAME: &str = "scribed.dlq.became";

/// What can be done about a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The event went back to its topic, or the job's recording became another job.
    Retried,
    /// Nothing will be done.
    Dropped,
}

impl Action {
    /// Returns the stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Retried => "retried",
            Self::Dropped => "dropped",
        }
    }
}

/// Says that a letter is done with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// Which letter.
    pub letter: Name,
    /// What was done: the word of an [`Action`], or of a later version's.
    pub action: String,
    /// Who did it.
    pub by: String,
    /// When, RFC 3339.
    pub at: String,
    /// What came of it: `job:` and its number, or the topic to which an event went back; else empty.
    pub became: String,
}

impl Settlement {
    /// Makes a settlement of now.
    pub fn new(letter: Name, action: Action, by: &str, now: Timestamp) -> Self {
        Self {
            letter,
            action: action.as_str().to_owned(),
            by: by.to_owned(),
            at: rfc3339(now),
            became: String::new(),
        }
    }

    /// Makes the record.
    pub fn message(&self, now: Timestamp) -> Message {
        let headers = [
            (SETTLES, &self.letter.id),
            (TIMESTAMP, &self.letter.timestamp),
            (ACTION, &self.action),
            (BY, &self.by),
            (AT, &self.at),
            (BECAME, &self.became),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.clone().into_bytes()));
        let key = self.letter.id.clone().into_bytes();
        Message { key, headers: headers.into(), payload: Vec::new(), at: now }
    }

    /// Reads a record; none when it is no settlement.
    pub fn read(message: &Message) -> Option<Self> {
        let id = header(message, SETTLES)?.to_owned();
        let text = |name| header(message, name).unwrap_or_default().to_owned();
        Some(Self {
            letter: Name { id, timestamp: text(TIMESTAMP) },
            action: text(ACTION),
            by: text(BY),
            at: text(AT),
            became: text(BECAME),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_settlement_is_read_as_it_was_written() {
        let letter = Name {
            id: "scribed.uploads:3:70".to_owned(),
            timestamp: "2025-12-31T23:00:00Z".to_owned(),
        };
        let now = Timestamp(1_767_225_600_000_000);
        let settlement = Settlement {
            became: "scribed.uploads".to_owned(),
            ..Settlement::new(letter, Action::Retried, "maria@desk", now)
        };
        let message = settlement.message(now);
        assert_eq!(message.key, b"scribed.uploads:3:70");
        assert_eq!(Settlement::read(&message), Some(settlement));
    }

    #[test]
    fn what_names_no_letter_settles_nothing() {
        let at = Timestamp(0);
        let headers = vec![(ACTION.to_owned(), b"dropped".to_vec())];
        let message = Message { key: Vec::new(), headers, payload: Vec::new(), at };
        assert_eq!(Settlement::read(&message), None);
    }
}
