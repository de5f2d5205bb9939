//! Opening: checks of folder and file, connections with their settings, the schema brought up to
//! date.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::failure::Failure;
use super::lock::{self, Users};
use super::{Config, schema};
use crate::error::ErrorKind;

/// Prepared statements that a connection keeps; there are fewer kinds of them.
const STATEMENT_CACHE: usize = 64;

/// File systems without the locks and the shared memory that the write-ahead log needs, by the
/// magic number that statfs(2) gives.
const NETWORK_FILE_SYSTEMS: [(u32, &str); 4] =
    [(0x6969, "NFS"), (0x517b, "SMB"), (0xff53_4d42, "CIFS"), (0xfe53_4d42, "SMB2")];

/// An opened database, before its threads start.
pub(super) struct Opened {
    pub(super) writing: Connection,
    pub(super) reading: Vec<Connection>,
    pub(super) users: Users,
}

/// Opens a database file, makes it where it is missing, and checks it after an unclean stop.
pub(super) fn open(path: &Path, config: &Config) -> Result<Opened, Failure> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    refuse_network_file_system(folder)?;
    let (users, alone) = Users::join(path).map_err(|e| lock::refused(folder, e))?;
    let unclean = alone && left_over_log(path);
    make_private(path).map_err(|e| lock::refused(folder, e))?;
    let mut writing = connect(path, folder, config)?;
    schema::refuse_foreign(&writing)?;
    if unclean {
        check(&writing, path)?;
    }
    prepare_file(&writing)?;
    schema::migrate(&mut writing)?;
    let reading = (0..config.readers.max(1)).map(|_| {
        let reader = connect(path, folder, config)?;
        reader.pragma_update(None, "query_only", true)?;
        Ok::<_, Failure>(reader)
    });
    let reading = reading.collect::<Result<_, _>>()?;
    users.let_in().map_err(|e| lock::refused(folder, e))?;
    Ok(Opened { writing, reading, users })
}

/// Refuses folders on file systems where two hosts could damage the file.
fn refuse_network_file_system(folder: &Path) -> Result<(), Failure> {
    let system = rustix::fs::statfs(folder).map_err(|e| lock::refused(folder, e.into()))?;
    // The magic numbers have 32 bits, whatever width the platform gives the field.
    let magic = u32::try_from(system.f_type & 0xffff_ffff).unwrap_or(0);
    let Some((_, name)) = NETWORK_FILE_SYSTEMS.iter().find(|(known, _)| *known == magic) else {
        return Ok(());
    };
    let why = format!(
        "the folder {} lies on {name}, where SQLite cannot keep data safe; \
         set a state folder on a local disk",
        folder.display()
    );
    Err(Failure::because(ErrorKind::Unavailable, why))
}

/// Makes the file, where it is missing, so that only its owner can read the hashes in it.
///
/// SQLite gives its log the same mode. A file that exists is not even opened here: closing it would
/// drop the locks that other connections of this process have on it
/// (<https://sqlite.org/howtocorrupt.html> §2.2).
pub(super) fn make_private(path: &Path) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    match options.write(true).create_new(true).mode(0o600).open(path) {
        Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => Err(e),
        _ => Ok(()),
    }
}

/// Returns whether the last user stopped without closing: the last to close removes the log.
fn left_over_log(path: &Path) -> bool {
    std::fs::metadata(lock::beside(path, "-wal")).is_ok_and(|log| log.len() > 0)
}

/// Opens one connection with the settings that every connection has.
fn connect(path: &Path, folder: &Path, config: &Config) -> Result<Connection, Failure> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let refused = |failure: Failure| match failure.kind {
        ErrorKind::Denied => {
            let why = lock::unwritable(&folder.display().to_string(), &failure.words());
            Failure::because(ErrorKind::Denied, why)
        }
        _ => failure,
    };
    let db = Connection::open_with_flags(path, flags).map_err(|e| refused(e.into()))?;
    // A file that cannot be written is opened for reading without a word.
    if db.is_readonly("main")? {
        return Err(refused(Failure::because(ErrorKind::Denied, "the file is read-only")));
    }
    db.busy_timeout(std::time::Duration::from_millis(config.busy_timeout_ms))?;
    db.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    // FULL syncs at every commit; NORMAL may lose the last ones when the power fails
    // (https://sqlite.org/pragma.html#pragma_synchronous).
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "foreign_keys", true)?;
    db.pragma_update(None, "temp_store", "MEMORY")?;
    db.pragma_update(None, "mmap_size", 0)?;
    db.pragma_update(None, "journal_size_limit", 64 << 20)?;
    Ok(db)
}

/// Switches the file to the write-ahead log, which stays in the file.
fn prepare_file(db: &Connection) -> Result<(), Failure> {
    let mode: String = db.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        let why = format!("the file system does not allow a write-ahead log, only {mode}");
        return Err(Failure::because(ErrorKind::Unavailable, why));
    }
    db.pragma_update(None, "wal_autocheckpoint", 1_000)?;
    Ok(())
}

/// Reads the whole file once and looks for damage.
fn check(db: &Connection, path: &Path) -> Result<(), Failure> {
    tracing::warn!(database = %path.display(), "the last stop was unclean: checking the file");
    let mut statement = db.prepare("PRAGMA quick_check(3)")?;
    let found = statement.query_map([], |row| row.get::<_, String>(0))?;
    let found = found.collect::<Result<Vec<_>, _>>()?;
    if found == ["ok"] {
        return Ok(());
    }
    let why = format!("it is damaged; restore it from a backup: {}", found.join("; "));
    Err(Failure::because(ErrorKind::Corrupt, why))
}
