//! Several hosts on one keyspace: each is a store that remembers things of its own.

use std::collections::BTreeSet;
use std::sync::Arc;

use scribed_schemas::id::{AccountId, JobId};
use scribed_schemas::job::{JobState, Priority};
use scribed_store::conformance::{at, chunk, claim_at, kind, message, new_job};
use scribed_store::{
    ClaimRequest, CqlStore, ErrorKind, NewJob, Outcome, PutChunk, Store, Submitted,
};
use tokio::task::JoinSet;

use crate::pool;

/// Submits jobs of numbers, several at a time.
async fn submit(store: &Arc<CqlStore>, numbers: std::ops::RangeInclusive<i64>) {
    let mut calls = JoinSet::new();
    for number in numbers {
        let store = Arc::clone(store);
        calls.spawn(async move { store.submit(new_job(number)).await.unwrap() });
        if calls.len() >= 16 {
            calls.join_next().await.unwrap().unwrap();
        }
    }
    calls.join_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_workers_on_four_hosts_share_two_hundred_jobs() {
    let Some(place) = pool::empty().await else { return };
    submit(&place.store(), 1..=200).await;
    let mut workers = JoinSet::new();
    for host in 0..4 {
        let store = place.store();
        for worker in 0..2 {
            let store = Arc::clone(&store);
            workers.spawn(async move {
                let holder = format!("worker-{host}-{worker}");
                let mut claimed = Vec::new();
                let claim = ClaimRequest { holder, ..claim_at(10) };
                while let Some(job) = store.claim(claim.clone()).await.unwrap() {
                    assert_eq!(job.fence, 1);
                    claimed.push(job.id);
                }
                claimed
            });
        }
    }
    let claimed: Vec<JobId> = workers.join_all().await.into_iter().flatten().collect();
    let different: BTreeSet<JobId> = claimed.iter().copied().collect();
    assert_eq!((claimed.len(), different.len()), (200, 200), "each job goes to one worker");
    assert_eq!(place.store().claim(claim_at(10)).await.unwrap(), None);
}

#[tokio::test]
async fn a_host_that_slept_writes_nothing_by_what_it_remembers() {
    let Some(place) = pool::empty().await else { return };
    let (slow, quick) = (place.store(), place.store());
    slow.submit(new_job(1)).await.unwrap();
    let stale = slow.claim(claim_at(10)).await.unwrap().unwrap();
    slow.put_chunk(stale.id, stale.fence, chunk(0, "first"), at(11)).await.unwrap();
    let fresh = quick.claim(claim_at(50)).await.unwrap().unwrap();
    quick.put_chunk(fresh.id, fresh.fence, chunk(1, "second"), at(51)).await.unwrap();
    let put = slow.put_chunk(stale.id, stale.fence, chunk(1, "stale"), at(52)).await;
    assert_eq!(kind(put), ErrorKind::Fenced);
    let renewed = slow.renew(stale.id, stale.fence, at(99), 1).await;
    assert_eq!(kind(renewed), ErrorKind::Fenced);
    let finished = slow.finish(stale.id, stale.fence, Outcome::Completed, at(53)).await;
    assert_eq!(kind(finished), ErrorKind::Fenced);
    let stored = slow.chunks(fresh.id, 0, 9).await.unwrap();
    assert_eq!(stored, [chunk(0, "first"), chunk(1, "second")]);
}

#[tokio::test]
async fn the_jobs_of_a_host_that_is_gone_are_handed_back_at_once() {
    let Some(place) = pool::empty().await else { return };
    let store = place.store();
    submit(&store, 1..=4).await;
    for number in 1..=3 {
        let holder = if number == 3 { "worker-2" } else { "worker-1" }.to_owned();
        let claim = ClaimRequest { holder, ..claim_at(10) };
        store.claim_job(JobId(number), claim).await.unwrap().unwrap();
    }
    // The claim of job 2 broke off before it was noted.
    let entries =
        place.cql("SELECT priority, shard, created FROM open_jobs WHERE id = 2 ALLOW FILTERING");
    let entry = entries.await.remove(0).columns;
    let column = |i: usize| entry[i].clone().unwrap();
    let (priority, shard) = (column(0).as_tinyint().unwrap(), column(1).as_tinyint().unwrap());
    let created = column(2).as_bigint().unwrap();
    place
        .cql(&format!(
            "UPDATE open_jobs SET wake = 0 WHERE priority = {priority} AND shard = {shard} \
             AND created = {created} AND id = 2"
        ))
        .await;
    let again = place.store();
    assert_eq!(again.release_jobs_of("worker-1", at(12)).await.unwrap(), 2);
    assert_eq!(again.release_jobs_of("worker-1", at(13)).await.unwrap(), 0);
    let job = again.job(JobId(1)).await.unwrap().unwrap();
    assert_eq!((job.state, job.lease, job.updated), (JobState::Queued, None, at(12)));
    assert_eq!(kind(store.renew(JobId(1), 1, at(90), 5).await), ErrorKind::Fenced);
    store.renew(JobId(3), 1, at(90), 5).await.unwrap();
    let mut claimed = Vec::new();
    while let Some(job) = again.claim(claim_at(14)).await.unwrap() {
        claimed.push((job.id.0, job.fence));
    }
    assert_eq!(claimed, [(1, 2), (2, 2), (4, 1)]);
}

#[tokio::test]
async fn a_cancellation_reaches_the_host_that_works() {
    let Some(place) = pool::empty().await else { return };
    let (works, cancels) = (place.store(), place.store());
    works.submit(new_job(1)).await.unwrap();
    let job = works.claim(claim_at(10)).await.unwrap().unwrap();
    cancels.cancel(job.id, at(11)).await.unwrap().unwrap();
    let renewed = works.renew(job.id, job.fence, at(60), 1).await;
    assert_eq!(kind(renewed), ErrorKind::Fenced);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hosts_with_one_fence_store_each_chunk_once() {
    let Some(place) = pool::empty().await else { return };
    place.store().submit(new_job(1)).await.unwrap();
    let job = place.store().claim(claim_at(10)).await.unwrap().unwrap();
    let mut hosts = JoinSet::new();
    for host in 0..2_u32 {
        let (store, id, fence) = (place.store(), job.id, job.fence);
        hosts.spawn(async move {
            let mut stored = 0;
            for step in 0..20 {
                // One goes up, the other down, so that they leave gaps for each other.
                let number = if host == 0 { step } else { 19 - step };
                let text = chunk(number, &format!("host {host}"));
                let put = store.put_chunk(id, fence, text, at(11)).await.unwrap();
                stored += u32::from(put == PutChunk::Stored);
            }
            stored
        });
    }
    let stored: u32 = hosts.join_all().await.iter().sum();
    assert_eq!(stored, 20, "each chunk is stored by one of them");
    assert_eq!(place.store().chunks(job.id, 0, 99).await.unwrap().len(), 20);
    assert_eq!(place.store().job(job.id).await.unwrap().unwrap().ready_chunks, 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_an_end_and_a_cancellation_at_once_one_counts() {
    let Some(place) = pool::empty().await else { return };
    for number in 1..=8 {
        place.store().submit(new_job(number)).await.unwrap();
        let job = place.store().claim_job(JobId(number), claim_at(10)).await.unwrap().unwrap();
        let (ends, cancels) = (place.store(), place.store());
        let (ended, cancelled) = tokio::join!(
            ends.finish(job.id, job.fence, Outcome::Completed, at(20)),
            cancels.cancel(job.id, at(21)),
        );
        let stands = place.store().job(job.id).await.unwrap().unwrap();
        match (ended, cancelled.unwrap()) {
            (Ok(ended), None) => assert_eq!(stands, ended),
            (Err(error), Some(cancelled)) => {
                assert_eq!(error.kind, ErrorKind::Fenced);
                assert_eq!(stands, cancelled);
            }
            both => panic!("{both:?}"),
        }
    }
}

#[tokio::test]
async fn a_job_from_a_host_whose_clock_is_late_is_found_too() {
    let Some(place) = pool::empty().await else { return };
    let (late, polls) = (place.store(), place.store());
    assert_eq!(polls.claim(claim_at(100_000)).await.unwrap(), None);
    late.submit(NewJob { now: at(0), ..new_job(1) }).await.unwrap();
    let mut found = None;
    for _ in 0..40 {
        found = found.or(polls.claim(claim_at(100_001)).await.unwrap());
    }
    assert_eq!(found.map(|job| job.id), Some(JobId(1)));
}

#[tokio::test]
async fn many_jobs_that_wait_hide_none_behind_them() {
    let Some(place) = pool::empty().await else { return };
    let store = place.store();
    submit(&store, 1..=300).await;
    for number in 1..=299 {
        // Entries that say: not before second 1,000. 300 jobs fill more than a read of each shard.
        let job = store.job(JobId(number)).await.unwrap().unwrap();
        store.claim_job(job.id, ClaimRequest { until: at(1_000), ..claim_at(10) }).await.unwrap();
    }
    let last = place.store().claim(claim_at(20)).await.unwrap();
    assert_eq!(last.map(|job| job.id), Some(JobId(300)));
    assert_eq!(place.store().claim(claim_at(20)).await.unwrap(), None);
    let first = place.store().claim(claim_at(1_000)).await.unwrap();
    assert_eq!(first.map(|job| (job.id, job.fence)), Some((JobId(1), 2)));
}

#[tokio::test]
async fn entries_that_are_left_over_are_removed_by_whoever_sees_them() {
    let Some(place) = pool::empty().await else { return };
    let store = place.store();
    store.submit(NewJob { priority: Priority::Priority, ..new_job(1) }).await.unwrap();
    let entries = place.cql("SELECT priority, shard, created, id FROM open_jobs").await;
    let [entry] = entries.as_slice() else { panic!("one entry, not {entries:?}") };
    let column = |i: usize| entry.columns[i].clone().unwrap();
    let (priority, shard) = (column(0).as_tinyint().unwrap(), column(1).as_tinyint().unwrap());
    let created = column(2).as_bigint().unwrap();
    store.cancel(JobId(1), at(5)).await.unwrap().unwrap();
    assert!(place.cql("SELECT id FROM open_jobs").await.is_empty());
    // One of a job that is done, one of a job that never was.
    for id in [1, 77] {
        place
            .cql(&format!(
                "INSERT INTO open_jobs (priority, shard, created, id, wake) \
                 VALUES ({priority}, {shard}, {created}, {id}, 0)"
            ))
            .await;
    }
    assert_eq!(place.store().claim(claim_at(10)).await.unwrap(), None);
    assert!(place.cql("SELECT id FROM open_jobs").await.is_empty());
}

#[tokio::test]
async fn a_job_that_cannot_be_read_stops_only_itself() {
    let Some(place) = pool::empty().await else { return };
    let store = place.store();
    submit(&store, 1..=2).await;
    place.cql("UPDATE jobs SET warnings = 'no document' WHERE id = 1").await;
    assert_eq!(kind(store.job(JobId(1)).await), ErrorKind::Corrupt);
    let claimed = place.store().claim(claim_at(10)).await.unwrap();
    assert_eq!(claimed.map(|job| job.id), Some(JobId(2)));
    assert_eq!(place.store().claim(claim_at(11)).await.unwrap(), None);
}

#[tokio::test]
async fn a_chunk_may_be_long() {
    let Some(place) = pool::empty().await else { return };
    let store = place.store();
    store.submit(new_job(1)).await.unwrap();
    let job = store.claim(claim_at(10)).await.unwrap().unwrap();
    // Six times what a batch over several partitions may have.
    let long = chunk(0, &"a word and another ".repeat(4_000));
    assert!(serde_json::to_string(&long).unwrap().len() > 300_000);
    store.put_chunk(job.id, job.fence, long.clone(), at(11)).await.unwrap();
    assert_eq!(store.chunks(job.id, 0, 1).await.unwrap(), [long]);
}

#[tokio::test]
async fn lists_reach_over_months_and_late_jobs_count() {
    const DAY: i64 = 86_400;
    let Some(place) = pool::empty().await else { return };
    let (store, other) = (place.store(), place.store());
    for (number, day) in [(1, 0), (2, 1), (3, 40), (4, 80), (5, 80), (6, 200)] {
        store.submit(NewJob { now: at(day * DAY), ..new_job(number) }).await.unwrap();
    }
    let list = async |owner: Option<AccountId>, offset, limit| {
        let page = other.jobs(owner, offset, limit).await.unwrap();
        (page.total, page.jobs.iter().map(|job| job.id.0).collect::<Vec<_>>())
    };
    for owner in [None, Some(AccountId(1))] {
        assert_eq!(list(owner, 0, 9).await, (6, vec![6, 5, 4, 3, 2, 1]));
        assert_eq!(list(owner, 1, 3).await, (6, vec![5, 4, 3]));
        assert_eq!(list(owner, 4, 9).await, (6, vec![2, 1]));
        assert_eq!(list(owner, 0, 0).await, (6, vec![]));
        assert_eq!(list(owner, u64::MAX, 9).await, (6, vec![]));
    }
    // The oldest buckets are counted for good now, until somebody comes late.
    store.submit(NewJob { now: at(2), ..new_job(7) }).await.unwrap();
    for owner in [None, Some(AccountId(1))] {
        assert_eq!(list(owner, 0, 9).await, (7, vec![6, 5, 4, 3, 2, 7, 1]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appends_of_several_hosts_have_no_gap_over_blocks() {
    let Some(place) = pool::empty().await else { return };
    // A block that is nearly full, as if 995 messages had come before.
    place.cql("INSERT INTO message_blocks (topic, block) VALUES ('topic', 0)").await;
    for position in 0..995 {
        place
            .cql(&format!(
                "INSERT INTO messages (topic, block, position, key, headers, payload, at) \
                 VALUES ('topic', 0, {position}, '', '[]', 0x, 0)"
            ))
            .await;
    }
    let mut hosts = JoinSet::new();
    for _ in 0..3 {
        let store = place.store();
        hosts.spawn(async move {
            let mut offsets = Vec::new();
            for number in 0..10 {
                offsets.push(store.append("topic", message(number)).await.unwrap());
            }
            offsets
        });
    }
    let mut offsets: Vec<i64> = hosts.join_all().await.into_iter().flatten().collect();
    offsets.sort_unstable();
    assert_eq!(offsets, (995..1_025).collect::<Vec<_>>());
    let read = place.store().read("topic", 990, 100).await.unwrap();
    let read: Vec<i64> = read.iter().map(|(offset, _)| *offset).collect();
    assert_eq!(read, (990..1_025).collect::<Vec<_>>());
    assert_eq!(place.store().read("topic", 998, 4).await.unwrap().len(), 4);
    assert!(place.store().read("topic", 1_025, 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_one_host_did_every_other_sees_at_once() {
    let Some(place) = pool::empty().await else { return };
    for number in 1..=5 {
        let Submitted::Created(job) = place.store().submit(new_job(number)).await.unwrap() else {
            panic!("a fresh submission");
        };
        let job = place.store().claim_job(job.id, claim_at(10)).await.unwrap().unwrap();
        place.store().renew(job.id, job.fence, at(70), 1).await.unwrap();
        place.store().put_chunk(job.id, job.fence, chunk(0, "text"), at(11)).await.unwrap();
        let outcome = Outcome::Completed;
        let job = place.store().finish(job.id, job.fence, outcome, at(12)).await.unwrap();
        assert_eq!((job.state, job.ready_chunks), (JobState::Completed, 1));
        assert_eq!(job.finished, Some(at(12)));
    }
}
