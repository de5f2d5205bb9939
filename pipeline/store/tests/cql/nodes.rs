//! Node numbers: no two hosts at once.

use std::collections::BTreeSet;

use scribed_store::ErrorKind;
use scribed_store::conformance::{at, kind};
use tokio::task::JoinSet;

use crate::pool;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hosts_that_start_together_get_different_numbers() {
    let Some(place) = pool::empty().await else { return };
    let mut hosts = JoinSet::new();
    for host in 0..12 {
        let store = place.store();
        hosts.spawn(async move {
            store.lease_node(&format!("host-{host}"), at(0), at(30)).await.unwrap()
        });
    }
    let numbers: BTreeSet<u8> = hosts.join_all().await.into_iter().collect();
    assert_eq!(numbers.len(), 12);
    assert!(numbers.iter().all(|number| *number < 128));
}

#[tokio::test]
async fn a_number_goes_to_another_only_when_all_others_are_used_and_its_lease_is_over() {
    let Some(place) = pool::empty().await else { return };
    let store = place.store();
    for number in 0..128 {
        let leased = store.lease_node(&format!("host-{number}"), at(0), at(100 + number)).await;
        assert_eq!(i64::from(leased.unwrap()), number);
    }
    assert_eq!(store.lease_node("host-5", at(50), at(200)).await.unwrap(), 5, "its own again");
    let none = store.lease_node("new", at(99), at(200)).await;
    assert_eq!(kind(none), ErrorKind::Unavailable);
    store.renew_node(0, "host-0", at(300)).await.unwrap();
    assert_eq!(store.lease_node("new", at(110), at(200)).await.unwrap(), 1);
    let lost = store.renew_node(1, "host-1", at(300)).await;
    assert_eq!(kind(lost), ErrorKind::Fenced);
    store.renew_node(2, "host-2", at(300)).await.unwrap();
    assert_eq!(kind(store.renew_node(200, "host-2", at(300)).await), ErrorKind::Fenced);
}
