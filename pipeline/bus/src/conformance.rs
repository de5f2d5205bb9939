//! Conformance: every promise of [`Bus`](crate::Bus) as a function, for every backend alike.
//!
//! A backend's test file calls [`bus_conformance!`](crate::bus_conformance) with a way to open a
//! fresh [`Bench`]; each promise becomes one test of its name.
#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a broken promise is a panic")]

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

use futures_util::FutureExt;
use scribed_schemas::time::Timestamp;

use crate::{Bus, Consumer, Delivery, Message};

pub mod acknowledgement;
pub mod delivery;
pub mod groups;

/// Deliveries that a consumer of a [`Bench`] may hold unacknowledged.
pub const WINDOW: u32 = 4;

/// A fresh bus with a window of [`WINDOW`], and a way to restart it.
pub struct Bench {
    /// The bus under test, empty.
    pub bus: Arc<dyn Bus>,
    restart: Box<dyn Fn() -> Arc<dyn Bus> + Send + Sync>,
    _kept: Option<Box<dyn Any + Send + Sync>>,
}

impl Debug for Bench {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bench").field("bus", &self.bus).finish_non_exhaustive()
    }
}

impl Bench {
    /// Takes a bus, and what opens it anew over the same messages, as a restarted daemon would.
    pub fn new(restart: impl Fn() -> Arc<dyn Bus> + Send + Sync + 'static) -> Self {
        Self { bus: restart(), restart: Box::new(restart), _kept: None }
    }

    /// Keeps something for as long as the bench, such as a folder.
    #[must_use]
    pub fn keeping(self, kept: impl Any + Send + Sync) -> Self {
        Self { _kept: Some(Box::new(kept)), ..self }
    }

    /// Opens the bus anew over the same messages.
    pub(crate) fn restarted(&self) -> Arc<dyn Bus> {
        (self.restart)()
    }

    /// Publishes the messages of these numbers to `topic`.
    pub(crate) async fn publish(&self, numbers: impl IntoIterator<Item = u8>) {
        for number in numbers {
            self.bus.publish("topic", message(number)).await.unwrap();
        }
    }

    /// Joins group `group` on `topic`.
    pub(crate) async fn join(&self) -> Box<dyn Consumer> {
        self.bus.subscribe("topic", "group").await.unwrap()
    }
}

/// Returns the message of a number.
pub fn message(number: u8) -> Message {
    Message {
        key: format!("key-{number}"),
        headers: vec![("b".to_owned(), "2".to_owned()), ("a".to_owned(), "1".to_owned())],
        payload: vec![0, 255, number],
        at: Timestamp(1_800_000_000_000_000 + i64::from(number)),
    }
}

/// Takes the next delivery and checks its offset.
pub(crate) async fn next(consumer: &mut Box<dyn Consumer>, offset: i64) -> Delivery {
    let delivery = consumer.next().await.unwrap();
    assert_eq!((delivery.partition, delivery.offset), (0, offset));
    delivery
}

/// Acknowledges an offset of partition 0.
pub(crate) async fn ack(consumer: &mut Box<dyn Consumer>, offset: i64) {
    consumer.ack(0, offset).await.unwrap();
}

/// Looks whether a delivery comes within many turns of the scheduler; time plays no part.
pub(crate) async fn soon(consumer: &mut Box<dyn Consumer>) -> Option<Delivery> {
    let mut next = Box::pin(consumer.next());
    for _ in 0..200 {
        if let Some(delivery) = (&mut next).now_or_never() {
            return Some(delivery.unwrap());
        }
        tokio::task::yield_now().await;
    }
    None
}

/// Expands to one test per promise, each against the bus of a fresh [`Bench`] that `$open` yields.
#[macro_export]
macro_rules! bus_conformance {
    (@tests $open:expr; $($area:ident :: $promise:ident),+ $(,)?) => {
        $(
            #[tokio::test]
            async fn $promise() {
                let bench = $open.await;
                $crate::conformance::$area::$promise(&bench).await;
            }
        )+
    };
    ($open:expr) => {
        $crate::bus_conformance! { @tests $open;
            delivery::a_message_arrives_as_it_was_published,
            delivery::deliveries_come_in_order,
            delivery::a_waiting_consumer_is_woken,
            delivery::a_message_stays_in_its_topic,
            delivery::a_hundred_concurrent_messages_all_arrive,
            delivery::a_full_window_holds_deliveries_back,
            delivery::a_dropped_call_loses_no_delivery,
            delivery::a_message_outlives_a_restart,
            acknowledgement::an_open_delivery_comes_again,
            acknowledgement::an_acknowledged_delivery_does_not_come_again,
            acknowledgement::acknowledging_out_of_order_never_skips_an_open_delivery,
            acknowledgement::closing_a_gap_commits_what_is_behind_it,
            acknowledgement::acknowledging_twice_changes_nothing,
            acknowledgement::acknowledging_what_was_not_delivered_changes_nothing,
            acknowledgement::acknowledging_an_unknown_partition_is_refused,
            groups::groups_are_independent,
            groups::a_new_group_begins_at_the_first_message,
            groups::a_second_member_waits_until_the_first_leaves,
            groups::one_group_in_two_topics_is_two_groups,
        }
    };
}
