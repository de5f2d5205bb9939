//! Conformance: every promise of [`Bus`](crate::Bus) as a function, for every backend alike.
//!
//! A backend's test file calls [`bus_conformance!`](crate::bus_conformance) with a way to open a
//! fresh [`Bench`]; each promise becomes one test of its name. A backend that needs seconds to begin
//! runs all promises at once by [`bus_conformance_together!`](crate::bus_conformance_together). What
//! only backends with several partitions promise is in [`partitions`], for such a backend alone.
#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a broken promise is a panic")]

use std::any::Any;
use std::fmt::Debug;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::FutureExt;
use scribed_schemas::time::Timestamp;

use crate::{Bus, Consumer, Delivery, Message};

pub mod acknowledgement;
pub mod browsing;
pub mod delivery;
pub mod groups;
pub mod partitions;
pub mod together;

/// Deliveries that a consumer of a [`Bench`] may hold unacknowledged in each partition.
pub const WINDOW: u32 = 4;
/// The topics of a [`Bench`], each with its partitions.
pub const TOPICS: [(&str, i32); 3] = [("topic", 1), ("another", 1), (MANY, 3)];
/// The topic with several partitions, where the backend has such.
pub(crate) const MANY: &str = "many";

/// A fresh bus with a window of [`WINDOW`], empty topics of [`TOPICS`], and a way to restart it.
pub struct Bench {
    /// The bus under test, empty.
    pub bus: Arc<dyn Bus>,
    restart: Box<dyn Fn() -> Arc<dyn Bus> + Send + Sync>,
    patience: Duration,
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
        let (bus, restart) = (restart(), Box::new(restart));
        Self { bus, restart, patience: Duration::ZERO, _kept: None }
    }

    /// Waits so long before it believes that nothing comes, where messages travel by a network.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
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

    /// Looks whether a delivery comes within many turns of the scheduler; time plays no part on one
    /// machine. Over a network it waits for as long as the bench has patience.
    pub(crate) async fn soon(&self, consumer: &mut Box<dyn Consumer>) -> Option<Delivery> {
        let mut next = Box::pin(consumer.next());
        for _ in 0..200 {
            if let Some(delivery) = (&mut next).now_or_never() {
                return Some(delivery.unwrap());
            }
            tokio::task::yield_now().await;
        }
        let later = tokio::time::timeout(self.patience, next).await;
        later.ok().map(std::result::Result::unwrap)
    }
}

/// The time of the first message, in milliseconds: brokers refuse or soon delete what is far from now.
static START_MILLIS: LazyLock<i64> = LazyLock::new(|| {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
});

/// Returns the message of a number.
pub fn message(number: u8) -> Message {
    Message {
        key: vec![b'k', 0xff, number],
        headers: vec![
            ("b".to_owned(), vec![0, 0xfe]),
            ("a".to_owned(), b"text".to_vec()),
            ("b".to_owned(), vec![]),
        ],
        payload: vec![0, 255, number],
        at: Timestamp(*START_MILLIS * 1_000 + 1_000 * i64::from(number)),
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

/// Names every promise that all backends keep, and hands them to another macro of this crate.
#[doc(hidden)]
#[macro_export]
macro_rules! bus_promises {
    ($then:ident!($($how:tt)*)) => {
        $crate::$then! { $($how)*
            delivery::a_message_arrives_as_it_was_published,
            delivery::a_message_may_be_bare,
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
            browsing::everything_is_browsed_in_order_and_as_it_was_published,
            browsing::what_is_published_later_is_not_browsed,
            browsing::an_empty_topic_ends_at_once,
            browsing::a_long_topic_is_browsed_to_its_end,
            browsing::a_browser_takes_nothing_from_a_group,
            browsing::a_dropped_call_loses_no_message_to_look_at,
        }
    };
}

/// Expands to one test per promise, each against the bus of a fresh [`Bench`] that `$open` yields.
#[macro_export]
macro_rules! bus_conformance {
    (@tests ($open:expr) $($area:ident :: $promise:ident),+ $(,)?) => {
        $(
            #[tokio::test]
            async fn $promise() {
                let bench = $open.await;
                $crate::conformance::$area::$promise(&bench).await;
            }
        )+
    };
    ($open:expr) => {
        $crate::bus_promises! { bus_conformance!(@tests ($open)) }
    };
}

/// Expands to one test per promise, those of several partitions among them; all run at once from the
/// first test on, in a runtime of their own.
///
/// `$open` takes the name of the promise and yields `Some` fresh [`Bench`], or `None` where there is
/// nothing to test against; then the tests pass, and it is the caller's to say so aloud.
#[macro_export]
macro_rules! bus_conformance_together {
    (@tests ($open:expr) $($area:ident :: $promise:ident),+ $(,)?) => {
        static PROMISES: std::sync::LazyLock<$crate::conformance::together::Together> =
            std::sync::LazyLock::new(|| {
                let mut together = $crate::conformance::together::Together::new();
                $(
                    together.run(stringify!($promise), async {
                        if let Some(bench) = $open(stringify!($promise)).await {
                            $crate::conformance::$area::$promise(&bench).await;
                        }
                    });
                )+
                together
            });
        $(
            #[test]
            fn $promise() {
                PROMISES.result(stringify!($promise));
            }
        )+
    };
    (@all ($open:expr) $($promises:tt)+) => {
        $crate::bus_conformance_together! { @tests ($open)
            $($promises)+
            partitions::deliveries_of_a_key_come_in_order,
            partitions::every_partition_is_browsed,
            partitions::an_open_delivery_holds_back_the_commits_of_its_partition_only,
            partitions::a_full_window_holds_back_its_partition_only,
            partitions::members_share_partitions_and_hand_over_what_is_open,
            partitions::an_acknowledgement_for_a_lost_partition_changes_nothing,
        }
    };
    ($open:expr) => {
        $crate::bus_promises! { bus_conformance_together!(@all ($open)) }
    };
}
