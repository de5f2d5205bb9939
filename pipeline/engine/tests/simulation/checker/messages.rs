//! What may become of an event: a job or a dead letter, and only then a commit.

use scribed_bus::Message;
use scribed_engine::dead_letter::ID;
use scribed_schemas::event::{DEAD_LETTERS, STATES, TRANSCRIPTS, UPLOADS};

use super::Checker;

/// The header by which producers tell the checker what an event is.
pub(crate) const EVENT: &str = "simulated";
/// Begins the value of that header for a good event; its id follows.
pub(crate) const GOOD: &str = "good:";
/// The value of that header for a bad event.
pub(crate) const BAD: &str = "bad";

/// An upload event on the bus.
#[derive(Debug, Clone)]
pub(super) enum Posted {
    /// It must have one job, of this name.
    Good(String),
    /// It must have a dead letter with the same payload.
    Bad(Vec<u8>),
}

impl Checker {
    /// Sees that a message stands on the bus.
    pub(crate) fn published(
        &mut self,
        topic: &str,
        partition: i32,
        offset: i64,
        message: &Message,
    ) {
        match topic {
            UPLOADS => {
                let what = header(message, EVENT).unwrap_or_default();
                let posted = match what.strip_prefix(GOOD) {
                    Some(name) => Posted::Good(name.to_owned()),
                    None => Posted::Bad(message.payload.clone()),
                };
                self.posted.insert((partition, offset), posted);
            }
            DEAD_LETTERS => self.buried(message),
            STATES | TRANSCRIPTS => self.told_others(message),
            _ => {}
        }
    }

    fn buried(&mut self, letter: &Message) {
        let id = header(letter, ID).unwrap_or_default().to_owned();
        if let Some(place) = id.strip_prefix(UPLOADS).and_then(|rest| rest.strip_prefix(':')) {
            let place =
                place.split_once(':').and_then(|(p, o)| Some((p.parse().ok()?, o.parse().ok()?)));
            match place.and_then(|place| self.posted.get(&place)) {
                Some(Posted::Bad(payload)) if *payload == letter.payload => {}
                posted => {
                    let detail = format!("the dead letter {id} stands for {posted:?}: {letter:?}");
                    self.breaks("f", detail);
                }
            }
        }
        self.letters.insert(id);
    }

    /// Sees that a committed offset moved.
    pub(crate) fn moved(&mut self, topic: &str, partition: i32, from: i64, to: i64) {
        if topic != UPLOADS {
            return;
        }
        if to < from {
            self.breaks("e", format!("partition {partition} fell from {from} to {to}"));
        }
        for offset in from..to {
            if let Some(why) = self.is_open(partition, offset) {
                let detail = format!("partition {partition} is committed to {to}, and {why}");
                self.breaks("e", detail);
            }
        }
    }

    /// Returns why an event is not done.
    fn is_open(&self, partition: i32, offset: i64) -> Option<String> {
        match self.posted.get(&(partition, offset)) {
            None => Some(format!("there is no event {offset}")),
            Some(Posted::Good(name)) => {
                let jobs: Vec<_> = self.named.get(name).into_iter().flatten().collect();
                let is_done = |job| self.jobs.get(job).is_some_and(|job| job.state.is_terminal());
                let is_open = jobs.is_empty() || !jobs.iter().all(|job| is_done(*job));
                is_open.then(|| format!("the jobs {jobs:?} of event {offset}, {name}, are open"))
            }
            Some(Posted::Bad(_)) => {
                let is_buried = self.letters.contains(&letter_id(partition, offset));
                (!is_buried).then(|| format!("the bad event {offset} has no dead letter"))
            }
        }
    }

    /// Returns the places of bad events without a dead letter.
    pub(super) fn unburied(&self) -> Vec<(i32, i64)> {
        let bad = self.posted.iter().filter(|(_, posted)| matches!(posted, Posted::Bad(_)));
        let lacks = |(p, o): &(i32, i64)| !self.letters.contains(&letter_id(*p, *o));
        bad.map(|(place, _)| *place).filter(lacks).collect()
    }
}

/// Returns the id of the dead letter of an event.
fn letter_id(partition: i32, offset: i64) -> String {
    format!("{UPLOADS}:{partition}:{offset}")
}

fn header<'a>(message: &'a Message, name: &str) -> Option<&'a str> {
    let found = message.headers.iter().find(|(known, _)| known == name);
    found.and_then(|(_, value)| std::str::from_utf8(value).ok())
}
