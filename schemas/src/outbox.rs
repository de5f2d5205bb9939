//! Outboxes: what others have still to be told about a job, kept with the job itself.
//!
//! A change of state is written together with its entry here, and an entry goes only once it is
//! published. So a crash at any moment loses no news; it may tell some twice, under the same id. Text
//! needs no entries: it is stored already, and only how much of it was published is noted.

use serde::{Deserialize, Serialize};

use crate::job::JobState;
use crate::time::Timestamp;

/// Most changes that wait to be published.
///
/// A job that is queued and claimed for days while nobody can be told would grow without end. Beyond
/// this the oldest are given up; the gap in the numbers shows it.
pub const MOST_PENDING: usize = 256;

/// What is still to be published about a job.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Outbox {
    /// Changes of state so far; the next one gets this number.
    pub changes: u32,
    /// Those that are not published yet, oldest first.
    pub pending: Vec<StateChange>,
    /// Chunks that are published, from 0 without a gap.
    pub chunks: u32,
    /// Whether the text as a whole is published.
    pub transcript: bool,
}

/// A change of state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateChange {
    /// Its number among those of its job, from 0.
    pub number: u32,
    /// The new state.
    pub state: JobState,
    /// When.
    pub at: Timestamp,
    /// Why, when something failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What was published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Told {
    /// All changes with lower numbers; absent when it was about text alone.
    pub changes: Option<u32>,
    /// All chunks with lower numbers.
    pub chunks: u32,
    /// The text as a whole.
    pub transcript: bool,
}

impl Outbox {
    /// Enters a change of state.
    pub fn enter(&mut self, state: JobState, at: Timestamp, error: Option<String>) {
        self.pending.push(StateChange { number: self.changes, state, at, error });
        self.changes += 1;
        if self.pending.len() > MOST_PENDING {
            self.pending.remove(0);
        }
    }

    /// Notes what was published; returns whether that was news.
    pub fn note(&mut self, told: Told) -> bool {
        let before = (self.pending.len(), self.chunks, self.transcript);
        self.pending.retain(|change| told.changes.is_none_or(|end| change.number >= end));
        self.chunks = self.chunks.max(told.chunks);
        self.transcript |= told.transcript;
        (self.pending.len(), self.chunks, self.transcript) != before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(outbox: &Outbox) -> Vec<u32> {
        outbox.pending.iter().map(|change| change.number).collect()
    }

    #[test]
    fn what_was_told_leaves_and_is_never_untold() {
        let mut outbox = Outbox::default();
        for state in [JobState::Queued, JobState::InProgress, JobState::Completed] {
            outbox.enter(state, Timestamp(1), None);
        }
        assert!(outbox.note(Told { changes: Some(2), chunks: 5, transcript: false }));
        assert_eq!((numbers(&outbox), outbox.chunks), (vec![2], 5));
        assert!(!outbox.note(Told { changes: None, chunks: 3, transcript: false }));
        assert_eq!((numbers(&outbox), outbox.chunks), (vec![2], 5));
        assert!(outbox.note(Told { changes: Some(9), chunks: 5, transcript: true }));
        assert!(outbox.pending.is_empty() && outbox.transcript);
        assert!(!outbox.note(Told::default()));
        assert!(outbox.transcript);
    }

    #[test]
    fn the_oldest_of_too_many_are_given_up() {
        let mut outbox = Outbox::default();
        (0..=MOST_PENDING).for_each(|_| outbox.enter(JobState::Queued, Timestamp(1), None));
        assert_eq!(outbox.pending.len(), MOST_PENDING);
        assert_eq!(outbox.pending[0].number, 1);
    }
}
