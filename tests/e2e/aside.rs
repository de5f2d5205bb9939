//! Quarantine and what is not in it: jobs of a stage that is set aside wait, all others go on, and a stage
//! that works again comes back.

use std::fs;
use std::path::Path;

use rustix::process::Signal;
use scribed_tests::{Client, Daemon, Setup, build, eventually};

use crate::poison::{flat, shown, submit};

/// The stage that is put into quarantine.
const STAGE: &str = "org.scribed.test.poison";
/// Its pipeline, and one that does without it.
const PIPELINES: [(&str, &str); 2] =
    [("poisonable", STAGE), ("harmless", "org.scribed.test.recogniser")];
/// Jobs that wait, and jobs that go on meanwhile.
const JOBS: i16 = 10;
/// Longer than any test takes.
const NEVER: u32 = 3_600;

/// Writes the settings of a daemon; the pipeline of that number is the one that clients get.
fn write(file: &Path, first: usize, trial_secs: u32) {
    let [poison, deterministic] =
        ["poison", "deterministic"].map(|name| build::library(name).display().to_string());
    let pipeline = |(name, recogniser): (&str, &str)| {
        format!(
            r#"
[[pipelines]]
name = "{name}"
stages = [
    {{ use = "org.scribed.decode" }},
    {{ use = "org.scribed.resample" }},
    {{ use = "org.scribed.test.cutter", config = {{ window_ms = 100 }} }},
    {{ use = "{recogniser}" }},
    {{ use = "org.scribed.render-text", format = "txt" }},
]
"#
        )
    };
    let (one, other) = (pipeline(PIPELINES[first]), pipeline(PIPELINES[1 - first]));
    let settings = format!(
        r#"
[plugins]
folders = ["{poison}", "{deterministic}"]
[engine]
attempts = 1
concurrent_jobs = 4
slots = 3
unavailable_backoff_secs = {NEVER}
aside_backoff_secs = 1
[workers]
quarantine_crashes = 3
quarantine_trial_secs = {trial_secs}
{one}{other}"#
    );
    fs::write(file, settings).unwrap();
}

fn start(file: &Path) -> Daemon {
    Setup::default().argument("--config").argument(file.display().to_string()).start()
}

/// Puts the stage into quarantine.
fn quarantine(daemon: &Daemon, client: &Client) {
    for _ in 0..3 {
        let poison = submit(client, "exits.wav", flat(4_000));
        assert_eq!(client.end_of(poison), "processing_fail");
    }
    eventually("it is put aside", || daemon.log().contains("put into quarantine").then_some(()));
}

#[test]
fn jobs_of_other_pipelines_go_on_while_a_stage_is_in_quarantine() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("aside.toml");
    write(&file, 0, NEVER);
    let mut daemon = start(&file);
    let client = daemon.client();
    quarantine(&daemon, &client);
    let waiting: Vec<_> =
        (0..JOBS).map(|number| submit(&client, "waits.wav", flat(number * 100 + 50))).collect();
    for job in &waiting {
        let told = eventually("the job says what it waits for", || {
            let fault = shown(&daemon, *job)["fault"].to_string();
            fault.contains("quarantine").then_some(fault)
        });
        assert!(told.contains("unavailable") && told.contains(STAGE), "{told}");
    }

    // New jobs get the other pipeline from now on; those that wait have theirs.
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.ended().code(), Some(0));
    write(&file, 1, NEVER);
    daemon.start_again();
    let client = client.at(&daemon);
    let good: Vec<_> =
        (0..JOBS).map(|number| submit(&client, "good.wav", flat(number * 100 + 50))).collect();
    for job in good {
        assert_eq!(client.end_of(job), "completed");
        assert_eq!(shown(&daemon, job)["pipeline"], "harmless");
    }
    for job in &waiting {
        let shown = shown(&daemon, *job);
        assert_eq!(shown["pipeline"], "poisonable");
        assert_eq!(shown["error_count"], 0, "waiting costs nothing");
        assert_ne!(client.state(*job), "completed", "{shown}");
    }

    daemon.program().run(["plugins", "release", STAGE]).code(0).says("is released");
    for job in waiting {
        assert_eq!(client.end_of(job), "completed");
    }
}

#[test]
fn a_stage_that_works_on_trial_is_released() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("aside.toml");
    write(&file, 0, 1);
    let daemon = start(&file);
    let client = daemon.client();
    quarantine(&daemon, &client);
    let good = submit(&client, "good.wav", flat(50));
    assert_eq!(client.end_of(good), "completed");
    let log = daemon.log();
    assert!(log.contains("one job tries a stage that is in quarantine"), "{log}");
    assert!(log.contains("released from quarantine: it works again"), "{log}");
    daemon.program().run(["plugins", "list"]).code(0).says_not("quarantine");
}
