//! Facts: what is to be told of a job, before it is written in anybody's words.

use scribed_schemas::job::{Job, JobState};
use scribed_schemas::time::Timestamp;

use super::order::{Fidelity, Priority};
use super::particulars::{self, noted};

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    /// It is held until it is authorized.
    Authorizing,
    /// It waits for its recording or its order.
    Pending,
    /// It waits for its turn, or is worked on.
    InProcess,
    /// There is text.
    Complete,
    /// There is none, and there will be none.
    MediaFailure,
    /// People look at it, which nobody does here.
    Reviewing,
}

impl Status {
    /// Its words.
    pub(super) const WORDS: [(&str, Self); 6] = [
        ("Authorizing", Self::Authorizing),
        ("Pending", Self::Pending),
        ("In Process", Self::InProcess),
        ("Complete", Self::Complete),
        ("Media Failure", Self::MediaFailure),
        ("Reviewing", Self::Reviewing),
    ];

    /// Returns the status of a job; one that was cancelled or given up in part has what text there is.
    pub(super) fn of(job: &Job) -> Self {
        match job.state {
            JobState::Completed => Self::Complete,
            JobState::CompletedPartially if job.ready_chunks > 0 => Self::Complete,
            JobState::CompletedPartially | JobState::ProcessingFail | JobState::Cancelled => {
                Self::MediaFailure
            }
            _ if job.awaits.authorization => Self::Authorizing,
            JobState::AwaitingMedia => Self::Pending,
            _ => Self::InProcess,
        }
    }

    /// Returns the word.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Authorizing => "Authorizing",
            Self::Pending => "Pending",
            Self::InProcess => "In Process",
            Self::Complete => "Complete",
            Self::MediaFailure => "Media Failure",
            Self::Reviewing => "Reviewing",
        }
    }
}

/// How difficult a job was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Difficulty {
    /// All of it was done.
    Good,
    /// Some of it had to be left out.
    Bad,
    /// That does not show yet.
    Unknown,
}

impl Difficulty {
    /// Its words.
    pub(super) const WORDS: [(&str, Self); 3] =
        [("Good", Self::Good), ("Bad", Self::Bad), ("Unknown", Self::Unknown)];

    /// Returns the word.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Good => "Good",
            Self::Bad => "Bad",
            Self::Unknown => "Unknown",
        }
    }
}

/// What is to be told of a job.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) status: Status,
    pub(super) difficulty: Difficulty,
    /// None before the order.
    pub(super) fidelity: Option<Fidelity>,
    pub(super) priority: Option<Priority>,
    pub(super) turnaround_hours: Option<u32>,
    pub(super) created: Timestamp,
    /// When it was let go; none where it was held, since nobody notes the moment.
    pub(super) authorized: Option<Timestamp>,
    /// When it was ordered.
    pub(super) started: Option<Timestamp>,
    /// When the vendor would be done.
    pub(super) due: Option<Timestamp>,
    pub(super) completed: Option<Timestamp>,
}

impl Facts {
    /// Collects them; a job that came in on another surface was ordered when it was made.
    pub(super) fn of(job: &Job) -> Self {
        let status = Status::of(job);
        let is_ordered = !job.awaits.order;
        let priority = is_ordered.then_some(Priority(job.priority));
        let fidelity = noted(job, particulars::FIDELITY).and_then(Fidelity::parse);
        let asked = noted(job, particulars::TURNAROUND_HOURS).and_then(|text| text.parse().ok());
        let turnaround_hours = asked.or_else(|| priority.map(Priority::hours));
        let started = particulars::ordered(job).or_else(|| is_ordered.then_some(job.created));
        let due = started.zip(turnaround_hours).map(|(at, hours)| after(at, hours));
        let is_complete = status == Status::Complete;
        Self {
            status,
            difficulty: match job.state {
                JobState::Completed => Difficulty::Good,
                JobState::CompletedPartially => Difficulty::Bad,
                _ => Difficulty::Unknown,
            },
            fidelity: is_ordered.then_some(fidelity.unwrap_or(Fidelity::Mechanical)),
            priority,
            turnaround_hours,
            created: job.created,
            authorized: noted(job, particulars::HELD).is_none().then_some(job.created),
            started,
            due,
            completed: job.finished.filter(|_| is_complete),
        }
    }
}

fn after(at: Timestamp, hours: u32) -> Timestamp {
    Timestamp(at.0.saturating_add(i64::from(hours) * 3_600_000_000))
}

#[cfg(test)]
mod tests {
    use scribed_schemas::job::Awaits;

    use super::super::view::tests::job;
    use super::*;

    #[test]
    fn every_state_has_one_of_the_vendors_words() {
        for state in JobState::ALL {
            let expected = match state {
                JobState::AwaitingMedia => Status::Pending,
                JobState::Completed => Status::Complete,
                _ if state.is_terminal() => Status::MediaFailure,
                _ => Status::InProcess,
            };
            let seen = Status::of(&job(state));
            assert_eq!(seen, expected, "{state:?}");
            assert!(Status::WORDS.contains(&(seen.word(), seen)));
        }
        let mut partial = job(JobState::CompletedPartially);
        partial.ready_chunks = 1;
        assert_eq!(Status::of(&partial), Status::Complete);
    }

    #[test]
    fn what_is_held_is_authorizing_until_it_is_let_go_or_over() {
        for (state, expected) in [
            (JobState::AwaitingMedia, Status::Authorizing),
            (JobState::AwaitingAuthorization, Status::Authorizing),
            (JobState::Cancelled, Status::MediaFailure),
        ] {
            let mut held = job(state);
            held.awaits = Awaits { authorization: true, ..Awaits::default() };
            assert_eq!(Status::of(&held), expected, "{state:?}");
        }
    }

    #[test]
    fn an_order_tells_when_the_vendor_would_be_done() {
        let mut ordered = job(JobState::Queued);
        ordered.options.particulars = [("ordered", "1000000"), ("fidelity", "PREMIUM")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let facts = Facts::of(&ordered);
        assert_eq!(facts.started, Some(Timestamp(1_000_000)));
        assert_eq!(facts.due, Some(Timestamp(1_000_000 + 48 * 3_600_000_000)));
        assert_eq!(facts.fidelity, Some(Fidelity::Premium));
        let from_elsewhere = Facts::of(&job(JobState::Queued));
        assert_eq!(from_elsewhere.fidelity, Some(Fidelity::Mechanical));
        assert_eq!(from_elsewhere.started, Some(from_elsewhere.created));
    }
}
