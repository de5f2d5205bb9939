//! The checker: tells from outside whether a cluster lost, doubled or changed anything.
//!
//! It knows what clients sent, were answered and read (their log), and looks at topics, store and
//! recordings. It neither asks a daemon nor knows how one works, so it may be believed when it says that
//! nothing is wrong.
//!
//! ```text
//! clients.jsonl ─┐
//! topics ────────┤
//! store ─────────┼─► collect ─► Evidence ─► check ─► findings
//! recordings ────┘
//! ```
//!
//! [`check`] is a pure function, so it is itself tested, beside the proofs that it closes: with sound
//! evidence, and with one fault planted into it at a time.

use std::fmt;

pub mod collect;
pub mod evidence;
pub mod log;

mod announced;
mod events;
mod history;
mod recordings;
mod text;

pub use evidence::{Evidence, Known};
pub use log::{Line, Log, Said};

/// What may be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An accepted upload, or an event that counts as done, has neither job nor dead letter.
    LostEvent,
    /// A job is there although its client was told that it is deleted.
    KeptJob,
    /// An event became two jobs.
    DoubledEvent,
    /// An offset is committed although the job of an event before it goes on.
    EarlyCommit,
    /// A job is not done at the end.
    Unfinished,
    /// A job failed although nothing is wrong with its recording.
    FailedJob,
    /// A chunk is missing.
    MissingChunk,
    /// A chunk is there twice.
    DoubledChunk,
    /// A text is not the one that was read or that the recording has.
    ChangedText,
    /// At the end an offset is not committed.
    OpenOffset,
    /// A committed offset fell.
    FallenOffset,
    /// A state that nothing may follow was followed.
    ChangedEnd,
    /// A fence fell.
    FallenFence,
    /// A dead letter is missing, says no reason, or is not the event that it stands for.
    BadLetter,
    /// The recording of a job is gone or cut.
    LostMedia,
    /// A recording belongs to no job.
    OrphanedMedia,
    /// What should have been published was not.
    MissingAnnouncement,
    /// What was published contradicts the store, or itself.
    FalseAnnouncement,
    /// An attempt was charged to a job that was not to blame.
    ChargedAttempt,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What sort of thing.
    pub kind: Kind,
    /// One sentence with the numbers and names to look for.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.what)
    }
}

/// What is insisted on beside what always is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rules {
    /// Every state change, chunk and transcript must have been published.
    pub announced: bool,
    /// No attempt may have been charged: only things that jobs need were away.
    pub uncharged: bool,
}

/// Says everything that is wrong, sorted by kind.
pub fn check(evidence: &Evidence, rules: Rules) -> Vec<Finding> {
    let mut findings = Findings::default();
    events::check(evidence, &mut findings);
    text::check(evidence, &mut findings);
    history::check(evidence, &mut findings);
    recordings::check(evidence, &mut findings);
    if rules.announced {
        announced::check(evidence, &mut findings);
    }
    for known in evidence.jobs.iter().filter(|_| rules.uncharged) {
        let charged = known.job.error_count;
        if charged > 0 {
            let what = format!("job {} was charged {charged} attempts", known.job.id);
            findings.add(Kind::ChargedAttempt, what);
        }
    }
    findings.0.sort_by_key(|finding| finding.kind);
    findings.0
}

/// What was found so far.
#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, kind: Kind, what: impl Into<String>) {
        self.0.push(Finding { kind, what: what.into() });
    }
}
