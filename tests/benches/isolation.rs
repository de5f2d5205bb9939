//! What it costs that stages run in processes of their own: recordings through the daemon with workers
//! against the same daemon with its stages inside, from the upload to the finished job.
//!
//! ```text
//! cargo build --release --workspace
//! cargo bench -p scribed-tests --bench isolation
//! ```
//!
//! Both daemons run at the same time and take turns, so that whatever else the machine does falls on
//! both. Each round has two new ones: where its memory happens to lie makes one process some hundredths
//! faster than another for as long as it lives. The medians are compared.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use scribed_tests::{Client, Daemon, Report, Setup, audio};

/// What workers may cost, as a multiple of the time without them.
const LIMIT: f64 = 1.03;
/// Rounds, each of which each daemon works once.
const ROUNDS: usize = 15;

fn main() -> ExitCode {
    // Only `cargo bench` asks for the measurement; a test run of all targets does not want to wait.
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("isolation: run me by `cargo bench`");
        return ExitCode::SUCCESS;
    }
    let recordings = [("08", "a news recording"), ("11", "a recording of five minutes")];
    let files = recordings.map(|(name, _)| audio::recording(name).0);
    let (mut ours, mut theirs) = ([const { Vec::new() }; 2], [const { Vec::new() }; 2]);
    for round in 0..ROUNDS {
        let (apart, inside) = (Side::start("true"), Side::start("false"));
        for (at, file) in files.iter().enumerate() {
            // Whoever comes first finds colder caches.
            if round % 2 == 0 {
                ours[at].push(apart.takes(file));
                theirs[at].push(inside.takes(file));
            } else {
                theirs[at].push(inside.takes(file));
                ours[at].push(apart.takes(file));
            }
        }
    }
    let mut report = Report::default();
    for ((what, ours), theirs) in recordings.iter().map(|(_, what)| what).zip(ours).zip(theirs) {
        report.ratio(&format!("{what}, in workers"), median(ours), median(theirs), LIMIT);
    }
    report.print()
}

/// A daemon and somebody who uses it.
struct Side {
    client: Client,
    _daemon: Daemon,
}

impl Side {
    fn start(isolate: &str) -> Self {
        let daemon = Setup::default().variable("SCRIBED_WORKERS__ISOLATE", isolate).start();
        let side = Self { client: daemon.client(), _daemon: daemon };
        // The model is read and workers are started once; that is not what is measured.
        side.takes(&audio::recording("02").0);
        side
    }

    /// Returns how long a recording takes.
    fn takes(&self, file: &Path) -> Duration {
        let begin = Instant::now();
        let job = self.client.submit(file);
        assert_eq!(self.client.end_of(job), "completed");
        begin.elapsed()
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
