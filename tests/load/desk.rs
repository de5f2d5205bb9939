//! A daemon on SQLite whose recogniser takes its time, and whose texts are known.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use scribed_tests::sound::{pipeline, recording};
use scribed_tests::{Client, Job, Setup, eventually_within};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Longest wait for all work to be done.
const PATIENCE: Duration = Duration::from_secs(600);

/// Settings of a daemon.
#[derive(Debug)]
pub(crate) struct Desk {
    folder: TempDir,
}

impl Desk {
    /// Writes settings: how long each chunk of 100 ms takes, and more lines.
    pub(crate) fn new(delay: Duration, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = format!(
            "[auth]\naccess_ttl_secs = 86400\n[health]\nlisten = \"127.0.0.1:0\"\n{more}\n{}",
            pipeline(delay)
        );
        std::fs::write(folder.path().join("load.toml"), settings).unwrap();
        Self { folder }
    }

    /// Makes a setup of a daemon with these settings.
    pub(crate) fn setup(&self) -> Setup {
        Setup::default().argument("--config").argument(self.config().display().to_string())
    }

    /// Returns the file of the settings.
    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("load.toml")
    }
}

/// Recordings that were accepted, by job, with the texts that they must become.
#[derive(Debug, Default)]
pub(crate) struct Accepted(pub(crate) BTreeMap<i64, (u64, Vec<String>)>);

impl Accepted {
    /// Uploads the recording of a seed, which must be taken.
    #[track_caller]
    pub(crate) fn submit(&mut self, client: &Client, seed: u64) -> Job {
        let (wav, text) = recording(seed);
        let answer = client.upload_bytes(&format!("{seed}.wav"), wav).status(200).json();
        let job = answer["task_id"].as_i64().unwrap();
        self.0.insert(job, (seed, text));
        Job(job)
    }

    /// Waits until every job is completed, and insists that its text is the one of its recording.
    #[track_caller]
    pub(crate) fn are_whole(&self, client: &Client) {
        let all = eventually_within(PATIENCE, "all jobs are done", || {
            let jobs = states(client);
            let open = |state: &String| {
                ["queued", "in_progress", "processing_error"].contains(&state.as_str())
            };
            (!jobs.values().any(open)).then_some(jobs)
        });
        for (job, (seed, text)) in &self.0 {
            assert_eq!(all.get(job).map(String::as_str), Some("completed"), "job {job}");
            assert_eq!(&client.chunks(Job(*job)), text, "job {job} of recording {seed}");
        }
    }
}

/// Returns the state of every job of a client's.
#[track_caller]
pub(crate) fn states(client: &Client) -> BTreeMap<i64, String> {
    let page = client.get("/transcriptions?page=1&size=10000").status(200).json();
    let jobs = page["transcriptions"].as_array().unwrap();
    let state = |job: &Value| {
        (job["id"].as_i64().unwrap(), job["current_state"].as_str().unwrap().to_owned())
    };
    let states: BTreeMap<i64, String> = jobs.iter().map(state).collect();
    assert_eq!(page["total"], states.len(), "all are on one page");
    states
}

/// Logs in as an account of the harness.
#[track_caller]
pub(crate) fn login(client: &Client, name: &str) -> Client {
    let credentials = json!({"username": name, "password": "Secret_123"});
    let tokens = client.post_json("/auth/login", &credentials).status(200).json();
    client.with_token(tokens["access_token"].as_str().unwrap())
}
