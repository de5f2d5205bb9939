//! Measures: how many workers there are, and why they end.

use std::path::Path;

use scribed_schemas::metric;

use crate::process::DeathKind;
use crate::quarantine;

/// Records that a worker answered for the first time.
pub(crate) fn began(group: &str) {
    metrics::gauge!(metric::WORKERS, "group" => group.to_owned()).increment(1.0);
}

/// Begins to count the ends of a group's workers at 0: a series that begins with its first end has not
/// grown, and no alert would tell of that one.
pub(crate) fn count_from_zero(group: &str) {
    for kind in [
        DeathKind::Crashed,
        DeathKind::Deadline,
        DeathKind::Broken,
        DeathKind::Device,
        DeathKind::Memory,
        DeathKind::Dismissed,
    ] {
        count(group, kind, 0);
    }
}

/// Records the end of a worker.
pub(crate) fn ended(group: &str, kind: DeathKind, had_begun: bool) {
    if had_begun {
        metrics::gauge!(metric::WORKERS, "group" => group.to_owned()).decrement(1.0);
    }
    count(group, kind, 1);
}

fn count(group: &str, kind: DeathKind, ends: u64) {
    let cause = match kind {
        DeathKind::Crashed => "crashed",
        DeathKind::Deadline => "deadline",
        DeathKind::Broken => "broken",
        DeathKind::Device => "device",
        DeathKind::Memory => "memory",
        DeathKind::Dismissed => "dismissed",
    };
    let group = group.to_owned();
    metrics::counter!(metric::WORKER_ENDS, "group" => group, "cause" => cause).increment(ends);
}

/// Records how many chunks a group has room for at once.
pub(crate) fn room(group: &str, chunks: u32) {
    metrics::gauge!(metric::ROOM, "group" => group.to_owned()).set(f64::from(chunks));
}

/// Records how many stages are in quarantine.
pub(crate) fn quarantined(folder: &Path) {
    let count = quarantine::list(folder).map_or(0, |entries| entries.len());
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    metrics::gauge!(metric::QUARANTINED).set(f64::from(count));
}
