//! Promises of backends with several partitions in a topic.

use std::collections::{BTreeMap, BTreeSet};

use super::{Bench, MANY, WINDOW, message};
use crate::{Consumer, Delivery, Message};

/// Keys that reach every one of three partitions.
const KEYS: u8 = 12;

impl Bench {
    /// Publishes `rounds` messages of each of [`KEYS`] keys, one round after the other.
    async fn publish_rounds(&self, rounds: std::ops::Range<u8>) {
        for round in rounds {
            for key in 0..KEYS {
                let key = vec![b'k', key];
                let message = Message { key, payload: vec![round], ..message(0) };
                self.bus.publish(MANY, message).await.unwrap();
            }
        }
    }

    async fn join_many(&self) -> Box<dyn Consumer> {
        self.bus.subscribe(MANY, "group").await.unwrap()
    }
}

/// A partition and an offset.
type Place = (i32, i64);

fn place(delivery: &Delivery) -> Place {
    (delivery.partition, delivery.offset)
}

/// Takes and acknowledges so many deliveries.
async fn take(consumer: &mut Box<dyn Consumer>, count: usize) -> Vec<Delivery> {
    let mut taken = Vec::new();
    for _ in 0..count {
        let delivery = consumer.next().await.unwrap();
        consumer.ack(delivery.partition, delivery.offset).await.unwrap();
        taken.push(delivery);
    }
    taken
}

/// A browser reads every partition to its end, each in order.
pub async fn every_partition_is_browsed(bench: &Bench) {
    bench.publish_rounds(0..5).await;
    let mut browser = bench.bus.browse(MANY).await.unwrap();
    let mut next = BTreeMap::<i32, i64>::new();
    while let Some(seen) = browser.next().await.unwrap() {
        let expected = next.entry(seen.partition).or_default();
        assert_eq!(seen.offset, *expected, "in partition {}", seen.partition);
        *expected += 1;
    }
    assert_eq!((next.len(), next.values().sum::<i64>()), (3, i64::from(KEYS) * 5));
}

/// Messages of one key share a partition and come in order; so do offsets, without gaps.
pub async fn deliveries_of_a_key_come_in_order(bench: &Bench) {
    bench.publish_rounds(0..5).await;
    let taken = take(&mut bench.join_many().await, usize::from(KEYS) * 5).await;
    let mut offsets = BTreeMap::<i32, i64>::new();
    let mut keys = BTreeMap::<Vec<u8>, (i32, Vec<u8>)>::new();
    for Delivery { partition, offset, message, .. } in taken {
        let expected = offsets.entry(partition).or_default();
        assert_eq!(offset, *expected, "in partition {partition}");
        *expected += 1;
        let (home, rounds) = keys.entry(message.key).or_insert((partition, Vec::new()));
        assert_eq!(*home, partition);
        rounds.extend(message.payload);
    }
    assert_eq!(offsets.len(), 3, "the keys reach every partition");
    assert!(keys.values().all(|(_, rounds)| *rounds == [0, 1, 2, 3, 4]), "{keys:?}");
}

/// An open delivery comes again with what is behind it in its partition; the others go on.
pub async fn an_open_delivery_holds_back_the_commits_of_its_partition_only(bench: &Bench) {
    let count = usize::from(KEYS) * 2;
    bench.publish_rounds(0..2).await;
    let mut consumer = bench.join_many().await;
    let first = consumer.next().await.unwrap();
    let others = take(&mut consumer, count - 1).await;
    drop(consumer);
    bench.publish_rounds(2..3).await;
    let mut expected: BTreeSet<_> =
        others.iter().map(place).filter(|(partition, _)| *partition == first.partition).collect();
    expected.insert(place(&first));

    let mut consumer = bench.restarted().subscribe(MANY, "group").await.unwrap();
    let again = take(&mut consumer, expected.len() + usize::from(KEYS)).await;
    let (old, new): (Vec<_>, Vec<_>) = again.iter().partition(|d| d.message.payload < vec![2]);
    assert_eq!(old.into_iter().map(place).collect::<BTreeSet<_>>(), expected);
    assert_eq!(new.len(), usize::from(KEYS));
}

/// A partition with a full window waits; the others deliver.
pub async fn a_full_window_holds_back_its_partition_only(bench: &Bench) {
    bench.publish_rounds(0..10).await;
    let mut consumer = bench.join_many().await;
    // Nothing is acknowledged in the partition that delivers first, everything elsewhere.
    let slow = consumer.next().await.unwrap().partition;
    let (mut open, mut elsewhere) = (1, 0);
    let mut seen = BTreeSet::new();
    while let Some(delivery) = bench.soon(&mut consumer).await {
        seen.insert(delivery.partition);
        if delivery.partition == slow {
            open += 1;
        } else {
            elsewhere += 1;
            consumer.ack(delivery.partition, delivery.offset).await.unwrap();
        }
    }
    assert_eq!(open, WINDOW);
    assert_eq!(seen.len(), 3);
    assert!(elsewhere > 2 * WINDOW, "{elsewhere}");
}

/// Two members of a group, and who of them has which partition.
struct Pair {
    members: [Box<dyn Consumer>; 2],
    owned: [BTreeSet<i32>; 2],
    done: BTreeSet<Place>,
}

impl Pair {
    async fn join(bench: &Bench) -> Self {
        let members = [bench.join_many().await, bench.join_many().await];
        Self { members, owned: Default::default(), done: BTreeSet::new() }
    }

    /// Takes and acknowledges deliveries of either until so many are new.
    async fn take(&mut self, mut new: usize) {
        while new > 0 {
            let [first, second] = &mut self.members;
            let (member, delivery) = tokio::select! {
                delivery = first.next() => (0, delivery.unwrap()),
                delivery = second.next() => (1, delivery.unwrap()),
            };
            self.members[member].ack(delivery.partition, delivery.offset).await.unwrap();
            self.owned[member].insert(delivery.partition);
            self.owned[1 - member].remove(&delivery.partition);
            new -= usize::from(self.done.insert(place(&delivery)));
        }
    }

    /// Takes what comes to one member, acknowledged or not.
    async fn take_of(&mut self, bench: &Bench, member: usize, is_done: bool) -> BTreeSet<Place> {
        let mut taken = BTreeSet::new();
        while let Some(delivery) = bench.soon(&mut self.members[member]).await {
            assert!(taken.insert(place(&delivery)), "{delivery:?} came twice");
            if is_done {
                self.members[member].ack(delivery.partition, delivery.offset).await.unwrap();
            }
        }
        taken
    }
}

/// Two members work on different partitions; the one that stays takes over from the one that leaves,
/// and nothing comes again but what was open there.
pub async fn members_share_partitions_and_hand_over_what_is_open(bench: &Bench) {
    let mut pair = Pair::join(bench).await;
    let mut rounds = 0..;
    // The group settles while messages come: until both have been served, by all three partitions.
    while pair.owned.iter().any(BTreeSet::is_empty) || pair.owned[0].len() + pair.owned[1].len() < 3
    {
        let round = rounds.next().unwrap();
        bench.publish_rounds(round..round + 1).await;
        pair.take(usize::from(KEYS)).await;
        // Nothing but what a move repeats can come now; it is there to give the group its time.
        pair.take_of(bench, 1, true).await;
    }

    // Of one more round the first leaves everything open that it gets.
    let round = rounds.next().unwrap();
    bench.publish_rounds(round..round + 1).await;
    let open = pair.take_of(bench, 0, false).await;
    let done = pair.take_of(bench, 1, true).await;
    let Pair { members: [first, mut second], .. } = pair;
    drop(first);
    let again = take(&mut second, usize::from(KEYS) - done.len()).await;
    let again: BTreeSet<_> = again.iter().map(place).collect();
    assert!(!open.is_empty() && again.is_superset(&open), "{open:?} {again:?}");
    assert!(again.is_disjoint(&done), "{done:?} {again:?}");
    assert_eq!(bench.soon(&mut second).await, None);
}

/// What went to another member is that one's: an acknowledgement by the former owner is no error and
/// commits nothing.
pub async fn an_acknowledgement_for_a_lost_partition_changes_nothing(bench: &Bench) {
    bench.publish_rounds(0..1).await;
    let mut first = bench.join_many().await;
    let mut held = BTreeSet::new();
    // A delivery of each partition at least; none acknowledged.
    while held.iter().map(|(partition, _)| partition).collect::<BTreeSet<_>>().len() < 3 {
        held.insert(place(&first.next().await.unwrap()));
    }
    let mut second = bench.join_many().await;
    // What comes to the second was taken from the first.
    let moved = place(&second.next().await.unwrap());
    assert!(moved.1 == 0 && held.contains(&moved), "{moved:?} {held:?}");
    first.ack(moved.0, moved.1).await.unwrap();
    drop(second);
    let again = loop {
        let delivery = first.next().await.unwrap();
        if delivery.partition == moved.0 {
            break place(&delivery);
        }
    };
    assert_eq!(again, moved, "the second had not acknowledged it");
}
