//! A daemon whose engine is busy for good: one job never ends, so external workers have all others,
//! and what they report is what a recording says.

use scribed_tests::{Client, Daemon, Job, Setup, audio, build, eventually};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The daemon and the owner of its endless job.
#[derive(Debug)]
pub(crate) struct Busy {
    /// The daemon.
    pub(crate) daemon: Daemon,
    /// The owner.
    pub(crate) owner: Client,
    /// The job that is in work as long as the daemon runs.
    pub(crate) endless: Job,
    /// Where its settings are.
    _folder: TempDir,
}

/// The stages that make the documents of the default pipeline.
pub(crate) const DOCUMENTS: &str = r#"
    { use = "org.scribed.render-text", format = "txt" },
    { use = "org.scribed.render-doc", format = "docx" },"#;

/// Returns a recording of a tenth of a second.
pub(crate) fn recording() -> Vec<u8> {
    audio::wav(&[1_000; audio::RATE / 10])
}

impl Busy {
    /// Starts a daemon that makes these documents.
    #[track_caller]
    pub(crate) fn start(documents: &str) -> Self {
        Self::start_with(Setup::default(), documents)
    }

    /// Starts a daemon with settings of its own.
    #[track_caller]
    pub(crate) fn start_with(setup: Setup, documents: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("busy.toml");
        std::fs::write(&file, settings(documents)).unwrap();
        let daemon = setup.argument("--config").argument(file.display().to_string()).start();
        let owner = daemon.client();
        let endless = submit(&owner, "endless.wav");
        eventually("the endless job is in work", || {
            (owner.state(endless) == "in_progress").then_some(())
        });
        Self { daemon, owner, endless, _folder: folder }
    }

    /// Takes a job as an external worker, and completes it with a text.
    #[track_caller]
    pub(crate) fn complete(&self, Job(id): Job, text: &str) {
        self.report(&json!({"transcription_id": id, "current_state": "in_progress"}));
        let chunk = json!({"text": text, "chunk_no": 0});
        self.report(
            &json!({"transcription_id": id, "current_state": "completed", "new_chunk": chunk}),
        );
    }

    #[track_caller]
    fn report(&self, report: &Value) {
        let token = self.daemon.secret("worker-token");
        let path = format!("/worker/transcription_status?secret_worker_token={token}");
        let _view = self.owner.post_json(&path, report).status(200);
    }
}

/// Uploads a short recording.
#[track_caller]
pub(crate) fn submit(client: &Client, name: &str) -> Job {
    let answer = client.upload_bytes(name, recording()).status(200).json();
    Job(answer["task_id"].as_i64().unwrap())
}

/// One job at a time, and a recogniser that takes ten minutes for it.
fn settings(documents: &str) -> String {
    let library = build::library("deterministic");
    let library = library.display();
    format!(
        r#"
[plugins]
folders = ["{library}"]
[engine]
concurrent_jobs = 1
[[pipelines]]
name = "default"
stages = [
    {{ use = "org.scribed.decode" }},
    {{ use = "org.scribed.resample" }},
    {{ use = "org.scribed.test.cutter", config = {{ window_ms = 100 }} }},
    {{ use = "org.scribed.test.recogniser", config = {{ delay_ms = 600000 }} }},
    {documents}
]
"#
    )
}
