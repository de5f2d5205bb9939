//! The program `scribed`, run to its end.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::build;

/// One run of the program.
#[derive(Debug)]
pub struct Program {
    command: Command,
}

/// What a run left.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// Its data.
    pub out: String,
    /// Its data, as bytes.
    pub bytes: Vec<u8>,
    /// Everything else that it said.
    pub err: String,
}

impl Program {
    /// Makes a run with a state folder and nothing else from this machine's environment.
    pub fn new(state: &Path) -> Self {
        let mut command = bare(&scribed());
        command.env("STATE_DIRECTORY", state).stdin(Stdio::null());
        Self { command }
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Lets it read a configuration file.
    #[must_use]
    pub fn config(mut self, file: &Path) -> Self {
        self.command.arg("--config").arg(file);
        self
    }

    /// Runs it in another folder.
    #[must_use]
    pub fn within(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Gives it a file as standard input.
    #[must_use]
    pub fn input(mut self, file: &Path) -> Self {
        self.command.stdin(std::fs::File::open(file).expect("the input is there"));
        self
    }

    /// Transcribes files on one thread, to its end.
    pub fn transcribe<S: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Ran {
        self.command.arg("transcribe").arg("--config").arg(build::config());
        self.run(arguments)
    }

    /// Runs it to its end.
    pub fn run<S: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Ran {
        let output = self.command.args(arguments).output().expect("scribed can be started");
        Ran {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
            bytes: output.stdout,
        }
    }
}

impl Ran {
    /// Reads its data as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Insists on an exit code.
    #[track_caller]
    #[expect(clippy::return_self_not_must_use, reason = "often nothing else matters")]
    pub fn code(self, expected: i32) -> Self {
        assert_eq!(self.code, Some(expected), "{self:?}");
        self
    }

    /// Insists that words are not among what it said beside its data.
    #[track_caller]
    pub fn says_not(&self, words: &str) {
        assert!(!self.err.contains(words), "{words:?} is in {}", self.err);
    }

    /// Insists on words among what it said beside its data.
    #[track_caller]
    pub fn says(&self, words: &str) -> &Self {
        assert!(self.err.contains(words), "{words:?} is missing in {}", self.err);
        self
    }
}

/// Makes a command that knows only what every program needs.
pub(crate) fn bare(program: &Path) -> Command {
    let mut command = Command::new(program);
    let kept = ["PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH"];
    command.env_clear();
    command.envs(kept.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    command
}

/// Returns the path of the program.
pub(crate) fn scribed() -> PathBuf {
    build::folder().join("scribed")
}
