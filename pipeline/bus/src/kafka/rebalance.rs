//! Rebalances and commits: what the client asks of its owner, within its poll.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak, mpsc};
use std::thread;
use std::time::Duration;

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::{ClientContext, Offset, TopicPartitionList};

use super::membership::Membership;
use super::news::{self, News};

/// The client of a membership.
pub(super) type Client = BaseConsumer<Context>;

/// How long a lost partition waits for the commit of what is done in it.
const HANDOVER: Duration = Duration::from_secs(2);

/// Serves the callbacks of a client.
pub(super) struct Context {
    membership: Arc<Membership>,
    news: News,
    /// The client itself, to commit from a callback; weak, since it owns this.
    client: OnceLock<Weak<Client>>,
    /// Whether a callback ran since the last look.
    has_served: AtomicBool,
}

impl Context {
    /// Makes the context of a membership.
    pub(super) fn new(membership: Arc<Membership>) -> Self {
        let (news, client) = (News::default(), OnceLock::new());
        Self { membership, news, client, has_served: AtomicBool::new(false) }
    }

    /// Names the client.
    pub(super) fn serves(&self, client: &Arc<Client>) {
        // A second name would be the same client's.
        drop(self.client.set(Arc::downgrade(client)));
    }

    /// Returns whether a callback ran since the last call.
    pub(super) fn has_served(&self) -> bool {
        self.has_served.swap(false, Ordering::Relaxed)
    }

    fn served(&self) {
        self.has_served.store(true, Ordering::Relaxed);
    }

    /// Sends what is to be committed; the answer comes to `commit_callback`.
    pub(super) fn commit(&self, client: &Client) {
        let commits = self.membership.take_commits();
        let offsets = match offsets(&self.membership.broker_topic, &commits) {
            Ok(offsets) if !commits.is_empty() => offsets,
            _ => return self.membership.commit_ended(&[]),
        };
        if let Err(error) = client.commit(&offsets, CommitMode::Async) {
            tracing::warn!(topic = self.membership.topic, %error, "cannot send a commit");
            self.membership.commit_ended(&[]);
        }
    }

    /// Takes back what the group gives to others, and commits what is done in it.
    fn revoke(&self, client: &Client, partitions: &[i32]) {
        let Membership { topic, broker_topic, .. } = &*self.membership;
        let left = self.membership.revoke(partitions);
        let is_lost = client.assignment_lost();
        tracing::info!(topic, ?partitions, is_lost, "partitions go to others");
        let done = left.iter().filter_map(|(partition, left)| Some((*partition, left.commit?)));
        let done: Vec<_> = done.collect();
        // What is lost may be another's by now. Without a client to upgrade, it is closing, and
        // has committed before.
        if let (false, Some(client)) = (is_lost, self.client.get().and_then(Weak::upgrade))
            && let Err(error) = commit_within(&client, broker_topic, &done, HANDOVER)
        {
            tracing::warn!(topic, error, "gave partitions away without a commit; finished events \
                come again");
        }
        let paused = left.iter().filter(|(_, left)| left.is_paused).map(|(partition, _)| *partition);
        // The client would remember the pause if the partition came back.
        if let Err(error) = client.resume(&list(broker_topic, &paused.collect::<Vec<_>>())) {
            tracing::warn!(topic, %error, "cannot resume lost partitions");
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

    fn commit_callback(&self, result: KafkaResult<()>, offsets: &TopicPartitionList) {
        self.served();
        let mut confirmed = Vec::new();
        for element in offsets.elements() {
            if let (Ok(()), Offset::Offset(offset)) = (element.error(), element.offset()) {
                confirmed.push((element.partition(), offset));
            }
        }
        if let Err(error) = result {
            let error = news::words(&error);
            tracing::warn!(topic = self.membership.topic, error, "a commit failed; it is repeated");
            confirmed.clear();
        }
        self.membership.commit_ended(&confirmed);
    }
}

/// Commits and waits for the answer, but not longer than `limit`.
///
/// The client's own call waits as long as the brokers are away, so it has a thread of its own, which
/// keeps the client until the call ends.
pub(super) fn commit_within(
    client: &Arc<Client>,
    topic: &str,
    commits: &[(i32, i64)],
    limit: Duration,
) -> Result<(), String> {
    if commits.is_empty() {
        return Ok(());
    }
    let offsets = offsets(topic, commits).map_err(|error| error.to_string())?;
    let client = Arc::clone(client);
    let (answer, answered) = mpsc::channel();
    let commit = move || {
        let result = client.commit(&offsets, CommitMode::Sync);
        // The owner is to be the last that has the client: it closes it.
        drop(client);
        // Nobody listens any more once the limit has passed.
        drop(answer.send(result));
    };
    let thread = thread::Builder::new().name("bus commit".to_owned()).spawn(commit);
    thread.map_err(|error| error.to_string())?;
    match answered.recv_timeout(limit) {
        Ok(result) => result.map_err(|error| news::words(&error)),
        Err(_) => Err(format!("no answer within {} s", limit.as_secs())),
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

fn offsets(topic: &str, commits: &[(i32, i64)]) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::with_capacity(commits.len());
    for (partition, offset) in commits {
        list.add_partition_offset(topic, *partition, Offset::Offset(*offset))?;
    }
    Ok(list)
}

fn numbers(list: &TopicPartitionList) -> Vec<i32> {
    list.elements().iter().map(rdkafka::topic_partition_list::TopicPartitionListElem::partition).collect()
}
