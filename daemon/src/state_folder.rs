//! The state folder: where it is, what is in it, and that it can be used.
//!
//! ```text
//! lock          held by the daemon that runs here
//! host          name of this folder's daemon among others, the same for all its life
//! listen        address in use, while it runs
//! scribed.db    jobs, texts, accounts
//! media/        recordings
//! models/       speech models, put there by the operator
//! secrets/      made at first start, readable by the owner only
//! ```

use std::fs::{self, DirBuilder};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Error, anyhow};
use rustix::fs::{Access, Mode};

use crate::failure::Failure;

/// What the environment says about folders.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// `$STATE_DIRECTORY`, as systemd sets it: one path, or several separated by colons.
    pub state_directory: Option<String>,
    /// `$XDG_STATE_HOME`.
    pub xdg_state_home: Option<String>,
    /// `$HOME`.
    pub home: Option<String>,
}

/// The state folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateFolder {
    path: PathBuf,
}

impl StateFolder {
    /// Finds out where the folder is; it need not exist.
    ///
    /// # Errors
    /// When neither the configuration nor the environment says it.
    pub fn locate(configured: &Path, places: &Places) -> Result<Self, Failure> {
        let given = |place: &Option<String>| place.clone().filter(|path| !path.is_empty());
        let path = if configured.as_os_str().is_empty() {
            let first = |paths: String| paths.split(':').next().unwrap_or_default().into();
            let state = given(&places.state_directory).map(first);
            // The XDG Base Directory Specification 0.8 tells to ignore relative paths.
            let xdg = given(&places.xdg_state_home).filter(|path| path.starts_with('/'));
            let xdg = || xdg.map(|path| Path::new(&path).join("scribed"));
            let home =
                || given(&places.home).map(|home| Path::new(&home).join(".local/state/scribed"));
            state.or_else(xdg).or_else(home)
        } else {
            Some(configured.to_owned())
        };
        path.map(|path| Self { path }).ok_or_else(|| {
            Failure::refused(anyhow!("there is no place for the state folder: $HOME is not set"))
                .hint("name one by --state-dir")
        })
    }

    /// Makes the folder where it is missing, and makes sure that it can be written.
    ///
    /// From then on whatever this process makes is for its user alone: the folder may have been made
    /// by somebody less careful.
    ///
    /// # Errors
    /// Names the folder, the reason and what to do.
    pub fn open(&self) -> Result<(), Failure> {
        rustix::process::umask(Mode::RWXG | Mode::RWXO);
        private_folder(&self.path).map_err(|error| self.unusable(error))?;
        let probe = self.path.join(".writable");
        let tried = fs::write(&probe, []).and_then(|()| fs::remove_file(&probe));
        tried.map_err(|error| self.unusable(error))
    }

    /// Looks whether the folder can be used, without making or changing anything.
    ///
    /// # Errors
    /// Names the folder, the reason and what to do.
    pub fn check(&self) -> Result<(), Failure> {
        let there = self.path.ancestors().find(|folder| folder.exists());
        let there = there.unwrap_or(Path::new("/"));
        let wanted = Access::WRITE_OK | Access::EXEC_OK;
        rustix::fs::access(there, wanted).map_err(|error| self.unusable(error.into()))
    }

    /// Returns the folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the database file.
    pub fn database(&self) -> PathBuf {
        self.path.join("scribed.db")
    }

    /// Returns the folder of recordings.
    pub fn media(&self) -> PathBuf {
        self.path.join("media")
    }

    /// Returns the folder of what is in quarantine.
    pub fn quarantine(&self) -> PathBuf {
        self.path.join("quarantine")
    }

    /// Returns the folder of models.
    pub fn models(&self) -> PathBuf {
        self.path.join("models")
    }

    /// Returns the folder of answers that wait for their readers.
    pub fn spool(&self) -> PathBuf {
        self.path.join("spool")
    }

    /// Returns the folder of secrets.
    pub fn secrets(&self) -> PathBuf {
        self.path.join("secrets")
    }

    /// Returns the name of this folder's daemon in leases; makes it at first start.
    ///
    /// It outlives restarts, so that a daemon knows what its former self held, and a change of the
    /// machine's name. Two folders never share one.
    ///
    /// # Errors
    /// The system's; `InvalidData` when the file is empty.
    pub fn host(&self) -> io::Result<String> {
        let file = self.path.join("host");
        match fs::read_to_string(&file) {
            Ok(host) if host.trim().is_empty() => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{} is empty; remove it, and another name is made", file.display()),
            )),
            Ok(host) => Ok(host.trim().to_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let host = format!("{}-{:08x}", machine(), rand::random::<u32>());
                replace(&file, &host)?;
                Ok(host)
            }
            Err(error) => Err(error),
        }
    }

    /// Returns the file that holds the address in use.
    pub fn listen(&self) -> PathBuf {
        self.path.join("listen")
    }

    /// Writes the address in use, so that no reader sees half of it.
    ///
    /// # Errors
    /// The system's.
    pub fn announce(&self, address: SocketAddr) -> io::Result<()> {
        replace(&self.listen(), &address.to_string())
    }

    /// Removes the address in use; a missing one is no error.
    ///
    /// # Errors
    /// The system's.
    pub fn withdraw(&self) -> io::Result<()> {
        match fs::remove_file(self.listen()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn unusable(&self, error: io::Error) -> Failure {
        let folder = self.path.display();
        Failure::refused(Error::new(error).context(format!("cannot use the state folder {folder}")))
            .hint("make it writable for the user that runs scribed, or name another by --state-dir")
    }
}

/// Writes a line to a file, so that no reader sees half of it.
fn replace(file: &Path, line: &str) -> io::Result<()> {
    let half = file.with_extension("half");
    let mut writer = fs::File::create(&half)?;
    writeln!(writer, "{line}")?;
    // Else a power cut may leave the name with nothing in it.
    writer.sync_all()?;
    fs::rename(half, file)
}

/// Returns the machine's name.
fn machine() -> String {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    if host.trim().is_empty() { "localhost".to_owned() } else { host.trim().to_owned() }
}

/// Makes a folder, and those above it, for the owner's eyes only; one that is there stays as it is.
pub(crate) fn private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(configured: &str, [state, xdg, home]: [&str; 3], expected: &str) {
        let set = |value: &str| Some(value.to_owned());
        let places =
            Places { state_directory: set(state), xdg_state_home: set(xdg), home: set(home) };
        let folder = StateFolder::locate(Path::new(configured), &places).unwrap();
        assert_eq!(folder.path(), Path::new(expected));
    }

    #[test]
    fn the_nearest_place_wins() {
        check("/c", ["/s", "/x", "/h"], "/c");
        check("", ["/s:/t", "/x", "/h"], "/s");
        check("", ["", "/x", "/h"], "/x/scribed");
        check("", ["", "", "/h"], "/h/.local/state/scribed");
        check("", ["", "relative", "/h"], "/h/.local/state/scribed");
    }

    #[test]
    fn without_any_place_the_refusal_says_what_to_do() {
        let refused = StateFolder::locate(Path::new(""), &Places::default()).unwrap_err();
        assert_eq!(refused.to_string(), "there is no place for the state folder: $HOME is not set");
        assert_eq!(refused.hint.as_deref(), Some("name one by --state-dir"));
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let folder = StateFolder { path: "/dev/null/state".into() };
        let refused = folder.open().unwrap_err().to_string();
        assert!(refused.starts_with("cannot use the state folder /dev/null/state: "), "{refused}");
    }

    #[test]
    fn a_folder_keeps_its_name_and_shares_it_with_no_other() {
        let temp = tempfile::tempdir().unwrap();
        let [one, other] =
            ["one", "other"].map(|name| StateFolder { path: temp.path().join(name) });
        one.open().unwrap();
        other.open().unwrap();
        let name = one.host().unwrap();
        assert_eq!(one.host().unwrap(), name);
        assert_ne!(other.host().unwrap(), name);
        fs::write(one.path().join("host"), "\n").unwrap();
        assert!(one.host().unwrap_err().to_string().contains("is empty; remove it"));
    }

    #[test]
    fn the_address_is_announced_and_withdrawn() {
        let temp = tempfile::tempdir().unwrap();
        let folder = StateFolder { path: temp.path().join("deep/state") };
        folder.open().unwrap();
        folder.withdraw().unwrap();
        folder.announce(([127, 0, 0, 1], 4711).into()).unwrap();
        assert_eq!(fs::read_to_string(folder.listen()).unwrap(), "127.0.0.1:4711\n");
        folder.withdraw().unwrap();
        assert!(!folder.listen().exists());
    }
}
