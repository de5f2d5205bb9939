//! P24: no slow death: what a daemon takes does not grow while it works, and it does not get slower.

use std::time::{Duration, Instant};

use scribed_tests::{Client, Job, pass, say};

use crate::desk::{Accepted, Desk, states};
use crate::prober::Times;
use crate::process::Usage;
use crate::sound::CHUNKS;
use crate::{alone, form};

/// How long a chunk takes in the recogniser, of which there is one.
const CHUNK: Duration = Duration::from_millis(20);
/// Share of the recogniser's time that is asked for, in percent.
const LOAD: u32 = 70;
/// Pause between two looks.
const LOOK: Duration = Duration::from_secs(1);

/// How much more the workers may take, of which there is now one more and now one less, in KiB.
const WORKERS_KIB: u64 = 64 << 10;

/// Growth that is allowed: the short form says little, and so may be generous.
struct Limits {
    rss_kib: u64,
    /// How fast the memory of the daemon may grow, in MiB an hour; none: too little time to tell.
    rss_slope: Option<f64>,
    descriptors: usize,
    threads: u64,
    /// How much slower questions may become: so many times as slow, and so much.
    slower: (f64, Duration),
}

/// Those of the short form.
const SHORT: Limits = Limits {
    rss_kib: 8 << 10,
    rss_slope: None,
    descriptors: 12,
    threads: 12,
    slower: (3.0, Duration::from_millis(50)),
};

/// Those of the long form, which are the ones that are promised.
const LONG: Limits = Limits {
    rss_kib: 16 << 10,
    rss_slope: Some(1.0),
    descriptors: 5,
    threads: 5,
    slower: (1.1, Duration::from_millis(2)),
};

/// What was measured at a moment.
struct Sample {
    at: Duration,
    usage: Usage,
}

#[test]
fn a_daemon_at_work_grows_neither_in_memory_nor_in_descriptors_nor_in_threads() {
    let _alone = alone();
    let warm = form(Duration::from_secs(6), Duration::from_secs(300));
    let length = form(Duration::from_secs(22), Duration::from_secs(1_800));
    let limits = form(SHORT, LONG);
    let desk = Desk::new(CHUNK, "[engine]\nslots = 1\n");
    let daemon = desk.setup().start();
    let client = daemon.client();
    let pause = CHUNK * u32::try_from(CHUNKS).unwrap() * 100 / LOAD;
    let (mut accepted, mut samples, begin) = (Accepted::default(), Vec::new(), Instant::now());
    // Times of the first and the last third after the warm-up.
    let (mut early, mut late) = (Times::default(), Times::default());
    let (mut next_job, mut next_look) = (begin, begin + warm);
    let mut seed = 0;
    while begin.elapsed() < length {
        accepted.submit(&client, seed);
        seed += 1;
        next_job += pause;
        while Instant::now() < next_job {
            let asked = round(&client, &accepted);
            let since = begin.elapsed();
            if since > warm {
                let (since, whole) = (since.saturating_sub(warm), length.saturating_sub(warm));
                let thirds = 3 * since.as_millis() / whole.as_millis();
                match thirds {
                    0 => early.add(asked),
                    1 => {}
                    _ => late.add(asked),
                }
            }
            if Instant::now() >= next_look {
                samples.push(Sample { at: since, usage: Usage::of(daemon.pid()) });
                next_look += LOOK;
            }
            pass(Duration::from_millis(20));
        }
    }
    let open = states(&client).values().filter(|state| *state != "completed").count();
    accepted.are_whole(&client);
    let (first, last) = (&samples[0].usage, &samples[samples.len() - 1].usage);
    let (early99, late99) = (early.percentile(99), late.percentile(99));
    say(&format!(
        "endurance: {} jobs in {} s at {LOAD} % of the recogniser, {open} open at the end; after {} s and \
         at the end: memory {} and {} MiB ({:+.1} MiB/h), workers {} and {} MiB, descriptors {} and {} ({}), \
         threads {} and {}; 99 % of {} rounds of questions within {:.1} ms in the first third and {:.1} ms \
         in the last, {:+.0} %",
        accepted.0.len(),
        length.as_secs(),
        warm.as_secs(),
        first.rss_kib >> 10,
        last.rss_kib >> 10,
        slope(&samples),
        first.workers_kib >> 10,
        last.workers_kib >> 10,
        first.descriptors,
        last.descriptors,
        spread(&samples),
        first.threads,
        last.threads,
        early.len() + late.len(),
        early99.as_secs_f64() * 1e3,
        late99.as_secs_f64() * 1e3,
        (late99.as_secs_f64() / early99.as_secs_f64() - 1.0) * 100.0,
    ));
    assert!(open * 4 <= accepted.0.len(), "it keeps up with what comes: {open} are open");
    judge(&samples, &limits);
    let (times, more) = limits.slower;
    assert!(late99 <= early99.mul_f64(times) + more, "{early99:?}, then {late99:?}");
}

/// What clients do while work goes on: they look at a job, and read its text.
#[track_caller]
fn round(client: &Client, accepted: &Accepted) -> Duration {
    let Some((job, _)) = accepted.0.iter().rev().nth(3) else { return Duration::ZERO };
    let begin = Instant::now();
    let _info = client.info(Job(*job));
    let _text = client.chunks(Job(*job));
    begin.elapsed()
}

/// Insists that nothing grew: the last quarter of the samples against the first, each by its median, which
/// a moment's peak or dip does not move.
#[track_caller]
fn judge(samples: &[Sample], limits: &Limits) {
    let quarter = (samples.len() / 4).max(1);
    let median = |samples: &[Sample], what: fn(&Usage) -> u64| {
        let mut values: Vec<u64> = samples.iter().map(|sample| what(&sample.usage)).collect();
        values.sort_unstable();
        values[values.len() / 2]
    };
    let grown = |what: fn(&Usage) -> u64| {
        let before = median(&samples[..quarter], what);
        median(&samples[samples.len() - quarter..], what).saturating_sub(before)
    };
    let rss = grown(|usage| usage.rss_kib);
    assert!(rss <= limits.rss_kib, "the daemon grew by {rss} KiB");
    let slope = slope(samples);
    assert!(
        limits.rss_slope.is_none_or(|most| slope <= most),
        "it grows by {slope:.1} MiB an hour"
    );
    let workers = grown(|usage| usage.workers_kib);
    assert!(workers <= WORKERS_KIB, "the workers grew by {workers} KiB");
    let descriptors = grown(|usage| usage.descriptors as u64);
    assert!(descriptors <= limits.descriptors as u64, "{descriptors} more descriptors");
    let threads = grown(|usage| usage.threads);
    assert!(threads <= limits.threads, "{threads} more threads");
    let workers = grown(|usage| usage.workers as u64);
    assert!(workers <= 2, "{workers} more workers");
}

/// Returns how the memory of the daemon grows, in MiB an hour: the line of least squares.
fn slope(samples: &[Sample]) -> f64 {
    let count = samples.len() as f64;
    let points =
        || samples.iter().map(|s| (s.at.as_secs_f64() / 3_600.0, s.usage.rss_kib as f64 / 1_024.0));
    let (x, y) = points().fold((0.0, 0.0), |(x, y), (a, b)| (x + a / count, y + b / count));
    let (up, across) = points().fold((0.0, 0.0), |(up, across), (a, b)| {
        (up + (a - x) * (b - y), across + (a - x).powi(2))
    });
    if across > 0.0 { up / across } else { 0.0 }
}

/// Says between which numbers of descriptors it was.
fn spread(samples: &[Sample]) -> String {
    let descriptors = || samples.iter().map(|sample| sample.usage.descriptors);
    format!("{} to {}", descriptors().min().unwrap(), descriptors().max().unwrap())
}
