//! Promises about acknowledgement and redelivery.

use super::{Bench, ack, next};

/// What is not acknowledged when its consumer goes comes again to the next.
pub async fn an_open_delivery_comes_again(bench: &Bench) {
    bench.publish(0..3).await;
    let mut consumer = bench.join().await;
    next(&mut consumer, 0).await;
    ack(&mut consumer, 0).await;
    let lost = next(&mut consumer, 1).await;
    drop(consumer);
    let mut consumer = bench.join().await;
    assert_eq!(next(&mut consumer, 1).await, lost);
    next(&mut consumer, 2).await;
}

/// What is acknowledged does not come again, not even after a restart.
pub async fn an_acknowledged_delivery_does_not_come_again(bench: &Bench) {
    bench.publish(0..2).await;
    let mut consumer = bench.join().await;
    for offset in 0..2 {
        next(&mut consumer, offset).await;
        ack(&mut consumer, offset).await;
    }
    drop(consumer);
    let bus = bench.restarted();
    let mut consumer = bus.subscribe("topic", "group").await.unwrap();
    assert_eq!(bench.soon(&mut consumer).await, None);
    bench.publish([2]).await;
    next(&mut consumer, 2).await;
}

/// An acknowledgement behind an open delivery waits for it: nothing is ever skipped.
pub async fn acknowledging_out_of_order_never_skips_an_open_delivery(bench: &Bench) {
    bench.publish(0..3).await;
    let mut consumer = bench.join().await;
    for offset in 0..3 {
        next(&mut consumer, offset).await;
    }
    ack(&mut consumer, 2).await;
    ack(&mut consumer, 0).await;
    drop(consumer);
    let mut consumer = bench.restarted().subscribe("topic", "group").await.unwrap();
    next(&mut consumer, 1).await;
    next(&mut consumer, 2).await;
}

/// The acknowledgement that closes a gap commits everything behind it.
pub async fn closing_a_gap_commits_what_is_behind_it(bench: &Bench) {
    bench.publish(0..4).await;
    let mut consumer = bench.join().await;
    for offset in 0..3 {
        next(&mut consumer, offset).await;
    }
    for offset in [2, 1, 0] {
        ack(&mut consumer, offset).await;
    }
    drop(consumer);
    let mut consumer = bench.restarted().subscribe("topic", "group").await.unwrap();
    next(&mut consumer, 3).await;
}

/// An acknowledgement may come twice.
pub async fn acknowledging_twice_changes_nothing(bench: &Bench) {
    bench.publish(0..2).await;
    let mut consumer = bench.join().await;
    next(&mut consumer, 0).await;
    ack(&mut consumer, 0).await;
    ack(&mut consumer, 0).await;
    next(&mut consumer, 1).await;
    drop(consumer);
    next(&mut bench.join().await, 1).await;
}

/// An acknowledgement of what was not delivered commits nothing.
pub async fn acknowledging_what_was_not_delivered_changes_nothing(bench: &Bench) {
    bench.publish(0..3).await;
    let mut consumer = bench.join().await;
    ack(&mut consumer, 1).await;
    next(&mut consumer, 0).await;
    ack(&mut consumer, 2).await;
    drop(consumer);
    next(&mut bench.join().await, 0).await;
}

/// A partition that the topic does not have is an error of the caller's.
pub async fn acknowledging_an_unknown_partition_is_refused(bench: &Bench) {
    bench.publish([0]).await;
    let mut consumer = bench.join().await;
    next(&mut consumer, 0).await;
    let refused = consumer.ack(9, 0).await.unwrap_err();
    assert!(refused.to_string().contains("partition 9 of topic"), "{refused}");
}
