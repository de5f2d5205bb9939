//! Promises about the ends of attempts and of jobs.

use scribed_schemas::job::{FaultCode, Job, JobState};

use super::{Bench, at, chunk, claim_at, fault, kind};
use crate::error::ErrorKind;
use crate::store::Outcome;

/// Ends the attempt on a fresh job at second 20, and checks that the answer is what is stored.
async fn ended(bench: &Bench, outcome: Outcome) -> Job {
    let job = bench.claimed(1).await;
    let answer = bench.store.finish(job.id, job.fence, outcome, at(20)).await.unwrap();
    assert_eq!(bench.job(job.id).await, answer);
    assert_eq!((answer.lease.as_ref(), answer.updated), (None, at(20)));
    answer
}

/// All chunks stored: `completed`, for good.
pub async fn a_completed_job_is_terminal(bench: &Bench) {
    let job = ended(bench, Outcome::Completed).await;
    assert_eq!((job.state, job.finished), (JobState::Completed, Some(at(20))));
    assert_eq!((job.error_count, job.fault), (0, None));
}

/// Some chunks given up: `completed_partially`, with the reason.
pub async fn a_partial_job_keeps_its_fault(bench: &Bench) {
    let reason = fault(FaultCode::StageFailed);
    let job = ended(bench, Outcome::Partially(reason.clone())).await;
    assert_eq!((job.state, job.finished), (JobState::CompletedPartially, Some(at(20))));
    assert_eq!(job.fault, Some(reason));
}

/// Given up: `processing_fail`, with the reason, counted as an error.
pub async fn a_failed_job_counts_an_error_and_keeps_its_fault(bench: &Bench) {
    let reason = fault(FaultCode::Undecodable);
    let job = ended(bench, Outcome::Failed(reason.clone())).await;
    assert_eq!((job.state, job.finished), (JobState::ProcessingFail, Some(at(20))));
    assert_eq!((job.error_count, job.fault), (1, Some(reason)));
}

/// A fault of the job's own is charged to it, and the job waits for its next attempt.
pub async fn a_charged_retry_counts_an_error(bench: &Bench) {
    let reason = fault(FaultCode::StagePanicked);
    let retry = Outcome::Retry { fault: reason.clone(), not_before: at(60) };
    let job = ended(bench, retry).await;
    assert_eq!((job.state, job.finished), (JobState::ProcessingError, None));
    assert_eq!((job.error_count, job.not_before, job.fault), (1, at(60), Some(reason)));
}

/// A dependency that was away costs the job nothing.
pub async fn an_uncharged_retry_counts_no_error(bench: &Bench) {
    let reason = fault(FaultCode::Unavailable);
    let job = ended(bench, Outcome::Retry { fault: reason, not_before: at(60) }).await;
    assert_eq!((job.state, job.error_count), (JobState::ProcessingError, 0));
}

/// A job that was handed back is there for the next worker at once.
pub async fn a_released_job_is_queued_again(bench: &Bench) {
    let job = ended(bench, Outcome::Released).await;
    assert_eq!((job.state, job.finished, job.error_count), (JobState::Queued, None, 0));
    let again = bench.store.claim(claim_at(20)).await.unwrap().unwrap();
    assert_eq!((again.id, again.fence), (job.id, job.fence + 1));
}

/// A success after a fault forgets the fault and keeps the count.
pub async fn success_clears_the_fault_of_the_attempt_before(bench: &Bench) {
    let retry = Outcome::Retry { fault: fault(FaultCode::StageFailed), not_before: at(21) };
    ended(bench, retry).await;
    let job = bench.store.claim(claim_at(30)).await.unwrap().unwrap();
    assert!(job.fault.is_some(), "the fault matters until the attempt ended");
    let job = bench.store.finish(job.id, job.fence, Outcome::Completed, at(31)).await.unwrap();
    assert_eq!((job.fault, job.error_count), (None, 1));
}

/// Nothing moves a job that is done, not even the fence that finished it.
pub async fn a_terminal_job_refuses_every_change(bench: &Bench) {
    let before = ended(bench, Outcome::Completed).await;
    let (store, id, fence) = (&bench.store, before.id, before.fence);
    assert_eq!(kind(store.renew(id, fence, at(99), 1).await), ErrorKind::Fenced);
    let put = store.put_chunk(id, fence, chunk(0, "late"), at(21)).await;
    assert_eq!(kind(put), ErrorKind::Fenced);
    let again = store.finish(id, fence, Outcome::Released, at(22)).await;
    assert_eq!(kind(again), ErrorKind::Fenced);
    assert_eq!(store.cancel(id, at(23)).await.unwrap(), None);
    assert_eq!(store.claim(claim_at(1_000)).await.unwrap(), None);
    assert_eq!(store.claim_job(id, claim_at(1_000)).await.unwrap(), None);
    assert_eq!(bench.job(id).await, before);
}

/// Cancelled before there was text: `cancelled`.
pub async fn cancelling_without_text_ends_as_cancelled(bench: &Bench) {
    let job = bench.submit(super::new_job(1)).await;
    let cancelled = bench.store.cancel(job.id, at(5)).await.unwrap().unwrap();
    assert_eq!((cancelled.state, cancelled.finished), (JobState::Cancelled, Some(at(5))));
    assert_eq!((cancelled.updated, cancelled.fence), (at(5), job.fence + 1));
    assert_eq!(bench.job(job.id).await, cancelled);
    assert_eq!(bench.store.claim(claim_at(10)).await.unwrap(), None);
}

/// Cancelled with text: the text stays, as `completed_partially`.
pub async fn cancelling_with_text_ends_as_completed_partially(bench: &Bench) {
    let job = bench.claimed(1).await;
    bench.store.put_chunk(job.id, job.fence, chunk(0, "kept"), at(11)).await.unwrap();
    let cancelled = bench.store.cancel(job.id, at(12)).await.unwrap().unwrap();
    assert_eq!(cancelled.state, JobState::CompletedPartially);
    assert_eq!((cancelled.lease, cancelled.finished), (None, Some(at(12))));
    assert_eq!(bench.store.chunks(job.id, 0, 9).await.unwrap(), [chunk(0, "kept")]);
}

/// Text behind a gap is no readable text.
pub async fn cancelling_with_text_behind_a_gap_ends_as_cancelled(bench: &Bench) {
    let job = bench.claimed(1).await;
    bench.store.put_chunk(job.id, job.fence, chunk(1, "unread"), at(11)).await.unwrap();
    let cancelled = bench.store.cancel(job.id, at(12)).await.unwrap().unwrap();
    assert_eq!(cancelled.state, JobState::Cancelled);
}

/// Whoever works on a cancelled job is refused from that moment.
pub async fn cancelling_fences_the_worker(bench: &Bench) {
    let job = bench.claimed(1).await;
    bench.store.cancel(job.id, at(12)).await.unwrap();
    let put = bench.store.put_chunk(job.id, job.fence, chunk(0, "late"), at(13)).await;
    assert_eq!(kind(put), ErrorKind::Fenced);
    let finish = bench.store.finish(job.id, job.fence, Outcome::Completed, at(14)).await;
    assert_eq!(kind(finish), ErrorKind::Fenced);
    assert_eq!(bench.job(job.id).await.state, JobState::Cancelled);
}

/// A second cancellation finds nothing to do.
pub async fn cancelling_twice_changes_nothing(bench: &Bench) {
    let job = bench.submit(super::new_job(1)).await;
    let first = bench.store.cancel(job.id, at(5)).await.unwrap();
    assert_eq!(bench.store.cancel(job.id, at(6)).await.unwrap(), None);
    assert_eq!(bench.store.job(job.id).await.unwrap(), first);
}
