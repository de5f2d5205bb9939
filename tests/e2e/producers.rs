//! The examples for producers, run as their users run them.

use std::path::PathBuf;
use std::process::Command;

use scribed_tests::audio::recording;
use scribed_tests::build::root;
use scribed_tests::{Cluster, Daemon, errors};

/// Runs a command that must succeed, and returns what it printed.
#[track_caller]
fn ran(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{said}\n{complaints}");
    said
}

/// Returns the name of an account that may submit.
fn owner(daemon: &Daemon) -> String {
    let known = daemon.client().get("/auth/info").status(200).json();
    known["username"].as_str().unwrap().to_owned()
}

/// Checks that a producer printed the texts of recordings, and that each is done.
#[track_caller]
fn check(said: &str, recordings: &[&str]) {
    for number in recordings {
        let (file, spoken) = recording(number);
        let name = file.file_name().unwrap().to_str().unwrap();
        let lines = said.lines().filter(|line| line.starts_with(&format!("{name} ")));
        let texts = lines.filter_map(|line| line.split_once(": ").map(|(_, text)| text));
        let text = texts.collect::<Vec<_>>().join(" ");
        assert!(errors(&spoken.text, &text).within_percent(15), "{number}: {text:?}\n{said}");
        assert!(said.contains(&format!("{}: completed", file.display())), "{said}");
    }
}

fn files(recordings: &[&str]) -> Vec<PathBuf> {
    recordings.iter().map(|number| recording(number).0).collect()
}

/// Returns the Java that also runs the brokers.
fn java() -> PathBuf {
    let home = std::env::var_os("JAVA_HOME").map(PathBuf::from);
    let installed = std::fs::read_dir("/usr/lib/jvm").into_iter().flatten().flatten();
    let mut fits = installed.map(|entry| entry.path()).filter(|path| {
        let is_17 = path.file_name().is_some_and(|name| name.to_string_lossy().contains("17"));
        is_17 && path.join("bin/java").exists()
    });
    home.or_else(|| fits.next()).map_or_else(|| PathBuf::from("java"), |home| home.join("bin/java"))
}

#[test]
fn the_example_in_python_prints_the_texts() {
    const RECORDINGS: [&str; 2] = ["01", "02"];
    let Some(cluster) = Cluster::new("python") else { return };
    let daemon = cluster.start();
    let folder = tempfile::tempdir().unwrap();
    let venv = folder.path().join("venv");
    let examples = root().join("deploy/producers");
    ran(Command::new("python3").args(["-m", "venv"]).arg(&venv));
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
    let python = venv.join("bin/python");
    ran(Command::new(&python).args(pip).arg(examples.join("requirements.txt")));
    let mut send = Command::new(&python);
    send.arg(examples.join("send.py"));
    send.args(["--brokers", &cluster.brokers(), "--owner", &owner(&daemon)]);
    for topic in ["uploads", "states", "transcripts"] {
        send.arg(format!("--{topic}={}", cluster.topic(topic)));
    }
    check(&ran(send.args(files(&RECORDINGS))), &RECORDINGS);
}

#[test]
fn the_example_in_java_prints_the_texts() {
    const RECORDINGS: [&str; 2] = ["03", "04"];
    let Some(cluster) = Cluster::new("java") else { return };
    let daemon = cluster.start();
    let jars = ran(Command::new(root().join("tests/services/kafka")).arg("fetch"));
    let mut send = Command::new(java());
    for topic in ["uploads", "states", "transcripts"] {
        send.arg(format!("-D{topic}={}", cluster.topic(topic)));
    }
    send.arg("-cp").arg(format!("{}/*", jars.trim()));
    send.arg(root().join("deploy/producers/Send.java"));
    send.args([cluster.brokers(), owner(&daemon)]);
    check(&ran(send.args(files(&RECORDINGS))), &RECORDINGS);
}
