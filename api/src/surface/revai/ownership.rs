//! Ownership: a job belongs to who submitted it, whichever way; for everybody else it does not exist.

use scribed_schemas::id::{AccountId, JobId};
use scribed_schemas::job::Job;

use super::problem::{Answer, Problem};
use crate::Api;
use crate::extract::Caller;

/// Finds a job of the caller's by its id as it stands in a path.
pub(super) async fn own_job(api: &Api, caller: &Caller, id: &str) -> Answer<Job> {
    find(api, caller.account.id, id).await?.ok_or(Problem::NoSuchJob)
}

/// Finds a job of an account by its id as a client writes it.
pub(super) async fn find(api: &Api, owner: AccountId, id: &str) -> Answer<Option<Job>> {
    let Some(id) = read(id) else { return Ok(None) };
    let job = api.shared.engine.store().job(id).await?;
    Ok(job.filter(|job| job.owner == owner))
}

/// Reads an id: decimal digits as we write them, nothing else.
fn read(text: &str) -> Option<JobId> {
    let id: JobId = text.parse().ok()?;
    (id.0 > 0 && id.to_string() == text).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_written_in_one_way_only() {
        assert_eq!(read("116345449148416"), Some(JobId(116_345_449_148_416)));
        for wrong in ["", "0", "-7", "+7", "07", "7 ", "7.0", "seven", "99999999999999999999"] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }
}
