//! Seats: one member at a time consumes a group's only partition, the others wait for its seat.
//!
//! Kafka gives each partition to one member of a group, and the buses here have one partition a
//! topic.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{Error, Result};

/// The seats of all groups of one bus.
#[derive(Debug, Default)]
pub(crate) struct Seats {
    by_group: Mutex<BTreeMap<(String, String), Arc<Semaphore>>>,
}

/// The right to consume a group's partition; dropping it lets the next member in.
#[derive(Debug)]
pub(crate) struct Seat {
    _permit: OwnedSemaphorePermit,
}

impl Seats {
    /// Waits for the seat of a group; members come in the order in which they asked.
    ///
    /// # Cancel safety
    ///
    /// A dropped call gives up its place in the queue and nothing else.
    pub(crate) async fn take(&self, topic: &str, group: &str) -> Result<Seat> {
        let place = {
            let mut groups = self.by_group.lock().unwrap_or_else(PoisonError::into_inner);
            let place = groups.entry((topic.to_owned(), group.to_owned()));
            Arc::clone(place.or_insert_with(|| Arc::new(Semaphore::new(1))))
        };
        match place.acquire_owned().await {
            Ok(permit) => Ok(Seat { _permit: permit }),
            Err(closed) => Err(Error::caused(format!("join group {group} of {topic}"), closed)),
        }
    }
}
