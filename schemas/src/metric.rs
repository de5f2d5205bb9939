//! Metrics: names that dashboards and alerts are built on, so they outlive processes.
//!
//! Whoever measures records under these names with the `metrics` crate; the daemon serves them in the
//! text format of Prometheus. Names follow its conventions: base units, `_total` for counters.

/// What a number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, from 0 at the start of the process.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Observations in buckets.
    Histogram,
}

/// A metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// What it says, in one sentence.
    pub help: &'static str,
}

macro_rules! metrics {
    ($($constant:ident = $name:literal, $kind:ident, [$($label:literal),*], $help:literal;)*) => {
        $(#[doc = $help] pub const $constant: &str = $name;)*

        /// All of them.
        pub const ALL: &[Metric] = &[
            $(Metric { name: $name, kind: Kind::$kind, labels: &[$($label),*], help: $help },)*
        ];
    };
}

metrics! {
    BUILD = "scribed_build_info", Gauge, ["version"],
        "Always 1; its label is the version that runs.";
    JOBS_WAITING = "scribed_jobs_waiting", Gauge, [],
        "Jobs that wait for a worker, of the whole cluster; counted up to 10,000.";
    OLDEST_WAITING = "scribed_oldest_waiting_seconds", Gauge, [],
        "How long ago the oldest waiting job was submitted, in seconds.";
    JOBS_RUNNING = "scribed_jobs_running", Gauge, [],
        "Jobs that this host works on.";
    JOBS_ENDED = "scribed_jobs_ended_total", Counter, ["state"],
        "Attempts of this host that brought a job to an end, by the state of the job.";
    ATTEMPTS_FAILED = "scribed_attempts_failed_total", Counter, ["code"],
        "Attempts of this host that failed and will be repeated, by the code of the fault.";
    SLOTS = "scribed_slots", Gauge, [],
        "Chunks that this host may recognise at the same time.";
    SLOTS_BUSY = "scribed_slots_busy", Gauge, [],
        "Chunks that this host recognises now.";
    CHUNK_SECONDS = "scribed_chunk_seconds", Histogram, [],
        "How long the recognition of a chunk took, in seconds.";
    CHUNK_AUDIO_SECONDS = "scribed_chunk_audio_seconds", Histogram, [],
        "How much speech a recognised chunk holds, in seconds; against how long it took: times real time.";
    CHUNKS_GIVEN_UP = "scribed_chunks_given_up_total", Counter, [],
        "Chunks that could not be recognised while those around them could.";
    WORKERS = "scribed_workers", Gauge, ["group"],
        "Worker processes that are alive, by what they are for.";
    WORKER_ENDS = "scribed_worker_ends_total", Counter, ["group", "cause"],
        "Worker processes that ended, by what they were for and why.";
    ROOM = "scribed_worker_room", Gauge, ["group"],
        "Chunks for which a group's device has memory at once, as far as is known.";
    QUARANTINED = "scribed_quarantined_stages", Gauge, [],
        "Stages that are put aside because they crashed again and again.";
    DEAD_LETTERS = "scribed_dead_letters_total", Counter, ["reason"],
        "Events and jobs that this host gave up, by reason.";
    CALLBACKS = "scribed_callbacks_total", Counter, ["outcome"],
        "Tries of this host at calling who is to be told of the end of a job, by what came of them.";
    CALLBACKS_OPEN = "scribed_callbacks_open", Gauge, ["state"],
        "Calls that are still to be made (pending), and that were given up (dead), of the whole cluster.";
    STORE_ERRORS = "scribed_store_errors_total", Counter, ["kind"],
        "Calls of the store that failed because it was away, full or damaged.";
    BUS_ERRORS = "scribed_bus_errors_total", Counter, [],
        "Calls of the bus that failed.";
    BUS_LAG = "scribed_bus_lag", Gauge, ["topic", "partition"],
        "Events behind the committed offset of a partition that this host serves.";
    HTTP_REQUESTS = "scribed_http_requests_total", Counter, ["status"],
        "Requests that were answered, by the class of the status: 2xx, 4xx, 5xx.";
    HTTP_SECONDS = "scribed_http_request_seconds", Histogram, [],
        "How long requests took from their head to the head of the answer, in seconds.";
    SPANS_LOST = "scribed_spans_lost_total", Counter, ["reason"],
        "Spans that no collector of traces got: the queue was full, or it did not take them.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_conventions_of_prometheus_and_are_unique() {
        let mut names = std::collections::BTreeSet::new();
        for Metric { name, kind, .. } in ALL {
            assert!(names.insert(name), "{name} twice");
            assert!(name.starts_with("scribed_"), "{name}");
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{name}");
            assert_eq!(name.ends_with("_total"), *kind == Kind::Counter, "{name}");
            let in_seconds = *kind != Kind::Histogram || name.ends_with("_seconds");
            assert!(in_seconds, "{name}");
        }
    }
}
