//! One meter: so many at once, then one after each interval, for every key by itself.
//!
//! For each key it keeps one instant: when the key will have recovered from all that it took (the
//! generic cell rate algorithm). What has recovered is as good as unknown, so the table is swept
//! rather than grown. It holds a bounded number of keys: where more than that have yet to recover, the
//! half that took least is forgotten, and those that press hardest stay. An attacker with that many
//! addresses gains one more burst of those that he used least.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Counts by key. Keys are kept as hashes that nobody outside can foresee.
#[derive(Debug)]
pub(super) struct Meter {
    /// How long a key takes to recover from one, in nanoseconds.
    interval: u64,
    /// How much of that may be open when one more is asked for.
    slack: u64,
    capacity: usize,
    hasher: RandomState,
    begun: Instant,
    /// When each key will have recovered, in nanoseconds since the beginning.
    recovered: Mutex<HashMap<u64, u64>>,
}

impl Meter {
    /// Makes a meter of so many in each period, and at most `burst` at once; of none, no meter.
    pub(super) fn new((count, period): (u32, Duration), burst: u32, capacity: u32) -> Option<Self> {
        let interval = nanos(period.checked_div(count)?);
        Some(Self {
            interval,
            slack: interval.saturating_mul(u64::from(burst.max(1) - 1)),
            capacity: capacity.max(1) as usize,
            hasher: RandomState::new(),
            begun: Instant::now(),
            recovered: Mutex::default(),
        })
    }

    /// Counts one of a key, or tells how long it has to wait; a refused one does not count.
    pub(super) fn take(&self, key: impl Hash) -> Result<(), Duration> {
        let key = self.hasher.hash_one(key);
        let now = nanos(self.begun.elapsed());
        // A panic elsewhere cannot have left the table half changed.
        let mut recovered = self.recovered.lock().unwrap_or_else(PoisonError::into_inner);
        let from = recovered.get(&key).map_or(now, |&at| at.max(now));
        let open = from - now;
        if open > self.slack {
            return Err(Duration::from_nanos(open - self.slack));
        }
        if recovered.len() >= self.capacity && !recovered.contains_key(&key) {
            make_room(&mut recovered, now, self.capacity / 2);
        }
        recovered.insert(key, from.saturating_add(self.interval));
        Ok(())
    }
}

/// Forgets what has recovered, and where more than `most` are left, the half that will be next.
fn make_room(recovered: &mut HashMap<u64, u64>, now: u64, most: usize) {
    recovered.retain(|_, at| *at > now);
    if recovered.len() > most {
        let mut instants: Vec<u64> = recovered.values().copied().collect();
        let middle = instants.len() / 2;
        let (_, &mut middle, _) = instants.select_nth_unstable(middle);
        recovered.retain(|_, at| *at > middle);
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn meter(per_second: u32, burst: u32, capacity: u32) -> Meter {
        Meter::new((per_second, SECOND), burst, capacity).expect("there is a limit")
    }

    fn taken(meter: &Meter, key: u32, tries: u32) -> usize {
        (0..tries).filter(|_| meter.take(key).is_ok()).count()
    }

    #[test]
    fn none_is_no_limit() {
        assert!(Meter::new((0, SECOND), 7, 7).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_let_in_and_then_one_after_each_interval() {
        let meter = meter(10, 5, 100);
        assert_eq!(taken(&meter, 1, 50), 5);
        assert_eq!(meter.take(1), Err(Duration::from_millis(100)));
        assert_eq!(taken(&meter, 2, 50), 5, "another key has its own");
        advance(Duration::from_millis(99)).await;
        assert_eq!(meter.take(1), Err(Duration::from_millis(1)));
        advance(Duration::from_millis(1)).await;
        assert_eq!(taken(&meter, 1, 50), 1);
        advance(Duration::from_secs(3600)).await;
        assert_eq!(taken(&meter, 1, 50), 5, "never more than a burst");
    }

    #[tokio::test(start_paused = true)]
    async fn never_more_than_the_burst_and_the_rate_however_the_tries_lie() {
        let meter = meter(7, 3, 100);
        let mut taken = 0;
        for step in 0..10_000_u64 {
            advance(Duration::from_millis(step * 7_919 % 23)).await;
            taken += u64::from(meter.take(1).is_ok());
            let millis = u64::try_from(meter.begun.elapsed().as_millis()).unwrap();
            assert!(taken <= 3 + millis * 7 / 1000 + 1, "{taken} in {millis} ms");
        }
        assert!(taken > 600, "{taken}: the rate itself is let through");
    }

    #[test]
    fn threads_at_the_same_time_get_one_burst_together() {
        let meter = Meter::new((1, Duration::from_secs(3600)), 20, 100).unwrap();
        let counts = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..16).map(|_| scope.spawn(|| taken(&meter, 1, 1_000))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
        });
        assert_eq!(counts, 20);
    }

    #[tokio::test(start_paused = true)]
    async fn the_table_stays_small_and_remembers_who_presses_hardest() {
        let meter = meter(1, 10, 1_000);
        assert_eq!(taken(&meter, 0, 50), 10);
        for key in 1..100_000 {
            assert!(meter.take(key).is_ok());
            assert!(meter.recovered.lock().unwrap().len() <= 1_000);
        }
        assert_eq!(taken(&meter, 0, 50), 0, "it is still remembered");
        advance(SECOND * 20).await;
        for key in 0..2_000 {
            assert!(meter.take(key).is_ok(), "all have recovered");
        }
    }
}
