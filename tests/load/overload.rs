//! P9: more work than can be done is held back, and nothing of it is lost.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::blocking::multipart::{Form, Part};
use reqwest::header::RETRY_AFTER;
use scribed_tests::checker::Rules;
use scribed_tests::{Client, Services, pass, say};

use scribed_tests::sound::pipeline;

use crate::bench::{Bench, IMPATIENT};
use crate::desk::{Accepted, Desk, states};
use crate::prober::Prober;
use crate::process::Usage;
use crate::sound::recording;
use crate::{alone, form};

/// How many times more is offered than can be done.
const TIMES: usize = 10;
/// Most memory of the daemon, in KiB.
const MEMORY_KIB: u64 = 300 << 10;
/// Jobs that may wait.
const WAITING: usize = 20;
/// Jobs that may be in work.
const RUNNING: usize = 2;
/// Programs that upload.
const PRODUCERS: usize = 4;
/// Pause between two looks.
const LOOK: Duration = Duration::from_millis(250);

/// What was seen while more came than could be done.
#[derive(Debug, Default)]
struct Seen {
    /// Most jobs that waited, and that were in work.
    waiting: usize,
    running: usize,
    done: usize,
    rss_kib: u64,
}

/// What producers were answered.
#[derive(Debug, Default)]
struct Answers {
    accepted: Mutex<Accepted>,
    offered: AtomicUsize,
    put_off: AtomicUsize,
}

impl Answers {
    /// Uploads recordings of its own at even intervals until it is told to stop.
    fn produce(&self, client: &Client, first: usize, pause: Duration, stop: &AtomicBool) {
        let mut next = Instant::now();
        for seed in (first as u64..).step_by(PRODUCERS) {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            self.upload(client, seed);
            next += pause;
            pass(next.saturating_duration_since(Instant::now()));
        }
    }

    fn upload(&self, client: &Client, seed: u64) {
        let (wav, text) = recording(seed);
        let form = Form::new().part("audiofile", Part::bytes(wav).file_name(format!("{seed}.wav")));
        let request = client.request(reqwest::Method::POST, "/upload-audiofile").multipart(form);
        let answer = request.send().expect("every upload is answered");
        self.offered.fetch_add(1, Ordering::Relaxed);
        match answer.status().as_u16() {
            200 => {
                let job = answer.json::<serde_json::Value>().unwrap()["task_id"].as_i64().unwrap();
                self.accepted.lock().unwrap().0.insert(job, (seed, text));
            }
            429 | 503 => {
                let after = answer.headers().get(RETRY_AFTER).expect("Retry-After is said");
                let after: u64 = after.to_str().unwrap().parse().expect("it is a number");
                assert!(after > 0);
                self.put_off.fetch_add(1, Ordering::Relaxed);
            }
            other => panic!("{other}: {}", answer.text().unwrap()),
        }
    }
}

#[test]
fn uploads_beyond_what_can_be_done_are_put_off_and_none_is_lost() {
    let _alone = alone();
    let limits =
        format!("[engine]\nmax_waiting_jobs = {WAITING}\nconcurrent_jobs = {RUNNING}\nslots = 1\n");
    // Twenty chunks of 20 ms, one at a time: two jobs and a half a second at most.
    let desk = Desk::new(Duration::from_millis(20), &limits);
    let (most_a_second, length) = (2.5, form(Duration::from_secs(10), Duration::from_secs(600)));
    let pause = Duration::from_secs_f64(PRODUCERS as f64 / (most_a_second * TIMES as f64));
    let daemon = desk.setup().start();
    let client = daemon.client();
    let prober = Prober::start(&daemon);
    let (answers, stop) = (Answers::default(), AtomicBool::new(false));
    let mut seen = Seen::default();
    std::thread::scope(|scope| {
        for first in 0..PRODUCERS {
            let (answers, client, stop) = (&answers, &client, &stop);
            scope.spawn(move || answers.produce(client, first, pause, stop));
        }
        let begin = Instant::now();
        while begin.elapsed() < length {
            look(&client, &mut seen);
            seen.rss_kib = seen.rss_kib.max(Usage::of(daemon.pid()).rss_kib);
            pass(LOOK);
        }
        stop.store(true, Ordering::Relaxed);
    });
    let times = prober.stop();
    let accepted = answers.accepted.into_inner().unwrap();
    accepted.are_whole(&client);
    let (offered, put_off) = (answers.offered.into_inner(), answers.put_off.into_inner());
    let peak = daemon.peak_memory_kib();
    say(&format!(
        "overload, embedded: {offered} uploads in {} s, {:.1} × what was done meanwhile ({}); {} \
         accepted and whole, {put_off} put off; at most {} waited and {} were in work; the daemon took \
         {} MiB at most; {} probes, half within {:.1} ms, 99 % within {:.1} ms",
        length.as_secs(),
        offered as f64 / seen.done as f64,
        seen.done,
        accepted.0.len(),
        seen.waiting,
        seen.running,
        peak >> 10,
        times.len(),
        millis(times.percentile(50)),
        millis(times.percentile(99)),
    ));
    assert!(offered >= seen.done * TIMES, "more is offered than can be done");
    assert_eq!(accepted.0.len() + put_off, offered, "every upload is one or the other");
    assert_eq!(states(&client).len(), accepted.0.len(), "what was put off is no job");
    assert!(seen.waiting <= WAITING && seen.running <= RUNNING, "{seen:?}");
    assert!(seen.waiting > WAITING / 2, "it was full: {seen:?}");
    assert!(peak <= MEMORY_KIB, "{peak} KiB");
    assert!(times.percentile(99) <= probe(), "{:?}", times.percentile(99));
    assert_eq!(daemon.stored().len(), accepted.0.len(), "what was put off left no recording");
}

/// Counts jobs by what becomes of them.
fn look(client: &Client, seen: &mut Seen) {
    let states = states(client);
    let count = |wanted: &str| states.values().filter(|state| *state == wanted).count();
    seen.waiting = seen.waiting.max(count("queued"));
    seen.running = seen.running.max(count("in_progress"));
    seen.done = count("completed");
}

/// Deliveries of a partition that may be unacknowledged.
const WINDOW: usize = 1;
/// Partitions of the bench.
const PARTITIONS: usize = 24;
/// How much more memory a daemon may take with events waiting than without, in KiB: what librdkafka may
/// fetch ahead, and what the events in work take.
const AHEAD_KIB: u64 = (16 + 64) << 10;

#[test]
fn events_beyond_what_can_be_done_wait_on_kafka_and_none_is_lost() {
    let _alone = alone();
    let Some(services) = Services::given("load") else { return };
    let settings = format!(
        "window = {WINDOW}\n{IMPATIENT}[health]\nlisten = \"127.0.0.1:0\"\n{}",
        pipeline(Duration::from_millis(form(2, 10))),
    );
    let mut bench = Bench::with("overload", &services, 1, &settings);
    let daemon = &bench.hosts[0];
    let (pid, prober) = (daemon.pid(), Prober::start(daemon));
    let idle = Usage::of(pid).rss_kib;
    let events = form(40, 2_500);
    bench.send(events);
    let (mut open, mut rss, begin) = (0, 0, Instant::now());
    bench.wait_for("all is done", |sight| {
        open = open.max(sight.jobs.len() - sight.done());
        rss = rss.max(Usage::of(pid).rss_kib);
        (sight.done() >= events).then_some(())
    });
    let took = begin.elapsed();
    let times = prober.stop();
    let grown = rss.saturating_sub(idle);
    let figures = format!(
        "all at once to one host; at most {open} jobs open of {} that may be; the daemon took {} MiB at \
         most, {} MiB more than idle; {} probes, half within {:.1} ms, 99 % within {:.1} ms; done {:.0} s \
         after the last was sent",
        WINDOW * PARTITIONS,
        rss >> 10,
        grown >> 10,
        times.len(),
        millis(times.percentile(50)),
        millis(times.percentile(99)),
        took.as_secs_f64(),
    );
    assert!(open <= WINDOW * PARTITIONS, "{figures}");
    assert!(rss <= MEMORY_KIB && grown <= AHEAD_KIB, "{figures}");
    assert!(times.percentile(99) <= probe(), "{figures}");
    bench.finish(Rules { uncharged: true, ..Rules::default() }, &figures);
}

/// Writes a time in milliseconds.
fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Time in which 99 of 100 probes are answered: 50 ms where nothing else is on the machine.
fn probe() -> Duration {
    Duration::from_millis(form(250, 50))
}
