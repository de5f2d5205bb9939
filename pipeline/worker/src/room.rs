//! Room: how many chunks the memory of a device holds at once.
//!
//! It begins with what the configuration says, shrinks by one each time that the memory was used up, and
//! grows back by one after a while without that: another program may have had the memory.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::measure;

/// Room for chunks in one group's process.
#[derive(Debug)]
pub(crate) struct Room {
    group: String,
    places: Semaphore,
    size: Mutex<Size>,
    /// Places when all is well.
    most: u32,
    /// Time without trouble after which a place comes back.
    back_after: Duration,
}

/// How large it is now.
#[derive(Debug)]
struct Size {
    now: u32,
    changed: Instant,
    /// The process whose end was counted last; one end is told to everybody in it.
    counted: Option<u32>,
}

impl Room {
    pub(crate) fn new(group: &str, most: u32, back_after: Duration) -> Self {
        let most = most.max(1);
        measure::room(group, most);
        Self {
            group: group.to_owned(),
            places: Semaphore::new(most as usize),
            size: Mutex::new(Size { now: most, changed: Instant::now(), counted: None }),
            most,
            back_after,
        }
    }

    /// Waits for a place.
    pub(crate) async fn enter(&self) -> Option<SemaphorePermit<'_>> {
        self.grow();
        // Never closed, so there is always one in the end.
        self.places.acquire().await.ok()
    }

    /// Gives up a place for good, since the memory was used up; `pid` is the process that ended of it, if
    /// one did. Returns false where this was the last place.
    pub(crate) fn shrink(&self, place: Option<SemaphorePermit<'_>>, pid: Option<u32>) -> bool {
        let mut size = self.size();
        size.changed = Instant::now();
        if pid.is_some() && size.counted == pid {
            return true;
        }
        size.counted = pid;
        if size.now == 1 {
            return false;
        }
        size.now -= 1;
        if let Some(place) = place {
            place.forget();
        }
        measure::room(&self.group, size.now);
        tracing::warn!(
            group = self.group,
            chunks = size.now,
            of = self.most,
            "the device has no memory left; fewer chunks are recognised at once"
        );
        true
    }

    /// Gives a place back when there was no trouble for long enough.
    fn grow(&self) {
        let mut size = self.size();
        if size.now < self.most && size.changed.elapsed() >= self.back_after {
            (size.now, size.changed) = (size.now + 1, Instant::now());
            self.places.add_permits(1);
            measure::room(&self.group, size.now);
            tracing::info!(group = self.group, chunks = size.now, "one more chunk at once again");
        }
    }

    /// Returns the size; a panic elsewhere cannot have left it half changed.
    fn size(&self) -> MutexGuard<'_, Size> {
        self.size.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_shrinks_to_one_place_and_no_further() {
        let room = Room::new("asr", 3, Duration::from_secs(3_600));
        for places in [2, 1] {
            let place = room.enter().await;
            assert!(room.shrink(place, None));
            assert_eq!(room.places.available_permits(), places);
        }
        let place = room.enter().await;
        assert!(!room.shrink(place, None));
        assert_eq!(room.places.available_permits(), 1);
    }

    #[tokio::test]
    async fn one_end_of_a_process_costs_one_place_however_many_were_in_it() {
        let room = Room::new("asr", 3, Duration::from_secs(3_600));
        let (one, other) = (room.enter().await, room.enter().await);
        assert!(room.shrink(one, Some(7)) && room.shrink(other, Some(7)));
        assert_eq!(room.places.available_permits(), 2);
        let place = room.enter().await;
        assert!(room.shrink(place, Some(8)));
        assert_eq!(room.places.available_permits(), 1);
    }

    #[tokio::test]
    async fn a_place_comes_back_after_a_while() {
        let room = Room::new("asr", 2, Duration::ZERO);
        let place = room.enter().await;
        assert!(room.shrink(place, None));
        assert_eq!(room.places.available_permits(), 1);
        drop(room.enter().await);
        assert_eq!(room.places.available_permits(), 2);
    }
}
