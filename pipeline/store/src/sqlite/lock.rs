//! Locks on files: one daemon a folder, and who else has a database open.
//!
//! Both are flock(2) locks, which the kernel drops when their process ends, however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::failure::Failure;
use crate::error::{ErrorKind, Result};

/// How long a lock is waited for: a worker that a daemon was just starting when it was killed has its
/// lock until it begins as a program of its own.
const LET_GO: Duration = Duration::from_secs(1);
/// Pause between two tries.
const PAUSE: Duration = Duration::from_millis(20);

/// The right of one daemon to a state folder; dropping it, or the end of the process, gives it up.
#[derive(Debug)]
#[must_use]
pub struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Takes the lock of a folder by its file `lock`, which then holds the pid. Blocks for up to a second.
    ///
    /// # Errors
    ///
    /// `Locked` with the holder's pid when another process has it, `Denied` when the folder cannot
    /// be written, `NotFound` when there is no such folder.
    pub fn take(folder: &Path) -> Result<Self> {
        let attempt = || format!("lock the state folder {}", folder.display());
        let mut file =
            open(&folder.join("lock")).map_err(|e| refused(folder, e).during(attempt()))?;
        let begin = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if begin.elapsed() < LET_GO => thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => {
                    return Err(held(folder, &mut file).during(attempt()));
                }
                Err(TryLockError::Error(e)) => return Err(refused(folder, e).during(attempt())),
            }
        }
        write_pid(&mut file).map_err(|e| refused(folder, e).during(attempt()))?;
        Ok(Self { _file: file })
    }
}

/// A claim to be among the users of a database file.
#[derive(Debug)]
pub(super) struct Users {
    file: File,
}

impl Users {
    /// Joins the users of a database; the flag tells whether there was no other, in this process or
    /// any.
    ///
    /// Who is alone keeps the others out until [`let_in`](Self::let_in), so it may check the file
    /// in peace.
    pub(super) fn join(database: &Path) -> io::Result<(Self, bool)> {
        let file = open(&beside(database, "-users"))?;
        match file.try_lock() {
            Ok(()) => Ok((Self { file }, true)),
            Err(TryLockError::WouldBlock) => {
                file.lock_shared()?;
                Ok((Self { file }, false))
            }
            Err(TryLockError::Error(e)) => Err(e),
        }
    }

    /// Lets others use the database beside this one.
    pub(super) fn let_in(&self) -> io::Result<()> {
        self.file.lock_shared()
    }
}

/// Returns the path of a file that belongs to a database, as SQLite names its own.
pub(super) fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Says what is wrong with a folder, and what to do.
pub(super) fn refused(folder: &Path, error: io::Error) -> Failure {
    let folder = folder.display();
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            let why = format!("there is no folder {folder}; make it, or set another state folder");
            Failure::because(ErrorKind::NotFound, why)
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            Failure::because(ErrorKind::Denied, unwritable(&folder.to_string(), &error.to_string()))
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Failure::because(ErrorKind::Full, error)
        }
        _ => Failure::because(ErrorKind::Unavailable, error),
    }
}

/// Says that a folder cannot be written, and what to do.
pub(super) fn unwritable(folder: &str, why: &str) -> String {
    format!(
        "the folder {folder} cannot be written ({why}); give the user that runs scribed the right \
         to write there, or set another state folder"
    )
}

/// Says who holds a folder.
fn held(folder: &Path, file: &mut File) -> Failure {
    let mut pid = String::new();
    let holder = match file.read_to_string(&mut pid) {
        Ok(_) if !pid.trim().is_empty() => format!("process {}", pid.trim()),
        _ => "another process".to_owned(),
    };
    let folder = folder.display();
    let why = format!("{holder} uses {folder}; stop it, or set another state folder");
    Failure::because(ErrorKind::Locked, why)
}

/// Opens a lock file, and makes it where it is missing; what is in it stays.
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

/// Notes this process as the holder, for people.
fn write_pid(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}
