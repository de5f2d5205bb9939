//! Recordings in a folder of this machine.
//!
//! `object_store`'s local file system does the writing: a write goes to a staging file beside its
//! destination (`<name>#<n>`), which `finish` syncs, renames into place, and syncs the folder after. A
//! dropped write removes its staging file; what a crash left is removed by the sweep at start. Reading
//! is done by positional reads of the plain file, which `object_store` has no blocking form of.

use std::fs::{DirEntry, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload};

use crate::config::Config;
use crate::error::{Error, ErrorKind, Result};
use crate::key;
use crate::store::{MediaReader, MediaStore, MediaWriter};

/// After this time without a write a staging file of a shared folder is nobody's any more: no body of
/// an upload may pause for nearly as long.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);

/// Recordings in a folder. Cheap to clone.
#[derive(Debug, Clone)]
pub struct LocalMedia {
    files: Arc<LocalFileSystem>,
    folder: PathBuf,
    block: usize,
    /// Whether other hosts write here as well.
    shared: bool,
}

impl LocalMedia {
    /// Opens a folder; makes it, for this user alone, when it is not there. Blocking.
    ///
    /// # Errors
    /// `Denied` when the operating system refuses the folder, `Full` when there is no space for it.
    pub fn open(folder: impl Into<PathBuf>, config: &Config) -> Result<Self> {
        let folder = folder.into();
        let attempt = || format!("open the media folder {}", folder.display());
        // Recordings are private, whatever the umask says.
        let mut builder = std::fs::DirBuilder::new();
        let made = builder.recursive(true).mode(0o700).create(&folder);
        made.map_err(|error| Error::caused(attempt(), error))?;
        let files = LocalFileSystem::new_with_prefix(&folder);
        let files = files.map_err(|error| Error::caused(attempt(), error))?.with_fsync(true);
        let block = usize::try_from(config.write_block_kib.max(1)).unwrap_or(1) * 1024;
        Ok(Self { files: Arc::new(files), folder, block, shared: config.shared })
    }

    /// Returns the path of a recording.
    fn path(&self, key: &str) -> PathBuf {
        self.folder.join(key)
    }
}

#[async_trait]
impl MediaStore for LocalMedia {
    async fn create(&self, key: &str) -> Result<Box<dyn MediaWriter>> {
        key::check(key)?;
        let attempt = format!("write {key}");
        let upload = self.files.put_multipart(&key.into()).await;
        let upload = upload.map_err(|error| Error::caused(attempt.clone(), error))?;
        Ok(Box::new(LocalWriter {
            upload,
            attempt,
            destination: self.path(key),
            waiting: Vec::new(),
            waiting_bytes: 0,
            written: 0,
            block: self.block,
        }))
    }

    async fn open(&self, key: &str) -> Result<Arc<dyn MediaReader>> {
        key::check(key)?;
        let (path, attempt) = (self.path(key), format!("open {key}"));
        let opened = blocking(attempt.clone(), move || open_file(&path)).await?;
        let reader: Arc<dyn MediaReader> = Arc::new(opened);
        Ok(reader)
    }

    async fn delete(&self, key: &str) -> Result<()> {
        key::check(key)?;
        match self.files.delete(&key.into()).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(Error::caused(format!("delete {key}"), error)),
        }
    }

    fn keys(&self, folder: &str) -> BoxStream<'static, Result<String>> {
        let attempt = format!("list the media folder {}", self.folder.join(folder).display());
        // Files that a write in progress goes to are not listed.
        let listed = self.files.list(Some(&folder.into())).map(move |found| match found {
            Ok(found) => Ok(found.location.to_string()),
            Err(error) => Err(Error::caused(attempt.clone(), error)),
        });
        listed.boxed()
    }

    async fn sweep(&self) -> Result<u64> {
        let folder = self.folder.clone();
        let attempt = format!("sweep the media folder {}", folder.display());
        // On a shared folder a fresh one may be another host's upload in progress.
        let age = if self.shared { ABANDONED } else { Duration::ZERO };
        blocking(attempt, move || sweep(&folder, age)).await
    }

    async fn ping(&self) -> Result<()> {
        let folder = self.folder.clone();
        let attempt = format!("read the media folder {}", folder.display());
        blocking(attempt, move || std::fs::read_dir(folder).map(|_| ())).await
    }
}

/// A write in progress.
#[derive(Debug)]
struct LocalWriter {
    upload: Box<dyn MultipartUpload>,
    attempt: String,
    destination: PathBuf,
    /// Bytes that wait until a block is full.
    waiting: Vec<Bytes>,
    waiting_bytes: usize,
    written: u64,
    block: usize,
}

impl LocalWriter {
    async fn write_waiting(&mut self) -> Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        self.waiting_bytes = 0;
        let payload: PutPayload = std::mem::take(&mut self.waiting).into_iter().collect();
        let put = self.upload.put_part(payload).await;
        put.map_err(|error| Error::caused(self.attempt.clone(), error))
    }
}

#[async_trait]
impl MediaWriter for LocalWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.written += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.waiting_bytes += bytes.len();
        self.waiting.push(bytes);
        if self.waiting_bytes >= self.block { self.write_waiting().await } else { Ok(()) }
    }

    async fn finish(mut self: Box<Self>) -> Result<u64> {
        self.write_waiting().await?;
        if let Err(error) = self.upload.complete().await {
            // `complete` lets go of the staging file before it may fail, so dropping leaves it.
            let (attempt, destination) = (self.attempt.clone(), self.destination.clone());
            let removed = blocking(attempt, move || sweep_beside(&destination)).await;
            if let Err(error) = removed {
                tracing::warn!(%error, "the rest of a failed write stays until the next start");
            }
            return Err(Error::caused(self.attempt.clone(), error));
        }
        Ok(self.written)
    }

    async fn abort(mut self: Box<Self>) -> Result<()> {
        let aborted = self.upload.abort().await;
        aborted.map_err(|error| Error::caused(self.attempt.clone(), error))
    }
}

/// An open recording.
#[derive(Debug)]
struct LocalReader {
    file: File,
    length: u64,
}

impl MediaReader for LocalReader {
    fn len(&self) -> u64 {
        self.length
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.file.read_at(buf, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }

    fn file(&self) -> Option<&std::fs::File> {
        Some(&self.file)
    }
}

fn open_file(path: &Path) -> io::Result<LocalReader> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(LocalReader { file, length: metadata.len() })
}

/// Removes every staging file below a folder that nobody has written to for so long, and returns how
/// many there were.
fn sweep(folder: &Path, age: Duration) -> io::Result<u64> {
    let mut removed = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            // The type of the entry itself: links are not followed out of the folder.
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() && is_staging(&entry.path()) && rests(&entry, age)? {
                std::fs::remove_file(entry.path())?;
                removed += 1;
            }
        }
    }
    Ok(removed)
}

/// Returns whether nobody has written to a file for so long; a clock that was set back says no.
fn rests(entry: &DirEntry, age: Duration) -> io::Result<bool> {
    let written = entry.metadata()?.modified()?;
    Ok(age.is_zero() || written.elapsed().is_ok_and(|since| since >= age))
}

/// Removes the staging files of one recording.
fn sweep_beside(destination: &Path) -> io::Result<()> {
    let (Some(folder), Some(name)) = (destination.parent(), destination.file_name()) else {
        return Ok(());
    };
    let name = name.to_string_lossy();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if staged_for(&path) == Some(&*name) {
            std::fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// Returns whether a file is one that a write in progress goes to: `<name>#<digits>`.
fn is_staging(path: &Path) -> bool {
    staged_for(path).is_some()
}

/// Returns the name that a staging file will have.
fn staged_for(path: &Path) -> Option<&str> {
    let (name, number) = path.file_name()?.to_str()?.rsplit_once('#')?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some(name)
}

/// Runs blocking file work off the async threads.
async fn blocking<T: Send + 'static>(
    attempt: String,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| Error::caused(attempt, error)),
        // The runtime is shutting down, or the work panicked.
        Err(error) => {
            Err(Error { attempt, kind: ErrorKind::Unavailable, source: Some(Box::new(error)) })
        }
    }
}
