//! Recordings damaged in every way: each is refused, given up or read, always with a sentence, and
//! neither the daemon nor another recording has anything of it.
//!
//! Every recording follows from the seed and its number. `SCRIBED_TESTS_MUTANTS=7` sends only that of
//! number 7, and `SCRIBED_TESTS_MUTANTS=10000..20000` others than the usual.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use scribed_tests::audio::{containers, path};
use scribed_tests::{Client, is_long, say};

use crate::desk::{Desk, Fate};

mod mutants;

use mutants::{Mutant, Original, mutant};

/// What every recording follows from, with its number.
const SEED: u64 = 20_260_101;
/// Recordings of the short form and of the long one.
const FORMS: (usize, usize) = (300, 10_000);
/// Who uploads at the same time.
const UPLOADERS: usize = 4;
/// Longest recording that is taken, in seconds: the default.
const LONGEST_SECS: u32 = 86_400;
/// Most memory of a worker, in KiB.
const WORKER_KIB: u64 = 512 * 1024;
/// Longest time that a recording may take among others, in seconds, also on a busy machine.
const SLOWEST_SECS: u64 = 30;
/// Most processor time of the slowest recording, when it comes again and alone, in seconds.
const PROCESSOR_SECS: f64 = 10.0;
/// What an owner is told of a crash, and how the sentence of a stage's own trouble begins.
const UNEXPLAINED: [&str; 2] = ["the operator can see why", "org.scribed."];
/// Reasons that are printed, the most frequent ones.
const REASONS: usize = 25;

/// What came of all recordings.
#[derive(Debug, Default)]
struct Figures {
    refused: BTreeMap<String, usize>,
    failed: BTreeMap<String, usize>,
    read: BTreeMap<String, usize>,
    /// Those of which no fault of their own was told.
    unexplained: Vec<String>,
    unharmed: usize,
    /// Its time, number and name.
    slowest: (Duration, usize, String),
    largest_worker_kib: u64,
}

impl Figures {
    fn note(&mut self, number: usize, mutant: &Mutant, fate: &Fate, time: Duration) {
        let (counts, what) = match fate {
            Fate::Refused(status, why) => (&mut self.refused, format!("{status} {}", kind(why))),
            Fate::Failed(why) => (&mut self.failed, kind(why)),
            Fate::Read(state) => (&mut self.read, state.clone()),
        };
        *counts.entry(what).or_insert(0) += 1;
        if UNEXPLAINED.iter().any(|words| fate.to_string().contains(words)) {
            self.unexplained.push(format!("{}: {fate}", mutant.name));
        }
        self.unharmed += usize::from(mutant.unharmed);
        if time > self.slowest.0 {
            self.slowest = (time, number, mutant.name.clone());
        }
    }

    /// Adds those of another uploader.
    fn add(&mut self, other: Self) {
        for (to, from) in [
            (&mut self.refused, other.refused),
            (&mut self.failed, other.failed),
            (&mut self.read, other.read),
        ] {
            for (kind, count) in from {
                *to.entry(kind).or_insert(0) += count;
            }
        }
        self.unexplained.extend(other.unexplained);
        self.unharmed += other.unharmed;
        self.slowest = std::mem::take(&mut self.slowest).max(other.slowest);
        self.largest_worker_kib = self.largest_worker_kib.max(other.largest_worker_kib);
    }
}

/// Makes one kind of sentences that differ in their numbers and in what comes behind the colon.
fn kind(why: &str) -> String {
    let why = why.strip_prefix("Invalid audio file: ").unwrap_or(why);
    let why = why.split(": ").next().unwrap_or_default();
    let words = why.split(' ').map(|word| {
        if word.starts_with(|letter: char| letter.is_ascii_digit()) { "N" } else { word }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Says how to repeat a recording during which the test fails.
struct Repeatable<'a>(usize, &'a Mutant);

impl Drop for Repeatable<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self(number, mutant) = self;
            let file = std::env::temp_dir().join(format!("scribed-mutant-{number}"));
            // A test that fails already needs no second reason.
            let kept = std::fs::write(&file, &mutant.bytes).is_ok();
            say(&format!(
                "FAILED on {} of seed {SEED}, {} bytes{}; \
                 SCRIBED_TESTS_MUTANTS={number} repeats it",
                mutant.name,
                mutant.bytes.len(),
                if kept { format!(", kept in {}", file.display()) } else { String::new() },
            ));
        }
    }
}

/// Reads every container that there is.
fn originals() -> Vec<Original> {
    let read = |name: String| {
        let bytes = std::fs::read(path("containers").join(&name)).unwrap();
        Original { name, bytes }
    };
    containers().into_iter().map(|recording| read(recording.file)).collect()
}

/// Returns the numbers of the recordings that are sent.
fn numbers() -> Range<usize> {
    let all = 0..if is_long() { FORMS.1 } else { FORMS.0 };
    let Ok(wanted) = std::env::var("SCRIBED_TESTS_MUTANTS") else { return all };
    match wanted.split_once("..") {
        Some((first, end)) => first.parse().unwrap()..end.parse().unwrap(),
        None => wanted.parse().map(|number| number..number + 1).unwrap(),
    }
}

/// Uploads one recording after the other, until none is left.
fn upload(desk: &Desk, client: &Client, next: impl Fn() -> Option<(usize, Mutant)>) -> Figures {
    let mut figures = Figures::default();
    while let Some((number, mutant)) = next() {
        let repeatable = Repeatable(number, &mutant);
        let begin = Instant::now();
        let fate = desk.fate(client, "mutant", mutant.bytes.clone());
        let is_good = matches!(&fate, Fate::Read(state) if state == "completed");
        assert!(is_good || !mutant.unharmed, "a good recording: {fate}");
        figures.note(number, &mutant, &fate, begin.elapsed());
        let held = desk.largest_worker_kib();
        assert!(held <= WORKER_KIB, "a worker held {held} KiB: {fate}");
        figures.largest_worker_kib = figures.largest_worker_kib.max(held);
        drop(repeatable);
    }
    figures
}

/// Prints counts, the largest ones in full.
fn print(what: &str, counts: &BTreeMap<String, usize>) {
    let total: usize = counts.values().sum();
    say(&format!("media: {total} {what}"));
    let mut counts: Vec<_> = counts.iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    for (kind, count) in counts.iter().take(REASONS) {
        say(&format!("media:   {count:6} {kind}"));
    }
    let rest: usize = counts.iter().skip(REASONS).map(|(_, count)| **count).sum();
    if rest > 0 {
        say(&format!("media:   {rest:6} for other reasons"));
    }
}

#[test]
fn damaged_recordings_hurt_nobody_and_each_is_told_what_is_wrong() {
    let (desk, originals, numbers) = (Desk::start(LONGEST_SECS), originals(), numbers());
    say(&format!("media: recordings {numbers:?} of seed {SEED}, {} originals", originals.len()));
    let begin = Instant::now();
    let (next, all) = (AtomicUsize::new(numbers.start), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..UPLOADERS {
            scope.spawn(|| {
                let client = desk.daemon.client();
                let figures = upload(&desk, &client, || {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let mutant = || (number, mutant(SEED, number, &originals));
                    numbers.contains(&number).then(mutant)
                });
                all.lock().unwrap().push(figures);
            });
        }
    });
    let mut sum = Figures::default();
    for figures in all.into_inner().unwrap() {
        sum.add(figures);
    }
    print("refused", &sum.refused);
    print("given up", &sum.failed);
    print("read", &sum.read);
    print("worker ends", &desk.ends());
    for name in &sum.unexplained {
        say(&format!("media:   no fault of the recording: {name}"));
    }
    print("panics in workers", &desk.panics());
    let (slowest, number, name) = &sum.slowest;
    say(&format!(
        "media: {} recordings, {} of them good, in {:.0} s and {:.0} s of processor time; the slowest \
         took {:.1} s ({name}); the largest worker held {} MiB, the daemon {} MiB",
        numbers.len(),
        sum.unharmed,
        begin.elapsed().as_secs_f64(),
        desk.workers_secs(),
        slowest.as_secs_f64(),
        sum.largest_worker_kib / 1024,
        desk.daemon.peak_memory_kib() / 1024,
    ));
    let before = desk.workers_secs();
    let again = desk.fate(&desk.daemon.client(), "mutant", mutant(SEED, *number, &originals).bytes);
    let alone = desk.workers_secs() - before;
    say(&format!("media: alone, the slowest took {alone:.2} s of processor time: {again}"));
    assert!(desk.ends().is_empty(), "no worker ends: {:?}", desk.ends());
    assert!(sum.unexplained.is_empty(), "{:?}", sum.unexplained);
    assert!(*slowest <= Duration::from_secs(SLOWEST_SECS), "{name} took {slowest:?}");
    assert!(alone <= PROCESSOR_SECS, "{name} took {alone} s of processor time");
    desk.stop();
}
