//! What a tracker promises: order, windows, contiguous commits.

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
    assert!(!tracker.ack("topic", 0, 6).unwrap());
    assert_eq!(tracker.take_commits(), [], "5 is open");
    assert!(tracker.ack("topic", 0, 5).unwrap());
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
    assert!(!tracker.room(0).is_there() && !tracker.runs_low(0));
    tracker.next();
    assert!(tracker.room(0).is_there() && !tracker.runs_low(0));
    tracker.next();
    tracker.next();
    assert!(tracker.room(0).is_there() && tracker.runs_low(0));
    assert!(!tracker.room(7).is_there(), "it is not ours");
}

#[test]
fn a_large_delivery_fills_its_partition_and_no_other() {
    let mut tracker = tracker(2, 0..1);
    tracker.next();
    assert!(tracker.room(0).is_there());
    let mut large = delivery(0, 1);
    large.message.payload = vec![0; 20_000];
    tracker.arrived(large.clone());
    assert!(!tracker.room(0).is_there() && !tracker.runs_low(0) && tracker.room(1).is_there());
    let mut room = tracker.room(1);
    room.take(&delivery(1, 1));
    assert!(room.is_there());
    room.take(&large);
    assert!(!room.is_there());
    tracker.next();
    tracker.next();
    assert!(tracker.room(0).is_there() && tracker.runs_low(0));
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
