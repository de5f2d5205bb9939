//! Jobs that wait for something: cut off anywhere, what is there is enough to go on.

use scribed_schemas::id::JobId;
use scribed_schemas::job::{Awaits, JobOptions, JobState, Priority};
use scribed_store::conformance::{at, claim_at, key, media, new_job};
use scribed_store::{NewJob, Store, Supplied, Supply};

use crate::pool;

/// Returns the submission of a number that waits for its recording.
fn without_media(number: i64) -> NewJob {
    let awaits = Awaits { media: true, ..Awaits::default() };
    NewJob { media: None, awaits, ..new_job(number) }
}

/// Returns the recording of a number, named `talk`.
fn recording(number: i64) -> Supply {
    Supply::Media { media: media(number), facts: None, source: None, key: key("talk", "body") }
}

/// Puts the only entry of the open list to sleep until a second.
async fn sleep_until(place: &pool::Place, seconds: i64) {
    let entries = place.cql("SELECT priority, shard, created, id FROM open_jobs").await;
    let [entry] = entries.as_slice() else { panic!("one entry, not {entries:?}") };
    let column = |i: usize| entry.columns[i].clone().unwrap();
    let (priority, shard) = (column(0).as_tinyint().unwrap(), column(1).as_tinyint().unwrap());
    let (created, id) = (column(2).as_bigint().unwrap(), column(3).as_bigint().unwrap());
    let wake = at(seconds).0;
    place
        .cql(&format!(
            "UPDATE open_jobs SET wake = {wake} WHERE priority = {priority} AND shard = {shard} \
             AND created = {created} AND id = {id}"
        ))
        .await;
}

#[tokio::test]
async fn a_job_that_waits_is_in_no_list_that_claims_walk_over() {
    let Some(place) = pool::empty().await else { return };
    let store = place.store();
    for number in 1..=3 {
        store.submit(without_media(number)).await.unwrap();
    }
    let orders = Awaits { order: true, ..Awaits::default() };
    store.submit(NewJob { awaits: orders, ..new_job(4) }).await.unwrap();
    assert!(place.cql("SELECT id FROM open_jobs").await.is_empty());
    assert_eq!(place.cql("SELECT id FROM owner_open_jobs").await.len(), 4);
    let urgent = Supply::Order { options: JobOptions::default(), priority: Priority::Priority };
    store.supply(JobId(4), urgent, at(5)).await.unwrap();
    store.supply(JobId(2), recording(2), at(5)).await.unwrap();
    let entries = place.cql("SELECT priority, id, wake FROM open_jobs").await;
    assert_eq!(entries.len(), 2, "{entries:?}");
    store.cancel(JobId(3), at(6)).await.unwrap().unwrap();
    assert_eq!(place.cql("SELECT id FROM owner_open_jobs").await.len(), 3);
    let claimed = place.store().claim(claim_at(10)).await.unwrap();
    assert_eq!(claimed.map(|job| job.id), Some(JobId(4)), "it is entered by its priority alone");
}

#[tokio::test]
async fn a_job_whose_host_died_before_it_was_woken_is_found_a_minute_later() {
    let Some(place) = pool::empty().await else { return };
    let store = place.store();
    store.submit(without_media(1)).await.unwrap();
    store.supply(JobId(1), recording(1), at(5)).await.unwrap();
    sleep_until(&place, 65).await;
    assert_eq!(place.store().claim(claim_at(64)).await.unwrap(), None);
    let claimed = place.store().claim(claim_at(65)).await.unwrap();
    assert_eq!(claimed.map(|job| job.id), Some(JobId(1)));
}

#[tokio::test]
async fn a_job_that_waited_for_a_day_is_found_by_every_host() {
    let Some(place) = pool::empty().await else { return };
    let (gives, polls) = (place.store(), place.store());
    gives.submit(without_media(1)).await.unwrap();
    // Both have looked since, so both know from where on there is something.
    for store in [&gives, &polls] {
        assert_eq!(store.claim(claim_at(86_400)).await.unwrap(), None);
    }
    gives.supply(JobId(1), recording(1), at(86_400)).await.unwrap();
    let mut found = None;
    for _ in 0..40 {
        found = found.or(polls.claim(claim_at(86_401)).await.unwrap());
    }
    assert_eq!(found.map(|job| job.id), Some(JobId(1)));
    gives.submit(without_media(2)).await.unwrap();
    assert_eq!(gives.claim(claim_at(86_402)).await.unwrap(), None);
    gives
        .supply(
            JobId(2),
            Supply::Media { media: media(2), facts: None, source: None, key: None },
            at(86_403),
        )
        .await
        .unwrap();
    let claimed = gives.claim(claim_at(86_404)).await.unwrap();
    assert_eq!(claimed.map(|job| job.id), Some(JobId(2)), "who gives it looks there at once");
}

#[tokio::test]
async fn a_job_that_was_not_woken_is_woken_by_the_repeat() {
    let Some(place) = pool::empty().await else { return };
    let store = place.store();
    store.submit(without_media(1)).await.unwrap();
    store.supply(JobId(1), recording(1), at(5)).await.unwrap();
    sleep_until(&place, 65).await;
    let again = place.store().supply(JobId(1), recording(2), at(6)).await.unwrap();
    assert!(matches!(&again, Supplied::Left(job) if job.state == JobState::Queued), "{again:?}");
    let claimed = place.store().claim(claim_at(10)).await.unwrap();
    assert_eq!(claimed.map(|job| job.id), Some(JobId(1)));
    assert_eq!(place.cql("SELECT id FROM media").await.len(), 1);
}

#[tokio::test]
async fn a_job_that_is_entered_and_waits_on_is_left_alone_until_it_has_everything() {
    let Some(place) = pool::empty().await else { return };
    let store = place.store();
    // As a host leaves it that died between the entry and the change.
    store.submit(new_job(1)).await.unwrap();
    place
        .cql("UPDATE jobs SET awaits = '{\"order\": true}', state = 'awaiting_media' WHERE id = 1")
        .await;
    assert_eq!(place.store().claim(claim_at(10)).await.unwrap(), None);
    store.submit(NewJob { now: at(20), ..new_job(2) }).await.unwrap();
    let claimed = place.store().claim(claim_at(30)).await.unwrap();
    assert_eq!(claimed.map(|job| job.id), Some(JobId(2)));
    let order = Supply::Order { options: JobOptions::default(), priority: Priority::Standard };
    let supplied = place.store().supply(JobId(1), order, at(31)).await.unwrap();
    assert!(matches!(supplied, Supplied::Changed(_)), "{supplied:?}");
    let claimed = place.store().claim(claim_at(32)).await.unwrap();
    assert_eq!(claimed.map(|job| job.id), Some(JobId(1)));
}

#[tokio::test]
async fn a_key_whose_job_did_not_get_the_recording_is_used_by_the_repeat() {
    let Some(place) = pool::empty().await else { return };
    let store = place.store();
    store.submit(without_media(1)).await.unwrap();
    store.submit(without_media(2)).await.unwrap();
    place
        .cql(
            "INSERT INTO submissions (owner, key, fingerprint, job, op) \
             VALUES (1, 'talk', 'body', 1, uuid())",
        )
        .await;
    let taken = store.supply(JobId(2), recording(2), at(5)).await.unwrap();
    assert_eq!(taken, Supplied::Taken(JobId(1)));
    let supplied = store.supply(JobId(1), recording(1), at(6)).await.unwrap();
    assert!(matches!(&supplied, Supplied::Changed(job) if job.media == Some(media(1).id)));
    assert_eq!(place.cql("SELECT id FROM media").await.len(), 1);
}

#[tokio::test]
async fn a_job_that_is_done_gives_back_the_key_that_it_was_given_in_vain() {
    let Some(place) = pool::empty().await else { return };
    let store = place.store();
    store.submit(without_media(1)).await.unwrap();
    store.submit(without_media(2)).await.unwrap();
    store.cancel(JobId(1), at(3)).await.unwrap().unwrap();
    // As a host leaves it that took the key just before the cancellation, and died.
    place
        .cql(
            "INSERT INTO submissions (owner, key, fingerprint, job, op) \
             VALUES (1, 'talk', 'body', 1, uuid())",
        )
        .await;
    let left = store.supply(JobId(1), recording(1), at(5)).await.unwrap();
    assert!(matches!(left, Supplied::Left(_)), "{left:?}");
    assert!(place.cql("SELECT job FROM submissions").await.is_empty());
    let supplied = store.supply(JobId(2), recording(2), at(6)).await.unwrap();
    assert!(matches!(supplied, Supplied::Changed(_)), "{supplied:?}");
}
