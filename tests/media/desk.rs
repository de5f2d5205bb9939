//! A daemon that takes recordings, and what became of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use rustix::process::Signal;
use scribed_tests::{Answer, Client, Daemon, Job, Setup, build, eventually_within};

/// Longest wait for a job: three attempts, each of which the daemon may end after a minute without a move.
const PATIENCE: Duration = Duration::from_secs(600);

/// Ticks of the kernel's clock in a second, in which it tells processor time: the same everywhere.
const TICKS: f64 = 100.0;

/// States in which a job stays.
const ENDS: [&str; 4] = ["completed", "completed_partially", "processing_fail", "cancelled"];

/// A daemon whose stages are the real ones up to the recogniser, with its default worker processes.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) daemon: Daemon,
    pid: u32,
    /// What the published description of the API says that an upload may be answered.
    documented: BTreeSet<u16>,
    _settings: tempfile::TempDir,
}

/// What became of a recording.
#[derive(Debug, Clone)]
pub(crate) enum Fate {
    /// It was answered with this status and this sentence.
    Refused(u16, String),
    /// Its job was given up with this sentence.
    Failed(String),
    /// Its job ended in this state.
    Read(String),
}

impl std::fmt::Display for Fate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(status, why) => write!(f, "{status}: {why}"),
            Self::Failed(why) => write!(f, "processing_fail: {why}"),
            Self::Read(state) => f.write_str(state),
        }
    }
}

impl Desk {
    /// Starts a daemon that takes recordings of at most so many seconds.
    #[track_caller]
    pub(crate) fn start(longest_secs: u32) -> Self {
        let library = build::library("deterministic");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("media.toml");
        fs::write(&file, settings(&library.display().to_string(), longest_secs)).unwrap();
        let setup = Setup::default().argument("--config").argument(file.display().to_string());
        let daemon = setup.start();
        let documented = documented(&daemon);
        Self { pid: daemon.pid(), documented, daemon, _settings: folder }
    }

    /// Uploads a recording and follows it to its end, which must be one that was promised.
    #[track_caller]
    pub(crate) fn fate(&self, client: &Client, name: &str, file: Vec<u8>) -> Fate {
        let answer = client.upload_bytes(name, file);
        if answer.status == 200 {
            let job = answer.json()["task_id"].as_i64().expect("an upload gives a job");
            end(client, name, Job(job))
        } else {
            self.refusal(name, &answer)
        }
    }

    /// Looks whether an answer is a refusal as they are described.
    #[track_caller]
    pub(crate) fn refusal(&self, name: &str, answer: &Answer) -> Fate {
        let (status, why) = (answer.status, answer.detail());
        assert!((400..500).contains(&status), "{name}: {status}: {why}");
        assert!(self.documented.contains(&status), "{name}: no word of {status}: {why}");
        assert!(why.contains(' '), "{name}: {status} without a sentence: {why}");
        Fate::Refused(status, why)
    }

    /// Returns why workers ended, and how often.
    pub(crate) fn ends(&self) -> BTreeMap<String, usize> {
        let why = |line: &str| line.split_once("why=").map(|(_, why)| why.to_owned());
        self.counted("a worker ended", why)
    }

    /// Returns where workers panicked, and how often; only a library that reads recordings may.
    #[track_caller]
    pub(crate) fn panics(&self) -> BTreeMap<String, usize> {
        let library = |line: &str| {
            let at = line.find("symphonia")?;
            // Behind the place the line says whose it is.
            line[at..].split(" group=").next().map(str::to_owned)
        };
        let panics = self.counted("panicked at ", library);
        assert!(panics.keys().all(|place| place.starts_with("symphonia")), "{panics:?}");
        panics
    }

    fn counted(&self, mark: &str, what: fn(&str) -> Option<String>) -> BTreeMap<String, usize> {
        let log = self.daemon.log();
        let mut counted = BTreeMap::new();
        for line in log.lines().filter(|line| line.contains(mark)) {
            *counted.entry(what(line).unwrap_or_else(|| line.to_owned())).or_insert(0) += 1;
        }
        counted
    }

    /// Returns the most memory that a worker has held that lives now, in KiB.
    pub(crate) fn largest_worker_kib(&self) -> u64 {
        self.children().iter().filter_map(|pid| peak_kib(pid)).max().unwrap_or(0)
    }

    /// Returns the processor time of all workers so far, in seconds: of those that live, and of those
    /// that the daemon has seen end.
    pub(crate) fn workers_secs(&self) -> f64 {
        let gone = processor_secs(&self.pid.to_string(), Whose::Children).unwrap_or(0.0);
        let live = self.children();
        let live = live.iter().filter_map(|pid| processor_secs(pid, Whose::Own));
        gone + live.sum::<f64>()
    }

    /// Returns the processes that the daemon has started and that live.
    fn children(&self) -> Vec<String> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.pid)).into_iter().flatten();
        let children = tasks.flatten().filter_map(|task| {
            let children = fs::read_to_string(task.path().join("children")).ok()?;
            Some(children.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        });
        children.flatten().collect()
    }

    /// Returns how many bytes of recordings are stored.
    pub(crate) fn stored_bytes(&self) -> u64 {
        let files = self.daemon.stored();
        files.iter().filter_map(|file| Some(file.metadata().ok()?.len())).sum()
    }

    /// Stops the daemon: the very process that was started must end in order.
    #[track_caller]
    pub(crate) fn stop(mut self) {
        assert_eq!(self.daemon.pid(), self.pid);
        self.daemon.signal(Signal::TERM);
        assert_eq!(self.daemon.ended().code(), Some(0), "it ends in order");
    }
}

/// Waits until a job has ended, which must be as it was promised.
#[track_caller]
fn end(client: &Client, name: &str, job: Job) -> Fate {
    let info = eventually_within(PATIENCE, &format!("the job of {name} ends"), || {
        let info = client.info(job);
        let state = info["current_state"].as_str().unwrap_or_default();
        ENDS.contains(&state).then_some(info)
    });
    match info["current_state"].as_str().unwrap_or_default() {
        state @ ("completed" | "completed_partially") => Fate::Read(state.to_owned()),
        "processing_fail" => {
            let why = info["description"].as_str().unwrap_or_default().to_owned();
            assert!(why.contains(' '), "{name}: failed without a sentence: {info}");
            Fate::Failed(why)
        }
        other => panic!("{name}: nobody asked for an end as {other}: {info}"),
    }
}

/// Returns the most memory that a worker has held, in KiB.
fn peak_kib(pid: &str) -> Option<u64> {
    // A child that has not yet become a worker counts the daemon's memory as its own.
    let arguments = fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
    arguments.split('\0').any(|argument| argument == "worker").then_some(())?;
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

/// Whose processor time is asked for.
#[derive(Clone, Copy)]
enum Whose {
    /// That of a process itself.
    Own,
    /// That of its children that it has seen end.
    Children,
}

/// Returns the processor time of a process, in seconds (proc(5): utime and stime, cutime and cstime).
fn processor_secs(pid: &str, whose: Whose) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold anything; behind it, the state is the first field.
    let fields = stat.rsplit_once(')')?.1.split_whitespace();
    let skipped = match whose {
        Whose::Own => 11,
        Whose::Children => 13,
    };
    let ticks = fields.skip(skipped).take(2).map(|ticks| ticks.parse::<f64>().unwrap_or(0.0));
    Some(ticks.sum::<f64>() / TICKS)
}

/// Settings of a daemon whose recogniser makes up its text; its chunks are long, so that they are few.
fn settings(library: &str, longest_secs: u32) -> String {
    format!(
        r#"
[plugins]
folders = ["{library}"]
[auth]
access_ttl_secs = 86400
[engine]
backoff_secs = [0]
concurrent_jobs = 4
[[pipelines]]
name = "default"
stages = [
    {{ use = "org.scribed.decode", config = {{ max_duration_secs = {longest_secs} }} }},
    {{ use = "org.scribed.resample" }},
    {{ use = "org.scribed.test.cutter", config = {{ window_ms = 30000 }} }},
    {{ use = "org.scribed.test.recogniser" }},
    {{ use = "org.scribed.render-text", format = "txt" }},
]
"#
    )
}

/// Asks a daemon for the answers to an upload that it describes.
fn documented(daemon: &Daemon) -> BTreeSet<u16> {
    let description = daemon.client().get("/openapi.json").status(200).json();
    let answers = &description["paths"]["/upload-audiofile"]["post"]["responses"];
    answers.as_object().unwrap().keys().filter_map(|status| status.parse().ok()).collect()
}
