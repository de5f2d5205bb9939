//! Room: how many jobs may wait before recordings are put off.
//!
//! What waits is counted in the store once a second at most; what was let in since then is added. So it
//! may be thought of as a little more than it is, never as less, but for what other hosts let in within
//! that second.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::engine::{Engine, Shared};
use crate::error::Result;

/// For how long a count of the store is good.
const FRESH: Duration = Duration::from_secs(1);

/// How much waits, as far as it is known here.
#[derive(Debug, Default)]
pub(crate) struct Room {
    state: Mutex<State>,
    /// Whoever counts keeps the others from counting the same.
    counting: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    /// What the store counted, and when; none before the first time.
    counted: Option<(u64, Instant)>,
    /// Jobs that were let in before that count began, since the start.
    before: u64,
    /// Jobs that were let in so far, since the start.
    let_in: u64,
    /// Places that are held for recordings that still come in.
    held: u64,
}

/// A place in the queue, held for a recording that comes in; dropping it gives it up.
#[derive(Debug)]
#[must_use]
pub struct Place {
    shared: Arc<Shared>,
}

impl Engine {
    /// Holds a place in the queue; `None` when as many jobs wait as may.
    ///
    /// # Errors
    /// The store's.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is held.
    pub async fn place(&self) -> Result<Option<Place>> {
        let most = u64::from(self.config().max_waiting_jobs);
        if most > 0 {
            self.count_waiting().await?;
        }
        let mut state = self.shared.room.state();
        if most > 0 && state.waiting() >= most {
            return Ok(None);
        }
        state.held += 1;
        Ok(Some(Place { shared: self.shared.clone() }))
    }

    /// Counts what waits, unless that was done a moment ago.
    async fn count_waiting(&self) -> Result<()> {
        let room = &self.shared.room;
        let _alone = room.counting.lock().await;
        let before = {
            let state = room.state();
            if state.counted.is_some_and(|(_, at)| at.elapsed() < FRESH) {
                return Ok(());
            }
            state.let_in
        };
        let limit = self.config().max_waiting_jobs;
        let waiting = self.store().backlog(self.now(), limit).await?.waiting;
        let mut state = room.state();
        state.counted = Some((u64::from(waiting), Instant::now()));
        state.before = before;
        Ok(())
    }
}

impl Room {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn waiting(&self) -> u64 {
        let counted = self.counted.map_or(0, |(counted, _)| counted);
        counted + (self.let_in - self.before) + self.held
    }
}

impl Place {
    /// Fills the place: its recording is a job now.
    pub fn fill(self) {
        self.shared.room.state().let_in += 1;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.room.state().held -= 1;
    }
}

#[cfg(test)]
mod tests {
    use scribed_store::MemoryStore;

    use super::*;
    use crate::config::Config;
    use crate::testing::Bench;

    fn bench(max_waiting_jobs: u32) -> Bench {
        let config = Config { max_waiting_jobs, ..Config::default() };
        Bench::with(config, Arc::new(MemoryStore::new()))
    }

    async fn place(bench: &Bench) -> Option<Place> {
        bench.engine.place().await.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn places_that_are_held_or_filled_count_until_they_are_given_up_or_work_begins() {
        let bench = bench(2);
        let (first, second) = (place(&bench).await.unwrap(), place(&bench).await.unwrap());
        assert!(place(&bench).await.is_none(), "two are held");
        drop(first);
        let first = place(&bench).await.expect("one was given up");
        let job = bench.submit("a line").await;
        first.fill();
        drop(second);
        let last = place(&bench).await.expect("one waits");
        assert!(place(&bench).await.is_none(), "one waits and one is held");
        tokio::time::advance(FRESH).await;
        assert!(place(&bench).await.is_none(), "the store says the same");
        bench.engine.cancel(job).await.unwrap();
        tokio::time::advance(FRESH).await;
        assert!(place(&bench).await.is_some(), "nothing waits, and one is held");
        drop(last);
    }

    #[tokio::test(start_paused = true)]
    async fn no_limit_is_none() {
        let bench = bench(0);
        let mut held = Vec::new();
        for _ in 0..100 {
            held.push(place(&bench).await.expect("there is room"));
        }
    }
}
