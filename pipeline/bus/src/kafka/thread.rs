//! The polling thread: one per membership, and it does nothing but serve the client.
//!
//! ```text
//!  spawn ─► turn: poll the client ─► take records where there is room ─► commit if due ─► park ─┐
//!             ▲                                                                                 │
//!             └────── woken by the client's queues, an acknowledgement, room, or 100 ms ◄───────┘
//!  leave ─► commit what is done (8 s) ─► close the client, which leaves the group
//! ```
//!
//! Nobody's work runs in it, so the client is always polled: however long jobs take, they cost no
//! membership.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;

use super::commit::Committer;
use super::membership::Membership;
use super::rebalance::{Client, Context};
use super::{options, record};
use crate::{Error, Result};

/// Longest that the client is not polled.
const POLL_EVERY: Duration = Duration::from_millis(100);
/// Shortest time from one commit to the next: acknowledgements in between share one.
const COMMIT_EVERY: Duration = Duration::from_millis(100);
/// Most events taken in a row before the rest has its time.
const BATCH: usize = 512;
/// The same after a commit that failed.
const COMMIT_AGAIN: Duration = Duration::from_secs(1);
/// How long leaving waits for its commit: amid a rebalance the answer comes once all members have heard
/// of it, which is at their next heartbeats, three seconds apart; and twice if another one follows.
const LAST_COMMIT: Duration = Duration::from_secs(8);

/// Joins the group and serves the membership in a thread of its own.
///
/// The receiver hears that the thread has ended, when its other side is dropped.
pub(super) fn spawn(client: &ClientConfig, membership: &Arc<Membership>) -> Result<Receiver<()>> {
    let context = Context::new(Arc::clone(membership));
    let mut consumer: BaseConsumer<Context> =
        client.create_with_context(context).map_err(options::refusal)?;
    let join = |error: KafkaError| {
        Error::caused(format!("join group {} of {}", membership.group, membership.topic), error)
    };
    consumer.subscribe(&[&membership.broker_topic]).map_err(join)?;
    let (alive, ended) = mpsc::channel::<()>();
    let (membership, name) = (Arc::clone(membership), format!("bus {}", membership.topic));
    let run = move || {
        let _alive = alive;
        let ending = Ending(&membership);
        let this = thread::current();
        membership.polled_by(this.clone());
        consumer.set_nonempty_callback(move || this.unpark());
        let consumer = Arc::new(consumer);
        match Committer::start(Arc::clone(&consumer), Arc::clone(&membership)) {
            Ok(committer) => {
                consumer.context().begin(&consumer, committer);
                // After a panic too the group is left, so that its partitions go to others at once.
                let served = catch_unwind(AssertUnwindSafe(|| serve(&consumer, &membership)));
                if served.is_err() {
                    membership.end("its polling thread panicked");
                }
                consumer.context().end(LAST_COMMIT);
            }
            Err(error) => membership.end(&format!("there is no thread that commits: {error}")),
        }
        // Closing the client polls it until the group is left; it may hang when brokers are away.
        drop(consumer);
        drop(ending);
    };
    thread::Builder::new()
        .name(name)
        .spawn(run)
        .map_err(|error| Error::caused("start a thread that polls Kafka".to_owned(), error))?;
    Ok(ended)
}

/// Ends the membership however the thread ends, so that nobody waits for it in vain.
struct Ending<'a>(&'a Membership);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.end("its polling thread has ended");
    }
}

/// Serves the client until the membership is over.
fn serve(consumer: &Client, membership: &Membership) {
    let mut last_commit: Option<Instant> = None;
    while membership.goes_on() {
        let is_served = poll(consumer, membership);
        let is_drained = consumer.context().take();
        let has_commits = membership.has_commits();
        let pause = if membership.has_failed_commit() { COMMIT_AGAIN } else { COMMIT_EVERY };
        let rest = last_commit.map_or(Duration::ZERO, |at| pause.saturating_sub(at.elapsed()));
        if has_commits && rest.is_zero() {
            consumer.context().commit();
            last_commit = Some(Instant::now());
        }
        if is_served && is_drained {
            let is_early = has_commits && !rest.is_zero();
            thread::park_timeout(if is_early { rest.min(POLL_EVERY) } else { POLL_EVERY });
        }
    }
}

/// Serves the client's callbacks; returns whether nothing more waits for it.
fn poll(consumer: &Client, membership: &Membership) -> bool {
    for _ in 0..BATCH {
        // Nothing is waited for here: the client's queue wakes the thread.
        match consumer.poll(Duration::ZERO) {
            // Of a partition whose own queue could not be made.
            Some(Ok(record)) => {
                membership.arrived([record::delivery(&membership.topic, &record)]);
            }
            Some(Err(KafkaError::MessageConsumptionFatal(code))) => {
                membership.end(&code.to_string());
                return false;
            }
            // News; the context has logged them.
            Some(Err(_)) => {}
            // A served callback looks like an empty queue.
            None if consumer.context().has_served() => {}
            None => return true,
        }
    }
    false
}
