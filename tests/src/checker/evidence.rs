//! What the checker looks at: everything that can be seen of a cluster from outside, at one time.

use std::collections::{BTreeMap, BTreeSet};

use scribed_bus::Delivery;
use scribed_bus::kafka::inspection::Position;
use scribed_schemas::job::Job;
use scribed_schemas::media::Media;
use scribed_schemas::transcript::Segments;
use serde_json::Value;

use super::log::{Line, Said};

/// Headers of a dead letter begin so.
const LETTER: &str = "scribed.dlq.";

/// Everything that can be seen.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// The log of the clients, in its order.
    pub said: Vec<Line>,
    /// All upload events.
    pub uploads: Vec<Delivery>,
    /// All state events.
    pub states: Vec<Delivery>,
    /// All events about text.
    pub transcripts: Vec<Delivery>,
    /// All dead letters.
    pub letters: Vec<Delivery>,
    /// How far the daemons' group has come in the uploads.
    pub positions: Vec<Position>,
    /// All jobs of the store.
    pub jobs: Vec<Known>,
    /// Sizes of all stored recordings in bytes, by key.
    pub files: BTreeMap<String, u64>,
}

/// A job with all that the store has of it.
#[derive(Debug, Clone)]
pub struct Known {
    /// The job.
    pub job: Job,
    /// Username of its owner.
    pub owner: String,
    /// Its readable chunks.
    pub chunks: Vec<Segments>,
    /// Numbers of all its stored chunks, readable or not.
    pub stored: Vec<u32>,
    /// Its recording.
    pub media: Option<Media>,
}

/// What names an event: its owner, and the producer's id of it.
pub(super) type Identity = (String, String);

/// Place of a record of the uploads: partition and offset.
pub(super) type Place = (i32, i64);

impl Evidence {
    /// Returns jobs by the event that they came of, all of each: those that name it, and those of
    /// uploads whose clients sent them under the same key.
    pub(super) fn jobs_of_events(&self) -> BTreeMap<Identity, Vec<&Known>> {
        let by_number = self.jobs_by_number();
        let named = self.jobs.iter().filter_map(|known| {
            let upload = known.job.options.upload.clone()?;
            Some(((known.owner.clone(), upload), known))
        });
        let under_keys = self.said.iter().filter_map(|line| match &line.said {
            Said::Accepted { job, under: Some(identity), .. } => {
                Some((identity.clone(), *by_number.get(job)?))
            }
            _ => None,
        });
        let mut found: BTreeMap<_, BTreeMap<i64, &Known>> = BTreeMap::new();
        for (identity, known) in named.chain(under_keys) {
            found.entry(identity).or_default().insert(known.job.id.0, known);
        }
        found.into_iter().map(|(identity, jobs)| (identity, jobs.into_values().collect())).collect()
    }

    /// Returns jobs by their number.
    pub(super) fn jobs_by_number(&self) -> BTreeMap<i64, &Known> {
        self.jobs.iter().map(|known| (known.job.id.0, known)).collect()
    }

    /// Returns what clients know that the text of a job must be.
    pub(super) fn expected(&self) -> BTreeMap<i64, &Vec<String>> {
        let of_events = self.jobs_of_events();
        let mut expected = BTreeMap::new();
        for line in &self.said {
            match &line.said {
                Said::Sent { id, owner, expected: Some(text) } => {
                    let jobs = of_events.get(&(owner.clone(), id.clone()));
                    let jobs = jobs.into_iter().flatten();
                    expected.extend(jobs.map(|known| (known.job.id.0, text)));
                }
                Said::Accepted { job, expected: Some(text), .. } => {
                    expected.insert(*job, text);
                }
                _ => {}
            }
        }
        expected
    }

    /// Returns the numbers of the jobs of which clients know that they are deleted.
    pub(super) fn deleted(&self) -> BTreeSet<i64> {
        let number = |line: &Line| match line.said {
            Said::Deleted { job } => Some(job),
            _ => None,
        };
        self.said.iter().filter_map(number).collect()
    }

    /// Returns the places of events that have a dead letter.
    pub(super) fn buried(&self) -> BTreeSet<Place> {
        self.letters.iter().filter_map(place_of_letter).collect()
    }
}

/// Returns what names an event, whichever envelope it is in; none when it says neither.
pub(super) fn identity(record: &Delivery) -> Option<Identity> {
    let document: Value = serde_json::from_slice(&record.message.payload).ok()?;
    let event = document.get("data").filter(|data| data.is_object()).unwrap_or(&document);
    let own = |name: &str| event.get(name).and_then(Value::as_str).map(str::to_owned);
    let outer = || document.get("id").and_then(Value::as_str).map(str::to_owned);
    let id = own("id").or_else(outer).or_else(|| header(record, "ce_id"))?;
    Some((own("owner")?, id))
}

/// Returns a header of a dead letter, by what follows its prefix.
pub(super) fn letter_header(letter: &Delivery, name: &str) -> Option<String> {
    header(letter, &format!("{LETTER}{name}"))
}

/// Tells whether a header is one that a dead letter adds.
pub(super) fn is_letter_header(name: &str) -> bool {
    name.starts_with(LETTER)
}

/// Returns the place of the event that a dead letter stands for; none for a job's letter.
pub(super) fn place_of_letter(letter: &Delivery) -> Option<Place> {
    let number = |name| letter_header(letter, name);
    Some((number("partition")?.parse().ok()?, number("offset")?.parse().ok()?))
}

fn header(record: &Delivery, name: &str) -> Option<String> {
    let found = record.message.headers.iter().find(|(known, _)| known == name);
    found.and_then(|(_, value)| String::from_utf8(value.clone()).ok())
}
