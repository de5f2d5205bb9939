//! Filters of the list of jobs: dates from and to, words, and a name with `*` for anything.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use scribed_schemas::job::Job;
use scribed_schemas::time::Timestamp;

use super::error::{Answer, Error};
use super::facts::{Difficulty, Facts, Status};
use super::order::{Fidelity, Priority};
use super::params::Params;
use crate::answer::Refusal;

/// Reads one of the dates of a job.
type Of = fn(&Facts) -> Option<Timestamp>;

/// The dates that can be asked for; each has a parameter that ends in `From`, and one in `To`.
const DATES: [(&str, Of); 6] = [
    ("CreationDate", |facts| Some(facts.created)),
    ("StartDate", |facts| facts.started),
    ("DueDate", |facts| facts.due),
    ("CompleteDate", |facts| facts.completed),
    ("ReturnDate", |facts| facts.completed),
    ("AuthorizationDate", |facts| facts.authorized),
];

/// What a list is to hold.
#[derive(Debug)]
pub(super) struct Wanted {
    /// From when to when each of [`DATES`] is to be.
    dates: [(Option<Timestamp>, Option<Timestamp>); DATES.len()],
    hours: (Option<u32>, Option<u32>),
    status: Option<Status>,
    fidelity: Option<Fidelity>,
    priority: Option<Priority>,
    difficulty: Option<Difficulty>,
    name: Option<String>,
    external_id: Option<String>,
}

impl Wanted {
    /// Reads what an account asks for.
    pub(super) fn read(params: &Params, username: &str) -> Answer<Self> {
        if params.text("Username")?.is_some_and(|name| name != "*" && name != username) {
            let text = "There are no sub-accounts here; Username may only be your own.";
            return Err(Refusal::Forbidden(text).into());
        }
        let mut dates = [(None, None); DATES.len()];
        for ((name, _), (from, to)) in DATES.iter().zip(&mut dates) {
            *from = date(params, &format!("{name}From"), Edge::Begin)?;
            *to = date(params, &format!("{name}To"), Edge::End)?;
        }
        let text = |name| -> Answer<Option<String>> {
            Ok(params.text(name)?.map(std::borrow::Cow::into_owned))
        };
        Ok(Self {
            dates,
            hours: (
                params.number("TurnaroundTimeHoursFrom")?,
                params.number("TurnaroundTimeHoursTo")?,
            ),
            status: params.choice("JobStatus", &Status::WORDS)?,
            fidelity: params.choice("Fidelity", &Fidelity::WORDS)?,
            priority: params.choice("Priority", &Priority::WORDS)?,
            difficulty: params.choice("JobDifficulty", &Difficulty::WORDS)?,
            name: text("JobName")?,
            // The oldest client writes it in the second way.
            external_id: text("ExternalID")?.or(text("ExternalId")?),
        })
    }

    /// Returns since when jobs have to be looked at; there are none from before 1970.
    pub(super) fn created_since(&self) -> Timestamp {
        self.dates[0].0.unwrap_or_default().max(Timestamp::default())
    }

    /// Returns whether a job is asked for.
    pub(super) fn has(&self, job: &Job) -> bool {
        let facts = Facts::of(job);
        let is_in_time = DATES.iter().zip(&self.dates).all(|((_, of), (from, to))| {
            let at = of(&facts);
            from.is_none_or(|from| at.is_some_and(|at| from <= at))
                && to.is_none_or(|to| at.is_some_and(|at| at <= to))
        });
        let hours = facts.turnaround_hours;
        let external_id = job.options.external_id.as_deref();
        is_in_time
            && self.hours.0.is_none_or(|from| hours.is_some_and(|hours| from <= hours))
            && self.hours.1.is_none_or(|to| hours.is_some_and(|hours| hours <= to))
            && self.status.is_none_or(|status| facts.status == status)
            && self.fidelity.is_none_or(|fidelity| facts.fidelity == Some(fidelity))
            && self.priority.is_none_or(|priority| facts.priority == Some(priority))
            && self.difficulty.is_none_or(|difficulty| facts.difficulty == difficulty)
            && self.name.as_deref().is_none_or(|pattern| fits(pattern, &job.name))
            && self.external_id.as_deref().is_none_or(|id| external_id == Some(id))
    }
}

/// Which end of a day a date without a time stands for.
#[derive(Debug, Clone, Copy)]
enum Edge {
    Begin,
    End,
}

/// Reads an instant; a date without a time is all of its day, and one without a zone is in UTC.
fn date(params: &Params, name: &str, edge: Edge) -> Answer<Option<Timestamp>> {
    let Some(text) = params.text(name)? else { return Ok(None) };
    let at = instant(text.trim(), edge);
    let wrong = || Error::query(format!("{name} must be a date such as 2014-08-27T13:40:53."));
    at.map(Some).ok_or_else(wrong)
}

fn instant(text: &str, edge: Edge) -> Option<Timestamp> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Some(Timestamp(at.as_microsecond()));
    }
    let has_time = text.contains(['T', 't', ' ', ':']);
    let at = if has_time {
        text.parse::<DateTime>().ok()?
    } else {
        let date: Date = text.parse().ok()?;
        match edge {
            Edge::Begin => date.at(0, 0, 0, 0),
            Edge::End => date.at(23, 59, 59, 999_999_999),
        }
    };
    let at = TimeZone::UTC.to_timestamp(at).ok()?;
    Some(Timestamp(at.as_microsecond()))
}

/// Returns whether a text fits a pattern, in which `*` stands for anything; case does not matter.
fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_lowercase(), text.to_lowercase());
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    // The first place of each is as good as any other.
    for part in middle.split('*') {
        let Some(at) = text.find(part) else { return false };
        text = &text[at + part.len()..];
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use scribed_schemas::job::JobState;

    use super::super::view::tests::job;
    use super::*;
    use crate::validate::Query;

    fn has(query: &str, job: &Job) -> bool {
        Wanted::read(&Params::of_query(Query::parse(query)), "anna").unwrap().has(job)
    }

    #[test]
    fn jobs_are_told_apart_by_their_dates() {
        // Made on 2014-08-27 at 14:00:06.472706.
        let job = job(JobState::Completed);
        for (query, expected) in [
            ("CreationDateFrom=2014-08-27T14:00:06.472706", true),
            ("CreationDateFrom=2014-08-27T14:00:06.472707", false),
            ("CreationDateFrom=2014-08-27T14:00:06Z", true),
            ("CreationDateFrom=2014-08-27T16:00:06%2B02:00", true),
            ("CreationDateFrom=2014-08-27", true),
            ("CreationDateTo=2014-08-27", true),
            ("CreationDateTo=2014-08-26", false),
            ("CreationDateFrom=2014-08-28", false),
            ("StartDateTo=2014-08-27T14:00:07", true),
            ("DueDateFrom=2014-08-29T14:00:06", true),
            ("CompleteDateFrom=2014-08-27", false),
            ("AuthorizationDateFrom=2014-08-27&CreationDateTo=2014-09-01", true),
        ] {
            assert_eq!(has(query, &job), expected, "{query}");
        }
        for wrong in ["yesterday", "2014-13-01", "27.08.2014", "2014-08-27T25:00:00", "1"] {
            let query = Query::parse(&format!("DueDateTo={wrong}"));
            assert!(Wanted::read(&Params::of_query(query), "anna").is_err(), "{wrong}");
        }
    }

    #[test]
    fn jobs_are_told_apart_by_words() {
        let mut job = job(JobState::Completed);
        job.options.external_id = Some("7".to_owned());
        for (query, expected) in [
            ("", true),
            ("JobStatus=Complete", true),
            ("JobStatus=In+Process", false),
            ("JobStatus=Reviewing", false),
            ("Fidelity=MECHANICAL&Priority=STANDARD", true),
            ("Fidelity=HIGH", false),
            ("Priority=PRIORITY", false),
            ("JobDifficulty=Good", true),
            ("JobDifficulty=Unknown", false),
            ("TurnaroundTimeHoursFrom=48&TurnaroundTimeHoursTo=48", true),
            ("TurnaroundTimeHoursTo=47", false),
            ("ExternalID=7", true),
            ("ExternalId=8", false),
            ("JobName=T*lk", true),
            ("JobName=walk", false),
            ("Username=anna", true),
            ("Username=*", true),
            ("Colour=red", true),
        ] {
            assert_eq!(has(query, &job), expected, "{query}");
        }
        for wrong in ["JobStatus=Done", "Username=otto", "Priority=soon"] {
            let params = Params::of_query(Query::parse(wrong));
            assert!(Wanted::read(&params, "anna").is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("**", "x", true),
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "acb", false),
            ("ab*ba", "aba", false),
            ("job_*_name_*", "job_1_name_", true),
            ("", "", true),
            ("é*", "État", true),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} and {text}");
        }
    }
}
