//! A daemon whose recogniser does what a recording tells it to: to its process, or to its device.

use std::fs;
use std::path::PathBuf;

use scribed_tests::{Client, Daemon, Job, Setup, audio, build};
use serde_json::Value;
use tempfile::TempDir;

/// How long a chunk may stand still in the recogniser, in seconds.
pub(crate) const STALL_SECS: u32 = 4;

/// Settings of a daemon whose recogniser is the poisonable one, with more about that stage.
fn settings(more: &str, stage: &str) -> String {
    let [poison, cutter] =
        ["poison", "deterministic"].map(|name| build::library(name).display().to_string());
    format!(
        r#"
[plugins]
folders = ["{poison}", "{cutter}"]
[engine]
backoff_secs = [0]
concurrent_jobs = 4
slots = 3
unavailable_backoff_secs = 1
aside_backoff_secs = 1
[workers.asr]
stall_secs = {STALL_SECS}
address_space_mib = 1024
[[pipelines]]
name = "default"
stages = [
    {{ use = "org.scribed.decode" }},
    {{ use = "org.scribed.resample" }},
    {{ use = "org.scribed.test.cutter", config = {{ window_ms = 100 }} }},
    {{ use = "org.scribed.test.poison"{stage} }},
    {{ use = "org.scribed.render-text", format = "txt" }},
]
{more}"#
    )
}

/// A file of settings, in a folder that goes with it.
pub(crate) fn config(more: &str, stage: &str) -> (PathBuf, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("poison.toml");
    fs::write(&file, settings(more, stage)).unwrap();
    (file, folder)
}

/// A daemon with settings of its own.
pub(crate) fn start(more: &str) -> (Daemon, TempDir) {
    start_with(more, "")
}

/// The same, with more about its recogniser.
pub(crate) fn start_with(more: &str, stage: &str) -> (Daemon, TempDir) {
    let (file, folder) = config(more, stage);
    let daemon = Setup::default().argument("--config").argument(file.display().to_string()).start();
    (daemon, folder)
}

/// A recording of 100 ms that is flat: at `kind` × 1000, poison.
pub(crate) fn flat(level: i16) -> Vec<u8> {
    audio::wav(&[level; audio::RATE / 10])
}

/// Uploads a recording.
#[track_caller]
pub(crate) fn submit(client: &Client, name: &str, file: Vec<u8>) -> Job {
    let answer = client.upload_bytes(name, file).status(200).json();
    Job(answer["task_id"].as_i64().unwrap())
}

/// Returns what an operator reads of a job.
pub(crate) fn shown(daemon: &Daemon, Job(id): Job) -> Value {
    daemon.program().run(["jobs", "show", &id.to_string(), "--json"]).code(0).json()
}
