//! The daemon is told to stop while jobs run: it says so at once, takes nothing more, finishes the chunks
//! that it has begun, and the next one goes on behind them. Told twice, it ends at once.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use scribed_tests::sound::{Random, count_work, recording_of};
use scribed_tests::{Client, Daemon, Job, Setup, eventually, pass, say};
use tempfile::TempDir;

use crate::bench::settings;
use crate::debris::{assert_gone, workers_end};
use crate::{alone, assert_whole, form};

/// Jobs that run when the daemon is told to stop.
const RUNNING: usize = 8;
/// Chunks of a recording.
const CHUNKS: usize = 20;
/// How long chunks in the recogniser may take to end.
const DRAIN: Duration = Duration::from_secs(10);
/// What the end may take beyond that.
const CLOSING: Duration = Duration::from_secs(2);
/// After how long nobody may be told any more that the daemon is ready.
const NOT_READY: Duration = Duration::from_millis(200);
/// How soon a daemon that is told twice ends.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Starts a daemon with eight places for jobs.
fn start(delay: Duration) -> (Daemon, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let engine =
        format!("concurrent_jobs = {RUNNING}\nslots = 2\ndrain_timeout_secs = {}", DRAIN.as_secs());
    let settings = settings(&folder, delay, &engine);
    let daemon = Setup::default()
        .argument("--config")
        .argument(settings.display().to_string())
        .variable("SCRIBED_HEALTH__LISTEN", "127.0.0.1:0")
        .start();
    (daemon, folder)
}

#[test]
fn a_daemon_that_is_told_to_stop_does_so_in_good_order() {
    let _alone = alone();
    let stops = form(5, 50);
    let mut random = Random::printed("drain");
    let (mut daemon, _folder) = start(Duration::from_millis(25));
    let mut client = daemon.client();
    let mut jobs: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    let mut open = Vec::new();
    let (mut slowest, mut latest) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..stops {
        // More than there are places, so that something waits to be claimed.
        open.retain(|job| client.state(Job(*job)) != "completed");
        while open.len() < RUNNING + 3 {
            let (wav, expected) = recording_of(jobs.len() as u64, CHUNKS);
            let job = accepted(&client, wav);
            jobs.insert(job, expected);
            open.push(job);
        }
        let is_running = |job: &&i64| client.state(Job(**job)) == "in_progress";
        let running = || open.iter().filter(is_running).count();
        eventually("jobs run", || (running() >= RUNNING).then_some(()));
        pass(random.millis(150));
        let probe = probe(&daemon);
        let begin = Instant::now();
        daemon.signal(Signal::TERM);
        latest = latest.max(last_ready(&probe, begin));
        let ended = daemon.ended();
        let took = begin.elapsed();
        assert_eq!(ended.code(), Some(0));
        assert!(took <= DRAIN + CLOSING, "the end took {took:?}");
        slowest = slowest.max(took);
        assert_nothing_begun(&daemon);
        let former = daemon.pid();
        daemon.start_again();
        assert_gone(former, &daemon);
        client = client.at(&daemon);
    }
    for (job, expected) in &jobs {
        assert_eq!(client.end_of(Job(*job)), "completed");
        assert_eq!(client.chunks(Job(*job)), *expected);
    }
    let mut worked = BTreeMap::new();
    count_work(&daemon.log(), &mut worked);
    let again: Vec<_> = worked.iter().filter(|(_, times)| **times > 1).collect();
    assert_eq!(worked.len(), jobs.len() * CHUNKS);
    assert!(again.is_empty(), "chunks were recognised again: {again:?}");
    assert_whole(&daemon);
    say(&format!(
        "drain: {stops} times told to stop with {RUNNING} running jobs; not ready after {} ms at most; ended \
         after {:.1} s at most; {} jobs, {} chunks, none recognised again",
        latest.as_millis(),
        slowest.as_secs_f64(),
        jobs.len(),
        worked.len(),
    ));
}

#[test]
fn a_daemon_that_is_told_twice_ends_at_once() {
    let _alone = alone();
    let times = form(2, 20);
    let mut random = Random::printed("cut");
    let (mut daemon, _folder) = start(Duration::from_millis(700));
    let client = daemon.client();
    let mut jobs = BTreeMap::new();
    let mut slowest = Duration::ZERO;
    for time in 0..times {
        let client = client.at(&daemon);
        let (wav, expected) = recording_of(time, 3);
        let job = accepted(&client, wav);
        jobs.insert(job, expected);
        eventually("the job runs", || (client.state(Job(job)) == "in_progress").then_some(()));
        pass(random.millis(300));
        let heard = daemon.log().matches("stopping: work in progress").count();
        daemon.signal(Signal::TERM);
        eventually("it drains", || {
            (daemon.log().matches("stopping: work in progress").count() > heard).then_some(())
        });
        let begin = Instant::now();
        daemon.signal(Signal::TERM);
        let ended = daemon.ended();
        slowest = slowest.max(begin.elapsed());
        assert_eq!(ended.code(), Some(1), "{}", daemon.log());
        let former = daemon.pid();
        workers_end(former);
        assert_whole(&daemon);
        daemon.start_again();
        assert_gone(former, &daemon);
    }
    assert!(slowest <= AT_ONCE, "the end took {slowest:?}");
    let client = client.at(&daemon);
    for (job, expected) in &jobs {
        assert_eq!(client.end_of(Job(*job)), "completed");
        assert_eq!(client.chunks(Job(*job)), *expected);
    }
    say(&format!(
        "drain: {times} times told twice; ended {} ms after at most",
        slowest.as_millis()
    ));
}

/// Returns until how long after the signal the daemon said that it was ready.
///
/// What counts is when it was asked, since an answer may wait for a busy machine.
#[track_caller]
fn last_ready(probe: &str, signal: Instant) -> Duration {
    let mut last = Duration::ZERO;
    loop {
        let asked = signal.elapsed();
        let is_ready = reqwest::blocking::get(probe).is_ok_and(|answer| answer.status() == 200);
        if !is_ready {
            assert!(last <= NOT_READY, "{last:?} after the signal it was still ready");
            return last;
        }
        last = asked;
    }
}

/// Returns where the daemon tells whether it is ready.
#[track_caller]
fn probe(daemon: &Daemon) -> String {
    let log = daemon.log();
    let line = log.lines().rfind(|line| line.contains("answers probes")).unwrap();
    let address = line.split("address=").nth(1).unwrap().split_whitespace().next().unwrap();
    format!("http://{address}/readyz")
}

/// Insists that no work was begun after the daemon had last heard that it is to stop.
#[track_caller]
fn assert_nothing_begun(daemon: &Daemon) {
    let log = daemon.log();
    let (_, after) = log.rsplit_once("finishing the chunks in the recogniser").unwrap();
    assert!(!after.contains("work begins"), "{after}");
}

fn accepted(client: &Client, wav: Vec<u8>) -> i64 {
    client.upload_bytes("a.wav", wav).status(200).json()["task_id"].as_i64().unwrap()
}
