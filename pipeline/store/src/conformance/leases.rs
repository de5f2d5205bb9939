//! Promises about claims, leases and fences.

use std::collections::BTreeSet;
use std::sync::Arc;

use scribed_schemas::id::JobId;
use scribed_schemas::job::{FaultCode, JobState, Lease, Priority};
use tokio::task::JoinSet;

use super::{Bench, at, chunk, claim_at, fault, kind, media, new_job};
use crate::error::ErrorKind;
use crate::store::{Backlog, ClaimRequest, FactsNote, NewJob, Outcome};

/// A claim changes state, fence, lease and time, and what it answers is what is stored.
pub async fn a_claimed_job_is_in_progress_under_a_higher_fence(bench: &Bench) {
    let queued = bench.submit(new_job(1)).await;
    let job = bench.store.claim(claim_at(10)).await.unwrap().unwrap();
    assert_eq!((job.id, job.state), (queued.id, JobState::InProgress));
    assert_eq!(job.fence, queued.fence + 1);
    assert_eq!(job.lease, Some(Lease { holder: "worker-1".to_owned(), until: at(40) }));
    assert_eq!((job.created, job.updated), (at(0), at(10)));
    assert_eq!(bench.job(queued.id).await, job);
}

/// Without eligible jobs there is nothing to claim, and that is no error.
pub async fn an_empty_store_has_nothing_to_claim(bench: &Bench) {
    assert_eq!(bench.store.claim(claim_at(10)).await.unwrap(), None);
    assert_eq!(bench.store.claim_job(JobId(1), claim_at(10)).await.unwrap(), None);
}

/// Claims go by priority, then by age.
pub async fn urgent_jobs_come_first_then_older_ones(bench: &Bench) {
    for (number, second, priority) in [
        (1, 3, Priority::Standard),
        (2, 2, Priority::Standard),
        (3, 9, Priority::Priority),
        (4, 8, Priority::Priority),
        (5, 2, Priority::Standard),
    ] {
        bench.submit(NewJob { now: at(second), priority, ..new_job(number) }).await;
    }
    let mut order = Vec::new();
    while let Some(job) = bench.store.claim(claim_at(10)).await.unwrap() {
        order.push(job.id.0);
    }
    assert_eq!(order, [4, 3, 2, 5, 1]);
}

/// The backlog counts what may be claimed now: not what runs, what pauses, or what is done.
pub async fn the_backlog_is_what_could_be_claimed(bench: &Bench) {
    let backlog = async |seconds, limit| bench.store.backlog(at(seconds), limit).await.unwrap();
    assert_eq!(backlog(10, 100).await, Backlog::default());
    for (number, second, priority) in
        [(1, 3, Priority::Standard), (2, 5, Priority::Priority), (3, 4, Priority::Standard)]
    {
        bench.submit(NewJob { now: at(second), priority, ..new_job(number) }).await;
    }
    assert_eq!(backlog(10, 100).await, Backlog { waiting: 3, oldest: Some(at(3)) });
    assert_eq!(backlog(10, 2).await, Backlog { waiting: 2, oldest: Some(at(3)) });

    let urgent = bench.store.claim(claim_at(10)).await.unwrap().unwrap();
    assert_eq!(backlog(20, 100).await, Backlog { waiting: 2, oldest: Some(at(3)) });
    let first = bench.store.claim(claim_at(10)).await.unwrap().unwrap();
    assert_eq!(backlog(20, 100).await, Backlog { waiting: 1, oldest: Some(at(4)) });
    // One pauses until second 60; the lease of the other runs out at 40.
    let pause = Outcome::Retry { fault: fault(FaultCode::StageFailed), not_before: at(60) };
    bench.store.finish(urgent.id, urgent.fence, pause, at(12)).await.unwrap();
    assert_eq!(backlog(50, 100).await, Backlog { waiting: 2, oldest: Some(at(3)) });
    assert_eq!(backlog(60, 100).await, Backlog { waiting: 3, oldest: Some(at(3)) });
    let again = bench.store.claim_job(first.id, claim_at(60)).await.unwrap().unwrap();
    bench.store.finish(again.id, again.fence, Outcome::Completed, at(61)).await.unwrap();
    assert_eq!(backlog(60, 100).await, Backlog { waiting: 2, oldest: Some(at(4)) });
}

/// Concurrent claims never share a job and never leave one out.
pub async fn a_hundred_concurrent_claims_get_a_hundred_jobs(bench: &Bench) {
    for number in 1..=100 {
        bench.submit(new_job(number)).await;
    }
    let mut claims = JoinSet::new();
    for number in 0..110 {
        let store = Arc::clone(&bench.store);
        let claim = ClaimRequest { holder: format!("worker-{number}"), ..claim_at(10) };
        claims.spawn(async move { store.claim(claim).await.unwrap().map(|job| job.id) });
    }
    let answers = claims.join_all().await;
    let claimed: BTreeSet<JobId> = answers.iter().flatten().copied().collect();
    assert_eq!(claimed.len(), 100, "each job goes to one worker");
    assert_eq!(answers.iter().filter(|answer| answer.is_none()).count(), 10);
}

/// A worker that is gone loses its job when its lease is over.
pub async fn an_expired_lease_can_be_taken_over(bench: &Bench) {
    let lost = bench.claimed(1).await;
    assert_eq!(bench.store.claim(claim_at(39)).await.unwrap(), None);
    let taken = bench.store.claim(claim_at(40)).await.unwrap().unwrap();
    assert_eq!((taken.id, taken.fence), (lost.id, lost.fence + 1));
    assert_eq!(taken.lease.map(|lease| lease.until), Some(at(70)));
}

/// A lost job takes its place by priority and age among those that wait.
pub async fn a_lost_job_queues_by_priority_and_age(bench: &Bench) {
    bench.claimed(1).await;
    bench.submit(NewJob { now: at(20), ..new_job(2) }).await;
    bench.submit(NewJob { now: at(30), priority: Priority::Priority, ..new_job(3) }).await;
    let mut order = Vec::new();
    while let Some(job) = bench.store.claim(claim_at(100)).await.unwrap() {
        order.push(job.id.0);
    }
    assert_eq!(order, [3, 1, 2]);
}

/// Renewal moves the end of the lease and shows progress.
pub async fn a_renewed_lease_lasts_longer(bench: &Bench) {
    let job = bench.claimed(1).await;
    bench.store.renew(job.id, job.fence, at(60), 48_000).await.unwrap();
    assert_eq!(bench.store.claim(claim_at(45)).await.unwrap(), None);
    let stored = bench.job(job.id).await;
    assert_eq!(stored.progress_frames, 48_000);
    assert_eq!(stored.lease, Some(Lease { holder: "worker-1".to_owned(), until: at(60) }));
    assert_eq!(stored.fence, job.fence);
}

/// A lease that ran out is still its holder's as long as nobody else took the job.
pub async fn a_late_holder_keeps_a_job_that_nobody_took(bench: &Bench) {
    let job = bench.claimed(1).await;
    bench.store.renew(job.id, job.fence, at(130), 1).await.unwrap();
    bench.store.put_chunk(job.id, job.fence, chunk(0, "late"), at(101)).await.unwrap();
    assert_eq!(bench.store.claim(claim_at(102)).await.unwrap(), None);
}

/// A recording that was fetched is stored with the note, and the job's from then on; one of a holder whose
/// lease was lost is neither.
pub async fn a_fetched_recording_is_the_jobs_under_its_fence(bench: &Bench) {
    let job = bench.claimed(1).await;
    let note = |number| FactsNote { media: Some(media(number)), ..FactsNote::default() };
    bench.store.note_facts(job.id, job.fence, note(2)).await.unwrap();
    // The answer may have been lost.
    bench.store.note_facts(job.id, job.fence, note(2)).await.unwrap();
    assert_eq!(bench.job(job.id).await.media, Some(media(2).id));
    assert_eq!(bench.store.media(media(2).id).await.unwrap(), Some(media(2)));
    assert_eq!(bench.store.media(media(1).id).await.unwrap(), Some(media(1)), "the old one stays");
    // Other notes, renewals and the end of the attempt leave it.
    let planned = FactsNote { planned_chunks: Some(3), ..FactsNote::default() };
    bench.store.note_facts(job.id, job.fence, planned).await.unwrap();
    let again = bench.store.claim_job(job.id, claim_at(40)).await.unwrap().unwrap();
    assert_eq!(again.media, Some(media(2).id));
    assert_eq!(kind(bench.store.note_facts(job.id, job.fence, note(3)).await), ErrorKind::Fenced);
    assert_eq!(bench.job(job.id).await.media, Some(media(2).id));
    assert_eq!(bench.store.media(media(3).id).await.unwrap(), None, "nothing is left of it");
    let missing = bench.store.note_facts(JobId(404), 0, note(4)).await;
    assert_eq!(kind(missing), ErrorKind::NotFound);
    assert_eq!(bench.store.media(media(4).id).await.unwrap(), None);
}

/// Whoever lost the lease can change nothing any more.
pub async fn a_stale_holder_is_fenced(bench: &Bench) {
    let stale = bench.claimed(1).await;
    let fresh = bench.store.claim(claim_at(50)).await.unwrap().unwrap();
    let (store, id, fence) = (&bench.store, stale.id, stale.fence);
    assert_eq!(kind(store.renew(id, fence, at(90), 5).await), ErrorKind::Fenced);
    let note = FactsNote { planned_chunks: Some(9), ..FactsNote::default() };
    assert_eq!(kind(store.note_facts(id, fence, note).await), ErrorKind::Fenced);
    let put = store.put_chunk(id, fence, chunk(0, "stale"), at(51)).await;
    assert_eq!(kind(put), ErrorKind::Fenced);
    let finish = store.finish(id, fence, Outcome::Completed, at(52)).await;
    assert_eq!(kind(finish), ErrorKind::Fenced);
    assert_eq!(bench.job(id).await, fresh);
    assert!(store.stored_chunks(id).await.unwrap().is_empty());
}

/// A fence of the future is as wrong as one of the past.
pub async fn a_fence_that_was_never_given_is_refused(bench: &Bench) {
    let job = bench.claimed(1).await;
    let refused = bench.store.renew(job.id, job.fence + 1, at(90), 5).await;
    assert_eq!(kind(refused), ErrorKind::Fenced);
}

/// Nobody holds a queued job, so nobody can write to it.
pub async fn a_job_that_nobody_holds_refuses_writes(bench: &Bench) {
    let job = bench.submit(new_job(1)).await;
    let refused = bench.store.put_chunk(job.id, job.fence, chunk(0, "x"), at(1)).await;
    assert_eq!(kind(refused), ErrorKind::Fenced);
}

/// A job that failed waits for its time, and then may be claimed again.
pub async fn a_job_is_not_claimed_before_its_time(bench: &Bench) {
    let job = bench.claimed(1).await;
    let retry = Outcome::Retry { fault: fault(FaultCode::StageFailed), not_before: at(60) };
    bench.store.finish(job.id, job.fence, retry, at(20)).await.unwrap();
    bench.submit(NewJob { now: at(30), ..new_job(2) }).await;
    let other = bench.store.claim(claim_at(59)).await.unwrap().unwrap();
    assert_eq!(other.id, JobId(2), "what waits does not stand in the way of others");
    assert_eq!(bench.store.claim_job(job.id, claim_at(59)).await.unwrap(), None);
    let again = bench.store.claim(claim_at(60)).await.unwrap().unwrap();
    assert_eq!((again.id, again.error_count, again.fence), (job.id, 1, job.fence + 1));
}

/// One may ask for one job, out of turn, if it is eligible.
pub async fn claiming_one_job_takes_that_job(bench: &Bench) {
    bench.submit(new_job(1)).await;
    bench.submit(new_job(2)).await;
    let job = bench.store.claim_job(JobId(2), claim_at(10)).await.unwrap().unwrap();
    assert_eq!((job.id, job.state, job.fence), (JobId(2), JobState::InProgress, 1));
    assert_eq!(bench.store.claim_job(JobId(2), claim_at(20)).await.unwrap(), None);
    let lost = bench.store.claim_job(JobId(2), claim_at(40)).await.unwrap();
    assert_eq!(lost.map(|job| job.fence), Some(2));
}

/// What a dead worker held need not wait for the end of its leases; what others hold stays theirs.
pub async fn the_jobs_of_a_holder_that_is_gone_are_handed_back_at_once(bench: &Bench) {
    let (held, others) = (bench.claimed(1).await, bench.submit(new_job(2)).await);
    let claim = ClaimRequest { holder: "worker-2".to_owned(), ..claim_at(10) };
    let others = bench.store.claim_job(others.id, claim).await.unwrap().unwrap();
    bench.store.put_chunk(held.id, held.fence, chunk(0, "kept"), at(11)).await.unwrap();

    assert_eq!(bench.store.release_holder("worker-1", at(12)).await.unwrap(), 1);
    assert_eq!(bench.store.release_holder("worker-1", at(13)).await.unwrap(), 0);
    let queued = bench.job(held.id).await;
    assert_eq!((queued.state, queued.lease), (JobState::Queued, None));
    assert_eq!((queued.error_count, queued.ready_chunks, queued.updated), (0, 1, at(12)));
    let late = bench.store.renew(held.id, held.fence, at(90), 5).await;
    assert_eq!(kind(late), ErrorKind::Fenced);
    assert_eq!(bench.job(others.id).await, others);
    let again = bench.store.claim(claim_at(14)).await.unwrap().unwrap();
    assert_eq!((again.id, again.fence), (held.id, held.fence + 1));
}

/// A change of a job that never was is told apart from a lost lease.
pub async fn a_missing_job_is_not_found(bench: &Bench) {
    let (store, id) = (&bench.store, JobId(404));
    assert_eq!(kind(store.renew(id, 0, at(1), 0).await), ErrorKind::NotFound);
    assert_eq!(kind(store.note_facts(id, 0, FactsNote::default()).await), ErrorKind::NotFound);
    assert_eq!(kind(store.put_chunk(id, 0, chunk(0, "x"), at(1)).await), ErrorKind::NotFound);
    let finish = store.finish(id, 0, Outcome::Completed, at(1)).await;
    assert_eq!(kind(finish), ErrorKind::NotFound);
    assert_eq!(kind(store.cancel(id, at(1)).await), ErrorKind::NotFound);
}
