//! Probes that are asked all the time, and how long they take.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use scribed_tests::{Daemon, eventually, pass};

/// Pause between two probes.
const PAUSE: Duration = Duration::from_millis(20);

/// Times of one kind of question.
#[derive(Debug, Clone, Default)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    /// Notes one.
    pub(crate) fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// Returns how many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the time that so many percent keep to.
    #[track_caller]
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        assert!(!sorted.is_empty(), "nothing was asked");
        sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
    }
}

/// Asks `/livez` and `/readyz` of a daemon in turn until it is told to stop.
#[derive(Debug)]
pub(crate) struct Prober {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Times>,
}

impl Prober {
    /// Starts on a daemon that answers probes.
    pub(crate) fn start(daemon: &Daemon) -> Self {
        let base = health(daemon);
        let stop = Arc::new(AtomicBool::new(false));
        let told = stop.clone();
        let thread = std::thread::spawn(move || ask(&base, &told));
        Self { stop, thread }
    }

    /// Stops; how long each answer took, all of which were 200.
    #[track_caller]
    pub(crate) fn stop(self) -> Times {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

fn ask(base: &str, stop: &AtomicBool) -> Times {
    let http = reqwest::blocking::Client::builder().timeout(Duration::from_secs(10));
    let http = http.build().unwrap();
    let mut times = Times::default();
    for path in ["/livez", "/readyz"].iter().cycle() {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let begin = Instant::now();
        let answer = http.get(format!("{base}{path}")).send().unwrap();
        assert_eq!(answer.status(), 200, "{path}: {}", answer.text().unwrap());
        times.add(begin.elapsed());
        pass(PAUSE);
    }
    times
}

/// Returns where a daemon answers probes.
pub(crate) fn health(daemon: &Daemon) -> String {
    eventually("the address of probes is logged", || {
        let log = daemon.log();
        let line = log.lines().find(|line| line.contains("answers probes"))?;
        let address = line.split("address=").nth(1)?.split_whitespace().next()?;
        Some(format!("http://{address}"))
    })
}
