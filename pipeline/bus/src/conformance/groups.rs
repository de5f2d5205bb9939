//! Promises about consumer groups.

use super::{Bench, ack, next};

/// Each group gets every message.
pub async fn groups_are_independent(bench: &Bench) {
    bench.publish(0..2).await;
    let mut one = bench.bus.subscribe("topic", "one").await.unwrap();
    let mut two = bench.bus.subscribe("topic", "two").await.unwrap();
    for offset in 0..2 {
        next(&mut one, offset).await;
        ack(&mut one, offset).await;
    }
    for offset in 0..2 {
        next(&mut two, offset).await;
    }
}

/// A group that comes late still gets what was published before.
pub async fn a_new_group_begins_at_the_first_message(bench: &Bench) {
    bench.publish(0..2).await;
    let mut consumer = bench.bus.subscribe("topic", "late").await.unwrap();
    next(&mut consumer, 0).await;
}

/// Of two members one consumes; the other takes over where that one left.
pub async fn a_second_member_waits_until_the_first_leaves(bench: &Bench) {
    bench.publish(0..3).await;
    let (mut one, mut other) = (bench.join().await, bench.join().await);
    // Who comes first is the group's to say.
    let (first, mut active, mut waiting) = tokio::select! {
        biased;
        first = one.next() => (first, one, other),
        first = other.next() => (first, other, one),
    };
    assert_eq!(first.unwrap().offset, 0);
    ack(&mut active, 0).await;
    next(&mut active, 1).await;
    assert_eq!(bench.soon(&mut waiting).await, None);
    drop(active);
    next(&mut waiting, 1).await;
    next(&mut waiting, 2).await;
}

/// One group name in two topics is two groups.
pub async fn one_group_in_two_topics_is_two_groups(bench: &Bench) {
    bench.publish([0]).await;
    bench.bus.publish("another", super::message(9)).await.unwrap();
    let mut consumer = bench.join().await;
    next(&mut consumer, 0).await;
    ack(&mut consumer, 0).await;
    let mut another = bench.bus.subscribe("another", "group").await.unwrap();
    assert_eq!(next(&mut another, 0).await.message, super::message(9));
}
