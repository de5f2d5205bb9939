//! Places: from where on a read of the open list finds something.
//!
//! Removed entries leave graves that a read has to walk over. So this host remembers from where on
//! each shard has living entries, with some slack for jobs whose submission took long or whose host
//! has a slow clock, and looks from the very beginning now and then. So a job that waited for hours
//! before it got its recording is found at once by the host that gave it, and by others a little later.

use std::sync::{Mutex, MutexGuard, PoisonError};

use scribed_schemas::time::Timestamp;

use super::{Entry, SHARDS};

/// How much earlier than the first living entry a read begins, in microseconds: 10 minutes.
const SLACK: i64 = 600_000_000;
/// Of so many reads of a shard one begins at the very beginning.
const WHOLE_READS: u32 = 32;

/// From where on each shard has living entries.
#[derive(Debug, Default)]
pub(in super::super) struct Places(Mutex<[[Place; SHARDS]; 2]>);

/// From where on one shard has living entries.
#[derive(Debug, Clone, Copy)]
struct Place {
    begin: i64,
    reads: u32,
}

impl Default for Place {
    fn default() -> Self {
        Self { begin: i64::MIN, reads: 0 }
    }
}

impl Places {
    /// Returns after which instant to read.
    pub(super) fn begin(&self, priority: i8, shard: i8) -> i64 {
        self.with(priority, shard, |place| {
            place.reads = (place.reads + 1) % WHOLE_READS;
            if place.reads == 0 { i64::MIN } else { place.begin }
        })
    }

    /// Notes when the first living entry was made, if there is one.
    pub(super) fn note(&self, priority: i8, shard: i8, first: Option<i64>, now: Timestamp) {
        let begin = first.unwrap_or(now.0).min(now.0).saturating_sub(SLACK);
        self.with(priority, shard, |place| place.begin = begin);
    }

    /// Makes sure that an entry will be reached.
    pub(super) fn reach(&self, entry: Entry) {
        self.with(entry.priority, entry.shard, |place| {
            place.begin = place.begin.min(entry.created.saturating_sub(1));
        });
    }

    fn with<T>(&self, priority: i8, shard: i8, look: impl FnOnce(&mut Place) -> T) -> T {
        let mut places: MutexGuard<'_, _> = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (priority, shard) = (usize::from(priority != 0), usize::from(shard.unsigned_abs()));
        look(&mut places[priority][shard % SHARDS])
    }
}

#[cfg(test)]
mod tests {
    use scribed_schemas::id::JobId;

    use super::*;

    #[test]
    fn reads_begin_before_the_first_living_entry_and_whole_now_and_then() {
        let places = Places::default();
        assert_eq!(places.begin(1, 2), i64::MIN);
        places.note(1, 2, Some(5_000 + SLACK), Timestamp(i64::MAX));
        assert_eq!(places.begin(1, 2), 5_000);
        assert_eq!(places.begin(1, 3), i64::MIN, "shards do not meet");
        let entry = Entry { priority: 1, shard: 2, created: 3_000, id: JobId(1) };
        places.reach(entry);
        assert_eq!(places.begin(1, 2), 2_999);
        places.note(1, 2, None, Timestamp(9_000 + SLACK));
        assert_eq!(places.begin(1, 2), 9_000, "an empty shard begins a while ago");
        let whole = (0..WHOLE_READS).filter(|_| places.begin(1, 2) == i64::MIN).count();
        assert_eq!(whole, 1);
    }
}
