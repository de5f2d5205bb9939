//! The committer: a thread beside the polling one that sends commits and waits for their answers.
//!
//! The client's asynchronous commit tells nobody how it ended (rdkafka hands on no answer to it), and
//! the synchronous one waits for as long as no coordinator is there, so it may not run in the polling
//! thread. Commits of a membership go one after the other, so none overtakes another.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::consumer::{CommitMode, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use super::membership::Membership;
use super::news;
use super::rebalance::Client;

/// Commits that may wait for their turn: one of the polling thread, one of a handover.
const WAITING: usize = 2;
/// How often a handover looks whether there is room for it.
const LOOK: Duration = Duration::from_millis(10);
/// Pause before a commit that a rebalance stood in the way of is sent again.
const SETTLE: Duration = Duration::from_millis(50);

/// Offsets to commit, by partition.
type Commits = Vec<(i32, i64)>;

/// Hands commits to their thread, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct Committer {
    tasks: SyncSender<Task>,
    ended: Receiver<()>,
}

#[derive(Debug)]
struct Task {
    commits: Commits,
    /// Who waits for the end, and until when; nobody: the membership is told.
    answer: Option<(mpsc::Sender<Result<(), String>>, Instant)>,
}

impl Committer {
    /// Starts the thread. It keeps the client until it ends.
    pub(super) fn start(client: Arc<Client>, membership: Arc<Membership>) -> std::io::Result<Self> {
        let (tasks, waiting) = mpsc::sync_channel(WAITING);
        let (alive, ended) = mpsc::channel();
        let run = move || {
            work(&client, &membership, &waiting);
            // The polling thread is to be the last that has the client: it closes it.
            drop(client);
            drop::<mpsc::Sender<()>>(alive);
        };
        thread::Builder::new().name("bus commits".to_owned()).spawn(run)?;
        Ok(Self { tasks, ended })
    }

    /// Sends commits; the membership is told how they ended.
    pub(super) fn send(&self, membership: &Membership, commits: Commits) {
        if self.tasks.try_send(Task { commits, answer: None }).is_err() {
            membership.commit_ended(None);
        }
    }

    /// Commits and waits for the answer, but not longer than `limit`. There is no later commit to make
    /// up for this one, so it is repeated where a rebalance of the group is all that stops it.
    pub(super) fn commit(&self, commits: Commits, limit: Duration) -> Result<(), String> {
        if commits.is_empty() {
            return Ok(());
        }
        let (begun, late) = (Instant::now(), || format!("no answer within {} s", limit.as_secs()));
        let (answer, answered) = mpsc::channel();
        let mut task = Task { commits, answer: Some((answer, begun + limit)) };
        while let Err(refused) = self.tasks.try_send(task) {
            if begun.elapsed() >= limit {
                return Err(late());
            }
            task = match refused {
                mpsc::TrySendError::Full(task) | mpsc::TrySendError::Disconnected(task) => task,
            };
            thread::sleep(LOOK);
        }
        let rest = limit.saturating_sub(begun.elapsed());
        answered.recv_timeout(rest).unwrap_or_else(|_| Err(late()))
    }

    /// Ends the thread and waits until it has let the client go, but not longer than `limit`.
    pub(super) fn end(self, limit: Duration) {
        let Self { tasks, ended } = self;
        drop(tasks);
        // It ends by dropping the other side; if it is late, it closes the client itself.
        let late = ended.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout);
        tracing::debug!(late, "no more commits");
    }
}

/// Commits until nobody has anything to commit any more.
fn work(client: &Client, membership: &Membership, waiting: &Receiver<Task>) {
    for Task { commits, answer } in waiting {
        let offsets = offsets(&membership.broker_topic, &commits);
        if let Some((answer, until)) = answer {
            let result = offsets.and_then(|offsets| commit_until(client, &offsets, until));
            if answer.send(result.map_err(|error| news::words(&error))).is_err() {
                tracing::debug!(topic = membership.topic, "a commit ended past its limit");
            }
        } else {
            let result = offsets.and_then(|offsets| client.commit(&offsets, CommitMode::Sync));
            let confirmed = tell(membership, result).then_some(&commits[..]);
            membership.commit_ended(confirmed);
        }
    }
}

/// Commits, again and again while the group rebalances.
fn commit_until(client: &Client, offsets: &TopicPartitionList, until: Instant) -> KafkaResult<()> {
    loop {
        let result = client.commit(offsets, CommitMode::Sync);
        let is_worth_it = result.as_ref().is_err_and(is_rebalancing);
        if !is_worth_it || Instant::now() + SETTLE >= until {
            return result;
        }
        thread::sleep(SETTLE);
    }
}

/// Logs a failure; returns whether there was none.
fn tell(membership: &Membership, result: KafkaResult<()>) -> bool {
    let Err(error) = result else { return true };
    let (topic, words) = (&membership.topic, news::words(&error));
    if is_rebalancing(&error) {
        tracing::debug!(topic, error = words, "a commit waits for the group");
    } else {
        tracing::warn!(topic, error = words, "a commit failed; it is repeated");
    }
    false
}

/// Returns whether a rebalance is all that stood in the way.
///
/// A broker answers a connection in order, so a commit that was sent behind a member's request to join
/// waits until the group has agreed who has what, and then names a generation that is over. What is ours
/// is given to nobody before we let it go, so the same may be committed in the next generation.
fn is_rebalancing(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{IllegalGeneration, RebalanceInProgress};
    matches!(error.rdkafka_error_code(), Some(IllegalGeneration | RebalanceInProgress))
}

fn offsets(topic: &str, commits: &[(i32, i64)]) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::with_capacity(commits.len());
    for (partition, offset) in commits {
        list.add_partition_offset(topic, *partition, Offset::Offset(*offset))?;
    }
    Ok(list)
}
