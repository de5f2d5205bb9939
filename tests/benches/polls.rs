//! What it costs a job that somebody asks for it all the time: 1,000 times a second, as impatient clients
//! of Rev.ai do.
//!
//! ```text
//! cargo build --release --workspace
//! cargo bench -p scribed-tests --bench polls [-- small]
//! ```
//!
//! One recording is worked on again and again by one daemon, in turns with and without a process that
//! asks, over one connection that is kept alive, and stops when the job has ended. The medians of the time
//! that passes are compared.
//!
//! The daemon recognises on one core and leaves the others to whoever asks and to answering them, as on a
//! host whose GPU recognises: where recognition has every core, what answers take is taken from it, and
//! the processor time that is printed tells how much that is.
//! `small` is for trying out the benchmark itself.

mod wire;

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use scribed_tests::{Client, Daemon, Job, Report, Setup, audio};
use serde_json::Value;
use wire::{Connection, Question};

/// How often is asked each second.
const RATE: u32 = 1_000;
/// What that may cost, as a multiple of the time without.
const LIMIT: f64 = 1.05;
/// Units of processor time in a second, as Linux tells them to programs.
const TICKS: f64 = 100.0;
/// The argument that makes this program the one that asks.
const ASK: &str = "ask";

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, what, base, key, job] = arguments.as_slice()
        && what == ASK
    {
        return ask(base, key, job);
    }
    // Only `cargo bench` asks for the measurement; a test run of all targets does not want to wait.
    if !arguments.iter().any(|argument| argument == "--bench") {
        println!("polls: run me by `cargo bench`");
        return Ok(ExitCode::SUCCESS);
    }
    let is_small = arguments.iter().any(|argument| argument == "small");
    let (name, rounds) = if is_small { ("08", 3) } else { ("11", 7) };
    let bench = Bench::start(name)?;
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        // Whoever comes first finds colder caches.
        for is_asked in [round % 2 == 0, round % 2 != 0] {
            let cost = bench.work(is_asked)?;
            if is_asked { with.push(cost) } else { without.push(cost) }
        }
    }
    report(bench.seconds, &with, &without)
}

/// What a recording took.
#[derive(Debug, Clone, Copy)]
struct Cost {
    /// From the upload to the finished job.
    wall: Duration,
    /// Processor time of the daemon and its workers.
    cpu: Duration,
    /// How often was asked each second.
    rate: f64,
}

/// Prints what was measured.
fn report(seconds: f64, with: &[Cost], without: &[Cost]) -> Result<ExitCode> {
    let cores = std::thread::available_parallelism()?;
    let mut report = Report::default();
    report.figure("cores of this machine, for all of it", &cores.to_string());
    let slowest = with.iter().map(|cost| cost.rate).fold(f64::INFINITY, f64::min);
    report.figure("questions a second, the fewest of a round", &format!("{slowest:.0}"));
    let walls = |costs: &[Cost]| median(costs.iter().map(|cost| cost.wall).collect());
    let speed = |wall: Duration| format!("{:.1} × real time", seconds / wall.as_secs_f64());
    report.figure("speed while nobody asks", &speed(walls(without)));
    report.figure("speed while somebody does", &speed(walls(with)));
    let what = "time that passes, while somebody asks";
    report.ratio(what, walls(with), walls(without), LIMIT);
    let cpu = |costs: &[Cost]| {
        let times = costs.iter().map(|cost| cost.cpu.div_f64(seconds));
        median(times.collect())
    };
    let what = "processor time for a second of sound, while somebody asks";
    report.information(what, cpu(with), cpu(without));
    let printed = report.print();
    let least = f64::from(RATE) * 0.95;
    ensure!(slowest >= least, "only {slowest:.0} questions a second were asked, not {RATE}");
    Ok(printed)
}

/// A daemon and somebody who uses it.
struct Bench {
    daemon: Daemon,
    client: Client,
    key: String,
    recording: PathBuf,
    /// Length of the recording.
    seconds: f64,
}

impl Bench {
    fn start(name: &str) -> Result<Self> {
        // Of its own configuration it has one thread in each.
        let daemon = Setup::default().option("engine.slots", 1).start();
        let client = daemon.client();
        let create = ["account", "api-key", "create", &client.username(), "--json"];
        let made = daemon.program().run(create).code(0).json();
        let key = made["key"].as_str().context("a key is made")?.to_owned();
        let recording = audio::recording(name).0;
        // The model is read and workers are started once; that is not what is measured.
        let job = client.submit(&recording);
        ensure!(client.end_of(job) == "completed", "the job fails: {}", daemon.log());
        let seconds = client.info(job)["audio_len_secs"].as_f64().context("it has a length")?;
        Ok(Self { daemon, client, key, recording, seconds })
    }

    /// Works on the recording once, and returns what that took.
    fn work(&self, is_asked: bool) -> Result<Cost> {
        let (begin, before) = (Instant::now(), cpu(self.daemon.pid())?);
        let job = self.client.submit(&self.recording);
        let asking = is_asked.then(|| self.ask(job)).transpose()?;
        let end = self.client.end_of(job);
        ensure!(end == "completed", "the job is {end}");
        let wall = begin.elapsed();
        let cpu = cpu(self.daemon.pid())?.saturating_sub(before);
        let rate = match asking {
            None => 0.0,
            Some(asking) => {
                let output = asking.wait_with_output()?;
                ensure!(output.status.success(), "who asks failed");
                String::from_utf8(output.stdout)?.trim().parse()?
            }
        };
        Ok(Cost { wall, cpu, rate })
    }

    /// Starts a process that asks for a job until it has ended.
    fn ask(&self, Job(job): Job) -> Result<Child> {
        let this = std::env::current_exe()?;
        let arguments = [ASK, self.daemon.base(), &self.key, &job.to_string()];
        Ok(Command::new(this).args(arguments).stdout(Stdio::piped()).spawn()?)
    }
}

/// Asks for a job at an even rate until it has ended, and prints how often a second that was.
fn ask(base: &str, key: &str, job: &str) -> Result<ExitCode> {
    let question = Question::new(key, &format!("/speechtotext/v1/jobs/{job}"));
    let mut connection = Connection::open(base)?;
    let (begin, mut asked) = (Instant::now(), 0_u32);
    loop {
        let answer: Value = serde_json::from_slice(connection.ask(&question)?)?;
        asked += 1;
        if answer["status"] != "in_progress" {
            break;
        }
        let next = Duration::from_secs(1) * asked / RATE;
        std::thread::sleep(next.saturating_sub(begin.elapsed()));
    }
    println!("{}", f64::from(asked) / begin.elapsed().as_secs_f64());
    Ok(ExitCode::SUCCESS)
}

/// Returns the processor time of a process, of its children, and of those that have ended.
fn cpu(pid: u32) -> Result<Duration> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"))?.flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let lists: Vec<String> = lists.collect();
    let children = lists.iter().flat_map(|list| list.split_whitespace());
    let own = ticks(&pid.to_string()).context("the daemon runs")?;
    // One that ends meanwhile is counted with its parent the next time.
    let all = own + children.filter_map(ticks).sum::<u64>();
    #[expect(clippy::cast_precision_loss, reason = "a benchmark takes minutes")]
    Ok(Duration::from_secs_f64(all as f64 / TICKS))
}

/// Returns what `/proc/<pid>/stat` says of a process's own processor time, and of what it has waited for.
fn ticks(pid: &str) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold blanks; behind it utime, stime, cutime and cstime are the 12th to the 15th.
    let (_, behind) = stat.rsplit_once(") ")?;
    let fields = behind.split(' ').skip(11).take(4);
    fields.map(|field| field.parse::<u64>().ok()).sum()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
