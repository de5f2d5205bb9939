//! Ownership: a job belongs to who submitted it; for everybody else it does not exist.

use scribed_schemas::id::JobId;
use scribed_schemas::job::Job;

use crate::Api;
use crate::answer::{Answer, Refusal};
use crate::extract::Caller;
use crate::validate::{Checks, Query};

/// What is answered for an id that names nothing of the caller's.
pub(super) const NO_SUCH_JOB: Refusal = Refusal::NotFound("Transcription not found");

/// Reads the job's id where it is called `transcript_id`.
pub(super) fn read_transcript_id(checks: &mut Checks, query: &Query) -> Option<JobId> {
    query.fields().int(checks, "transcript_id").map(JobId)
}

/// Finds a job of the caller's.
pub(super) async fn own_job(api: &Api, caller: &Caller, id: JobId) -> Answer<Job> {
    let job = api.shared.engine.store().job(id).await?;
    job.filter(|job| job.owner == caller.account.id).ok_or(NO_SUCH_JOB)
}
