//! P19: clocks that jump by an hour, and that drift, lose nothing, repeat no result, and take a job from
//! a host that lives once at most.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use scribed_tests::checker::collect::LOG;
use scribed_tests::checker::{Rules, Said, log};
use scribed_tests::cluster::skip;
use scribed_tests::{Services, Setup, eventually, say};

use scribed_tests::sound::pipeline;

use crate::bench::{Bench, IMPATIENT};
use crate::desk::{Accepted, Desk, login, states};
use crate::{alone, form, sql};

/// Where Debian and its children keep the library that lies about the time; others beside it.
const LIBRARIES: [&str; 4] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib64/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
];
/// What the clock says, one after the other: each a step of an hour from the one before, or a drift. Each
/// says how fast it goes, since a clock that is not told goes on drifting.
const SAYS: [&str; 6] = ["+3600s x1.0", RIGHT, "-3600s x1.0", RIGHT, "+0s x1.10", RIGHT];
/// What it says when it is right.
const RIGHT: &str = "+0s x1.0";
/// Longest life of a lease, in seconds, as the settings have it.
const LEASE: u64 = 4;

/// A clock that tests set.
#[derive(Debug)]
struct WrongClock {
    library: PathBuf,
    file: PathBuf,
}

impl WrongClock {
    /// Makes one that is right as yet; `None`, and says so loudly, where the library is missing.
    fn new(folder: &Path) -> Option<Self> {
        let Some(library) = LIBRARIES.map(PathBuf::from).into_iter().find(|file| file.exists())
        else {
            skip("load: clocks", "libfaketime is missing; it is in the package `faketime`");
            return None;
        };
        let clock = Self { library, file: folder.join("clock") };
        clock.say(RIGHT);
        Some(clock)
    }

    /// Sets it.
    fn say(&self, what: &str) {
        let half = self.file.with_extension("half");
        fs::write(&half, format!("{what}\n")).unwrap();
        fs::rename(half, &self.file).unwrap();
    }

    /// Gives it to a daemon: its time of day, and not what it measures with, which no step moves.
    fn of(&self, setup: Setup) -> Setup {
        setup
            .variable("LD_PRELOAD", self.library.display().to_string())
            .variable("FAKETIME_TIMESTAMP_FILE", self.file.display().to_string())
            .variable("FAKETIME_NO_CACHE", "1")
            .variable("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .variable("DONT_FAKE_MONOTONIC", "1")
    }
}

#[test]
fn a_clock_that_jumps_under_one_host_loses_nothing_and_ends_nothing_twice() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let Some(clock) = WrongClock::new(folder.path()) else { return };
    let jumps = form(5, 50);
    // Room for more than is there: a daemon that took its own running job for a lost one would claim it.
    let engine = format!(
        "[engine]\nlease_secs = {LEASE}\nrenew_secs = 1\npoll_interval_ms = 100\nconcurrent_jobs = 4\n\
         slots = 2\n"
    );
    let desk = Desk::new(Duration::from_millis(60), &engine);
    let daemon = clock.of(desk.setup()).start();
    let mut client = daemon.client();
    let mut accepted = Accepted::default();
    for (jump, says) in (0..jumps).zip(SAYS.iter().cycle()) {
        let jobs: Vec<_> = (0..2).map(|n| accepted.submit(&client, jump * 2 + n)).collect();
        // The jobs are in work, and both have a text already.
        for job in &jobs {
            client.chunks_from(*job, 1);
        }
        clock.say(says);
        // A token that was made in the future is none yet, and one of an hour ago is none any more.
        client = login(&client, &client.name);
        eventually("the jobs of this step are done", || {
            let states = states(&client);
            jobs.iter().all(|job| states[&job.0] == "completed").then_some(())
        });
    }
    clock.say(RIGHT);
    accepted.are_whole(&login(&client, &client.name));
    let log = daemon.log();
    let lost = log.matches("the job was taken away").count();
    let worked = log.matches("recognised chunk ").count();
    let made = accepted.0.len() * crate::sound::CHUNKS;
    say(&format!(
        "clocks, one host: {jumps} steps of an hour or drifts during work, {} jobs, all whole; {lost} times a \
         lease was lost, {} chunks recognised again",
        accepted.0.len(),
        worked.saturating_sub(made)
    ));
    // The fence grows with each claim.
    let often = sql::run(
        &daemon.state().join("scribed.db"),
        "",
        "SELECT id, fence FROM jobs WHERE fence > 2",
    );
    assert!(often.is_empty(), "taken more than once: {often:?}");
}

#[test]
fn a_clock_that_jumps_on_one_of_two_hosts_takes_a_job_once_at_most() {
    let _alone = alone();
    let Some(services) = Services::given("load") else { return };
    let folder = tempfile::tempdir().unwrap();
    let Some(clock) = WrongClock::new(folder.path()) else { return };
    let jumps = form(5, 100);
    let settings = format!(
        "{IMPATIENT}concurrent_jobs = 4\nslots = 2\n{}",
        pipeline(Duration::from_millis(100))
    );
    let mut bench = Bench::with("clocks", &services, 1, &settings);
    bench.hosts.push(clock.of(bench.cluster.setup()).start());
    bench.tell_addresses();
    for (_, says) in (0..jumps).zip(SAYS.iter().cycle()) {
        while !both_work(&mut bench) {}
        clock.say(says);
        let sent = bench.sent();
        bench.wait_for("the jobs of this step are done", |sight| {
            (sight.done() >= sent).then_some(())
        });
    }
    clock.say(RIGHT);
    let fences = fences(bench.cluster.folder());
    let taken = fences.values().filter(|fence| **fence > 1).count();
    let most = fences.values().max().copied().unwrap_or_default();
    let lost: usize = bench.hosts.iter().map(|host| host.log().matches("taken away").count()).sum();
    let figures = format!(
        "{jumps} steps of an hour or drifts of one of two hosts; {taken} jobs taken from a host that lives, \
         none more than {} times; {lost} times a host noticed",
        most - 1
    );
    assert!(most <= 2, "{figures}");
    bench.finish(Rules { uncharged: true, ..Rules::default() }, &figures);
}

/// Sends events and waits until both hosts work on them, or one of them has done all.
fn both_work(bench: &mut Bench) -> bool {
    bench.send(6);
    let sent = bench.sent();
    bench.wait_for("both hosts work", |sight| {
        let holders = sight.jobs.values().filter_map(|seen| seen.holder.clone());
        if holders.collect::<BTreeSet<_>>().len() > 1 {
            return Some(true);
        }
        (sight.done() >= sent).then_some(false)
    })
}

/// Returns the highest fence of each job that was seen: how often it was claimed.
fn fences(folder: &Path) -> BTreeMap<i64, i64> {
    let mut fences = BTreeMap::new();
    for line in log::read(&folder.join(LOG)).unwrap() {
        if let Said::Seen { job, fence, .. } = line.said {
            let highest = fences.entry(job).or_insert(fence);
            *highest = fence.max(*highest);
        }
    }
    fences
}
