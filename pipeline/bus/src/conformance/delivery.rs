//! Promises about publishing and delivery.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::FutureExt;
use tokio::task::JoinSet;

use super::{Bench, WINDOW, ack, message, next};
use crate::Message;

/// Every member of a message arrives, headers in their order, bytes as they are.
pub async fn a_message_arrives_as_it_was_published(bench: &Bench) {
    bench.publish([7]).await;
    let delivery = next(&mut bench.join().await, 0).await;
    assert_eq!((delivery.topic.as_str(), delivery.message), ("topic", message(7)));
}

/// Key, headers and payload may be empty.
pub async fn a_message_may_be_bare(bench: &Bench) {
    let bare = Message { key: vec![], headers: vec![], payload: vec![], ..message(1) };
    bench.bus.publish("topic", bare.clone()).await.unwrap();
    assert_eq!(next(&mut bench.join().await, 0).await.message, bare);
}

/// Messages come in the order of their publication.
pub async fn deliveries_come_in_order(bench: &Bench) {
    bench.publish(0..20).await;
    let mut consumer = bench.join().await;
    for number in 0..20 {
        let delivery = next(&mut consumer, i64::from(number)).await;
        assert_eq!(delivery.message, message(number));
        ack(&mut consumer, delivery.offset).await;
    }
}

/// A consumer that waits is woken by the next message.
pub async fn a_waiting_consumer_is_woken(bench: &Bench) {
    let mut consumer = bench.join().await;
    assert_eq!(bench.soon(&mut consumer).await, None);
    let bus = Arc::clone(&bench.bus);
    let (delivery, published) = tokio::join!(consumer.next(), bus.publish("topic", message(3)));
    published.unwrap();
    assert_eq!(delivery.unwrap().message, message(3));
}

/// Topics are apart.
pub async fn a_message_stays_in_its_topic(bench: &Bench) {
    bench.bus.publish("another", message(1)).await.unwrap();
    let mut consumer = bench.join().await;
    assert_eq!(bench.soon(&mut consumer).await, None);
    bench.publish([2]).await;
    assert_eq!(next(&mut consumer, 0).await.message, message(2));
}

/// Concurrent publishers lose nothing and get an offset each.
pub async fn a_hundred_concurrent_messages_all_arrive(bench: &Bench) {
    let mut publishers = JoinSet::new();
    for number in 0..100 {
        let bus = Arc::clone(&bench.bus);
        publishers.spawn(async move { bus.publish("topic", message(number)).await.unwrap() });
    }
    publishers.join_all().await;
    let mut consumer = bench.join().await;
    let mut arrived = BTreeSet::new();
    for offset in 0..100 {
        arrived.insert(next(&mut consumer, offset).await.message.payload);
        ack(&mut consumer, offset).await;
    }
    assert_eq!(arrived.len(), 100);
}

/// With a full window nothing more comes, and each acknowledgement lets one more through.
pub async fn a_full_window_holds_deliveries_back(bench: &Bench) {
    bench.publish(0..10).await;
    let mut consumer = bench.join().await;
    let window = i64::from(WINDOW);
    for offset in 0..window {
        next(&mut consumer, offset).await;
    }
    assert_eq!(bench.soon(&mut consumer).await, None);
    ack(&mut consumer, 2).await;
    next(&mut consumer, window).await;
    assert_eq!(bench.soon(&mut consumer).await, None);
}

/// A call that is dropped while it waits loses nothing.
pub async fn a_dropped_call_loses_no_delivery(bench: &Bench) {
    let mut consumer = bench.join().await;
    assert!(consumer.next().now_or_never().is_none());
    bench.publish(0..6).await;
    for offset in 0..6 {
        // Dropped at its first wait, wherever that is, unless it is ready at once.
        let at_once = consumer.next().now_or_never();
        let delivery = match at_once {
            Some(delivery) => delivery.unwrap(),
            None => consumer.next().await.unwrap(),
        };
        assert_eq!(delivery.offset, offset);
        ack(&mut consumer, offset).await;
    }
}

/// What was published before a restart arrives after it.
pub async fn a_message_outlives_a_restart(bench: &Bench) {
    bench.publish([1]).await;
    let bus = bench.restarted();
    let mut consumer = bus.subscribe("topic", "group").await.unwrap();
    assert_eq!(next(&mut consumer, 0).await.message, message(1));
}
