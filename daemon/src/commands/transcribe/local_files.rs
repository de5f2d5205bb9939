//! Recordings where they lie: files of this machine, read and never written.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use scribed_media::{Error, ErrorKind, MediaReader, MediaStore, MediaWriter, Result};

/// Files by their number.
#[derive(Debug)]
pub(super) struct LocalFiles(Vec<PathBuf>);

/// An open file.
#[derive(Debug)]
struct OpenFile {
    file: File,
    len: u64,
}

/// Returns the length of a file in bytes.
///
/// # Errors
/// Says why it cannot be read.
pub(super) fn size(path: &Path) -> anyhow::Result<u64> {
    let meta = File::open(path).and_then(|file| file.metadata()).context("it cannot be read")?;
    if !meta.is_file() {
        bail!("it is not a regular file");
    }
    Ok(meta.len())
}

impl LocalFiles {
    /// Makes a store of these files.
    pub(super) const fn new(files: Vec<PathBuf>) -> Self {
        Self(files)
    }

    /// Returns the key of the file of a number.
    pub(super) fn key(number: usize) -> String {
        number.to_string()
    }

    fn path(&self, key: &str) -> Option<&PathBuf> {
        self.0.get(key.parse::<usize>().ok()?)
    }

    fn read_only(attempt: &str, key: &str) -> Error {
        Error::new(ErrorKind::Denied, format!("{attempt} {key}"))
    }
}

#[async_trait]
impl MediaStore for LocalFiles {
    async fn create(&self, key: &str) -> Result<Box<dyn MediaWriter>> {
        Err(Self::read_only("write", key))
    }

    async fn open(&self, key: &str) -> Result<Arc<dyn MediaReader>> {
        let gone = |source: Option<io::Error>| Error {
            attempt: format!("open recording {key}"),
            kind: ErrorKind::NotFound,
            source: source.map(Into::into),
        };
        let path = self.path(key).ok_or_else(|| gone(None))?;
        let file = File::open(path).map_err(|error| gone(Some(error)))?;
        let len = file.metadata().map_err(|error| gone(Some(error)))?.len();
        Ok(Arc::new(OpenFile { file, len }))
    }

    async fn delete(&self, key: &str) -> Result<()> {
        Err(Self::read_only("delete", key))
    }

    fn keys(&self, folder: &str) -> BoxStream<'static, Result<String>> {
        stream::iter([Err(Self::read_only("list", folder))]).boxed()
    }

    async fn sweep(&self) -> Result<u64> {
        Ok(0)
    }

    async fn ping(&self) -> Result<()> {
        Ok(())
    }
}

impl MediaReader for OpenFile {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(buf, offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn files_are_read_at_any_place_and_never_written() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("a.wav");
        std::fs::write(&path, b"0123456789").unwrap();
        let files = LocalFiles::new(vec![path.clone()]);
        let reader = files.open(&LocalFiles::key(0)).await.unwrap();
        let mut buf = [0; 4];
        assert_eq!((reader.len(), reader.read_at(8, &mut buf).unwrap()), (10, 2));
        assert_eq!(&buf[..2], b"89");
        assert_eq!(files.open("1").await.unwrap_err().kind, ErrorKind::NotFound);
        assert_eq!(files.create("0").await.unwrap_err().kind, ErrorKind::Denied);
        assert_eq!(files.delete("0").await.unwrap_err().kind, ErrorKind::Denied);
        assert!(path.exists());
    }

    #[test]
    fn what_is_no_file_is_refused_with_the_reason() {
        let temp = tempfile::tempdir().unwrap();
        assert_eq!(size(temp.path()).unwrap_err().to_string(), "it is not a regular file");
        let missing = format!("{:#}", size(&temp.path().join("none")).unwrap_err());
        assert!(missing.starts_with("it cannot be read: No such file"), "{missing}");
    }
}
