//! Submissions and accounts whose making was cut off: what is there is enough to go on.

use std::sync::Arc;

use scribed_schemas::account::Account;
use scribed_schemas::id::{AccountId, JobId};
use scribed_store::conformance::{account, claim_at, key, kind, media, new_job};
use scribed_store::{CqlStore, ErrorKind, NewJob, Store, Submitted};
use tokio::task::JoinSet;

use crate::pool;

/// Checks that a job will be worked on and is listed.
async fn check_accepted(store: &Arc<CqlStore>, id: i64) {
    let listed = store.jobs(None, 0, 9).await.unwrap();
    assert_eq!((listed.total, listed.jobs[0].id.0), (1, id));
    let claimed = store.claim(claim_at(10)).await.unwrap();
    assert_eq!(claimed.map(|job| job.id.0), Some(id));
}

#[tokio::test]
async fn a_key_without_its_job_is_used_by_the_repeat() {
    let Some(place) = pool::empty().await else { return };
    let store = place.store();
    let new = NewJob { idempotency: key("k", "body"), ..new_job(1) };
    store.submit(new.clone()).await.unwrap();
    for (table, row) in [("jobs", "id = 1"), ("media", "id = 1000001")] {
        place.forget(table, row).await;
    }
    let other = NewJob { idempotency: key("k", "another"), ..new_job(2) };
    assert_eq!(store.submit(other).await.unwrap(), Submitted::Conflict);
    // The recording was stored anew with the repeat.
    let again = NewJob { id: JobId(2), media: Some(media(2)), ..new };
    let answer = place.store().submit(again).await.unwrap();
    assert!(matches!(&answer, Submitted::Created(job) if job.id.0 == 1), "{answer:?}");
    let job = store.job(JobId(1)).await.unwrap().unwrap();
    assert_eq!(job.media, Some(media(2).id));
    assert_eq!(store.media(media(2).id).await.unwrap(), Some(media(2)));
    assert_eq!(store.job(JobId(2)).await.unwrap(), None);
    check_accepted(&store, 1).await;
}

#[tokio::test]
async fn a_job_that_is_in_no_list_is_entered_by_the_repeat() {
    let Some(place) = pool::empty().await else { return };
    let store = place.store();
    store.submit(new_job(1)).await.unwrap();
    for table in ["open_jobs", "owner_open_jobs", "job_lists", "job_buckets"] {
        place.forget_all(table).await;
    }
    assert_eq!(place.store().claim(claim_at(10)).await.unwrap(), None);
    let answer = place.store().submit(new_job(1)).await.unwrap();
    assert!(matches!(&answer, Submitted::Existing(_)), "{answer:?}");
    check_accepted(&place.store(), 1).await;
}

#[tokio::test]
async fn a_job_that_is_in_no_list_of_jobs_is_entered_when_it_is_claimed() {
    let Some(place) = pool::empty().await else { return };
    place.store().submit(new_job(1)).await.unwrap();
    for table in ["job_lists", "job_buckets"] {
        place.forget_all(table).await;
    }
    assert_eq!(place.store().jobs(None, 0, 9).await.unwrap().total, 0);
    place.store().claim(claim_at(10)).await.unwrap().unwrap();
    assert_eq!(place.store().jobs(None, 0, 9).await.unwrap().total, 1);
    assert_eq!(place.store().jobs(Some(AccountId(1)), 0, 9).await.unwrap().total, 1);
}

#[tokio::test]
async fn the_only_job_that_is_missing_is_made_by_the_next_submission() {
    let Some(place) = pool::empty().await else { return };
    let store = place.store();
    let only = |number| NewJob { one_active: true, ..new_job(number) };
    let Submitted::Created(first) = store.submit(only(1)).await.unwrap() else {
        panic!("a fresh submission");
    };
    for (table, row) in [("jobs", "id = 1"), ("media", "id = 1000001")] {
        place.forget(table, row).await;
    }
    for table in ["open_jobs", "owner_open_jobs", "job_lists", "job_buckets"] {
        place.forget_all(table).await;
    }
    let answer = place.store().submit(only(2)).await.unwrap();
    assert_eq!(answer, Submitted::ActiveJob(first.id));
    assert_eq!(store.job(first.id).await.unwrap(), Some(first));
    assert_eq!(store.media(media(1).id).await.unwrap(), Some(media(1)));
    check_accepted(&place.store(), 1).await;
}

#[tokio::test]
async fn an_open_job_counts_however_it_was_submitted() {
    let Some(place) = pool::empty().await else { return };
    let store = place.store();
    store.submit(new_job(1)).await.unwrap();
    let only = NewJob { one_active: true, ..new_job(2) };
    assert_eq!(store.submit(only.clone()).await.unwrap(), Submitted::ActiveJob(JobId(1)));
    let keyed = NewJob { idempotency: key("k", "body"), ..only.clone() };
    assert_eq!(store.submit(keyed).await.unwrap(), Submitted::ActiveJob(JobId(1)));
    // A refused submission leaves nothing behind: its key stands for nothing.
    store.cancel(JobId(1), claim_at(5).now).await.unwrap();
    let other = NewJob { idempotency: key("k", "another"), ..only };
    assert!(matches!(store.submit(other).await.unwrap(), Submitted::Created(_)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_submissions_of_several_hosts_one_becomes_the_only_job() {
    let Some(place) = pool::empty().await else { return };
    let mut hosts = JoinSet::new();
    for number in 1..=6 {
        let store = place.store();
        let new = NewJob { one_active: true, ..new_job(number) };
        hosts.spawn(async move { store.submit(new).await.unwrap() });
    }
    let answers = hosts.join_all().await;
    let created = |answer: &&Submitted| matches!(answer, Submitted::Created(_));
    assert_eq!(answers.iter().filter(created).count(), 1, "{answers:?}");
    assert_eq!(place.store().jobs(None, 0, 9).await.unwrap().total, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_key_on_several_hosts_is_one_job_with_one_recording() {
    let Some(place) = pool::empty().await else { return };
    let mut hosts = JoinSet::new();
    for number in 1..=8 {
        let store = place.store();
        let new = NewJob { idempotency: key("k", "body"), ..new_job(number) };
        hosts.spawn(async move { store.submit(new).await.unwrap() });
    }
    let answers = hosts.join_all().await;
    let created = |answer: &&Submitted| matches!(answer, Submitted::Created(_));
    assert_eq!(answers.iter().filter(created).count(), 1, "{answers:?}");
    assert_eq!(place.cql("SELECT id FROM media").await.len(), 1);
    assert_eq!(place.store().jobs(None, 0, 9).await.unwrap().total, 1);
}

#[tokio::test]
async fn a_name_without_its_account_may_be_taken() {
    let Some(place) = pool::empty().await else { return };
    let store = place.store();
    store.create_account(account(1)).await.unwrap();
    place.forget("accounts", "id = 1").await;
    assert_eq!(store.account_by_name("user-1").await.unwrap(), None);
    let second = Account { id: AccountId(2), ..account(1) };
    store.create_account(second.clone()).await.unwrap();
    assert_eq!(store.account_by_name("user-1").await.unwrap(), Some(second.clone()));
    assert_eq!(store.accounts(None, 9).await.unwrap(), [second]);
    assert_eq!(kind(store.create_account(account(1)).await), ErrorKind::Conflict);
}

#[tokio::test]
async fn a_taken_id_frees_the_name_again() {
    let Some(place) = pool::empty().await else { return };
    let store = place.store();
    store.create_account(account(1)).await.unwrap();
    let second = Account { username: "another".to_owned(), ..account(1) };
    assert_eq!(kind(store.create_account(second).await), ErrorKind::Conflict);
    let third = Account { username: "another".to_owned(), ..account(3) };
    store.create_account(third).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_hosts_one_gets_the_name() {
    let Some(place) = pool::empty().await else { return };
    let mut hosts = JoinSet::new();
    for number in 1..=6 {
        let store = place.store();
        let admin = Account { username: "admin".to_owned(), ..account(number) };
        hosts.spawn(async move { store.create_account(admin).await.is_ok() });
    }
    let created = hosts.join_all().await.into_iter().filter(|created| *created).count();
    assert_eq!(created, 1);
    assert_eq!(place.store().accounts(None, 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn logins_end_before_their_account_is_made_and_stay_ended() {
    let Some(place) = pool::empty().await else { return };
    let store = place.store();
    store.revoke_refresh_families(AccountId(1)).await.unwrap();
    assert_eq!(store.account(AccountId(1)).await.unwrap(), None);
    store.create_account(account(1)).await.unwrap();
    assert_eq!(store.account(AccountId(1)).await.unwrap(), Some(account(1)));
}
