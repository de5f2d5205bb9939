//! Versions: each transcript that is done has one, which is the machine's and the final one.
//!
//! It goes by the name of the fidelity that was ordered, too.

use scribed_schemas::job::Job;

use super::error::{Answer, Error, Kind};
use super::facts::{Facts, Status};
use super::options::{MADE_VERSIONS, VERSIONS};
use super::params::Params;
use super::view::instant;

/// The name of the version that there is.
pub(super) const NAME: &str = "FINAL";

/// Returns the version of a job that is done: when that was; anything else is refused.
pub(super) fn of(job: &Job) -> Answer<String> {
    let Facts { status, completed, .. } = Facts::of(job);
    match completed {
        Some(at) => Ok(instant(at)),
        None => Err(not_complete(status)),
    }
}

fn not_complete(status: Status) -> Error {
    Error::query(format!("The job is {}; it has a transcript once it is Complete.", status.word()))
}

/// Refuses a job that is not done, and a call for another version than there is.
pub(super) fn check(params: &Params, job: &Job) -> Answer<()> {
    let version = of(job)?;
    let none = |which: &str| {
        Error::new(Kind::ItemNotFound, format!("The job has no version with this {which}."))
    };
    let names = VERSIONS.map(|name| (name, name));
    if params.choice("iwp_name", &names)?.is_some_and(|name| !MADE_VERSIONS.contains(&name)) {
        return Err(none("iwp_name"));
    }
    match params.text("elementlist_version")? {
        Some(asked) if asked.trim_end_matches('Z') != version => Err(none("elementlist_version")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use scribed_schemas::job::JobState;
    use scribed_schemas::time::Timestamp;

    use super::super::view::tests::job;
    use super::*;
    use crate::validate::Query;

    #[test]
    fn a_job_that_is_done_has_one_version() {
        let mut done = job(JobState::Completed);
        done.finished = Some(Timestamp(1_409_148_641_923_125));
        let version = "2014-08-27T14:10:41.923125";
        assert_eq!(of(&done).as_deref(), Ok(version));
        let check = |query: &str| check(&Params::of_query(Query::parse(query)), &done);
        for good in ["", "iwp_name=FINAL", "iwp_name=MECHANICAL", "iwp_name=&elementlist_version="]
        {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        assert_eq!(check(&format!("elementlist_version={version}")), Ok(()));
        assert_eq!(check(&format!("elementlist_version={version}Z")), Ok(()));
        for wrong in ["iwp_name=SPEAKER_ID", "iwp_name=x", "elementlist_version=2014-08-27"] {
            assert!(check(wrong).is_err(), "{wrong}");
        }
        assert!(of(&job(JobState::InProgress)).is_err());
    }
}
