//! The documented APIs, one folder each.

pub(crate) mod cielo24;
pub(crate) mod revai;
pub(crate) mod transcriptions;

use scribed_schemas::job::{Fault, Job, JobState};
use warp::reply::Response;

use crate::answer::{Refusal, respond};
use crate::surface::revai::Dialect;

/// What the owner of a job hears that failed through no fault of the recording.
pub(crate) const OUR_FAULT: &str =
    "The recording could not be processed; the operator can see why.";

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
    match Dialect::of(path) {
        Some(dialect) => revai::respond(dialect, Err(refusal.into())),
        None => respond(Err(refusal)),
    }
}
