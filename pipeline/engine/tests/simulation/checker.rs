//! The checker: sees every effect in the order in which they happened, and says what no host may
//! do.
//!
//! | letter | invariant |
//! |---|---|
//! | a | a fence of a job has one owner, and only that one writes under it |
//! | b | a fence never falls |
//! | c | what is terminal never changes |
//! | d | what can be read is a prefix, and a chunk never changes |
//! | e | no offset is committed before all events below are done, and none falls |
//! | f | a good event has one job, a bad one its dead letter, and nothing is lost |
//! | g | only faults of the job's own are charged to it |
//! | h | in the end everything is terminal and committed |
//! | i | states, chunks and the whole text are published, an id has one content, an end is last |

use std::collections::{BTreeMap, BTreeSet};

use scribed_schemas::id::JobId;
use scribed_schemas::job::{Job, JobState};

use crate::script::Script;

mod end;
mod jobs;
mod messages;
mod news;
mod texts;

use messages::Posted;
pub(crate) use messages::{BAD, EVENT, GOOD};

/// A broken invariant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken {
    /// Its letter.
    pub(crate) invariant: &'static str,
    /// What was seen.
    pub(crate) detail: String,
}

/// What was seen so far, and which invariants it broke.
#[derive(Debug, Default)]
pub(crate) struct Checker {
    broken: Vec<Broken>,
    /// Who claimed a job under a fence: the host and its life.
    owners: BTreeMap<(JobId, i64), (String, u32)>,
    /// Every job as it was last seen.
    jobs: BTreeMap<JobId, Job>,
    /// Jobs by the name of their submission.
    named: BTreeMap<String, BTreeSet<JobId>>,
    /// Faults of its own that each job's stages met.
    blame: BTreeMap<JobId, u32>,
    cancelled: BTreeSet<JobId>,
    /// Texts of chunks as they were stored.
    stored: BTreeMap<(JobId, u32), String>,
    /// Texts of chunks as somebody read them.
    read: BTreeMap<(JobId, u32), String>,
    /// Upload events by partition and offset.
    posted: BTreeMap<(i32, i64), Posted>,
    /// Ids of dead letters.
    letters: BTreeSet<String>,
    /// The states that each job had, one after the other.
    states: BTreeMap<JobId, Vec<JobState>>,
    /// What was published about jobs, by id.
    news: BTreeMap<String, Vec<u8>>,
    /// What was submitted, by name; an answered submission has its job.
    expected: BTreeMap<String, Expected>,
}

/// A submission that must have one job.
#[derive(Debug)]
struct Expected {
    script: Script,
    /// The job that the submitter was told.
    told: Option<JobId>,
}

impl Checker {
    /// Notes a broken invariant.
    fn breaks(&mut self, invariant: &'static str, detail: String) {
        self.broken.push(Broken { invariant, detail });
    }

    /// Returns what was broken so far.
    pub(crate) fn broken(&self) -> &[Broken] {
        &self.broken
    }

    /// Breaks the last invariant for a reason of the world's own.
    pub(crate) fn never_ends(&mut self, detail: String) {
        self.breaks("h", detail);
    }

    /// Expects a submission.
    pub(crate) fn expect(&mut self, name: &str, script: Script) {
        self.expected.insert(name.to_owned(), Expected { script, told: None });
    }

    /// Notes which job a submitter was told; always the same.
    pub(crate) fn told(&mut self, name: &str, job: JobId) {
        let Some(expected) = self.expected.get_mut(name) else { return };
        if let Some(before) = expected.told.replace(job)
            && before != job
        {
            self.breaks("f", format!("{name} was told job {before}, then job {job}"));
        }
    }

    /// Returns whether a submitter has its answer.
    pub(crate) fn is_told(&self, name: &str) -> bool {
        self.expected.get(name).is_some_and(|expected| expected.told.is_some())
    }

    /// Returns the jobs that were made so far.
    pub(crate) fn known(&self) -> Vec<JobId> {
        self.jobs.keys().copied().collect()
    }
}
