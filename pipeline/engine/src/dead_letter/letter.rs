//! A dead letter as it is read from its topic.

use scribed_bus::{Delivery, Message};
use scribed_schemas::id::JobId;
use scribed_schemas::time::Timestamp;

use super::{
    ATTEMPTS, DETAIL, FIRST_SEEN, ID, JOB, LAST_SEEN, OFFSET, PARTITION, REASON, TIMESTAMP, TOPIC,
};
use crate::clock::rfc3339;

/// A record of the topic of dead letters that is no settlement.
///
/// Whatever stands there is a letter, also what others wrote: nothing in the topic is out of sight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// The record.
    pub delivery: Delivery,
}

/// What tells one letter from another; a letter that a crash published twice has one name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name {
    /// The stable id.
    pub id: String,
    /// When the producer made the event, RFC 3339; empty for a job. A topic that was deleted and made
    /// again counts its offsets from 0 again, and its events have the ids of the earlier ones.
    pub timestamp: String,
}

/// What was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// An event of a topic.
    Event {
        /// Our name of the topic.
        topic: String,
        /// Its partition there.
        partition: Option<i32>,
        /// Its offset there.
        offset: Option<i64>,
    },
    /// A job.
    Job(JobId),
    /// The record does not say: it is not ours.
    Unknown,
}

impl Letter {
    /// Returns its name; a record that has none is named by its own place.
    pub fn name(&self) -> Name {
        let Delivery { topic, partition, offset, .. } = &self.delivery;
        let id = self.header(ID).map(str::to_owned);
        Name {
            id: id.unwrap_or_else(|| format!("{topic}:{partition}:{offset}")),
            timestamp: self.header(TIMESTAMP).unwrap_or_default().to_owned(),
        }
    }

    /// Returns what was given up.
    pub fn origin(&self) -> Origin {
        if let Some(job) = self.header(JOB).and_then(|id| id.parse().ok()) {
            return Origin::Job(job);
        }
        match self.header(TOPIC) {
            Some(topic) => Origin::Event {
                topic: topic.to_owned(),
                partition: self.header(PARTITION).and_then(|number| number.parse().ok()),
                offset: self.header(OFFSET).and_then(|number| number.parse().ok()),
            },
            None => Origin::Unknown,
        }
    }

    /// Returns the stable word for why; `unknown` when the record has none.
    pub fn reason(&self) -> &str {
        self.header(REASON).unwrap_or("unknown")
    }

    /// Returns the sentence for a person; empty when the record has none.
    pub fn detail(&self) -> &str {
        self.header(DETAIL).unwrap_or_default()
    }

    /// Returns how often it was tried; 0 when the record does not say.
    pub fn attempts(&self) -> u32 {
        self.header(ATTEMPTS).and_then(|count| count.parse().ok()).unwrap_or(0)
    }

    /// Returns when it was given up, RFC 3339.
    pub fn last_seen(&self) -> String {
        let said = self.header(LAST_SEEN).map(str::to_owned);
        said.unwrap_or_else(|| rfc3339(self.delivery.message.at))
    }

    /// Returns when it was given up for the first time, RFC 3339.
    pub fn first_seen(&self) -> String {
        self.header(FIRST_SEEN).map_or_else(|| self.last_seen(), str::to_owned)
    }

    /// Makes the message that goes back to the letter's topic: the event as it came, our headers with
    /// it, so that attempts are counted on.
    pub fn sent_back(&self, now: Timestamp) -> Message {
        // Not the time of the first sending, after which the topic would keep it for less long.
        Message { at: now, ..self.delivery.message.clone() }
    }

    /// Returns the value of the first header of a name, if it is text.
    fn header(&self, name: &str) -> Option<&str> {
        header(&self.delivery.message, name)
    }
}

/// Returns the value of the first header of a name, if it is text.
pub(super) fn header<'a>(message: &'a Message, name: &str) -> Option<&'a str> {
    let found = message.headers.iter().find(|(known, _)| known == name);
    found.and_then(|(_, value)| std::str::from_utf8(value).ok())
}

#[cfg(test)]
mod tests {
    use super::super::{Verdict, of_event, of_job};
    use super::*;

    const AT: Timestamp = Timestamp(1_767_225_600_000_000);

    fn verdict() -> Verdict<'static> {
        Verdict { reason: "malformed", detail: "it is no JSON", at: AT, host: "asr-1" }
    }

    fn delivered(message: Message) -> Letter {
        let topic = "scribed.dead-letters".to_owned();
        Letter { delivery: Delivery { topic, partition: 2, offset: 5, message } }
    }

    fn event() -> Delivery {
        let message = Message {
            key: vec![0xff],
            headers: vec![("trace".to_owned(), vec![0xfe])],
            payload: vec![0xff, 0],
            at: AT,
        };
        Delivery { topic: "scribed.uploads".to_owned(), partition: 3, offset: 70, message }
    }

    #[test]
    fn a_letter_says_what_stands_in_its_headers() {
        let letter = delivered(of_event(&event(), verdict()));
        let name = Name {
            id: "scribed.uploads:3:70".to_owned(),
            timestamp: "2026-01-01T00:00:00Z".to_owned(),
        };
        assert_eq!(letter.name(), name);
        let topic = "scribed.uploads".to_owned();
        let origin = Origin::Event { topic, partition: Some(3), offset: Some(70) };
        assert_eq!(letter.origin(), origin);
        assert_eq!((letter.reason(), letter.detail()), ("malformed", "it is no JSON"));
        assert_eq!((letter.attempts(), letter.last_seen()), (1, name.timestamp));
    }

    #[test]
    fn the_letter_of_a_job_names_it() {
        let message = Message { headers: of_job("77", 3, verdict()), ..event().message };
        let letter = delivered(message);
        assert_eq!(letter.origin(), Origin::Job(JobId(77)));
        assert_eq!((letter.name().id.as_str(), letter.attempts()), ("job:77:3", 3));
    }

    #[test]
    fn a_record_of_somebody_else_has_a_name_as_well() {
        let letter = delivered(event().message);
        assert_eq!(letter.name().id, "scribed.dead-letters:2:5");
        assert_eq!((letter.origin(), letter.reason()), (Origin::Unknown, "unknown"));
        assert_eq!(letter.last_seen(), "2026-01-01T00:00:00Z");
    }

    #[test]
    fn an_event_that_is_sent_back_and_given_up_again_counts_on() {
        let first = delivered(of_event(&event(), verdict()));
        let back = first.sent_back(Timestamp(AT.0 + 1));
        assert_eq!((&back.key, &back.payload), (&event().message.key, &event().message.payload));
        let again = Delivery { offset: 99, message: back, ..event() };
        let second = delivered(of_event(&again, verdict()));
        assert_eq!((second.attempts(), second.name().id.as_str()), (2, "scribed.uploads:3:99"));
        assert_eq!(second.first_seen(), first.first_seen());
    }
}
