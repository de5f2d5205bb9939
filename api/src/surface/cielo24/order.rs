//! Orders: how well and how soon a job is to be done.
//!
//! Here a machine does every job, as well and as soon as it can. What was ordered is kept and shown, and
//! the urgent is done before the other.

use scribed_schemas::job;

use super::error::{Answer, Error};
use super::params::Params;

/// Longest turnaround that is taken, in hours: a year.
const LONGEST_HOURS: u32 = 366 * 24;

/// How well: the vendor's words, whoever does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fidelity {
    Mechanical,
    Premium,
    Professional,
}

impl Fidelity {
    /// The words by which it is ordered, and those by which job infos call it.
    pub(super) const WORDS: [(&str, Self); 5] = [
        ("MECHANICAL", Self::Mechanical),
        ("PREMIUM", Self::Premium),
        ("PROFESSIONAL", Self::Professional),
        ("STANDARD", Self::Premium),
        ("HIGH", Self::Professional),
    ];

    /// Returns the word by which it is ordered.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Mechanical => "MECHANICAL",
            Self::Premium => "PREMIUM",
            Self::Professional => "PROFESSIONAL",
        }
    }

    /// Returns the word by which job infos call it.
    ///
    /// Of the second the vendor's page says `STANDARD`, which its generated client refuses.
    pub(super) const fn shown(self) -> &'static str {
        match self {
            Self::Mechanical => "MECHANICAL",
            Self::Premium => "PREMIUM",
            Self::Professional => "HIGH",
        }
    }

    /// Finds the fidelity of a word.
    pub(super) fn parse(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, fidelity)| *fidelity)
    }
}

/// How soon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Priority(pub(super) job::Priority);

impl Priority {
    /// Its words; the first and the last are those of the vendor's oldest client.
    pub(super) const WORDS: [(&str, Self); 4] = [
        ("ECONOMY", Self(job::Priority::Standard)),
        ("STANDARD", Self(job::Priority::Standard)),
        ("PRIORITY", Self(job::Priority::Priority)),
        ("CRITICAL", Self(job::Priority::Priority)),
    ];

    /// Returns the word by which job infos call it.
    pub(super) const fn shown(self) -> &'static str {
        match self.0 {
            job::Priority::Standard => "STANDARD",
            job::Priority::Priority => "PRIORITY",
        }
    }

    /// Returns the hours that it takes unless others are asked for.
    pub(super) const fn hours(self) -> u32 {
        match self.0 {
            job::Priority::Standard => 48,
            job::Priority::Priority => 24,
        }
    }
}

/// What an order says of both.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) fidelity: Fidelity,
    pub(super) priority: Priority,
    /// The hours that it asks for.
    pub(super) turnaround_hours: Option<u32>,
}

impl Order {
    /// Reads an order; `priority` is for one that names none.
    ///
    /// As at the vendor's, asking for fewer hours than the priority takes raises it silently.
    pub(super) fn read(params: &Params, priority: Option<Priority>) -> Answer<Self> {
        let fidelity = params.choice("transcription_fidelity", &Fidelity::WORDS)?;
        let fidelity = fidelity.ok_or_else(|| Error::missing("transcription_fidelity"))?;
        let priority = params.choice("priority", &Priority::WORDS)?.or(priority);
        let priority = priority.ok_or_else(|| Error::missing("priority"))?;
        let turnaround_hours = params.number("turnaround_hours")?;
        if turnaround_hours.is_some_and(|hours| !(1..=LONGEST_HOURS).contains(&hours)) {
            let comment = format!("turnaround_hours must be from 1 to {LONGEST_HOURS}.");
            return Err(Error::query(comment));
        }
        let sooner = turnaround_hours.is_some_and(|hours| hours < priority.hours());
        let priority = if sooner { Priority(job::Priority::Priority) } else { priority };
        Ok(Self { fidelity, priority, turnaround_hours })
    }
}

#[cfg(test)]
mod tests {
    use crate::validate::Query;

    use super::*;

    fn read(query: &str) -> Answer<Order> {
        Order::read(&Params::of_query(Query::parse(query)), None)
    }

    #[test]
    fn an_order_is_read_in_the_words_of_all_clients() {
        for (query, fidelity, priority) in [
            ("transcription_fidelity=MECHANICAL&priority=STANDARD", "MECHANICAL", "STANDARD"),
            ("transcription_fidelity=PREMIUM&priority=ECONOMY", "PREMIUM", "STANDARD"),
            ("transcription_fidelity=STANDARD&priority=PRIORITY", "PREMIUM", "PRIORITY"),
            ("transcription_fidelity=PROFESSIONAL&priority=CRITICAL", "HIGH", "PRIORITY"),
        ] {
            let order = read(query).unwrap();
            assert_eq!((order.fidelity.shown(), order.priority.shown()), (fidelity, priority));
        }
        for wrong in ["x&priority=STANDARD", "PREMIUM&priority=soon", "premium&priority=STANDARD"] {
            assert!(read(&format!("transcription_fidelity={wrong}")).is_err(), "{wrong}");
        }
    }

    #[test]
    fn asking_for_fewer_hours_raises_the_priority() {
        let priority = |rest: &str| {
            let query = format!("transcription_fidelity=MECHANICAL&priority={rest}");
            read(&query).map(|order| order.priority.shown())
        };
        assert_eq!(priority("STANDARD&turnaround_hours=48"), Ok("STANDARD"));
        assert_eq!(priority("STANDARD&turnaround_hours=47"), Ok("PRIORITY"));
        assert_eq!(priority("PRIORITY&turnaround_hours=100"), Ok("PRIORITY"));
        for wrong in ["0", "-1", "soon", "1.5", "8785"] {
            assert!(priority(&format!("STANDARD&turnaround_hours={wrong}")).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_an_order_needs_is_named() {
        assert_eq!(read("priority=STANDARD"), Err(Error::missing("transcription_fidelity")));
        assert_eq!(read("transcription_fidelity=PREMIUM"), Err(Error::missing("priority")));
    }
}
