//! Failures on purpose: a lost answer may be asked for again, whatever was asked.

use std::sync::Arc;

use scribed_store::conformance::{Bench, at, chunk, claim_at, key, kind, message, new_job};
use scribed_store::faulty::{Calls, PlannedFault, When};
use scribed_store::{
    ErrorKind, FaultyStore, MemoryStore, NewJob, Outcome, PutChunk, Store, Submitted,
};

// With nothing planned, the decorator keeps every promise of what it wraps.
scribed_store::store_conformance!(async {
    Bench::new(FaultyStore::new(Arc::new(MemoryStore::new())))
});

/// A store whose first call of a method loses its answer.
fn losing(method: &'static str) -> FaultyStore {
    let store = FaultyStore::new(Arc::new(MemoryStore::new()));
    let (calls, when) = (Calls::Nth(1), When::BeforeReply);
    store.fail(PlannedFault { method, calls, when, kind: ErrorKind::Unavailable });
    store
}

#[tokio::test]
async fn a_submission_whose_answer_is_lost_is_repeated_into_one_job() {
    let store = losing("submit");
    let new = NewJob { idempotency: key("k", "body"), ..new_job(1) };
    assert_eq!(kind(store.submit(new.clone()).await), ErrorKind::Unavailable);
    assert!(matches!(store.submit(new).await.unwrap(), Submitted::Existing(_)));
    assert_eq!(store.jobs(None, 0, 9).await.unwrap().total, 1);
}

#[tokio::test]
async fn a_chunk_whose_answer_is_lost_is_repeated_into_the_same() {
    let store = losing("put_chunk");
    store.submit(new_job(1)).await.unwrap();
    let job = store.claim(claim_at(10)).await.unwrap().unwrap();
    let put = async || store.put_chunk(job.id, job.fence, chunk(0, "text"), at(11)).await;
    assert_eq!(kind(put().await), ErrorKind::Unavailable);
    assert_eq!(put().await.unwrap(), PutChunk::Same);
}

#[tokio::test]
async fn a_claim_whose_answer_is_lost_comes_back_when_its_lease_is_over() {
    let store = losing("claim");
    store.submit(new_job(1)).await.unwrap();
    assert_eq!(kind(store.claim(claim_at(10)).await), ErrorKind::Unavailable);
    assert_eq!(store.claim(claim_at(11)).await.unwrap(), None);
    let job = store.claim(claim_at(40)).await.unwrap().unwrap();
    assert_eq!(job.fence, 2);
}

#[tokio::test]
async fn an_end_whose_answer_is_lost_counts_once() {
    let store = losing("finish");
    store.submit(new_job(1)).await.unwrap();
    let job = store.claim(claim_at(10)).await.unwrap().unwrap();
    let finish = async || store.finish(job.id, job.fence, Outcome::Completed, at(12)).await;
    assert_eq!(kind(finish().await), ErrorKind::Unavailable);
    assert_eq!(kind(finish().await), ErrorKind::Fenced);
    assert!(store.job(job.id).await.unwrap().unwrap().state.is_terminal());
}

#[tokio::test]
async fn a_failure_before_the_call_leaves_no_trace() {
    let store = FaultyStore::new(Arc::new(MemoryStore::new()));
    let (calls, when) = (Calls::Nth(2), When::Before);
    store.fail(PlannedFault { method: "append", calls, when, kind: ErrorKind::Full });
    assert_eq!(store.append("topic", message(1)).await.unwrap(), 0);
    assert_eq!(kind(store.append("topic", message(2)).await), ErrorKind::Full);
    assert_eq!(store.append("topic", message(3)).await.unwrap(), 1);
    assert_eq!(store.calls("append"), 3);
}

#[tokio::test]
async fn a_lasting_failure_ends_when_the_store_heals() {
    let store = FaultyStore::new(Arc::new(MemoryStore::new()));
    let (calls, when) = (Calls::From(2), When::Before);
    store.fail(PlannedFault { method: "ping", calls, when, kind: ErrorKind::Unavailable });
    store.ping().await.unwrap();
    assert_eq!(kind(store.ping().await), ErrorKind::Unavailable);
    assert_eq!(kind(store.ping().await), ErrorKind::Unavailable);
    store.heal();
    store.ping().await.unwrap();
}
