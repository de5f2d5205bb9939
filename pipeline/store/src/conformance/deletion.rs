//! Promises about the deletion of jobs.

use scribed_schemas::id::{AccountId, JobId};
use scribed_schemas::job::Job;
use scribed_schemas::outbox::Told;

use super::{Bench, at, chunk, claim_at, key, new_job};
use crate::store::{Deleted, NewJob, Outcome, Submitted};

/// Submits the job of a number, stores so many chunks of it, and completes it.
async fn done(bench: &Bench, new: NewJob, chunks: u32) -> Job {
    let id = bench.submit(new).await.id;
    let job = bench.store.claim_job(id, claim_at(10)).await.unwrap().expect("a queued job");
    for number in 0..chunks {
        bench.store.put_chunk(id, job.fence, chunk(number, "words"), at(11)).await.unwrap();
    }
    bench.store.finish(id, job.fence, Outcome::Completed, at(12)).await.unwrap()
}

/// Nothing is left of a deleted job, neither text nor recording nor a place in a list.
pub async fn a_deleted_job_is_gone_with_all_that_belongs_to_it(bench: &Bench) {
    let job = done(bench, new_job(1), 3).await;
    assert_eq!(bench.store.delete_job(job.id).await.unwrap(), Deleted::Gone);
    assert_eq!(bench.store.job(job.id).await.unwrap(), None);
    assert_eq!(bench.store.chunks(job.id, 0, 9).await.unwrap(), []);
    assert_eq!(bench.store.stored_chunks(job.id).await.unwrap(), Vec::<u32>::new());
    assert_eq!(bench.store.media(job.media.unwrap()).await.unwrap(), None);
    for owner in [None, Some(AccountId(1))] {
        let page = bench.store.jobs(owner, 0, 9).await.unwrap();
        assert_eq!((page.total, page.jobs), (0, Vec::new()));
    }
    assert_eq!(bench.store.jobs_since(AccountId(1), at(0), None, 9).await.unwrap(), []);
}

/// A repeat finds nothing to delete, as with a job that never was.
pub async fn deleting_twice_finds_nothing(bench: &Bench) {
    let job = done(bench, new_job(1), 1).await;
    assert_eq!(bench.store.delete_job(job.id).await.unwrap(), Deleted::Gone);
    assert_eq!(bench.store.delete_job(job.id).await.unwrap(), Deleted::Missing);
    assert_eq!(bench.store.delete_job(JobId(77)).await.unwrap(), Deleted::Missing);
}

/// A job that somebody works on, or will, stays.
pub async fn a_job_that_is_not_done_is_not_deleted(bench: &Bench) {
    let queued = bench.submit(new_job(1)).await;
    assert_eq!(bench.store.delete_job(queued.id).await.unwrap(), Deleted::Open);
    let claimed = bench.store.claim_job(queued.id, claim_at(10)).await.unwrap().unwrap();
    assert_eq!(bench.store.delete_job(claimed.id).await.unwrap(), Deleted::Open);
    assert_eq!(bench.job(claimed.id).await, claimed);
}

/// A job stays until the world was told of its end.
pub async fn a_job_with_news_is_not_deleted(bench: &Bench) {
    let job = done(bench, NewJob { announced: true, ..new_job(1) }, 1).await;
    assert_eq!(bench.store.delete_job(job.id).await.unwrap(), Deleted::Untold);
    assert_eq!(bench.job(job.id).await, job);
    let outbox = job.outbox.unwrap();
    let all = Told { changes: Some(outbox.changes), chunks: 1, transcript: true };
    bench.store.told(job.id, all).await.unwrap();
    assert_eq!(bench.store.delete_job(job.id).await.unwrap(), Deleted::Gone);
}

/// Other jobs keep their text, their recordings and their places.
pub async fn deleting_one_job_leaves_the_others(bench: &Bench) {
    let [first, second, third] = [1, 2, 3].map(new_job);
    let first = done(bench, first, 2).await;
    let second = done(bench, second, 2).await;
    let third = done(bench, third, 2).await;
    assert_eq!(bench.store.delete_job(second.id).await.unwrap(), Deleted::Gone);
    let page = bench.store.jobs(Some(AccountId(1)), 0, 9).await.unwrap();
    assert_eq!((page.total, page.jobs), (2, vec![third.clone(), first.clone()]));
    for job in [first, third] {
        assert_eq!(bench.store.chunks(job.id, 0, 9).await.unwrap().len(), 2);
        assert!(bench.store.media(job.media.unwrap()).await.unwrap().is_some());
    }
}

/// The caller's name for a submission may stand for another one afterwards.
pub async fn the_key_of_a_deleted_job_is_free(bench: &Bench) {
    let named = |number| NewJob { idempotency: key("k", "body"), ..new_job(number) };
    let job = done(bench, named(1), 1).await;
    assert_eq!(bench.store.delete_job(job.id).await.unwrap(), Deleted::Gone);
    let again = bench.store.submit(named(2)).await.unwrap();
    let Submitted::Created(again) = again else { panic!("a new job, not {again:?}") };
    assert_eq!((again.ready_chunks, again.media), (0, new_job(2).media.map(|media| media.id)));
    assert_eq!(bench.store.jobs(None, 0, 9).await.unwrap().total, 1);
}

/// What was the only job of its owner does not come back with the next one.
pub async fn a_deleted_job_does_not_come_back(bench: &Bench) {
    let only = |number| NewJob { one_active: true, ..new_job(number) };
    let job = done(bench, only(1), 1).await;
    assert_eq!(bench.store.delete_job(job.id).await.unwrap(), Deleted::Gone);
    let next = bench.submit(only(2)).await;
    assert_eq!(bench.store.job(job.id).await.unwrap(), None);
    assert_eq!(bench.store.jobs(None, 0, 9).await.unwrap().jobs, [next]);
}

/// However much text there is, all of it goes.
pub async fn a_long_job_is_deleted_whole(bench: &Bench) {
    let job = done(bench, new_job(1), 230).await;
    assert_eq!(bench.store.delete_job(job.id).await.unwrap(), Deleted::Gone);
    assert_eq!(bench.store.stored_chunks(job.id).await.unwrap(), Vec::<u32>::new());
    assert_eq!(bench.store.job(job.id).await.unwrap(), None);
}
