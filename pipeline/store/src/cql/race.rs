//! Races: how a row is changed that others change too, and how it is found out who won.
//!
//! ```text
//! read the row ─► apply a transition ─► write it IF op is still the one read ─► applied: done
//!   ▲                                                        ├─ not applied: another was faster
//!   └──────────────── look again, after a moment ────────────┴─ no answer: it happened or not
//! ```
//!
//! Each change draws one token for all its tries and writes it with the row as `op`. A row that is
//! found with that token is the one that an earlier try wrote, answer or no answer. Since a token is
//! never drawn twice, a try that was given up and arrives late finds another `op` and does nothing.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use super::failure::{Failure, is_contested};
use crate::error::ErrorKind;

/// How often a change may find that another was faster.
const LOSSES: u32 = 100;
/// How often a change may stay without an answer.
const SILENCES: u32 = 3;
/// How long a quarrel about a row may go on.
const QUARREL: Duration = Duration::from_secs(10);
/// Longest moment between two tries.
const PAUSE: Duration = Duration::from_millis(100);

/// One change of one row, however many tries it takes.
#[derive(Debug)]
pub(super) struct Race {
    /// The token of this change.
    pub(super) op: Uuid,
    lost: u32,
    silent: u32,
    quarrel: Quarrel,
}

impl Race {
    /// Draws a token.
    pub(super) fn begin() -> Self {
        Self { op: Uuid::new_v4(), lost: 0, silent: 0, quarrel: Quarrel::begin() }
    }

    /// Returns whether an earlier try may have happened, so that only agreed rows tell.
    pub(super) fn is_uncertain(&self) -> bool {
        self.lost + self.silent > 0
    }

    /// Waits a moment after another was faster.
    ///
    /// # Errors
    ///
    /// `Unavailable` when that happened too often.
    pub(super) async fn lost(&mut self) -> Result<(), Failure> {
        self.count_loss()?;
        // The first loss is mostly the end of a quarrel; many losses are one that goes on.
        pause(self.lost).await;
        Ok(())
    }

    /// Waits a moment after no answer came.
    ///
    /// # Errors
    ///
    /// The failure itself when it is no silence, or one too many.
    pub(super) async fn silent(&mut self, failure: Failure) -> Result<(), Failure> {
        let failure = self.count_silence(failure)?;
        tracing::debug!(cause = failure.words(), "a change has no answer; it is looked up");
        pause(self.silent + 4).await;
        Ok(())
    }

    /// Looks at the answer of a try: true when it was applied; else the next try may begin.
    ///
    /// # Errors
    ///
    /// As [`lost`](Self::lost) and [`silent`](Self::silent).
    pub(super) async fn settled(&mut self, answer: Result<bool, Failure>) -> Result<bool, Failure> {
        match answer {
            Ok(true) => Ok(true),
            Ok(false) => self.lost().await.map(|()| false),
            Err(failure) => self.silent(failure).await.map(|()| false),
        }
    }
}

impl Race {
    /// Counts a loss; refuses one too many.
    fn count_loss(&mut self) -> Result<(), Failure> {
        self.lost += 1;
        if self.lost > LOSSES {
            let why = format!("others changed it in between {LOSSES} times");
            return Err(Failure::because(ErrorKind::Unavailable, why));
        }
        Ok(())
    }

    /// Counts a silence and returns it; refuses one too many, and what is none.
    fn count_silence(&mut self, failure: Failure) -> Result<Failure, Failure> {
        self.silent += 1;
        if is_contested(&failure) {
            return self.quarrel.count(failure);
        }
        if failure.kind != ErrorKind::Unavailable || self.silent >= SILENCES {
            return Err(failure);
        }
        Ok(failure)
    }
}

/// A quarrel: several want the replicas to agree on one row, and push each other back.
///
/// That is answered at once and says nothing about what became of the try, so it is tried again for as
/// long as a caller can wait.
#[derive(Debug)]
pub(super) struct Quarrel {
    began: Instant,
    tries: u32,
}

impl Quarrel {
    /// Begins to count.
    pub(super) fn begin() -> Self {
        Self { began: Instant::now(), tries: 0 }
    }

    /// Waits a moment after being pushed back.
    ///
    /// # Errors
    ///
    /// The failure itself when it has another reason, or the quarrel goes on for too long.
    pub(super) async fn wait(&mut self, failure: Failure) -> Result<(), Failure> {
        self.count(failure)?;
        pause(self.tries).await;
        Ok(())
    }

    /// Counts a try and returns its failure; refuses what is no quarrel, and one too long.
    fn count(&mut self, failure: Failure) -> Result<Failure, Failure> {
        self.tries += 1;
        if !is_contested(&failure) || (self.tries >= SILENCES && self.began.elapsed() >= QUARREL) {
            return Err(failure);
        }
        Ok(failure)
    }
}

/// Waits a random moment that grows with the number of tries.
async fn pause(tries: u32) {
    let longest = Duration::from_millis(2 << tries.min(8));
    tokio::time::sleep(jitter(longest.min(PAUSE))).await;
}

/// Returns a random part of a time.
pub(super) fn jitter(longest: Duration) -> Duration {
    longest.mul_f64(f64::from(Uuid::new_v4().as_fields().0) / f64::from(u32::MAX))
}

/// Seats: of this host, one change at a time works on a row.
///
/// Changes of one row exclude each other in the database anyway; several that try at once only push
/// each other back. Seats are handed on in order of asking.
#[derive(Debug, Default)]
pub(super) struct Seats {
    taken: Mutex<HashMap<u64, Arc<Semaphore>>>,
}

/// The right to work on a row, until dropped.
#[derive(Debug)]
#[must_use]
pub(super) struct Seat<'a> {
    seats: &'a Seats,
    key: u64,
    permit: Option<OwnedSemaphorePermit>,
}

impl Seats {
    /// Waits for the seat of a row, named by its table and key.
    ///
    /// # Cancel safety
    ///
    /// A dropped call takes no seat.
    pub(super) async fn take(&self, table: &'static str, key: impl Hash) -> Seat<'_> {
        let mut hasher = DefaultHasher::new();
        (table, key).hash(&mut hasher);
        // Two rows of one number only wait for each other without need.
        let key = hasher.finish();
        let row =
            Arc::clone(self.taken().entry(key).or_insert_with(|| Arc::new(Semaphore::new(1))));
        let mut seat = Seat { seats: self, key, permit: None };
        // The semaphore is never closed.
        seat.permit = row.acquire_owned().await.ok();
        seat
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<u64, Arc<Semaphore>>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut taken = self.seats.taken();
        drop(self.permit.take());
        // Whoever waits holds the semaphore too.
        if taken.get(&self.key).is_some_and(|row| Arc::strong_count(row) == 1) {
            taken.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_sits_at_a_time_and_nothing_is_left_behind() {
        let seats = Arc::new(Seats::default());
        let first = seats.take("jobs", 1).await;
        let other = seats.take("jobs", 2).await;
        let waiting = {
            let seats = Arc::clone(&seats);
            tokio::spawn(async move { drop(seats.take("jobs", 1).await) })
        };
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop((first, other));
        waiting.await.expect("the seat is handed on");
        assert!(seats.taken().is_empty());
    }

    #[tokio::test]
    async fn who_stops_waiting_leaves_nothing_behind() {
        let seats = Seats::default();
        let first = seats.take("jobs", 1).await;
        let waiting = tokio::time::timeout(Duration::from_millis(1), seats.take("jobs", 1)).await;
        assert!(waiting.is_err());
        drop(first);
        assert!(seats.taken().is_empty());
    }

    #[test]
    fn a_change_gives_up_after_many_losses_and_few_silences() {
        let mut race = Race::begin();
        assert!((0..LOSSES).all(|_| race.count_loss().is_ok()));
        let given_up = race.count_loss().expect_err("enough");
        assert_eq!(given_up.kind, ErrorKind::Unavailable);
        let mut race = Race::begin();
        let silence = || Failure::because(ErrorKind::Unavailable, "timeout");
        assert!((1..SILENCES).all(|_| race.count_silence(silence()).is_ok()));
        assert!(race.count_silence(silence()).is_err());
        let refused = Race::begin().count_silence(ErrorKind::Denied.into());
        assert_eq!(refused.expect_err("no silence").kind, ErrorKind::Denied);
    }
}
