//! Campaigns: many seeds on all cores, and what to say when one of them fails.

use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::sim::held;
use crate::trace::Telling;
use crate::world::{Report, run};

/// Failures after which no further seed is begun.
const ENOUGH: usize = 3;

/// What a campaign came to.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) seeds: u64,
    pub(crate) jobs: usize,
    pub(crate) lives: u32,
    /// Reports of seeds that broke something, by seed.
    pub(crate) failed: Vec<Report>,
}

/// Runs all seeds of a range, on all cores.
pub(crate) fn campaign(seeds: std::ops::Range<u64>) -> Outcome {
    let next = AtomicU64::new(seeds.start);
    let outcome = Mutex::new(Outcome::default());
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end || held(&outcome).failed.len() >= ENOUGH {
                        return;
                    }
                    let report = run(seed, None, Telling::Quiet);
                    let mut outcome = held(&outcome);
                    outcome.seeds += 1;
                    outcome.jobs += report.jobs;
                    outcome.lives += report.lives;
                    if !report.broken.is_empty() {
                        outcome.failed.push(report);
                    }
                }
            });
        }
    });
    let mut outcome = outcome.into_inner().expect("no simulation panics");
    outcome.failed.sort_by_key(|report| report.seed);
    outcome
}

/// Says what seeds broke, and how to repeat each.
pub(crate) fn complaint(failed: &[Report]) -> String {
    let mut text = String::new();
    for Report { seed, broken, .. } in failed {
        for broken in broken.iter().take(3) {
            write!(text, "\nseed {seed} breaks ({}): {}", broken.invariant, broken.detail)
                .expect("memory takes it");
        }
        write!(text, "\nrepeat it with\n    {}", command(*seed)).expect("memory takes it");
    }
    text
}

/// Returns the command that repeats a seed and tells what happens.
pub(crate) fn command(seed: u64) -> String {
    format!(
        "SCRIBED_SIMULATION_SEED={seed} cargo test -p scribed-engine --test simulation \
         no_seed_breaks_an_invariant -- --nocapture"
    )
}
