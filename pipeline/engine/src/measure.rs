//! Measures: what the engine records for dashboards and alerts, under the names of
//! [`scribed_schemas::metric`]. Where nobody measures, all of it does nothing.

use std::time::Duration;

use scribed_schemas::audio::MODEL_RATE;
use scribed_schemas::job::{FaultCode, Job};
use scribed_schemas::metric;

use crate::burial::word;
use crate::intake::REASONS;
use crate::runner::Chunk;

/// Words for what came of a try at calling somebody, as [`called`] takes them.
const OUTCOMES: [&str; 3] = ["delivered", "failed", "given_up"];

/// Begins to count what is given up at 0: a series that begins with its first one has not grown, and no
/// alert would tell of that one.
pub fn count_from_zero() {
    let codes = FaultCode::ALL.into_iter().filter(|code| !code.is_final()).map(word);
    for reason in REASONS.into_iter().map(str::to_owned).chain(codes) {
        metrics::counter!(metric::DEAD_LETTERS, "reason" => reason).increment(0);
    }
    for outcome in OUTCOMES {
        metrics::counter!(metric::CALLBACKS, "outcome" => outcome).increment(0);
    }
    metrics::counter!(metric::CHUNKS_GIVEN_UP).increment(0);
    // That no slot is busy is only told where there is a number: a host that never recognised anything
    // would seem not to be there.
    metrics::gauge!(metric::SLOTS_BUSY).set(0.0);
}

/// Records how many jobs this host works on, and how many chunks it may recognise at once.
pub(crate) fn running(jobs: usize, slots: u32) {
    metrics::gauge!(metric::JOBS_RUNNING).set(float(jobs));
    metrics::gauge!(metric::SLOTS).set(f64::from(slots));
}

/// Records how much work waits.
pub(crate) fn backlog(waiting: u32, oldest: Duration) {
    metrics::gauge!(metric::JOBS_WAITING).set(f64::from(waiting));
    metrics::gauge!(metric::OLDEST_WAITING).set(oldest.as_secs_f64());
}

/// Records the end of a job.
pub(crate) fn ended(job: &Job) {
    metrics::counter!(metric::JOBS_ENDED, "state" => job.state.as_str()).increment(1);
}

/// Records an attempt that will be repeated.
pub(crate) fn failed(code: FaultCode) {
    metrics::counter!(metric::ATTEMPTS_FAILED, "code" => word(code)).increment(1);
}

/// Records a dead letter.
pub(crate) fn buried(reason: &str) {
    metrics::counter!(metric::DEAD_LETTERS, "reason" => reason.to_owned()).increment(1);
}

/// Records what came of a try at calling somebody.
pub(crate) fn called(outcome: &'static str) {
    metrics::counter!(metric::CALLBACKS, "outcome" => outcome).increment(1);
}

/// Records how many calls are open.
pub(crate) fn open_calls(pending: u32, dead: u32) {
    metrics::gauge!(metric::CALLBACKS_OPEN, "state" => "pending").set(f64::from(pending));
    metrics::gauge!(metric::CALLBACKS_OPEN, "state" => "dead").set(f64::from(dead));
}

/// Records a chunk whose text was made.
pub(crate) fn recognised(chunk: &Chunk, took: Duration) {
    let audio = float(chunk.samples.len()) / f64::from(MODEL_RATE);
    metrics::histogram!(metric::CHUNK_SECONDS).record(took.as_secs_f64());
    metrics::histogram!(metric::CHUNK_AUDIO_SECONDS).record(audio);
}

/// Records a chunk that was given up.
pub(crate) fn given_up() {
    metrics::counter!(metric::CHUNKS_GIVEN_UP).increment(1);
}

/// Counts a slot as busy until dropped.
#[derive(Debug)]
#[must_use]
pub(crate) struct BusySlot(());

impl BusySlot {
    pub(crate) fn new() -> Self {
        metrics::gauge!(metric::SLOTS_BUSY).increment(1.0);
        Self(())
    }
}

impl Drop for BusySlot {
    fn drop(&mut self) {
        metrics::gauge!(metric::SLOTS_BUSY).decrement(1.0);
    }
}

fn float(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
