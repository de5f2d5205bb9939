//! The documented APIs, one folder each.

pub(crate) mod cielo24;
pub(crate) mod revai;
pub(crate) mod transcriptions;

use scribed_schemas::job::{Fault, Job, JobState};
use scribed_schemas::transcript::Segments;
use warp::reply::Response;

use crate::Api;
use crate::answer::{Answer, Refusal, respond};
use crate::surface::revai::Dialect;

/// What the owner of a job hears that failed through no fault of the recording.
pub(crate) const OUR_FAULT: &str =
    "The recording could not be processed; the operator can see why.";

/// Chunks that are read from the store at once.
const PAGE: u32 = 100;

/// Hands the readable chunks of a job over in order, page by page.
pub(crate) async fn paged(
    api: &Api,
    job: &Job,
    mut take: impl FnMut(&Segments) -> Answer<()> + Send,
) -> Answer<()> {
    let mut next = 0;
    while next < job.ready_chunks {
        let limit = PAGE.min(job.ready_chunks - next);
        let page = api.shared.engine.store().chunks(job.id, next, limit).await?;
        let Some(last) = page.last() else { break };
        next = last.chunk + 1;
        page.iter().try_for_each(&mut take)?;
    }
    Ok(())
}

/// Returns why a job failed, in words for its owner, if it did.
///
/// What is wrong with the recording or the request is the owner's business; what went wrong on our
/// side is the operator's, and may name files of this host.
pub(crate) fn failure(job: &Job) -> Option<&str> {
    let failed = |_: &&Fault| job.state == JobState::ProcessingFail;
    let fault = job.fault.as_ref().filter(failed)?;
    Some(if fault.code.is_final() { fault.message.as_str() } else { OUR_FAULT })
}

/// Refuses a request in the error shape of the surface that its path belongs to.
pub(crate) fn refuse(path: &str, refusal: Refusal) -> Response {
    if cielo24::has(path) {
        return cielo24::refuse(refusal);
    }
    match Dialect::of(path) {
        Some(dialect) => revai::respond(dialect, Err(refusal.into())),
        None => respond(Err(refusal)),
    }
}
