//! The book of dead letters: the topic as a list of letters, each once, with what was done about it.
//!
//! It is read twice, since a settlement may come before or after its letter: first for settlements, then
//! for letters. What is held of a letter that is not shown is a number of 64 bits, and of a settled one who
//! settled it.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::BuildHasher;

use scribed_bus::{Browser, Bus};
use scribed_engine::dead_letter::{Letter, Name, Settlement};
use scribed_schemas::event::DEAD_LETTERS;
use scribed_schemas::time::Timestamp;

use super::print::Row;
use crate::failure::Failure;

/// The topic, and which of its letters are settled.
pub(super) struct Book<'a> {
    pub(super) bus: &'a dyn Bus,
    /// Who settled what, by the mark of the letter.
    settled: HashMap<u64, Box<Settlement>>,
    marks: RandomState,
}

/// Letters of a page, newest first.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) rows: Vec<Row>,
    /// Letters that were left out because they are newer.
    pub(super) skipped: usize,
    /// Letters in all that were asked for.
    pub(super) total: usize,
}

impl<'a> Book<'a> {
    /// Reads which letters are settled.
    pub(super) async fn open(bus: &'a dyn Bus) -> Result<Self, Failure> {
        let mut book = Self { bus, settled: HashMap::new(), marks: RandomState::new() };
        let mut browser = bus.browse(DEAD_LETTERS).await?;
        while let Some(delivery) = browser.next().await? {
            if let Some(settlement) = Settlement::read(&delivery.message) {
                let mark = book.mark(&settlement.letter);
                // The first is the one that was meant; a later one found the letter done with.
                book.settled.entry(mark).or_insert_with(|| Box::new(settlement));
            }
        }
        Ok(book)
    }

    /// Returns what was done about a letter.
    pub(super) fn settlement(&self, name: &Name) -> Option<&Settlement> {
        self.settled.get(&self.mark(name)).map(Box::as_ref)
    }

    /// Begins to read the letters.
    pub(super) async fn letters(&self) -> Result<Letters<'_>, Failure> {
        let browser = self.bus.browse(DEAD_LETTERS).await?;
        Ok(Letters { book: self, browser, seen: HashSet::new() })
    }

    /// Returns a page of the newest letters.
    pub(super) async fn newest(
        &self,
        reason: Option<&str>,
        with_settled: bool,
        skip: u32,
        limit: u32,
    ) -> Result<Page, Failure> {
        let most = (skip as usize).saturating_add(limit as usize);
        let mut page = Page::default();
        let mut newest = BTreeMap::<(Timestamp, i32, i64), Row>::new();
        let mut letters = self.letters().await?;
        while let Some(letter) = letters.next().await? {
            let settlement = self.settlement(&letter.name());
            let is_meant = reason.is_none_or(|reason| reason == letter.reason());
            if !is_meant || (settlement.is_some() && !with_settled) {
                continue;
            }
            page.total += 1;
            let delivery = &letter.delivery;
            let place = (delivery.message.at, delivery.partition, delivery.offset);
            newest.insert(place, Row::of(&letter, settlement));
            if newest.len() > most {
                newest.pop_first();
            }
        }
        page.rows = newest.into_values().rev().skip(skip as usize).collect();
        page.skipped = page.total.min(skip as usize);
        Ok(page)
    }

    /// Finds a letter by its id; of several with one id, the newest.
    pub(super) async fn find(
        &self,
        id: &str,
    ) -> Result<Option<(Letter, Option<&Settlement>)>, Failure> {
        let mut found: Option<Letter> = None;
        let mut letters = self.letters().await?;
        while let Some(letter) = letters.next().await? {
            let is_newer = found
                .as_ref()
                .is_none_or(|other| other.delivery.message.at <= letter.delivery.message.at);
            if letter.name().id == id && is_newer {
                found = Some(letter);
            }
        }
        Ok(found.map(|letter| {
            let settlement = self.settlement(&letter.name());
            (letter, settlement)
        }))
    }

    /// Returns those of the ids that no letter has.
    pub(super) async fn unknown<'i>(&self, ids: &'i [String]) -> Result<Vec<&'i String>, Failure> {
        let mut missing: BTreeSet<&String> = ids.iter().collect();
        if missing.is_empty() {
            return Ok(Vec::new());
        }
        let mut letters = self.letters().await?;
        while let Some(letter) = letters.next().await? {
            missing.remove(&letter.name().id);
        }
        Ok(missing.into_iter().collect())
    }

    /// Returns what stands for a name where there are hundreds of thousands.
    fn mark(&self, name: &Name) -> u64 {
        self.marks.hash_one(name)
    }
}

/// The letters in the order of the topic, each once.
pub(super) struct Letters<'a> {
    book: &'a Book<'a>,
    browser: Box<dyn Browser>,
    seen: HashSet<u64>,
}

impl Letters<'_> {
    /// Returns the next letter.
    pub(super) async fn next(&mut self) -> Result<Option<Letter>, Failure> {
        while let Some(delivery) = self.browser.next().await? {
            if Settlement::read(&delivery.message).is_some() {
                continue;
            }
            let letter = Letter { delivery };
            if self.seen.insert(self.book.mark(&letter.name())) {
                return Ok(Some(letter));
            }
        }
        Ok(None)
    }
}
