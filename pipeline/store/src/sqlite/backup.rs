//! Backup: a whole copy of a database file, made while others write to it.
//!
//! The copy is what one reader sees: every commit before it began, and nothing of any later one. The
//! database itself is opened for reading only, so even what a crash left of it stays as it is.

use std::fs::File;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::failure::Failure;
use super::{Config, SqliteStore, lock, open, schema};
use crate::error::{ErrorKind, Result};

/// What is in a copy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Copied {
    /// How many jobs.
    pub jobs: u64,
    /// The recordings that belong to it, which lie elsewhere: key and length in bytes of each.
    pub recordings: Vec<(String, u64)>,
}

impl SqliteStore {
    /// Copies the database file `path` to the new file `to`, checks the copy, and says what is in it.
    ///
    /// Blocks; daemons may go on using the database. The copy is durable on return.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open); `Conflict` when `to` is there, `Full` when there is no space for it.
    pub fn copy(path: &Path, to: &Path, config: &Config) -> Result<Copied> {
        let attempt = || format!("copy the database {} to {}", path.display(), to.display());
        copy(path, to, config).map_err(|failure| failure.during(attempt()))
    }
}

fn copy(path: &Path, to: &Path, config: &Config) -> std::result::Result<Copied, Failure> {
    let reading = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let folder = to.parent().unwrap_or(Path::new("."));
    if to.exists() {
        return Err(ErrorKind::Conflict.into());
    }
    open::make_private(to).map_err(|e| lock::refused(folder, e))?;
    let from = Connection::open_with_flags(path, reading)?;
    from.busy_timeout(std::time::Duration::from_millis(config.busy_timeout_ms))?;
    schema::refuse_foreign(&from)?;
    let target = to.to_str().ok_or_else(|| {
        Failure::because(ErrorKind::Denied, "its name is not text that SQLite can be told")
    })?;
    from.execute("VACUUM INTO ?1", [target])?;
    drop(from);
    // SQLite leaves that to the operating system for a file that nobody had before.
    let durable = File::open(to).and_then(|file| file.sync_all());
    durable.map_err(|e| lock::refused(folder, e))?;
    let made = Connection::open_with_flags(to, reading)?;
    check(&made)?;
    contents(&made)
}

/// Looks at every page and every entry of an index.
fn check(db: &Connection) -> std::result::Result<(), Failure> {
    let found: String = db.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if found == "ok" {
        return Ok(());
    }
    let why = format!("the copy is damaged, and so is perhaps the database: {found}");
    Err(Failure::because(ErrorKind::Corrupt, why))
}

fn contents(db: &Connection) -> std::result::Result<Copied, Failure> {
    // Neither is ever negative.
    let whole = |number: i64| u64::try_from(number).unwrap_or(0);
    let jobs = db.query_row("SELECT count(*) FROM jobs", [], |row| row.get(0).map(whole))?;
    // What is still to be fetched has a URL there, and no bytes yet.
    let stored = "SELECT key, size FROM media WHERE key NOT LIKE '%://%' ORDER BY id";
    let mut recordings = db.prepare(stored)?;
    let recordings = recordings.query_map([], |row| Ok((row.get(0)?, whole(row.get(1)?))))?;
    Ok(Copied { jobs, recordings: recordings.collect::<std::result::Result<_, _>>()? })
}
