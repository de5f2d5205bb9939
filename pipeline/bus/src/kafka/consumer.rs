//! The consumer: the async side of a membership.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::runtime::{Handle, RuntimeFlavor};

use super::instance::Seat;
use super::membership::Membership;
use crate::{Consumer, Delivery, Result};

/// How long a dropped consumer is waited for. Closing a client may hang when brokers are away.
const LEAVE: Duration = Duration::from_secs(15);

/// A member of a group on Kafka.
///
/// Dropping it commits what is done, leaves the group, and waits for that at most 15 s.
#[derive(Debug)]
pub(super) struct KafkaConsumer {
    membership: Arc<Membership>,
    /// Hears the end of the polling thread.
    ended: Receiver<()>,
    /// Free for the next consumer once this is dropped.
    _seat: Option<Seat>,
}

impl KafkaConsumer {
    /// Makes the consumer of a membership that a thread serves.
    pub(super) fn new(
        membership: Arc<Membership>,
        ended: Receiver<()>,
        seat: Option<Seat>,
    ) -> Self {
        Self { membership, ended, _seat: seat }
    }
}

#[async_trait]
impl Consumer for KafkaConsumer {
    async fn next(&mut self) -> Result<Delivery> {
        self.membership.next().await
    }

    async fn ack(&mut self, partition: i32, offset: i64) -> Result<()> {
        self.membership.ack(partition, offset)
    }
}

impl Drop for KafkaConsumer {
    fn drop(&mut self) {
        self.membership.leave();
        let wait = || self.ended.recv_timeout(LEAVE);
        // The other tasks of this worker go on elsewhere meanwhile, where that is possible.
        let is_shared = Handle::try_current()
            .is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread);
        let ended = if is_shared { tokio::task::block_in_place(wait) } else { wait() };
        if ended == Err(RecvTimeoutError::Timeout) {
            let Membership { topic, group, .. } = &*self.membership;
            tracing::warn!(topic, group, "kafka does not let a member go; it is left to itself");
        }
    }
}
