//! Promises about reading without a group.

use futures_util::FutureExt;

use super::{Bench, ack, message, next};
use crate::{Browser, Delivery};

/// Reads a browser to its end.
async fn rest(browser: &mut Box<dyn Browser>) -> Vec<Delivery> {
    let mut read = Vec::new();
    while let Some(delivery) = browser.next().await.unwrap() {
        read.push(delivery);
    }
    assert_eq!(browser.next().await.unwrap(), None, "the end stays the end");
    read
}

/// A browser sees every message once, whole, in order, and so does the next one.
pub async fn everything_is_browsed_in_order_and_as_it_was_published(bench: &Bench) {
    bench.publish(0..9).await;
    for _ in 0..2 {
        let mut browser = bench.bus.browse("topic").await.unwrap();
        let read = rest(&mut browser).await;
        assert_eq!(read.len(), 9);
        for (number, delivery) in (0..).zip(read) {
            assert_eq!((delivery.topic.as_str(), delivery.partition), ("topic", 0));
            assert_eq!((delivery.offset, delivery.message), (number.into(), message(number)));
        }
    }
}

/// The end is where it was when the browser was opened.
pub async fn what_is_published_later_is_not_browsed(bench: &Bench) {
    bench.publish(0..3).await;
    let mut browser = bench.bus.browse("topic").await.unwrap();
    bench.publish(3..6).await;
    assert_eq!(rest(&mut browser).await.len(), 3);
}

/// Where nothing is, there is nothing to wait for.
pub async fn an_empty_topic_ends_at_once(bench: &Bench) {
    bench.bus.publish("another", message(1)).await.unwrap();
    let mut browser = bench.bus.browse("topic").await.unwrap();
    assert_eq!(rest(&mut browser).await, []);
}

/// A topic may be longer than what a browser holds.
pub async fn a_long_topic_is_browsed_to_its_end(bench: &Bench) {
    bench.publish(0..200).await;
    let mut browser = bench.bus.browse("topic").await.unwrap();
    let offsets = rest(&mut browser).await.into_iter().map(|delivery| delivery.offset);
    assert_eq!(offsets.collect::<Vec<_>>(), (0..200).collect::<Vec<i64>>());
}

/// Groups do not notice it: neither what is open, nor what is committed, nor who has a partition.
pub async fn a_browser_takes_nothing_from_a_group(bench: &Bench) {
    bench.publish(0..4).await;
    let mut consumer = bench.join().await;
    next(&mut consumer, 0).await;
    ack(&mut consumer, 0).await;
    next(&mut consumer, 1).await;
    let mut browser = bench.bus.browse("topic").await.unwrap();
    assert_eq!(rest(&mut browser).await.len(), 4);
    next(&mut consumer, 2).await;
    drop(consumer);
    let mut browser = bench.bus.browse("topic").await.unwrap();
    assert_eq!(rest(&mut browser).await.len(), 4);
    // Behind what was acknowledged, and before what was not.
    next(&mut bench.join().await, 1).await;
}

/// A call that is dropped while it waits loses nothing.
pub async fn a_dropped_call_loses_no_message_to_look_at(bench: &Bench) {
    bench.publish(0..20).await;
    let mut browser = bench.bus.browse("topic").await.unwrap();
    for offset in 0..20 {
        // Dropped at its first wait, wherever that is, unless it is ready at once.
        let at_once = browser.next().now_or_never();
        let delivery = match at_once {
            Some(delivery) => delivery.unwrap(),
            None => browser.next().await.unwrap(),
        };
        assert_eq!(delivery.map(|delivery| delivery.offset), Some(offset));
    }
    assert_eq!(browser.next().await.unwrap(), None);
}
