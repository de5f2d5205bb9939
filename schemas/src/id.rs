//! Identities: 53-bit integers that order by time of making and are exact in JavaScript.
//!
//! Layout, from the highest bit: 41 bits of milliseconds since 2026-01-01T00:00:00Z, 7 bits of node,
//! 5 bits of counter.
//! 41 bits last 69 years; 53 bits are the integers that an IEEE 754 double holds exactly.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// 2026-01-01T00:00:00Z in milliseconds since the Unix epoch: the zero of every id.
pub const ID_EPOCH_MS: i64 = 1_767_225_600_000;

/// Bits that tell hosts apart.
const NODE_BITS: u32 = 7;
/// Bits that tell ids of one millisecond apart.
const COUNTER_BITS: u32 = 5;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIntError;
            fn from_str(text: &str) -> Result<Self, ParseIntError> {
                text.parse().map(Self)
            }
        }
    };
}

id!(
    /// One recording to be transcribed.
    JobId
);
id!(
    /// A person or program that owns jobs.
    AccountId
);
id!(
    /// One stored recording.
    MediaId
);
id!(
    /// One credential of a program.
    ApiKeyId
);

/// Makes ids that never repeat on one node, even when the clock stands still or steps back.
#[derive(Debug)]
pub struct IdGenerator {
    node: i64,
    /// The last id handed out; the next one is larger.
    last: Mutex<i64>,
}

impl IdGenerator {
    /// Makes a generator for `node`, 0 to 127; higher bits are ignored.
    pub fn new(node: u8) -> Self {
        Self { node: i64::from(node & 0x7f), last: Mutex::new(0) }
    }

    /// Returns the next id at `now`.
    ///
    /// When the 32 ids of a millisecond are used up, or the clock went back, ids borrow from the
    /// following milliseconds, so order and uniqueness hold all the same.
    pub fn next(&self, now: Timestamp) -> i64 {
        let shift = NODE_BITS + COUNTER_BITS;
        let fresh = ((now.millis() - ID_EPOCH_MS).max(1) << shift) | (self.node << COUNTER_BITS);
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let counter_mask = (1 << COUNTER_BITS) - 1;
        let id = if fresh > *last {
            fresh
        } else if *last & counter_mask < counter_mask {
            *last + 1
        } else {
            (((*last >> shift) + 1) << shift) | (self.node << COUNTER_BITS)
        };
        *last = id;
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_one_millisecond_differ_and_grow() {
        let ids = IdGenerator::new(5);
        let now = Timestamp::from_millis(ID_EPOCH_MS + 1_000);
        let made: Vec<i64> = (0..200).map(|_| ids.next(now)).collect();
        assert!(made.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(made.iter().all(|id| (id >> COUNTER_BITS) & 0x7f == 5));
    }

    #[test]
    fn a_clock_that_steps_back_does_not_repeat_ids() {
        let ids = IdGenerator::new(0);
        let first = ids.next(Timestamp::from_millis(ID_EPOCH_MS + 9_000));
        assert!(ids.next(Timestamp::from_millis(ID_EPOCH_MS + 1_000)) > first);
    }

    #[test]
    fn ids_stay_exact_in_javascript_for_69_years() {
        let in_2094 = Timestamp::from_millis(ID_EPOCH_MS + (1 << 41) - 1);
        assert!(IdGenerator::new(127).next(in_2094) < 1 << 53);
    }
}
