//! The tracker: what a member has of its partitions, from the fetch to the commit. Pure; no client.
//!
//! ```text
//!             arrived           next              ack                commits
//! librdkafka ────────► ahead ────────► open ────────────► watermark ────────► broker
//!            has_room: a few    at most the window         contiguous only
//! ```
//!
//! Each partition has a window of its own, so a job of hours in one partition holds nothing back in
//! another. Behind a full window a few deliveries wait here and some more in librdkafka, which then
//! fetches no more: nothing is ever paused, as a pause throws away what was fetched.

use std::collections::{BTreeMap, VecDeque};

use crate::window::Window;
use crate::{Delivery, Error, Result};

/// How much a member may have in hand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Deliveries of one partition that may be open.
    pub(super) window: usize,
    /// Deliveries of one partition that may wait behind the window.
    pub(super) ahead: usize,
    /// Bytes of one partition that may wait behind the window; one delivery may always.
    pub(super) ahead_bytes: usize,
}

/// What a member has of its partitions.
#[derive(Debug)]
pub(super) struct Tracker {
    limits: Limits,
    partitions: BTreeMap<i32, Partition>,
    /// Partitions that the topic is known to have.
    count: i32,
    /// The partition that delivered last; the next one has its turn.
    last: i32,
}

/// One partition of ours.
#[derive(Debug, Default)]
struct Partition {
    /// What is open; none before the first delivery, which tells where the group stands.
    window: Option<Window>,
    /// Fetched and not delivered, in order.
    ahead: VecDeque<Delivery>,
    ahead_bytes: usize,
    /// The offset after the last fetched one.
    fetched: i64,
    /// Where the last commit that was sent ends.
    sent: i64,
    /// Where the last commit that the broker confirmed ends.
    committed: i64,
}

impl Partition {
    fn watermark(&self) -> Option<i64> {
        self.window.as_ref().map(Window::watermark)
    }
}

impl Tracker {
    /// Makes a tracker of a topic that is known to have `count` partitions; none is ours yet.
    pub(super) fn new(limits: Limits, count: i32) -> Self {
        Self { limits, partitions: BTreeMap::new(), count, last: -1 }
    }

    /// Notes that a partition is ours from now on.
    pub(super) fn assign(&mut self, partition: i32) {
        self.count = self.count.max(partition.saturating_add(1));
        self.partitions.entry(partition).or_default();
    }

    /// Forgets a partition: what waits is dropped, what is open is somebody else's. Returns the
    /// watermark where it is past the last confirmed commit.
    pub(super) fn revoke(&mut self, partition: i32) -> Option<i64> {
        let lost = self.partitions.remove(&partition)?;
        lost.watermark().filter(|watermark| *watermark > lost.committed)
    }

    /// Returns all partitions that are ours.
    pub(super) fn assigned(&self) -> Vec<i32> {
        self.partitions.keys().copied().collect()
    }

    /// Takes what was fetched; what is not ours or came before is dropped.
    pub(super) fn arrived(&mut self, delivery: Delivery) {
        let Some(partition) = self.partitions.get_mut(&delivery.partition) else {
            return;
        };
        if delivery.offset < partition.fetched {
            return;
        }
        partition.fetched = delivery.offset + 1;
        partition.ahead_bytes += size(&delivery);
        partition.ahead.push_back(delivery);
    }

    /// Delivers from the next partition in turn that has something and room in its window.
    pub(super) fn next(&mut self) -> Option<Delivery> {
        let later = self.last.saturating_add(1);
        let turns = self.partitions.range(later..).chain(self.partitions.range(..later));
        let mut ready = turns.filter(|(_, partition)| {
            let has_room = partition.window.as_ref().is_none_or(|window| window.room() > 0);
            has_room && !partition.ahead.is_empty()
        });
        let number = *ready.next()?.0;
        let partition = self.partitions.get_mut(&number)?;
        let delivery = partition.ahead.pop_front()?;
        let window = partition.window.get_or_insert_with(|| {
            // The first delivery stands where the group stands: that much is committed.
            (partition.sent, partition.committed) = (delivery.offset, delivery.offset);
            Window::starting_at(delivery.offset, self.limits.window)
        });
        window.deliver(delivery.offset);
        partition.ahead_bytes -= size(&delivery);
        self.last = number;
        Some(delivery)
    }

    /// Notes an acknowledgement; one of what is not open changes nothing.
    ///
    /// # Errors
    /// The topic has no such partition.
    pub(super) fn ack(&mut self, topic: &str, partition: i32, offset: i64) -> Result<()> {
        if !(0..self.count).contains(&partition) {
            let known = self.count;
            return Err(Error::new(format!(
                "acknowledge partition {partition} of {topic}: it has {known}, numbered from 0"
            )));
        }
        let ours = self.partitions.get_mut(&partition);
        if let Some(window) = ours.and_then(|partition| partition.window.as_mut()) {
            window.ack(offset);
        }
        Ok(())
    }

    /// Returns whether a watermark has moved past what was sent.
    pub(super) fn has_commits(&self) -> bool {
        self.partitions.values().any(|p| p.watermark().is_some_and(|mark| mark > p.sent))
    }

    /// Takes the watermarks that have moved past what was sent, as sent.
    pub(super) fn take_commits(&mut self) -> Vec<(i32, i64)> {
        let mut commits = Vec::new();
        for (number, partition) in &mut self.partitions {
            if let Some(mark) = partition.watermark().filter(|mark| *mark > partition.sent) {
                partition.sent = mark;
                commits.push((*number, mark));
            }
        }
        commits
    }

    /// Notes that the broker confirmed a commit.
    pub(super) fn committed(&mut self, partition: i32, offset: i64) {
        if let Some(partition) = self.partitions.get_mut(&partition) {
            partition.committed = partition.committed.max(offset);
        }
    }

    /// Notes that what was sent and is not confirmed by now must be sent again.
    pub(super) fn commits_unconfirmed(&mut self) {
        for partition in self.partitions.values_mut() {
            partition.sent = partition.committed;
        }
    }

    /// Returns whether more of a partition may arrive.
    pub(super) fn has_room(&self, partition: i32) -> bool {
        let Limits { ahead, ahead_bytes, .. } = self.limits;
        self.partitions.get(&partition).is_some_and(|partition| {
            let waiting = partition.ahead.len();
            waiting == 0 || (waiting < ahead && partition.ahead_bytes < ahead_bytes)
        })
    }

    /// Returns whether so little of a partition waits that more should be asked for.
    pub(super) fn runs_low(&self, partition: i32) -> bool {
        let Limits { ahead, ahead_bytes, .. } = self.limits;
        self.partitions.get(&partition).is_some_and(|partition| {
            partition.ahead.len() <= ahead / 2 && partition.ahead_bytes <= ahead_bytes / 2
        })
    }
}

/// Returns about how many bytes a delivery takes in memory.
fn size(delivery: &Delivery) -> usize {
    let message = &delivery.message;
    let headers = message.headers.iter().map(|(name, value)| name.len() + value.len());
    size_of::<Delivery>() + message.key.len() + message.payload.len() + headers.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use scribed_schemas::time::Timestamp;

    use super::*;
    use crate::Message;

    const LIMITS: Limits = Limits { window: 3, ahead: 4, ahead_bytes: 10_000 };

    fn delivery(partition: i32, offset: i64) -> Delivery {
        let payload = vec![0; 100];
        let message = Message { key: vec![], headers: vec![], payload, at: Timestamp(0) };
        Delivery { topic: "topic".to_owned(), partition, offset, message }
    }

    /// Makes a tracker that has fetched these offsets of each of its partitions.
    fn tracker(partitions: i32, offsets: std::ops::Range<i64>) -> Tracker {
        let mut tracker = Tracker::new(LIMITS, partitions);
        for partition in 0..partitions {
            tracker.assign(partition);
            offsets.clone().for_each(|offset| tracker.arrived(delivery(partition, offset)));
        }
        tracker
    }

    fn place(delivery: Option<Delivery>) -> Option<(i32, i64)> {
        delivery.map(|delivery| (delivery.partition, delivery.offset))
    }

    fn drain(tracker: &mut Tracker) -> Vec<(i32, i64)> {
        std::iter::from_fn(|| place(tracker.next())).collect()
    }

    #[test]
    fn partitions_take_turns() {
        let places = drain(&mut tracker(2, 10..12));
        assert_eq!(places, [(0, 10), (1, 10), (0, 11), (1, 11)]);
    }

    #[test]
    fn a_full_window_holds_back_its_own_partition_only() {
        let mut tracker = tracker(2, 0..5);
        assert_eq!(drain(&mut tracker).len(), 6);
        tracker.ack("topic", 1, 0).unwrap();
        assert_eq!(drain(&mut tracker), [(1, 3)]);
    }

    #[test]
    fn only_what_is_contiguous_is_committed_and_once() {
        let mut tracker = tracker(1, 5..8);
        drain(&mut tracker);
        tracker.ack("topic", 0, 6).unwrap();
        assert_eq!(tracker.take_commits(), [], "5 is open");
        tracker.ack("topic", 0, 5).unwrap();
        assert!(tracker.has_commits());
        assert_eq!(tracker.take_commits(), [(0, 7)]);
        assert!(!tracker.has_commits() && tracker.take_commits().is_empty());
    }

    #[test]
    fn a_failed_commit_is_sent_again() {
        let mut tracker = tracker(1, 0..2);
        drain(&mut tracker);
        tracker.ack("topic", 0, 0).unwrap();
        assert_eq!(tracker.take_commits(), [(0, 1)]);
        tracker.commits_unconfirmed();
        assert_eq!(tracker.take_commits(), [(0, 1)]);
        tracker.committed(0, 1);
        tracker.commits_unconfirmed();
        assert_eq!(tracker.take_commits(), [], "the broker has it");
    }

    #[test]
    fn a_lost_partition_leaves_its_watermark_and_nothing_else() {
        let mut tracker = tracker(2, 0..4);
        for _ in 0..4 {
            tracker.next();
        }
        tracker.ack("topic", 1, 0).unwrap();
        assert_eq!(tracker.revoke(1), Some(1));
        assert_eq!(tracker.revoke(1), None);
        tracker.ack("topic", 1, 1).expect("it changes nothing, and it is no error");
        tracker.arrived(delivery(1, 4));
        assert_eq!((tracker.take_commits(), drain(&mut tracker)), (vec![], vec![(0, 2)]));
        assert_eq!(tracker.assigned(), [0]);
    }

    #[test]
    fn a_partition_that_comes_back_starts_anew() {
        let mut tracker = tracker(1, 0..3);
        drain(&mut tracker);
        tracker.revoke(0);
        tracker.assign(0);
        tracker.ack("topic", 0, 0).unwrap();
        assert_eq!(tracker.take_commits(), [], "nothing of this time is done");
        tracker.arrived(delivery(0, 0));
        assert_eq!(drain(&mut tracker), [(0, 0)]);
    }

    #[test]
    fn what_is_fetched_twice_is_delivered_once() {
        let mut tracker = tracker(1, 0..2);
        tracker.arrived(delivery(0, 1));
        tracker.arrived(delivery(0, 2));
        assert_eq!(drain(&mut tracker), [(0, 0), (0, 1), (0, 2)]);
    }

    #[test]
    fn offsets_that_the_log_does_not_have_are_passed_over() {
        let mut tracker = tracker(1, 3..4);
        tracker.arrived(delivery(0, 9));
        drain(&mut tracker);
        tracker.ack("topic", 0, 3).unwrap();
        assert_eq!(tracker.take_commits(), [(0, 9)]);
        tracker.ack("topic", 0, 9).unwrap();
        assert_eq!(tracker.take_commits(), [(0, 10)]);
    }

    #[test]
    fn a_partition_takes_a_few_ahead_and_asks_for_more_at_half() {
        let mut tracker = tracker(2, 0..4);
        assert!(!tracker.has_room(0) && !tracker.runs_low(0));
        tracker.next();
        assert!(tracker.has_room(0) && !tracker.runs_low(0));
        tracker.next();
        tracker.next();
        assert!(tracker.has_room(0) && tracker.runs_low(0));
        assert!(!tracker.has_room(7), "it is not ours");
    }

    #[test]
    fn a_large_delivery_fills_its_partition_and_no_other() {
        let mut tracker = tracker(2, 0..1);
        tracker.next();
        assert!(tracker.has_room(0));
        let mut large = delivery(0, 1);
        large.message.payload = vec![0; 20_000];
        tracker.arrived(large);
        assert!(!tracker.has_room(0) && !tracker.runs_low(0) && tracker.has_room(1));
        tracker.next();
        tracker.next();
        assert!(tracker.has_room(0) && tracker.runs_low(0));
    }

    #[test]
    fn a_partition_that_the_topic_does_not_have_is_refused() {
        let mut tracker = tracker(2, 0..1);
        for unknown in [-1, 2] {
            let refused = tracker.ack("topic", unknown, 0).unwrap_err().to_string();
            let expected = format!("partition {unknown} of topic: it has 2, numbered from 0");
            assert!(refused.contains(&expected), "{refused}");
        }
        tracker.assign(6);
        tracker.ack("topic", 5, 0).expect("topics grow");
    }

    /// Pseudo-random numbers below a bound, the same for the same seed (`SplitMix64`).
    fn random(state: &mut u64, bound: u64) -> u64 {
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    #[test]
    fn whatever_happens_nothing_open_is_committed_and_no_commit_falls() {
        for seed in 0..500 {
            let mut state = seed;
            let mut tracker = Tracker::new(LIMITS, 2);
            let mut done: [Vec<bool>; 2] = [vec![false; 64], vec![false; 64]];
            let mut committed = [0_i64; 2];
            let mut fetched = [0_i64; 2];
            let mut open: Vec<(i32, i64)> = Vec::new();
            for _ in 0..300 {
                let partition = usize::from(random(&mut state, 2) == 1);
                let number = i32::try_from(partition).unwrap();
                match random(&mut state, 12) {
                    0 => {
                        if tracker.assigned().contains(&number) {
                            tracker.revoke(number);
                            open.retain(|(of, _)| *of != number);
                        } else {
                            tracker.assign(number);
                            fetched[partition] = committed[partition];
                        }
                    }
                    1 => tracker.commits_unconfirmed(),
                    2..5 if fetched[partition] < 64 => {
                        tracker.arrived(delivery(number, fetched[partition]));
                        fetched[partition] += i64::from(tracker.assigned().contains(&number));
                    }
                    5..8 => open.extend(place(tracker.next())),
                    8..11 if !open.is_empty() => {
                        let at = random(&mut state, open.len() as u64);
                        let (of, offset) = open.swap_remove(usize::try_from(at).unwrap());
                        done[usize::try_from(of).unwrap()][usize::try_from(offset).unwrap()] = true;
                        tracker.ack("topic", of, offset).unwrap();
                    }
                    _ => {
                        for (of, mark) in tracker.take_commits() {
                            let index = usize::try_from(of).unwrap();
                            let before = &done[index][..usize::try_from(mark).unwrap()];
                            assert!(before.iter().all(|done| *done), "seed {seed}: {of} {mark}");
                            assert!(mark >= committed[index], "seed {seed}: {of} falls to {mark}");
                            committed[index] = mark;
                            tracker.committed(of, mark);
                        }
                    }
                }
                assert!(open.iter().filter(|(of, _)| *of == 0).count() <= 3, "seed {seed}");
            }
        }
    }
}
