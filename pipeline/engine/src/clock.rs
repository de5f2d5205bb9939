//! The clock: the only place in the engine that tells the time of day.
//!
//! Everything else gets instants as values, so that tests decide what time it is.

use std::fmt::Debug;
use std::time::{SystemTime, UNIX_EPOCH};

use scribed_schemas::time::Timestamp;

/// Tells the time of day.
pub trait Clock: Send + Sync + Debug {
    /// Returns the present instant.
    fn now(&self) -> Timestamp;
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        // A clock before 1970 is a machine without one; the epoch is as good as any answer then.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::default().plus(since)
    }
}

/// Writes an instant as RFC 3339 in UTC, as documents and events carry it.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(at.0).map_or_else(|_| String::new(), |at| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_written_as_rfc_3339_in_utc() {
        assert_eq!(rfc3339(Timestamp(1_767_225_600_500_000)), "2026-01-01T00:00:00.5Z");
    }
}
