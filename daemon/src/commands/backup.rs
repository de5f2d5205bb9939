//! `scribed backup`: database, recordings and secrets of one machine, copied while its daemon works.
//!
//! The database first, at one instant; then the recordings that it names, which were stored for good
//! before it named them. Only then does the copy of the database get its name: a folder with one has all
//! that belongs to it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use scribed_media::{Backend, ErrorKind, MediaReader, MediaStore};
use scribed_store::SqliteStore;
use tokio::runtime::Runtime;

use super::{Session, runtime};
use crate::app::secrets_folder;
use crate::cli::Backup as Ask;
use crate::config::StoreBackend;
use crate::failure::Failure;
use crate::state_folder::{Places, StateFolder, private_folder};
use crate::{backends, output};

/// Bytes of a recording that are copied at once.
const BLOCK: usize = 1 << 20;

/// What became of the recordings.
#[derive(Debug, Default)]
struct Tally {
    copied: u64,
    bytes: u64,
    /// Were there already.
    kept: u64,
    /// Are not there any more.
    gone: Vec<String>,
}

/// Copies everything into a folder.
///
/// # Errors
/// Says what was attempted and why it failed; the folder then still holds the backup before, if any.
pub(super) fn run(session: &Session, ask: &Ask) -> Result<ExitCode, Failure> {
    let config = &session.settings.config;
    if config.store.backend != StoreBackend::Sqlite {
        let why = anyhow!("store.backend is not \"sqlite\": a shared database has its own backups");
        return Err(Failure::refused(why)
            .hint("the run book, deploy/README.md, says how: \"Backup and restore\""));
    }
    let target = StateFolder::locate(&ask.folder, &Places::default())?;
    // It would be in use, or a log of its daemon would be taken for one of the new database.
    if target.path().join("host").exists() {
        let why = anyhow!("a daemon has run on {}", target.path().display());
        return Err(Failure::refused(why).hint("name a folder of backups, or a new one"));
    }
    target.open().map_err(|Failure { error, .. }| {
        let (folder, why) = (target.path().display(), error.root_cause());
        Failure::refused(anyhow!("cannot write a backup to {folder}: {why}")).hint(
            "name a folder that the user who runs this may make or write, or make it for them",
        )
    })?;
    let half = target.path().join("scribed.db.half");
    for rest in [half.clone(), target.path().join("scribed.db.half-journal")] {
        remove(&rest).with_context(|| format!("remove {}", rest.display()))?;
    }
    let database = session.folder.database();
    if !database.exists() {
        let nothing = anyhow!("there is no database {}", database.display());
        return Err(Failure::failed(nothing).hint("name the state folder by --state-dir"));
    }
    let copied = SqliteStore::copy(&database, &half, &config.store.sqlite)?;
    let tally = if config.media.backend == Backend::Folder {
        let media = backends::media(config, &session.folder)?;
        recordings(&runtime()?, &media, &copied.recordings, &target)?
    } else {
        output::note("recordings stay in their bucket");
        Tally::default()
    };
    secrets(&secrets_folder(config, &session.folder), &target.secrets())
        .context("copy the secrets")?;
    let named = fs::rename(&half, target.database());
    named.and_then(|()| File::open(target.path())?.sync_all()).context("name the new copy")?;
    for key in &tally.gone {
        output::note(format!("{key} is not there: it was deleted meanwhile, or is lost"));
    }
    let Tally { copied: new, bytes, kept, .. } = tally;
    output::note(format!(
        "{} jobs and {} recordings are in {}: {new} copied with {bytes} bytes, {kept} were there",
        copied.jobs,
        new + kept,
        target.path().display()
    ));
    Ok(ExitCode::SUCCESS)
}

/// Copies the recordings that are not there yet; one that is there has the same bytes, since no key is
/// used twice.
fn recordings(
    runtime: &Runtime,
    media: &Arc<dyn MediaStore>,
    wanted: &[(String, u64)],
    target: &StateFolder,
) -> anyhow::Result<Tally> {
    let mut tally = Tally::default();
    for (key, size) in wanted {
        let to = target.media().join(key);
        if fs::metadata(&to).is_ok_and(|there| there.len() == *size) {
            tally.kept += 1;
            continue;
        }
        let reader = match runtime.block_on(media.open(key)) {
            Ok(reader) => reader,
            Err(error) if error.kind == ErrorKind::NotFound => {
                tally.gone.push(key.clone());
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        if reader.len() != *size {
            return Err(anyhow!("{key} has {} bytes and should have {size}", reader.len()));
        }
        let written = to.parent().map_or(Ok(()), private_folder);
        written
            .and_then(|()| write(&*reader, &to))
            .with_context(|| format!("copy {key} to {}", to.display()))?;
        tally.copied += 1;
        tally.bytes += size;
    }
    Ok(tally)
}

/// Writes a recording so that no reader sees half of it, and no crash leaves it.
fn write(reader: &dyn MediaReader, to: &Path) -> io::Result<()> {
    // The name of a write in progress: a daemon that starts here removes what was left of one.
    let half = to.with_extension("#0");
    let mut file = File::create(&half)?;
    let mut block = vec![0; BLOCK];
    let mut at = 0;
    while at < reader.len() {
        let read = reader.read_at(at, &mut block)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        file.write_all(&block[..read])?;
        at += read as u64;
    }
    file.sync_all()?;
    fs::rename(half, to)
}

/// Copies the secrets, which are for this user's eyes only.
fn secrets(from: &Path, to: &Path) -> io::Result<()> {
    private_folder(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    File::open(to)?.sync_all()
}

/// Removes a file; a missing one is no error.
fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
