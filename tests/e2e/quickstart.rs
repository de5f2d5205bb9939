//! The script that a newcomer runs first.

use std::path::Path;
use std::process::{Command, Output};

use scribed_tests::audio::recording;
use scribed_tests::build::{folder, root};
use scribed_tests::{errors, eventually};

/// Runs the script in a folder, with its state there.
fn quickstart(home: &Path, arguments: &[&str]) -> Output {
    // Whatever else this machine runs, the script finds a port.
    let profile = if folder().ends_with("release") { "release" } else { "dev" };
    let mut command = Command::new(root().join("deploy/quickstart.sh"));
    command.args(arguments).current_dir(home).env("STATE_DIRECTORY", home.join("state"));
    command.env("SCRIBED_PROFILE", profile).env("SCRIBED_HTTP__LISTEN", "127.0.0.1:0");
    command.output().expect("the script can be run")
}

/// Returns what the script said, and insists on its exit code.
#[track_caller]
fn said(output: &Output, code: i32) -> String {
    let all = [&output.stdout[..], &output.stderr].concat();
    let all = String::from_utf8_lossy(&all).into_owned();
    assert_eq!(output.status.code(), Some(code), "{all}");
    all
}

#[test]
fn one_command_shows_the_text_of_a_recording_and_saves_its_documents() {
    let home = tempfile::tempdir().unwrap();
    let shown = said(&quickstart(home.path(), &["--once"]), 0);
    let (_, recording) = recording("07");
    let text = std::fs::read_to_string(home.path().join("07-meeting-two-voices.txt")).unwrap();
    assert!(errors(&recording.text, &text).within_percent(15), "{text}");
    assert!(home.path().join("07-meeting-two-voices.docx").metadata().unwrap().len() > 1_000);
    assert!(shown.contains("completed: 58.3 s of audio"), "{shown}");
    assert!(!home.path().join("state/listen").exists(), "the daemon is stopped: {shown}");
}

#[test]
fn a_second_run_uses_the_daemon_and_the_account_of_the_first() {
    let home = tempfile::tempdir().unwrap();
    let file = scribed_tests::audio::recording("05").0;
    let file = file.to_str().unwrap();
    let first = said(&quickstart(home.path(), &[file]), 0);
    assert!(first.contains("registered the account"), "{first}");
    let second = said(&quickstart(home.path(), &["--once", file]), 0);
    assert!(second.contains("using the daemon that is running already"), "{second}");
    assert!(!second.contains("registered the account"), "{second}");
    let listen = home.path().join("state/listen");
    eventually("the daemon is stopped", || (!listen.exists()).then_some(()));
}

#[test]
fn what_is_wrong_is_said_in_a_sentence() {
    let home = tempfile::tempdir().unwrap();
    let said = |arguments: &[&str]| said(&quickstart(home.path(), arguments), 1);
    assert!(said(&["--twice"]).contains("unknown option --twice"));
    assert!(said(&["none.wav"]).contains("cannot read"));
    assert!(said(&["a.wav", "b.wav"]).contains("one recording at a time"));
    std::fs::write(home.path().join("empty.wav"), "").unwrap();
    assert!(said(&["empty.wav"]).contains("is empty"));
    std::fs::write(home.path().join("text.wav"), "these are words and no sound").unwrap();
    let refused = said(&["--once", "text.wav"]);
    assert!(refused.contains("the upload was refused: Invalid audio file"), "{refused}");
}
