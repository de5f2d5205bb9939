//! S15: a fuzzer that reads the description of a surface gets no answer that the description lacks, and
//! none that says that we failed.
//!
//! The fuzzer is schemathesis, a program in Python, which is installed into the target folder. It sends
//! what the description allows and what it forbids, to operations alone and one after another.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use scribed_tests::cluster::skip;
use scribed_tests::{Client, Daemon, Job, audio, build, is_long, say};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// A description of `schemas/openapi`; `schemathesis` has settings of the same name.
struct Document {
    name: &'static str,
    /// Makes what an account calls this surface with.
    credential: fn(&Daemon, &Client) -> String,
}

/// All of them; each has a test.
const DOCUMENTS: &[Document] = &[
    Document { name: "transcriptions", credential: |_, client| client.token().to_owned() },
    Document { name: "revai", credential: api_key },
    Document { name: "cielo24", credential: api_key },
];

fn api_key(daemon: &Daemon, client: &Client) -> String {
    let create = ["account", "api-key", "create", &client.username()];
    daemon.program().run(create).code(0).out.trim().to_owned()
}

/// What the fuzzer is told, and what it must at least have done.
struct Effort {
    /// Seconds at most.
    seconds: u64,
    /// Requests to each operation in a round.
    examples: u32,
    /// Where its dice begin.
    seed: u64,
    /// Requests at least.
    requests: u64,
}

impl Effort {
    fn new() -> Self {
        if is_long() {
            let seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
            Self { seconds: 900, examples: 1_000, seed, requests: 10_000 }
        } else {
            // On a quiet machine about a thousand; on a busy one what the time allows.
            Self { seconds: 40, examples: 15, seed: 1, requests: 250 }
        }
    }
}

/// The descriptions.
fn descriptions() -> PathBuf {
    build::root().join("schemas/openapi")
}

/// The files that the fuzzer is run with.
fn files() -> PathBuf {
    build::root().join("tests/security/schemathesis")
}

/// Runs a command, and returns everything that it said, as an error where it failed.
fn ran(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    if output.status.success() { Ok(said) } else { Err(said) }
}

/// Returns the last line that is not empty.
fn last_line(text: &str) -> &str {
    text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default().trim()
}

/// Returns the Python that has the fuzzer, which is installed where it is missing; an error says why it
/// cannot be.
fn installed() -> Result<PathBuf, String> {
    let requirements = files().join("requirements.txt");
    let version =
        ran(Command::new("python3").args(["-c", "import sys; print(sys.executable, sys.version)"]))
            .map_err(|error| format!("no python3 ({})", last_line(&error)))?;
    let key = [fs::read(&requirements).unwrap(), version.into_bytes()].concat();
    let key = hex::encode(&Sha256::digest(key)[..8]);
    let folder = build::folder().join(format!("schemathesis-{key}"));
    let python = folder.join("bin/python");
    if python.exists() {
        return Ok(python);
    }
    // It appears whole or not at all, whoever else is at it.
    let half = folder.with_extension(std::process::id().to_string());
    let whole = ran(Command::new("python3").args(["-m", "venv"]).arg(&half)).and_then(|_| {
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
        ran(Command::new(half.join("bin/python")).args(pip).arg(&requirements))
    });
    let placed = whole.and_then(|_| fs::rename(&half, &folder).map_err(|error| error.to_string()));
    fs::remove_dir_all(&half).ok();
    // Somebody else may have been faster.
    if python.exists() { Ok(python) } else { placed.map(|()| python) }
}

/// What the fuzzer knows of a daemon beside the description.
struct Known {
    /// The token or the key of the account that calls.
    token: String,
    /// The account that calls.
    caller: i64,
    /// Another one.
    other: i64,
    /// Jobs in several states.
    jobs: Vec<i64>,
    worker_token: String,
    admin_token: String,
}

impl Known {
    #[track_caller]
    fn of(daemon: &Daemon, document: &Document) -> Self {
        let (client, other) = (daemon.client(), daemon.client());
        let done = client.submit(&audio::recording("01").0);
        assert_eq!(client.end_of(done), "completed");
        let cancelled = client.submit(&audio::recording("11").0);
        let _cancelled = client.cancel(cancelled).status(200);
        let foreign = other.submit(&audio::recording("02").0);
        let running = client.submit(&audio::recording("11").0);
        let jobs = [done, cancelled, foreign, running].map(|Job(id)| id).to_vec();
        Self {
            token: (document.credential)(daemon, &client),
            caller: client.id(),
            other: other.id(),
            jobs,
            worker_token: daemon.secret("worker-token"),
            admin_token: daemon.secret("admin-token"),
        }
    }

    /// Writes the settings of the fuzzer, and the code that they name, into a folder.
    #[track_caller]
    fn write(&self, document: &Document, folder: &Path) -> PathBuf {
        let code = "drawn.py";
        fs::copy(files().join(code), folder.join(code)).unwrap();
        let settings = files().join(document.name).with_extension("toml");
        let mut settings = fs::read_to_string(settings).unwrap();
        let Self { other, jobs, worker_token, admin_token, .. } = self;
        let ids: Vec<String> = jobs.iter().map(ToString::to_string).collect();
        let hex_ids: Vec<String> = jobs.iter().map(|id| format!("{id:032x}")).collect();
        write!(
            settings,
            "\n[dictionaries]\n\
             jobs = {{ values = {jobs:?} }}\n\
             job-ids = {{ values = {ids:?} }}\n\
             hex-ids = {{ values = {hex_ids:?} }}\n\
             accounts = {{ values = [{other}] }}\n\
             worker-tokens = {{ values = [{worker_token:?}] }}\n\
             admin-tokens = {{ values = [{admin_token:?}] }}\n"
        )
        .unwrap();
        let file = folder.join("schemathesis.toml");
        fs::write(&file, settings).unwrap();
        file
    }
}

/// Sends requests to a daemon, and returns whether all answers were fine, what was said, and the report.
#[track_caller]
fn fuzz(
    python: &Path,
    daemon: &Daemon,
    document: &Document,
    effort: &Effort,
) -> (bool, String, Value) {
    let known = Known::of(daemon, document);
    let folder = tempfile::tempdir().unwrap();
    let settings = known.write(document, folder.path());
    let report = folder.path().join("report.json");
    let jobs: Vec<String> = known.jobs.iter().map(ToString::to_string).collect();
    let mut command = Command::new(python);
    command
        .args(["-c", "import schemathesis.cli; schemathesis.cli.schemathesis()", "--config-file"])
        .arg(settings)
        .arg("run")
        .arg(descriptions().join(document.name).with_extension("yaml"))
        // One thread: with two, Python 3.11 now and then counts its own recursion wrongly and gives up.
        .args(["--url", daemon.base(), "--workers", "1", "--continue-on-failure"])
        .args(["--max-time", &effort.seconds.to_string()])
        .args(["--max-examples", &effort.examples.to_string()])
        .args(["--seed", &effort.seed.to_string()])
        .args([OsStr::new("--report"), OsStr::new("json"), OsStr::new("--report-json-path")])
        .arg(&report)
        .current_dir(folder.path())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("FUZZ_TOKEN", &known.token)
        .env("FUZZ_CALLER", known.caller.to_string())
        .env("FUZZ_OTHER", known.other.to_string())
        .env("FUZZ_JOBS", jobs.join(" "))
        .env("FUZZ_RECORDING", audio::recording("01").0);
    let (fine, said) = match ran(&mut command) {
        Ok(said) => (true, said),
        Err(said) => (false, said),
    };
    let report = fs::read(report).unwrap_or_else(|error| panic!("no report: {error}\n{said}"));
    (fine, said, serde_json::from_slice(&report).unwrap())
}

#[test]
fn every_answer_about_transcriptions_is_a_documented_one() {
    check("transcriptions");
}

#[test]
fn every_answer_to_clients_of_revai_is_a_documented_one() {
    check("revai");
}

#[test]
fn every_answer_to_clients_of_cielo24_is_a_documented_one() {
    check("cielo24");
}

/// Fuzzes a daemon by one description.
#[track_caller]
fn check(name: &str) {
    let python = match installed() {
        Ok(python) => python,
        Err(why) => {
            return skip("schemathesis", &format!("it cannot be installed: {}", last_line(&why)));
        }
    };
    let document = DOCUMENTS.iter().find(|document| document.name == name);
    let document = document.unwrap_or_else(|| panic!("{name} is described"));
    let (daemon, effort) = (Daemon::start(), Effort::new());
    let (fine, said, report) = fuzz(&python, &daemon, document, &effort);
    let number = |pointer: &str| report.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
    let (requests, failed) = (number("/test_cases/generated"), number("/test_cases/with_failures"));
    let operations = (number("/operations/tested"), number("/operations/total"));
    say(&format!(
        "schemathesis {}: {}: {requests} requests to {} of {} operations, {failed} with an answer that \
         is not documented or a server error; seed {}",
        report["schemathesis_version"], document.name, operations.0, operations.1, effort.seed
    ));
    assert!(fine && failed == 0, "{said}");
    assert_eq!(operations.0, operations.1, "{said}");
    assert!(requests >= effort.requests, "only {requests}: {said}");
    let log = daemon.log();
    let broken = log.lines().find(|line| line.contains("panicked") || line.contains("status=5"));
    assert_eq!(broken, None, "the daemon itself says so");
}

#[test]
fn every_description_is_fuzzed() {
    let files = fs::read_dir(descriptions()).unwrap().map(|file| file.unwrap().path());
    let stems = files.map(|file| file.file_stem().unwrap().to_string_lossy().into_owned());
    let mut there: Vec<String> = stems.collect();
    let mut fuzzed: Vec<&str> = DOCUMENTS.iter().map(|document| document.name).collect();
    there.sort_unstable();
    fuzzed.sort_unstable();
    assert_eq!(there, fuzzed);
}
