//! Promises about the embedded queue.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::{Bench, message};
use crate::store::QueueMessage;

/// Every member of a message is stored, headers in their order, bytes as they are.
pub async fn a_message_comes_back_as_it_was_appended(bench: &Bench) {
    let bare = QueueMessage { key: String::new(), headers: vec![], payload: vec![], ..message(2) };
    bench.store.append("topic", message(1)).await.unwrap();
    bench.store.append("topic", bare.clone()).await.unwrap();
    let read = bench.store.read("topic", 0, 10).await.unwrap();
    assert_eq!(read, [(0, message(1)), (1, bare)]);
}

/// Offsets begin at 0 in each topic and grow by one.
pub async fn offsets_grow_from_zero_in_each_topic(bench: &Bench) {
    for expected in 0..3 {
        assert_eq!(bench.store.append("one", message(1)).await.unwrap(), expected);
        assert_eq!(bench.store.append("two", message(2)).await.unwrap(), expected);
    }
}

/// Concurrent appends get an offset each, without gaps.
pub async fn a_hundred_concurrent_appends_get_a_hundred_offsets(bench: &Bench) {
    let mut appends = JoinSet::new();
    for number in 0..100 {
        let store = Arc::clone(&bench.store);
        appends.spawn(async move { store.append("topic", message(number)).await.unwrap() });
    }
    let mut offsets = appends.join_all().await;
    offsets.sort_unstable();
    assert_eq!(offsets, (0..100).collect::<Vec<_>>());
}

/// Reading begins at the offset asked for and ends at the limit or the end.
pub async fn reading_begins_at_an_offset_and_ends_at_the_limit(bench: &Bench) {
    for number in 0..5 {
        bench.store.append("topic", message(number)).await.unwrap();
    }
    let offsets = async |from, limit| {
        let read = bench.store.read("topic", from, limit).await.unwrap();
        read.iter().map(|(offset, _)| *offset).collect::<Vec<_>>()
    };
    assert_eq!(offsets(1, 2).await, [1, 2]);
    assert_eq!(offsets(3, 9).await, [3, 4]);
    assert!(offsets(5, 9).await.is_empty());
    assert!(bench.store.read("another", 0, 9).await.unwrap().is_empty());
}

/// A group begins at 0 and goes on where it committed.
pub async fn a_group_goes_on_where_it_committed(bench: &Bench) {
    assert_eq!(bench.store.committed("topic", "group").await.unwrap(), 0);
    bench.store.commit("topic", "group", 3).await.unwrap();
    assert_eq!(bench.store.committed("topic", "group").await.unwrap(), 3);
}

/// A commit that comes late does not take a group back.
pub async fn a_commit_never_goes_backwards(bench: &Bench) {
    bench.store.commit("topic", "group", 3).await.unwrap();
    bench.store.commit("topic", "group", 2).await.unwrap();
    bench.store.commit("topic", "group", -1).await.unwrap();
    assert_eq!(bench.store.committed("topic", "group").await.unwrap(), 3);
    bench.store.commit("topic", "fresh", -1).await.unwrap();
    assert_eq!(bench.store.committed("topic", "fresh").await.unwrap(), 0);
}

/// Neither another group nor another topic moves a group.
pub async fn groups_and_topics_do_not_meet(bench: &Bench) {
    bench.store.commit("topic", "group", 3).await.unwrap();
    assert_eq!(bench.store.committed("topic", "other").await.unwrap(), 0);
    assert_eq!(bench.store.committed("other", "group").await.unwrap(), 0);
}
