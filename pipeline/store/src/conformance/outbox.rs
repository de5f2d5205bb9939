//! The outbox: what others have still to be told.

use scribed_schemas::id::JobId;
use scribed_schemas::job::{FaultCode, JobState};
use scribed_schemas::outbox::Told;

use super::{Bench, at, chunk, claim_at, fault, new_job};
use crate::store::{NewJob, Outcome};

/// Returns the submission of a number whose job is announced.
fn announced(number: i64) -> NewJob {
    NewJob { announced: true, ..new_job(number) }
}

fn changes(end: u32) -> Told {
    Told { changes: Some(end), ..Told::default() }
}

/// Lists the numbers of the jobs of which nobody tells the news since a second.
async fn untold(bench: &Bench, seconds: i64) -> Vec<i64> {
    let mut jobs = bench.store.untold(at(seconds), None, 100).await.unwrap();
    jobs.sort_unstable();
    jobs.into_iter().map(|job| job.0).collect()
}

/// Each change of state waits in the outbox, numbered, with its time and its reason.
pub async fn every_change_of_state_waits_to_be_told(bench: &Bench) {
    let job = bench.submit(announced(1)).await;
    let claim = async |seconds| {
        bench.store.claim_job(job.id, claim_at(seconds)).await.unwrap().expect("it is there")
    };
    let fence = claim(10).await.fence;
    let fault = fault(FaultCode::StageFailed);
    let retry = Outcome::Retry { fault: fault.clone(), not_before: at(12) };
    bench.store.finish(job.id, fence, retry, at(11)).await.unwrap();
    let fence = claim(12).await.fence;
    bench.store.finish(job.id, fence, Outcome::Released, at(13)).await.unwrap();
    bench.store.cancel(job.id, at(14)).await.unwrap();
    let outbox = bench.job(job.id).await.outbox.expect("it is announced");
    let pending = outbox.pending.iter().map(|change| (change.number, change.state, change.at));
    let expected = [
        (0, JobState::Queued, at(0)),
        (1, JobState::InProgress, at(10)),
        (2, JobState::ProcessingError, at(11)),
        (3, JobState::InProgress, at(12)),
        (4, JobState::Queued, at(13)),
        (5, JobState::Cancelled, at(14)),
    ];
    assert_eq!(pending.collect::<Vec<_>>(), expected);
    assert_eq!(outbox.pending[2].error, Some(fault.message));
    assert_eq!(outbox.changes, 6);
}

/// What was told leaves the outbox and never comes back, whoever notes less afterwards.
pub async fn what_was_told_stays_told(bench: &Bench) {
    let job = bench.submit(announced(1)).await;
    let job = bench.store.claim_job(job.id, claim_at(10)).await.unwrap().unwrap();
    for number in 0..3 {
        bench.store.put_chunk(job.id, job.fence, chunk(number, "text"), at(11)).await.unwrap();
    }
    let told = Told { changes: Some(2), chunks: 2, transcript: false };
    bench.store.told(job.id, told).await.unwrap();
    bench.store.told(job.id, Told { chunks: 1, ..changes(1) }).await.unwrap();
    let now = bench.job(job.id).await;
    assert!(now.has_news(), "the third chunk is not told");
    let outbox = now.outbox.unwrap();
    assert_eq!((outbox.pending.len(), outbox.chunks, outbox.transcript), (0, 2, false));
    bench.store.finish(job.id, job.fence, Outcome::Completed, at(12)).await.unwrap();
    let told = Told { changes: Some(3), chunks: 3, transcript: true };
    bench.store.told(job.id, told).await.unwrap();
    let done = bench.job(job.id).await;
    assert!(!done.has_news() && done.outbox.unwrap().transcript);
    assert!(untold(bench, 1_000).await.is_empty());
}

/// What is told needs no lease and hinders nobody who has one.
pub async fn telling_does_not_hinder_the_holder(bench: &Bench) {
    let job = bench.submit(announced(1)).await;
    let job = bench.store.claim_job(job.id, claim_at(10)).await.unwrap().unwrap();
    bench.store.told(job.id, changes(2)).await.unwrap();
    bench.store.put_chunk(job.id, job.fence, chunk(0, "text"), at(11)).await.unwrap();
    bench.store.told(job.id, Told { chunks: 1, ..Told::default() }).await.unwrap();
    bench.store.renew(job.id, job.fence, at(60), 1).await.unwrap();
    let done = bench.store.finish(job.id, job.fence, Outcome::Completed, at(12)).await.unwrap();
    assert_eq!(done.state, JobState::Completed);
    assert_eq!(done.outbox.unwrap().pending.len(), 1);
}

/// Jobs with news are found, unless they are fresh or somebody works on them.
pub async fn news_that_nobody_tells_are_found(bench: &Bench) {
    for number in 1..=4 {
        bench.submit(announced(number)).await;
    }
    bench.submit(new_job(5)).await;
    bench.store.told(JobId(2), changes(1)).await.unwrap();
    bench.store.claim_job(JobId(3), claim_at(10)).await.unwrap().unwrap();
    bench.store.cancel(JobId(2), at(50)).await.unwrap();
    assert!(untold(bench, -1).await.is_empty(), "nothing is as old as that");
    assert_eq!(untold(bench, 49).await, [1, 4], "one is told, one is worked on, one is silent");
    assert_eq!(untold(bench, 50).await, [1, 2, 4]);
    bench.store.told(JobId(1), changes(1)).await.unwrap();
    assert_eq!(untold(bench, 50).await, [2, 4]);
}

/// A list of news goes on behind its last job and has each once.
pub async fn news_are_listed_page_by_page(bench: &Bench) {
    for number in 1..=25 {
        bench.submit(announced(number)).await;
    }
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = bench.store.untold(at(1), after, 4).await.unwrap();
        assert!(page.len() <= 4);
        let Some(last) = page.last() else { break };
        after = Some(*last);
        all.extend(page);
    }
    all.sort_unstable();
    assert_eq!(all.iter().map(|job| job.0).collect::<Vec<_>>(), (1..=25).collect::<Vec<_>>());
}

/// A job that is not announced has no outbox, and noting something for it changes nothing.
pub async fn a_job_that_is_not_announced_has_no_news(bench: &Bench) {
    let job = bench.claimed(1).await;
    bench.store.told(job.id, changes(9)).await.unwrap();
    let done = bench.store.finish(job.id, job.fence, Outcome::Completed, at(12)).await.unwrap();
    assert!(done.outbox.is_none() && !done.has_news());
    assert!(untold(bench, 1_000).await.is_empty());
    let missing = JobId(77);
    bench.store.told(missing, changes(1)).await.unwrap();
    assert_eq!(bench.store.job(missing).await.unwrap(), None);
}
