//! A membership: what the polling thread and the consumer share.
//!
//! Everything stands behind one mutex that is held for moments only. Deliveries do not travel by a
//! channel, since a revoked partition must take back what it has not delivered yet.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Thread;

use tokio::sync::Notify;

use super::tracker::{Limits, Room, Tracker};
use crate::{Delivery, Error, Result};

/// Deliveries of one partition that may wait behind its window: enough that the threads meet seldom.
const AHEAD: usize = 64;
/// Bytes of one partition that may wait behind its window.
const AHEAD_BYTES: usize = 128 << 10;

/// What the polling thread and the consumer share.
#[derive(Debug)]
pub(super) struct Membership {
    /// Our name of the topic.
    pub(super) topic: String,
    /// The topic's name on the brokers.
    pub(super) broker_topic: String,
    /// Our name of the group.
    pub(super) group: String,
    state: Mutex<State>,
    /// Tells the consumer that there may be a delivery, or an end.
    arrived: Notify,
    /// The polling thread, to wake it.
    poller: OnceLock<Thread>,
}

#[derive(Debug)]
struct State {
    tracker: Tracker,
    /// Why the membership is over.
    end: Option<String>,
    /// The consumer was dropped.
    is_leaving: bool,
    commit: Commit,
    /// The last one failed.
    has_failed_commit: bool,
}

/// How far the next commit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Commit {
    /// Nothing is to be committed, as far as the polling thread knows.
    Idle,
    /// It was told that something is, and sends it when the next commit is due.
    Due,
    /// It was sent, and its answer is not there.
    Sent,
}

impl Membership {
    /// Makes the membership of a topic with `count` partitions, none of which is ours yet.
    pub(super) fn new(names: [&str; 3], window: usize, count: i32) -> Self {
        let limits = Limits { window, ahead: AHEAD, ahead_bytes: AHEAD_BYTES };
        let tracker = Tracker::new(limits, count);
        let [topic, broker_topic, group] = names.map(str::to_owned);
        let state = State {
            tracker,
            end: None,
            is_leaving: false,
            commit: Commit::Idle,
            has_failed_commit: false,
        };
        Self {
            topic,
            broker_topic,
            group,
            state: Mutex::new(state),
            arrived: Notify::new(),
            poller: OnceLock::new(),
        }
    }

    /// Returns the state; a panic elsewhere cannot have left it half changed.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake_poller(&self) {
        if let Some(thread) = self.poller.get() {
            thread.unpark();
        }
    }

    // --- the consumer's side ------------------------------------------------------------------

    /// Waits for the next delivery. Cancel safe: it is taken in the very step that returns it.
    pub(super) async fn next(&self) -> Result<Delivery> {
        loop {
            // Made before the look, so what comes between look and wait still wakes.
            let arrived = self.arrived.notified();
            if let Some(delivery) = self.take()? {
                return Ok(delivery);
            }
            arrived.await;
        }
    }

    fn take(&self) -> Result<Option<Delivery>> {
        let mut state = self.state();
        state.alive(self)?;
        let delivery = state.tracker.next();
        let makes_room = delivery.as_ref().is_some_and(|d| state.tracker.runs_low(d.partition));
        drop(state);
        if makes_room {
            self.wake_poller();
        }
        Ok(delivery)
    }

    /// Notes an acknowledgement; the polling thread commits what follows from it.
    pub(super) fn ack(&self, partition: i32, offset: i64) -> Result<()> {
        let mut state = self.state();
        state.alive(self)?;
        let has_commit = state.tracker.ack(&self.topic, partition, offset)?;
        let is_news = has_commit && state.commit == Commit::Idle;
        if is_news {
            state.commit = Commit::Due;
        }
        drop(state);
        if is_news {
            self.wake_poller();
        }
        Ok(())
    }

    /// Tells the polling thread to commit and leave.
    pub(super) fn leave(&self) {
        self.state().is_leaving = true;
        self.wake_poller();
    }

    // --- the polling thread's side ------------------------------------------------------------

    /// Names the polling thread.
    pub(super) fn polled_by(&self, thread: Thread) {
        // A second name would be the same thread's.
        drop(self.poller.set(thread));
    }

    /// Returns whether the thread is to go on.
    pub(super) fn goes_on(&self) -> bool {
        let state = self.state();
        !state.is_leaving && state.end.is_none()
    }

    /// Ends the membership; the first reason stands.
    pub(super) fn end(&self, why: &str) {
        let mut state = self.state();
        if state.end.is_none() {
            state.end = Some(why.to_owned());
        }
        drop(state);
        self.arrived.notify_one();
    }

    /// Takes what was fetched.
    pub(super) fn arrived(&self, deliveries: impl IntoIterator<Item = Delivery>) {
        let mut state = self.state();
        for delivery in deliveries {
            state.tracker.arrived(delivery);
        }
        drop(state);
        self.arrived.notify_one();
    }

    /// Notes that partitions are ours.
    pub(super) fn assign(&self, partitions: &[i32]) {
        let mut state = self.state();
        for partition in partitions {
            state.tracker.assign(*partition);
        }
    }

    /// Forgets partitions; returns what of them is done and not committed.
    pub(super) fn revoke(&self, partitions: &[i32]) -> Vec<(i32, i64)> {
        let mut state = self.state();
        let lost = |partition: &i32| Some((*partition, state.tracker.revoke(*partition)?));
        partitions.iter().filter_map(lost).collect()
    }

    /// Forgets all partitions; returns what of them is done and not committed.
    pub(super) fn revoke_all(&self) -> Vec<(i32, i64)> {
        let assigned = self.state().tracker.assigned();
        self.revoke(&assigned)
    }

    /// Returns how much more of a partition may arrive.
    pub(super) fn room(&self, partition: i32) -> Room {
        self.state().tracker.room(partition)
    }

    /// Returns whether there is something to commit and no commit under way.
    pub(super) fn has_commits(&self) -> bool {
        let state = self.state();
        state.commit != Commit::Sent && state.tracker.has_commits()
    }

    /// Takes what is to be committed; [`commit_ended`](Self::commit_ended) must follow.
    pub(super) fn take_commits(&self) -> Vec<(i32, i64)> {
        let mut state = self.state();
        state.commit = Commit::Sent;
        state.tracker.take_commits()
    }

    /// Notes the answer to a commit: what the broker confirmed, or that it failed. What is not
    /// confirmed is sent again.
    pub(super) fn commit_ended(&self, confirmed: Option<&[(i32, i64)]>) {
        let mut state = self.state();
        for (partition, offset) in confirmed.unwrap_or_default() {
            state.tracker.committed(*partition, *offset);
        }
        state.commit = Commit::Idle;
        state.has_failed_commit = confirmed.is_none();
        state.tracker.commits_unconfirmed();
        drop(state);
        self.wake_poller();
    }

    /// Returns whether the last commit failed.
    pub(super) fn has_failed_commit(&self) -> bool {
        self.state().has_failed_commit
    }
}

impl State {
    fn alive(&self, membership: &Membership) -> Result<()> {
        let Some(why) = &self.end else {
            return Ok(());
        };
        let Membership { group, topic, .. } = membership;
        Err(Error::new(format!("stay in group {group} of {topic}: {why}")))
    }
}
