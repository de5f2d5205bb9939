//! What follows jobs: entries that a host left, whatever it was about to do.

use std::collections::BTreeMap;
use std::sync::Arc;

use scribed_schemas::callback::{Callback, CallbackStyle, Delivery, DeliveryState};
use scribed_schemas::id::JobId;
use scribed_schemas::job::JobOptions;
use scribed_store::conformance::{at, new_job};
use scribed_store::{CqlStore, Deleted, NewJob, Store};

use crate::pool;

/// Cancels a job at second 20 that has somebody to be called then.
async fn cancelled(store: &Arc<CqlStore>, number: i64) {
    let callback = Callback {
        url: "https://example.org/done".to_owned(),
        style: CallbackStyle::Scribed,
        headers: BTreeMap::new(),
    };
    let options = JobOptions { callback: Some(callback), ..JobOptions::default() };
    store.submit(NewJob { options, ..new_job(number) }).await.unwrap();
    store.cancel(JobId(number), at(20)).await.unwrap().unwrap();
}

/// Lists the steps and times of the entries of all jobs.
async fn entries(place: &pool::Place) -> Vec<(i64, i64, i64)> {
    let rows = place.cql("SELECT id, step, due FROM follow_ups").await;
    let number = |row: &scylla::value::Row, i: usize| row.columns[i].as_ref().unwrap().as_bigint();
    let mut entries: Vec<_> = rows
        .iter()
        .map(|row| [0, 1, 2].map(|i| number(row, i).unwrap()))
        .map(|[id, step, due]| (id, step, (due - at(0).0) / 1_000_000))
        .collect();
    entries.sort_unstable();
    entries
}

/// Returns the part of the list that a job is in: its id, all its bits mixed.
fn shard(id: i64) -> u64 {
    let mut mixed = id.cast_unsigned();
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31)) % 16
}

/// Adds an entry, as a host leaves it.
async fn add(place: &pool::Place, id: i64, step: u32, seconds: i64) {
    let (shard, due) = (shard(id), at(seconds).0);
    place
        .cql(&format!(
            "INSERT INTO follow_ups (shard, due, id, step) VALUES ({shard}, {due}, {id}, {step})"
        ))
        .await;
}

#[tokio::test]
async fn a_job_has_one_entry_which_moves_with_its_steps() {
    let Some(place) = pool::empty().await else { return };
    let store = place.store();
    cancelled(&store, 1).await;
    assert_eq!(entries(&place).await, [(1, 0, 20)]);
    let later = Delivery { attempts: 1, ..Delivery::due_at(at(90)) };
    store.note_delivery(JobId(1), 0, later.clone()).await.unwrap().unwrap();
    assert_eq!(entries(&place).await, [(1, 1, 90)]);
    assert_eq!(store.note_delivery(JobId(1), 0, later.clone()).await.unwrap(), None);
    assert_eq!(entries(&place).await, [(1, 1, 90)]);
    let delivered = Delivery { state: DeliveryState::Delivered, ..later };
    store.note_delivery(JobId(1), 1, delivered).await.unwrap().unwrap();
    assert_eq!(entries(&place).await, []);
    cancelled(&store, 2).await;
    assert_eq!(store.delete_job(JobId(2)).await.unwrap(), Deleted::Gone);
    assert_eq!(entries(&place).await, []);
}

#[tokio::test]
async fn entries_of_the_past_are_removed_by_whoever_sees_them() {
    let Some(place) = pool::empty().await else { return };
    let store = place.store();
    cancelled(&store, 1).await;
    let later = Delivery { attempts: 1, ..Delivery::due_at(at(90)) };
    store.note_delivery(JobId(1), 0, later.clone()).await.unwrap().unwrap();
    // Of the step before, of a try of this one that came to nothing, and of a job that was deleted.
    for (id, step, seconds) in [(1, 0, 20), (1, 1, 50), (77, 3, 30)] {
        add(&place, id, step, seconds).await;
    }
    assert_eq!(place.store().follow_ups(Some(at(60)), None, 9).await.unwrap(), []);
    assert_eq!(entries(&place).await, [(1, 1, 90)]);
    assert_eq!(place.store().follow_ups(Some(at(90)), None, 9).await.unwrap(), [JobId(1)]);
    let delivered = Delivery { state: DeliveryState::Delivered, ..later };
    store.note_delivery(JobId(1), 1, delivered).await.unwrap().unwrap();
}

#[tokio::test]
async fn an_entry_of_a_change_that_is_still_to_come_is_kept_for_a_while() {
    let Some(place) = pool::empty().await else { return };
    let store = place.store();
    cancelled(&store, 1).await;
    add(&place, 1, 1, 60).await;
    for seconds in [20, 60, 3_659] {
        let due = place.store().follow_ups(Some(at(seconds)), None, 9).await.unwrap();
        assert_eq!(due, [JobId(1)], "once, and by what is in its row");
        assert_eq!(entries(&place).await, [(1, 0, 20), (1, 1, 60)]);
    }
    place.store().follow_ups(Some(at(3_660)), None, 9).await.unwrap();
    assert_eq!(entries(&place).await, [(1, 0, 20)]);
}

#[tokio::test]
async fn an_end_that_was_entered_and_not_made_is_no_end() {
    let Some(place) = pool::empty().await else { return };
    let store = place.store();
    cancelled(&store, 1).await;
    store.submit(new_job(2)).await.unwrap();
    add(&place, 2, 0, 30).await;
    assert_eq!(place.store().follow_ups(Some(at(40)), None, 9).await.unwrap(), [JobId(1)]);
    assert_eq!(entries(&place).await, [(1, 0, 20), (2, 0, 30)]);
}
