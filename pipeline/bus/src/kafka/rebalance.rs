//! Rebalances: what the client asks of its owner, within its poll.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, Rebalance};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::TopicPartitionListElem;
use rdkafka::{ClientContext, Statistics, TopicPartitionList};
use scribed_schemas::metric;

use super::commit::Committer;
use super::membership::Membership;
use super::news::News;
use super::record;

/// The client of a membership.
pub(super) type Client = BaseConsumer<Context>;

/// How long a lost partition waits for the commit of what is done in it. Nothing is polled meanwhile.
const HANDOVER: Duration = Duration::from_secs(2);

/// How long the end waits until nobody else has the client any more.
const LET_GO: Duration = Duration::from_secs(2);

/// Serves the callbacks of a client.
pub(super) struct Context {
    membership: Arc<Membership>,
    news: News,
    /// None before the thread serves the client, and when it closes it.
    service: Mutex<Option<Service>>,
    /// Whether a callback ran since the last look.
    has_served: AtomicBool,
}

/// What serves a client while it is a member. Each part keeps the client alive, so all of it goes
/// before the client is closed.
struct Service {
    client: Arc<Client>,
    committer: Committer,
    /// Where the records of each partition of ours wait, so that one with a full window is left alone.
    queues: BTreeMap<i32, PartitionQueue<Context>>,
}

impl Context {
    /// Makes the context of a membership.
    pub(super) fn new(membership: Arc<Membership>) -> Self {
        let (news, service) = (News::default(), Mutex::new(None));
        Self { membership, news, service, has_served: AtomicBool::new(false) }
    }

    fn service(&self) -> MutexGuard<'_, Option<Service>> {
        self.service.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to serve.
    pub(super) fn begin(&self, client: &Arc<Client>, committer: Committer) {
        let (client, queues) = (Arc::clone(client), BTreeMap::new());
        *self.service() = Some(Service { client, committer, queues });
    }

    /// Takes records of each partition as far as it has room; returns whether there was nothing more
    /// to take.
    pub(super) fn take(&self) -> bool {
        let mut is_drained = true;
        for (partition, queue) in self.service().iter().flat_map(|service| &service.queues) {
            let mut room = self.membership.room(*partition);
            let mut taken = Vec::new();
            while room.is_there() {
                match queue.poll(Duration::ZERO) {
                    Some(Ok(record)) => {
                        let delivery = record::delivery(&self.membership.topic, &record);
                        room.take(&delivery);
                        taken.push(delivery);
                    }
                    // An error of a partition is news; the client goes on with it by itself.
                    Some(Err(_)) => {
                        is_drained = false;
                        break;
                    }
                    None => break,
                }
            }
            if !taken.is_empty() {
                self.membership.arrived(taken);
            }
        }
        is_drained
    }

    /// Sends what is to be committed.
    pub(super) fn commit(&self) {
        if let Some(Service { committer, .. }) = &*self.service() {
            let commits = self.membership.take_commits();
            if commits.is_empty() {
                return self.membership.commit_ended(Some(&[]));
            }
            committer.send(&self.membership, commits);
        }
    }

    /// Commits what is done in all partitions, within `limit`, and never serves again.
    pub(super) fn end(&self, limit: Duration) {
        let done = self.membership.revoke_all();
        let Some(Service { committer, .. }) = self.service().take() else { return };
        if let Err(error) = committer.commit(done, limit) {
            let topic = &self.membership.topic;
            tracing::warn!(
                topic,
                error,
                "left without the last commit; finished events come again"
            );
        }
        committer.end(LET_GO);
    }

    /// Returns whether a callback ran since the last call.
    pub(super) fn has_served(&self) -> bool {
        self.has_served.swap(false, Ordering::Relaxed)
    }

    fn served(&self) {
        self.has_served.store(true, Ordering::Relaxed);
    }

    /// Takes what the group gives.
    fn assign(&self, partitions: &[i32]) {
        let Membership { topic, broker_topic, .. } = &*self.membership;
        tracing::info!(topic, ?partitions, "partitions are ours");
        self.membership.assign(partitions);
        if let Some(Service { client, queues, .. }) = &mut *self.service() {
            // Ahead of the first fetch: what comes later than its queue waits in the common one.
            for partition in partitions {
                let Some(mut queue) = client.split_partition_queue(broker_topic, *partition) else {
                    tracing::error!(topic, partition, "a partition has no queue of its own");
                    continue;
                };
                let poller = thread::current();
                queue.set_nonempty_callback(move || poller.unpark());
                queues.insert(*partition, queue);
            }
        }
    }

    /// Takes back what the group gives to others, and commits what is done in it.
    fn revoke(&self, client: &Client, partitions: &[i32]) {
        let topic = &self.membership.topic;
        let done = self.membership.revoke(partitions);
        let is_lost = client.assignment_lost();
        tracing::info!(topic, ?partitions, is_lost, "partitions go to others");
        // Without a service the client is closing, and all is committed.
        let Some(Service { committer, queues, .. }) = &mut *self.service() else { return };
        queues.retain(|partition, _| !partitions.contains(partition));
        // What is lost may be another's by now.
        if !is_lost && let Err(error) = committer.commit(done, HANDOVER) {
            tracing::warn!(
                topic,
                error,
                "handed over without a commit; finished events come again"
            );
        }
    }
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

    fn stats(&self, statistics: Statistics) {
        self.served();
        for (name, topic) in statistics.topics {
            // A partition that is none of ours has no lag that we know; -1 is librdkafka's own.
            for (number, partition) in
                topic.partitions.into_iter().filter(|(number, _)| *number >= 0)
            {
                let lag = u32::try_from(partition.consumer_lag.max(0)).unwrap_or(u32::MAX);
                let (topic, partition) = (name.clone(), number.to_string());
                metrics::gauge!(metric::BUS_LAG, "topic" => topic, "partition" => partition)
                    .set(f64::from(lag));
            }
        }
    }
}

impl ConsumerContext for Context {
    fn pre_rebalance(&self, client: &Client, rebalance: &Rebalance<'_>) {
        self.served();
        match rebalance {
            Rebalance::Assign(partitions) => self.assign(&numbers(partitions)),
            Rebalance::Revoke(partitions) => self.revoke(client, &numbers(partitions)),
            Rebalance::Error(error) => {
                tracing::warn!(topic = self.membership.topic, %error, "a rebalance failed");
            }
        }
    }
}

fn numbers(list: &TopicPartitionList) -> Vec<i32> {
    list.elements().iter().map(TopicPartitionListElem::partition).collect()
}
