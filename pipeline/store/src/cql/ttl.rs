//! How long the database keeps what ends by itself: logins and API keys.
//!
//! A cell that is written with a time to live is gone when that is over. So every write of such a row
//! gives its cells the same end; a row of which some cells were left would be half a row.

use std::time::Duration;

use scribed_schemas::time::Timestamp;

use crate::request::KEPT_AFTER_END;

/// The longest time that a row is given; one that ends later is kept for ever.
///
/// Cassandra refuses a write whose end it cannot store, which may be from 2038 on:
/// <https://cassandra.apache.org/doc/5.0/cassandra/developing/cql/dml.html#insert-statement>.
const LONGEST: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// Returns for how many seconds from `now` on a row is kept that is over at `end`; 0 is for ever.
pub(super) fn seconds_kept(end: Option<Timestamp>, now: Timestamp) -> i32 {
    let Some(end) = end else { return 0 };
    let kept = end.plus(KEPT_AFTER_END).since(now);
    if kept > LONGEST {
        return 0;
    }
    i32::try_from(kept.as_secs()).map_or(0, |seconds| seconds.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEEK: i32 = 7 * 24 * 60 * 60;

    #[test]
    fn what_ends_is_kept_for_a_week_longer_and_what_does_not_for_ever() {
        let at = |seconds: i64| Timestamp(seconds * 1_000_000);
        assert_eq!(seconds_kept(Some(at(1_000)), at(1)), 999 + WEEK);
        assert_eq!(seconds_kept(None, at(1)), 0);
        let years = Duration::from_secs(3 * 365 * 24 * 60 * 60);
        assert_eq!(seconds_kept(Some(at(1).plus(years)), at(1)), 0);
        assert_eq!(seconds_kept(Some(at(1)), at(1).plus(years)), 1, "over, but not for ever");
    }
}
