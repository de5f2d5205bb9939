//! A real daemon on a free port, with a state folder of its own.

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::build;
use crate::client::Client;
use crate::discretion;
use crate::program::{Program, bare, scribed};
use crate::wait::eventually;

/// How a daemon is started.
#[derive(Debug, Default)]
pub struct Setup {
    variables: Vec<(String, String)>,
    arguments: Vec<String>,
    /// Where its secrets are, when not in its state folder.
    secrets: Option<PathBuf>,
    confined: Confined,
}

/// What a daemon finds less of than other programs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Confined {
    #[default]
    Nothing,
    /// No file grows beyond so many KiB.
    FilesKib(u32),
    /// The state folder is a disk of so many MiB.
    DiskMib(u32),
}

impl Setup {
    /// Sets an option, e.g. `engine.lease_secs`.
    #[must_use]
    pub fn option(mut self, key: &str, value: u32) -> Self {
        let name = format!("SCRIBED_{}", key.to_uppercase().replace('.', "__"));
        self.variables.push((name, value.to_string()));
        self
    }

    /// Sets a variable of the daemon's environment.
    #[must_use]
    pub fn variable(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    /// Adds an argument.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Tells where the daemon is configured to keep its secrets.
    #[must_use]
    pub fn secrets(self, folder: PathBuf) -> Self {
        Self { secrets: Some(folder), ..self }
    }

    /// Lets no file grow beyond so many KiB: for the daemon, a disk that is full for large files.
    #[must_use]
    pub fn largest_file_kib(self, kib: u32) -> Self {
        Self { confined: Confined::FilesKib(kib), ..self }
    }

    /// Gives the daemon a disk of its own for its state, of so many MiB, which ends with it.
    #[must_use]
    pub fn disk_mib(self, mib: u32) -> Self {
        Self { confined: Confined::DiskMib(mib), ..self }
    }

    /// Starts a daemon in a new state folder, and waits until it answers.
    #[track_caller]
    pub fn start(self) -> Daemon {
        self.start_in(tempfile::tempdir().expect("a temporary folder"))
    }

    #[track_caller]
    fn start_in(self, state: TempDir) -> Daemon {
        let child = self.spawn(state.path());
        let seen = match self.confined {
            // The disk is mounted where only the daemon sees it.
            Confined::DiskMib(_) => {
                let root = PathBuf::from(format!("/proc/{}/root", child.id()));
                root.join(state.path().strip_prefix("/").expect("temporary folders are absolute"))
            }
            Confined::Nothing | Confined::FilesKib(_) => state.path().to_owned(),
        };
        let mut daemon = Daemon { setup: self, state, seen, child, base: String::new() };
        daemon.wait_until_ready();
        daemon
    }

    /// Starts a daemon in a new state folder that holds what is in another one, and waits until it answers.
    #[track_caller]
    pub fn start_on(self, folder: &Path) -> Daemon {
        let state = tempfile::tempdir().expect("a temporary folder");
        let copied = Command::new("cp").arg("-a").arg(folder.join(".")).arg(state.path()).status();
        assert!(copied.expect("cp can be started").success(), "{} is copied", folder.display());
        self.start_in(state)
    }

    fn spawn(&self, state: &Path) -> Child {
        let log = fs::File::options().append(true).create(true).open(state.join("test.log"));
        let mut command = match self.confined {
            Confined::Nothing => bare(&scribed()),
            Confined::FilesKib(kib) => limited(kib),
            Confined::DiskMib(mib) => on_a_disk(mib),
        };
        command.env("STATE_DIRECTORY", state).env("SCRIBED_HTTP__LISTEN", "127.0.0.1:0");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
            .arg("run")
            .arg("--config")
            .arg(build::config())
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command.stderr(log.expect("the log can be written"));
        command.spawn().expect("scribed can be started")
    }
}

/// Makes a command whose writes beyond a size fail, instead of ending it by a signal.
fn limited(kib: u32) -> Command {
    let mut shell = bare(Path::new("bash"));
    shell
        .arg("-c")
        .arg(format!("trap '' XFSZ; ulimit -f {kib}; exec \"$0\" \"$@\""))
        .arg(scribed());
    shell
}

/// Makes a command whose state folder is a file system of its own, in memory.
fn on_a_disk(mib: u32) -> Command {
    let mut unshare = bare(Path::new("unshare"));
    let mount = format!("mount -t tmpfs -o size={mib}m state \"$STATE_DIRECTORY\"");
    unshare
        .args(["--user", "--map-root-user", "--mount", "bash", "-c"])
        .arg(format!("{mount} && exec \"$0\" \"$@\""))
        .arg(scribed());
    unshare
}

/// A running daemon; it is killed when the value is dropped, which fails the test when a secret is in its
/// log.
#[derive(Debug)]
pub struct Daemon {
    setup: Setup,
    state: TempDir,
    /// Where tests see what the daemon sees at `state`.
    seen: PathBuf,
    child: Child,
    base: String,
}

impl Daemon {
    /// Starts a daemon with its defaults.
    #[track_caller]
    pub fn start() -> Self {
        Setup::default().start()
    }

    /// Returns a daemon that tests share; it lives as long as one of them uses it.
    ///
    /// Only for tests that leave it as it was: each makes an account of its own and sees only that.
    #[track_caller]
    pub fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Daemon>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let daemon = Arc::new(Self::start());
            *shared = Arc::downgrade(&daemon);
            daemon
        })
    }

    /// Makes an account that may submit recordings, and logs in.
    #[track_caller]
    pub fn client(&self) -> Client {
        let client = Client::register(&self.base);
        client.allow(&self.secret("admin-token"));
        client
    }

    /// Returns the address as a URL without a path.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Returns the state folder.
    pub fn state(&self) -> &Path {
        &self.seen
    }

    /// Fills the daemon's disk to the last byte; removing the file that this returns makes space.
    #[track_caller]
    pub fn fill_disk(&self) -> PathBuf {
        let path = self.state().join("filler");
        let mut filler = fs::File::create(&path).expect("the disk can be written");
        let mut piece = vec![0; 1 << 20];
        while !piece.is_empty() {
            match filler.write(&piece) {
                Ok(written) => assert_ne!(written, 0, "a full disk is an error"),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::StorageFull, "{error}");
                    piece.truncate(piece.len() / 2);
                }
            }
        }
        path
    }

    /// Returns the process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns the most memory that the daemon has held so far, in KiB.
    #[track_caller]
    pub fn peak_memory_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()));
        let status = status.expect("the daemon runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let number = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse().ok());
        number.expect("the kernel tells the peak of every process")
    }

    /// Reads a secret of the state folder.
    #[track_caller]
    pub fn secret(&self, name: &str) -> String {
        let file = self.secrets().join(name);
        fs::read_to_string(file).expect("the secret is there").trim().to_owned()
    }

    /// Returns the folder of secrets.
    fn secrets(&self) -> PathBuf {
        self.setup.secrets.clone().unwrap_or_else(|| self.state().join("secrets"))
    }

    /// Returns everything that was logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.state.path().join("test.log")
    }

    /// Lists the files below the media folder.
    pub fn stored(&self) -> Vec<PathBuf> {
        let mut folders = vec![self.state().join("media")];
        let mut files = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() { folders.push(path) } else { files.push(path) }
            }
        }
        files
    }

    /// Makes a run of the program on this daemon's state folder.
    pub fn program(&self) -> Program {
        Program::new(self.state())
    }

    /// Kills the daemon without warning and starts it again on the same state.
    #[track_caller]
    pub fn crash_and_restart(&mut self) {
        self.signal(Signal::KILL);
        let status = self.child.wait().expect("a killed process ends");
        assert_eq!(status.signal(), Some(9), "it was killed");
        // The killed daemon could not remove it, and its address is no longer true.
        fs::remove_file(self.state().join("listen")).expect("a running daemon has written it");
        self.start_again();
    }

    /// Kills the daemon without warning; [`start_again`](Self::start_again) brings it back.
    #[track_caller]
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.child.wait().expect("a killed process ends");
        // It could not remove it, if it had written it.
        fs::remove_file(self.state().join("listen")).ok();
    }

    /// Starts a daemon that has ended again, on the same state.
    #[track_caller]
    pub fn start_again(&mut self) {
        self.begin_again();
        self.wait_until_ready();
    }

    /// Starts it again without waiting until it answers: for those who kill it before.
    #[track_caller]
    pub fn begin_again(&mut self) {
        self.child = self.setup.spawn(self.state.path());
    }

    /// Sends a signal.
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.expect("a child has a pid"), signal).expect("the daemon runs");
    }

    /// Waits until the process has ended.
    #[track_caller]
    pub fn ended(&mut self) -> ExitStatus {
        let child = &mut self.child;
        eventually("the daemon ends", || child.try_wait().expect("our child can be waited for"))
    }

    /// Waits until it answers.
    #[track_caller]
    pub fn wait_until_ready(&mut self) {
        let file = self.seen.join("listen");
        let log = self.log_file();
        let child = &mut self.child;
        let address = eventually("the daemon listens", || {
            if let Some(status) = child.try_wait().expect("our child can be waited for") {
                let log = fs::read_to_string(&log).unwrap_or_default();
                panic!("the daemon ended with {status}:\n{log}");
            }
            fs::read_to_string(&file).ok()
        });
        self.base = format!("http://{}", address.trim());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // A disk of its own goes with the daemon.
        let secrets = discretion::of_folder(&self.secrets());
        // It may have ended already.
        self.child.kill().ok();
        self.child.wait().ok();
        if std::thread::panicking() {
            eprintln!("log of the daemon at {}:\n{}", self.base, self.log());
        } else {
            discretion::insist(&self.log_file(), secrets);
        }
    }
}
