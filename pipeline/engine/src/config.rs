//! Settings of the engine.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Most slots that are made unasked: of a large model each takes most of a gigabyte.
pub const AUTOMATIC_SLOTS: u32 = 4;

/// Settings of the engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Jobs that are worked on at the same time. At least 1.
    ///
    /// A second job is decoded while the first is in the recogniser; more cost memory, not speed.
    pub concurrent_jobs: u32,
    /// Chunks that are recognised at the same time, of all jobs together. 0: one for each core of the
    /// machine, at most [`AUTOMATIC_SLOTS`].
    ///
    /// Chunks side by side with a thread each need no waiting of threads for each other, which whisper.cpp
    /// does by spinning: on a busy machine one chunk with two threads takes many times as long as two
    /// chunks with one. Each costs memory for the state of its decoder.
    pub slots: u32,
    /// Jobs that may wait for work; then uploads are put off. 0: no limit.
    ///
    /// Upload events are not: what of them is taken is bounded by the window of the bus.
    pub max_waiting_jobs: u32,
    /// How long a claimed job stays ours without a sign of life, in seconds.
    ///
    /// After the loss of a host it takes this long until its jobs go on elsewhere.
    pub lease_secs: u64,
    /// How often the lease of a running job is renewed, in seconds; less than `lease_secs`.
    pub renew_secs: u64,
    /// How often to look whether a running job was cancelled on another host, in milliseconds.
    pub watch_interval_ms: u64,
    /// How often to look for jobs that nobody announced here, in milliseconds.
    pub poll_interval_ms: u64,
    /// How long chunks in the recogniser may take to end after a stop, in seconds.
    pub drain_timeout_secs: u64,
    /// Attempts at a job before it is given up. At least 1.
    pub attempts: u32,
    /// Pause before each further attempt, in seconds; the last one stands for all that follow.
    ///
    /// Each pause is varied by up to 20 % so that jobs that failed together do not return together.
    pub backoff_secs: Vec<u64>,
    /// Pause after something that the work needs was away, in seconds; no attempt is charged.
    pub unavailable_backoff_secs: u64,
    /// Pause of a job while one of its stages is set aside, in seconds; no attempt is charged, and other
    /// jobs go on. At least 1.
    ///
    /// What waits so is older than what comes, and is claimed first: the longer the pause, the less it is
    /// in the way; the shorter, the sooner it goes on after the stage is released.
    pub aside_backoff_secs: u64,
    /// Tries at a chunk that the recogniser refuses before the chunk is given up. At least 1.
    pub chunk_attempts: u32,
    /// Chunks one after another that may be given up; one more is a fault of the job.
    pub gaps_in_a_row: u32,
    /// Recordings that are fetched at the same time, beside the jobs that are worked on. At least 1.
    pub fetches: u32,
    /// Exports that are rendered at the same time. At least 1.
    pub renders: u32,
    /// Recordings that are probed at the same time. At least 1.
    pub probes: u32,
    /// Most bytes that a probe reads of a recording.
    pub probe_bytes: u64,
    /// Longest time for a probe, in milliseconds.
    pub probe_ms: u64,
    /// How long a recording may lie in the media store without a job before it is removed, in seconds;
    /// 0: for ever. The same on every host.
    ///
    /// A crash, or a store that is away, may leave one. An upload that needs half as long to become a
    /// job is refused, so that it is not taken for one of these.
    pub orphan_secs: u64,
    /// Whether upload events are taken from the bus.
    pub intake: bool,
    /// Whether changes of state and finished text are published on the bus. Absent: where others can
    /// read it, which is on Kafka.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publish: Option<bool>,
    /// Longest text of a job that is published as a whole, in bytes; of a longer one only the chunks
    /// are. Brokers refuse records of more than a megabyte unless told otherwise.
    pub transcript_event_bytes: u32,
    /// How those who submitted jobs are called.
    pub callbacks: Callbacks,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            concurrent_jobs: 2,
            slots: 0,
            max_waiting_jobs: 10_000,
            lease_secs: 30,
            renew_secs: 10,
            watch_interval_ms: 1_000,
            poll_interval_ms: 1_000,
            drain_timeout_secs: 20,
            attempts: 3,
            backoff_secs: vec![1, 10, 60],
            unavailable_backoff_secs: 5,
            aside_backoff_secs: 20,
            chunk_attempts: 2,
            gaps_in_a_row: 3,
            fetches: 8,
            renders: 4,
            probes: 4,
            probe_bytes: 5_000_000,
            probe_ms: 2_000,
            orphan_secs: 300,
            intake: true,
            publish: None,
            transcript_event_bytes: 700_000,
            callbacks: Callbacks::default(),
        }
    }
}

impl Config {
    /// Returns how many chunks are recognised at the same time, at least 1.
    pub fn slots(&self) -> u32 {
        if self.slots > 0 {
            return self.slots;
        }
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        u32::try_from(cores).unwrap_or(AUTOMATIC_SLOTS).clamp(1, AUTOMATIC_SLOTS)
    }

    /// Returns the length of a lease.
    pub(crate) fn lease(&self) -> Duration {
        Duration::from_secs(self.lease_secs.max(1))
    }

    /// Returns the time between renewals: as set, but at least twice within a lease.
    pub(crate) fn renewal(&self) -> Duration {
        Duration::from_secs(self.renew_secs.max(1)).min(self.lease() / 2)
    }

    /// Returns the time between looks whether a running job is still ours.
    pub(crate) fn watch_interval(&self) -> Duration {
        Duration::from_millis(self.watch_interval_ms.max(1))
    }

    /// Returns the length of the longest text that is published as a whole.
    pub(crate) fn transcript_event_bytes(&self) -> usize {
        usize::try_from(self.transcript_event_bytes).unwrap_or(usize::MAX)
    }

    /// Returns the time between looks for work.
    pub(crate) fn poll_interval(&self) -> Duration {
        Duration::from_millis(self.poll_interval_ms.max(1))
    }

    /// Returns how long to wait for chunks in the recogniser at a stop.
    pub(crate) fn drain_timeout(&self) -> Duration {
        Duration::from_secs(self.drain_timeout_secs)
    }

    /// Returns how long a recording may lie without a job; none: for ever.
    pub(crate) fn orphan_age(&self) -> Option<Duration> {
        Some(Duration::from_secs(self.orphan_secs)).filter(|age| !age.is_zero())
    }

    /// Returns a count that must not be zero as a size.
    pub(crate) fn at_least_one(count: u32) -> usize {
        usize::try_from(count.max(1)).unwrap_or(1)
    }
}

/// How those who submitted jobs are called when a job has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Callbacks {
    /// Tries at a call before it is given up. At least 1.
    pub attempts: u32,
    /// How long all pauses between those tries are together, in seconds; each is four times as long as
    /// the one before, and varied by up to 20 %.
    pub span_secs: u64,
    /// Calls at the same time. At least 1.
    pub at_once: u32,
    /// Calls to one host at the same time, so that a slow one does not hold up the others. At least 1.
    pub at_once_per_host: u32,
    /// How often to look for calls that are due, in milliseconds. A job that ends here is told of at
    /// once.
    pub look_interval_ms: u64,
    /// How long after its beginning a call that was lost with its host is made again, in seconds; at
    /// least as long as a call may take.
    pub hold_secs: u64,
}

impl Default for Callbacks {
    fn default() -> Self {
        Self {
            attempts: 8,
            span_secs: 24 * 60 * 60,
            at_once: 64,
            at_once_per_host: 4,
            look_interval_ms: 2_000,
            hold_secs: 60,
        }
    }
}

impl Callbacks {
    /// Returns the number of tries.
    pub(crate) fn attempts(&self) -> u32 {
        self.attempts.max(1)
    }

    /// Returns how long all pauses are together.
    pub(crate) const fn span(&self) -> Duration {
        Duration::from_secs(self.span_secs)
    }

    /// Returns how many calls are made at the same time.
    pub(crate) fn at_once(&self) -> usize {
        Config::at_least_one(self.at_once)
    }

    /// Returns how many calls to one host are made at the same time.
    pub(crate) fn at_once_per_host(&self) -> usize {
        Config::at_least_one(self.at_once_per_host)
    }

    /// Returns the time between looks.
    pub(crate) fn look_interval(&self) -> Duration {
        Duration::from_millis(self.look_interval_ms.max(1))
    }

    /// Returns how long a call is nobody else's.
    pub(crate) const fn hold(&self) -> Duration {
        Duration::from_secs(self.hold_secs)
    }
}

#[cfg(test)]
mod tests {
    use super::{AUTOMATIC_SLOTS, Config};

    #[test]
    fn slots_are_as_asked_or_fit_the_machine() {
        let slots = |slots| Config { slots, ..Config::default() }.slots();
        assert_eq!((slots(1), slots(7)), (1, 7));
        let cores = std::thread::available_parallelism().expect("Linux tells").get();
        assert_eq!(slots(0) as usize, cores.min(AUTOMATIC_SLOTS as usize));
    }
}
