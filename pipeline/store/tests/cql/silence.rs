//! Answers that do not come: what happened is found out, or said to be unknown, and never done twice.

use std::future::Future;
use std::sync::Arc;
use std::task::Poll;

use scribed_schemas::id::{AccountId, JobId};
use scribed_schemas::job::{Job, JobState};
use scribed_store::conformance::{
    account, at, chunk, claim_at, exchange, family, key, kind, media, message, new_job,
};
use scribed_store::{
    AccountChange, CqlConfig, CqlStore, ErrorKind, NewJob, Outcome, PutChunk, Rotation, Store,
    Submitted,
};

use crate::pool::{self, Place};
use crate::proxy::Proxy;

/// A store whose answers can be lost, and the keyspace that it is in.
struct Line {
    store: Arc<CqlStore>,
    proxy: Proxy,
    place: Place,
}

impl Line {
    /// Opens a store behind a proxy, if there is a database.
    async fn open() -> Option<Self> {
        let place = pool::empty().await?;
        let proxy = Proxy::before(&place.config().contact_points[0]).await;
        let config = CqlConfig {
            contact_points: vec![proxy.address()],
            // Long enough for a busy machine, short enough to wait for.
            lwt_timeout_ms: 1_500,
            ..place.config()
        };
        let store = Arc::new(CqlStore::open(&config).await.unwrap());
        Some(Self { store, proxy, place })
    }

    /// Loses one answer, after sparing some.
    fn lose_after(&self, spared: u32) {
        self.proxy.lose_answers(spared, 1);
    }

    /// Checks that so many answers were lost: else the test has tested nothing.
    #[track_caller]
    fn check_lost(&self, number: u32) {
        assert_eq!(self.proxy.lost(), number);
    }

    /// Submits the job of a number and claims it.
    async fn claimed(&self, number: i64) -> Job {
        self.store.submit(new_job(number)).await.unwrap();
        self.store.claim_job(JobId(number), claim_at(10)).await.unwrap().unwrap()
    }

    /// Returns a job as another host sees it.
    async fn job(&self, id: JobId) -> Job {
        self.place.store().job(id).await.unwrap().unwrap()
    }
}

#[tokio::test]
async fn a_claim_without_an_answer_is_one_claim() {
    let Some(line) = Line::open().await else { return };
    line.store.submit(new_job(1)).await.unwrap();
    line.lose_after(0);
    let job = line.store.claim(claim_at(10)).await.unwrap().unwrap();
    line.check_lost(1);
    assert_eq!((job.fence, job.state), (1, JobState::InProgress));
    assert_eq!(line.job(job.id).await, job);
}

#[tokio::test]
async fn a_chunk_without_an_answer_is_stored_once() {
    let Some(line) = Line::open().await else { return };
    let job = line.claimed(1).await;
    line.lose_after(0);
    let put = line.store.put_chunk(job.id, job.fence, chunk(0, "text"), at(11)).await.unwrap();
    line.check_lost(1);
    assert_eq!(put, PutChunk::Stored);
    let put = line.store.put_chunk(job.id, job.fence, chunk(1, "more"), at(12)).await.unwrap();
    assert_eq!(put, PutChunk::Stored);
    let stored = line.place.store().chunks(job.id, 0, 9).await.unwrap();
    assert_eq!(stored, [chunk(0, "text"), chunk(1, "more")]);
}

#[tokio::test]
async fn a_chunk_that_never_arrived_is_sent_again() {
    let Some(line) = Line::open().await else { return };
    let job = line.claimed(1).await;
    line.proxy.lose_requests(1);
    let put = line.store.put_chunk(job.id, job.fence, chunk(0, "text"), at(11)).await.unwrap();
    line.check_lost(1);
    assert_eq!(put, PutChunk::Stored);
    assert_eq!(line.job(job.id).await.ready_chunks, 1);
}

#[tokio::test]
async fn a_renewal_and_an_end_without_an_answer_happen_once() {
    let Some(line) = Line::open().await else { return };
    let job = line.claimed(1).await;
    line.lose_after(0);
    line.store.renew(job.id, job.fence, at(70), 48_000).await.unwrap();
    assert_eq!(line.job(job.id).await.progress_frames, 48_000);
    line.lose_after(0);
    let ended = line.store.finish(job.id, job.fence, Outcome::Completed, at(20)).await.unwrap();
    line.check_lost(2);
    assert_eq!(ended.state, JobState::Completed);
    assert_eq!(line.job(job.id).await, ended);
    assert_eq!(line.store.claim(claim_at(1_000)).await.unwrap(), None);
}

#[tokio::test]
async fn a_cancellation_without_an_answer_says_that_it_cancelled() {
    let Some(line) = Line::open().await else { return };
    let job = line.claimed(1).await;
    line.lose_after(0);
    let cancelled = line.store.cancel(job.id, at(12)).await.unwrap().unwrap();
    line.check_lost(1);
    assert_eq!((cancelled.state, cancelled.fence), (JobState::Cancelled, 2));
}

#[tokio::test]
async fn a_submission_without_an_answer_is_created_once() {
    let Some(line) = Line::open().await else { return };
    // Conditions of a submission with a key: key, recording, job.
    for lost in 0..3 {
        let number = i64::from(lost) + 1;
        let name = format!("key-{lost}");
        let new = NewJob { idempotency: key(&name, "body"), ..new_job(number) };
        line.lose_after(lost);
        let answer = line.store.submit(new.clone()).await.unwrap();
        line.check_lost(lost + 1);
        assert!(matches!(&answer, Submitted::Created(job) if job.id.0 == number), "{answer:?}");
        let again = line.store.submit(NewJob { id: JobId(100 + number), ..new }).await.unwrap();
        assert!(matches!(&again, Submitted::Existing(job) if job.id.0 == number), "{again:?}");
        assert!(line.store.media(media(number).id).await.unwrap().is_some());
    }
    assert_eq!(line.store.jobs(None, 0, 9).await.unwrap().total, 3);
}

#[tokio::test]
async fn the_only_job_without_an_answer_is_created_once() {
    let Some(line) = Line::open().await else { return };
    let only = |number| NewJob { one_active: true, ..new_job(number) };
    line.lose_after(0);
    let answer = line.store.submit(only(1)).await.unwrap();
    line.check_lost(1);
    assert!(matches!(answer, Submitted::Created(_)), "{answer:?}");
    assert_eq!(line.store.submit(only(2)).await.unwrap(), Submitted::ActiveJob(JobId(1)));
}

#[tokio::test]
async fn an_account_without_an_answer_is_created_once() {
    let Some(line) = Line::open().await else { return };
    // Conditions of a creation: name, account.
    for lost in 0..2 {
        let made = account(i64::from(lost) + 1);
        line.lose_after(lost);
        line.store.create_account(made.clone()).await.unwrap();
        line.check_lost(lost + 1);
        let found = line.place.store().account_by_name(&made.username).await.unwrap();
        assert_eq!(found, Some(made));
    }
}

#[tokio::test]
async fn a_password_without_an_answer_changes_once() {
    let Some(line) = Line::open().await else { return };
    line.store.create_account(account(1)).await.unwrap();
    line.store.open_refresh_family(family("a", 1)).await.unwrap();
    let change = AccountChange { password_hash: Some("$new".to_owned()), ..Default::default() };
    line.lose_after(0);
    let changed = line.store.update_account(AccountId(1), change, at(9)).await.unwrap();
    line.check_lost(1);
    assert_eq!(changed.password_epoch, 1);
    let rotation = exchange("a", "token-0", "token-1", 10);
    assert_eq!(line.store.rotate_refresh(rotation).await.unwrap(), Rotation::Unknown);
}

#[tokio::test]
async fn a_token_without_an_answer_is_exchanged_once() {
    let Some(line) = Line::open().await else { return };
    line.lose_after(0);
    line.store.open_refresh_family(family("a", 1)).await.unwrap();
    line.lose_after(0);
    let rotation = exchange("a", "token-0", "token-1", 1);
    let rotated = line.store.rotate_refresh(rotation).await.unwrap();
    line.check_lost(2);
    assert_eq!(rotated, Rotation::Rotated(AccountId(1)));
    let rotation = exchange("a", "token-1", "token-2", 2);
    let rotated = line.store.rotate_refresh(rotation).await.unwrap();
    assert_eq!(rotated, Rotation::Rotated(AccountId(1)));
    line.lose_after(0);
    line.store.revoke_refresh_families(AccountId(1)).await.unwrap();
    line.check_lost(3);
    let rotation = exchange("a", "token-2", "token-3", 3);
    assert_eq!(line.store.rotate_refresh(rotation).await.unwrap(), Rotation::Unknown);
}

#[tokio::test]
async fn a_message_without_an_answer_is_appended_once() {
    let Some(line) = Line::open().await else { return };
    line.lose_after(0);
    assert_eq!(line.store.append("topic", message(1)).await.unwrap(), 0);
    assert_eq!(line.store.append("topic", message(2)).await.unwrap(), 1);
    line.lose_after(0);
    line.store.commit("topic", "group", 2).await.unwrap();
    line.check_lost(2);
    let read = line.place.store().read("topic", 0, 9).await.unwrap();
    assert_eq!(read, [(0, message(1)), (1, message(2))]);
    assert_eq!(line.place.store().committed("topic", "group").await.unwrap(), 2);
}

#[tokio::test]
async fn a_node_number_without_an_answer_is_leased_once() {
    let Some(line) = Line::open().await else { return };
    line.lose_after(0);
    assert_eq!(line.store.lease_node("one", at(0), at(30)).await.unwrap(), 0);
    line.lose_after(0);
    line.store.renew_node(0, "one", at(60)).await.unwrap();
    line.check_lost(2);
    assert_eq!(line.store.lease_node("two", at(0), at(30)).await.unwrap(), 1);
}

#[tokio::test]
async fn when_no_answer_comes_at_all_a_repeat_finds_out() {
    let Some(line) = Line::open().await else { return };
    let job = line.claimed(1).await;
    // The chunk is lost on its way each time, so nothing can be found out but that it is not there.
    line.proxy.lose_requests(9);
    let put = line.store.put_chunk(job.id, job.fence, chunk(0, "text"), at(11)).await;
    assert_eq!(kind(put), ErrorKind::Unavailable);
    line.check_lost(3);
    line.proxy.lose_requests(0);
    assert_eq!(line.job(job.id).await.ready_chunks, 0);
    let put = line.store.put_chunk(job.id, job.fence, chunk(0, "text"), at(11)).await.unwrap();
    assert_eq!(put, PutChunk::Stored);
}

/// Polls a future so many times and drops it.
async fn begun<F: Future>(future: F, polls: u32) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    let mut polled = 0;
    std::future::poll_fn(|context| {
        polled += 1;
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if polled > polls => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

#[tokio::test]
async fn a_call_that_was_dropped_anywhere_may_be_repeated() {
    let Some(place) = pool::empty().await else { return };
    let store = place.store();
    let mut dropped = 0;
    for polls in 0..16_u32 {
        let number = i64::from(polls) + 1;
        let new = NewJob { idempotency: key(&format!("key-{polls}"), "body"), ..new_job(number) };
        dropped += u32::from(begun(store.submit(new.clone()), polls).await.is_none());
        let (Submitted::Created(job) | Submitted::Existing(job)) =
            store.submit(NewJob { id: JobId(100 + number), ..new }).await.unwrap()
        else {
            panic!("a repeat is no conflict");
        };
        dropped += u32::from(begun(store.claim_job(job.id, claim_at(10)), polls).await.is_none());
        // The claim that was dropped may have happened: then it runs out, as that of a dead host.
        let job = match store.claim_job(job.id, claim_at(10)).await.unwrap() {
            Some(job) => job,
            None => store.claim_job(job.id, claim_at(40)).await.unwrap().unwrap(),
        };
        for number in 0..2 {
            let text = chunk(number, "text");
            let put = store.put_chunk(job.id, job.fence, text.clone(), at(50));
            dropped += u32::from(begun(put, polls).await.is_none());
            let put = store.put_chunk(job.id, job.fence, text, at(50)).await.unwrap();
            assert_ne!(put, PutChunk::Different);
        }
        let finish = store.finish(job.id, job.fence, Outcome::Completed, at(60));
        dropped += u32::from(begun(finish, polls).await.is_none());
        match store.finish(job.id, job.fence, Outcome::Completed, at(60)).await {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind, ErrorKind::Fenced),
        }
        let job = store.job(job.id).await.unwrap().unwrap();
        assert_eq!((job.state, job.ready_chunks), (JobState::Completed, 2));
    }
    assert!(dropped > 20, "calls were dropped on their way: {dropped}");
    assert_eq!(store.jobs(None, 0, 1).await.unwrap().total, 16);
    assert_eq!(store.claim(claim_at(1_000)).await.unwrap(), None);
}
