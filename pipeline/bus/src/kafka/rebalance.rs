//! Rebalances: what the client asks of its owner, within its poll.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, Rebalance};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::TopicPartitionListElem;
use rdkafka::{ClientContext, TopicPartitionList};

use super::commit::Committer;
use super::membership::Membership;
use super::news::News;
use super::tracker::Revoked;

/// The client of a membership.
pub(super) type Client = BaseConsumer<Context>;

/// How long a lost partition waits for the commit of what is done in it. Nothing is polled meanwhile.
const HANDOVER: Duration = Duration::from_secs(2);

/// Serves the callbacks of a client.
pub(super) struct Context {
    membership: Arc<Membership>,
    news: News,
    /// None before the thread serves the client, and when it closes it.
    committer: Mutex<Option<Committer>>,
    /// Whether a callback ran since the last look.
    has_served: AtomicBool,
}

impl Context {
    /// Makes the context of a membership.
    pub(super) fn new(membership: Arc<Membership>) -> Self {
        let (news, committer) = (News::default(), Mutex::new(None));
        Self { membership, news, committer, has_served: AtomicBool::new(false) }
    }

    fn committer(&self) -> MutexGuard<'_, Option<Committer>> {
        self.committer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Names who commits.
    pub(super) fn commits_by(&self, committer: Committer) {
        *self.committer() = Some(committer);
    }

    /// Sends what is to be committed.
    pub(super) fn commit(&self) {
        if let Some(committer) = &*self.committer() {
            let commits = self.membership.take_commits();
            if commits.is_empty() {
                return self.membership.commit_ended(Some(&[]));
            }
            committer.send(&self.membership, commits);
        }
    }

    /// Commits what is done in all partitions, within `limit`, and never commits again.
    pub(super) fn last_commit(&self, limit: Duration) {
        let left = self.membership.revoke_all();
        let Some(committer) = self.committer().take() else { return };
        if let Err(error) = committer.commit(done(&left), limit) {
            let topic = &self.membership.topic;
            tracing::warn!(topic, error, "left without the last commit; finished events come again");
        }
        committer.end(limit);
    }

    /// Returns whether a callback ran since the last call.
    pub(super) fn has_served(&self) -> bool {
        self.has_served.swap(false, Ordering::Relaxed)
    }

    fn served(&self) {
        self.has_served.store(true, Ordering::Relaxed);
    }

    /// Takes back what the group gives to others, and commits what is done in it.
    fn revoke(&self, client: &Client, partitions: &[i32]) {
        let Membership { topic, broker_topic, .. } = &*self.membership;
        let left = self.membership.revoke(partitions);
        let is_lost = client.assignment_lost();
        tracing::info!(topic, ?partitions, is_lost, "partitions go to others");
        // What is lost may be another's by now. Without a committer the client is closing, and all is
        // committed.
        if let (false, Some(committer)) = (is_lost, &*self.committer())
            && let Err(error) = committer.commit(done(&left), HANDOVER)
        {
            tracing::warn!(topic, error, "handed over without a commit; finished events come again");
        }
        let paused = left.iter().filter(|(_, left)| left.is_paused).map(|(partition, _)| *partition);
        // The client would remember the pause if the partition came back.
        if let Err(error) = client.resume(&list(broker_topic, &paused.collect::<Vec<_>>())) {
            tracing::warn!(topic, %error, "cannot resume lost partitions");
        }
    }
}

/// Returns what of lost partitions is done and not committed.
fn done(left: &[(i32, Revoked)]) -> Vec<(i32, i64)> {
    left.iter().filter_map(|(partition, left)| Some((*partition, left.commit?))).collect()
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.served();
        self.news.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.served();
        self.news.error(error, reason);
    }

    fn stats_raw(&self, statistics: &[u8]) {
        self.served();
        let statistics = String::from_utf8_lossy(statistics);
        tracing::info!(topic = self.membership.topic, %statistics, "kafka consumer");
    }
}

impl ConsumerContext for Context {
    fn pre_rebalance(&self, client: &Client, rebalance: &Rebalance<'_>) {
        self.served();
        match rebalance {
            Rebalance::Assign(partitions) => {
                let partitions = numbers(partitions);
                tracing::info!(topic = self.membership.topic, ?partitions, "partitions are ours");
                self.membership.assign(&partitions);
            }
            Rebalance::Revoke(partitions) => self.revoke(client, &numbers(partitions)),
            Rebalance::Error(error) => {
                tracing::warn!(topic = self.membership.topic, %error, "a rebalance failed");
            }
        }
    }
}

/// Returns partitions as the client takes them.
pub(super) fn list(topic: &str, partitions: &[i32]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for partition in partitions {
        list.add_partition(topic, *partition);
    }
    list
}

fn numbers(list: &TopicPartitionList) -> Vec<i32> {
    list.elements().iter().map(TopicPartitionListElem::partition).collect()
}
