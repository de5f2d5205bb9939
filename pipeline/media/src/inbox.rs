//! The inbox: files of this host that producers may name by `file://` URLs.
//!
//! Deny by default: without configured folders no file is taken. Where a path really leads is asked of
//! the opened file, so neither `..` nor a link, nor one that is swapped in between, leads elsewhere.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use url::Url;

use crate::config::Config;
use crate::error::Error;
use crate::store::MediaStore;

/// Bytes that are read at once.
const BLOCK: usize = 256 * 1024;

/// Folders whose files may be taken.
#[derive(Debug, Clone, Default)]
pub struct Inbox {
    folders: Vec<PathBuf>,
    /// Most bytes of a file.
    most: u64,
}

/// Why a file is not taken.
#[derive(Debug, thiserror::Error)]
pub enum InboxError {
    /// The URL is not one of a file here.
    #[error("{url:?} is not the URL of a file on this host: it has the form file:///path")]
    NotAFileUrl {
        /// What was given.
        url: String,
    },
    /// The file lies elsewhere, or nothing is allowed.
    #[error("{url} is in no folder that `media.inbox` names")]
    Outside {
        /// What was given.
        url: String,
    },
    /// There is no such file, or it cannot be read.
    #[error("{url} cannot be read: {reason}")]
    Unreadable {
        /// What was given.
        url: String,
        /// The operating system's words.
        reason: String,
    },
    /// The file is larger than recordings may be.
    #[error("{url} has more than {most} bytes, the most that a recording may have")]
    TooLarge {
        /// What was given.
        url: String,
        /// The limit.
        most: u64,
    },
    /// The media store did not take it.
    #[error(transparent)]
    Store(#[from] Error),
}

impl Inbox {
    /// Allows what the settings say.
    pub fn new(config: &Config) -> Self {
        Self { folders: config.inbox.clone(), most: config.max_inbox_bytes }
    }

    /// Copies a file into a media store and returns its length in bytes.
    ///
    /// # Errors
    /// Says why it is not taken; after [`InboxError::Store`] the copy may be tried again.
    ///
    /// # Cancel safety
    /// A dropped call leaves nothing under the key.
    pub async fn copy(
        &self,
        url: &str,
        media: &dyn MediaStore,
        key: &str,
    ) -> Result<u64, InboxError> {
        let (this, named) = (self.clone(), url.to_owned());
        let opened = tokio::task::spawn_blocking(move || this.open(&named)).await;
        let mut file = opened.map_err(|error| unreadable(url, &error))??;
        let mut writer = media.create(key).await?;
        let mut length = 0;
        loop {
            // One block beyond the limit is enough to see that it is passed, whatever the length says.
            let read = tokio::task::spawn_blocking(move || block(&file).map(|bytes| (bytes, file)));
            let read = read.await.map_err(|error| unreadable(url, &error))?;
            let (bytes, rest) = read.map_err(|error| unreadable(url, &error))?;
            file = rest;
            if bytes.is_empty() {
                return Ok(writer.finish().await?);
            }
            length += bytes.len() as u64;
            if length > self.most {
                writer.abort().await?;
                return Err(InboxError::TooLarge { url: url.to_owned(), most: self.most });
            }
            writer.write(bytes).await?;
        }
    }

    /// Opens a file that may be taken. Blocking.
    fn open(&self, url: &str) -> Result<File, InboxError> {
        let not_a_file = || InboxError::NotAFileUrl { url: url.to_owned() };
        let parsed = Url::parse(url).map_err(|_| not_a_file())?;
        if parsed.scheme() != "file" {
            return Err(not_a_file());
        }
        let path = parsed.to_file_path().map_err(|()| not_a_file())?;
        let outside = || InboxError::Outside { url: url.to_owned() };
        // Looked at before it is opened, so that not even its existence shows from outside.
        if !self.folders.iter().any(|folder| path.starts_with(folder)) {
            return Err(outside());
        }
        let is_file = std::fs::metadata(&path).map_err(|error| unreadable(url, &error))?.is_file();
        if !is_file {
            // Opening a pipe would wait for its other end.
            return Err(unreadable(url, &"it is not a file"));
        }
        let file = File::open(&path).map_err(|error| unreadable(url, &error))?;
        let lies = real_path(&file).map_err(|error| unreadable(url, &error))?;
        let allowed = self.folders.iter().filter_map(|folder| folder.canonicalize().ok());
        if !allowed.into_iter().any(|folder| lies.starts_with(folder)) {
            return Err(outside());
        }
        Ok(file)
    }
}

/// Returns where an open file lies, as the kernel knows it.
fn real_path(file: &File) -> io::Result<PathBuf> {
    std::fs::read_link(Path::new("/proc/self/fd").join(file.as_raw_fd().to_string()))
}

/// Reads the next block; empty at the end.
fn block(mut file: &File) -> io::Result<Bytes> {
    let mut bytes = Vec::with_capacity(BLOCK);
    file.by_ref().take(BLOCK as u64).read_to_end(&mut bytes)?;
    Ok(bytes.into())
}

fn unreadable(url: &str, reason: &dyn std::fmt::Display) -> InboxError {
    InboxError::Unreadable { url: url.to_owned(), reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::MemoryMedia;

    /// A folder that is allowed, one that is not, and a media store.
    struct Bench {
        temp: tempfile::TempDir,
        inbox: Inbox,
        media: MemoryMedia,
    }

    impl Bench {
        fn new() -> Self {
            let temp = tempfile::tempdir().unwrap();
            for (name, text) in [("in/a b.wav", "sound"), ("out/secret", "secret")] {
                let path = temp.path().join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            let inbox = vec![temp.path().join("in")];
            let config = Config { inbox, max_inbox_bytes: 5, ..Config::default() };
            Self { temp, inbox: Inbox::new(&config), media: MemoryMedia::new() }
        }

        fn url(&self, name: &str) -> String {
            format!("file://{}/{name}", self.temp.path().display())
        }

        async fn take(&self, url: &str) -> Result<u64, InboxError> {
            self.inbox.copy(url, &self.media, "events/1").await
        }

        async fn refused(&self, url: &str) -> String {
            let refused = self.take(url).await.unwrap_err().to_string();
            assert!(self.media.keys().is_empty(), "nothing is stored");
            refused
        }
    }

    #[tokio::test]
    async fn a_file_below_an_allowed_folder_is_copied() {
        let bench = Bench::new();
        assert_eq!(bench.take(&bench.url("in/a%20b.wav")).await.unwrap(), 5);
        let copy = bench.media.open("events/1").await.unwrap();
        let mut bytes = [0; 9];
        assert_eq!(copy.read_at(0, &mut bytes).unwrap(), 5);
        assert_eq!(&bytes[..5], b"sound");
    }

    #[tokio::test]
    async fn no_way_leads_out_of_the_allowed_folders() {
        let bench = Bench::new();
        let there = bench.temp.path();
        symlink(there.join("out/secret"), there.join("in/link")).unwrap();
        symlink(there.join("out"), there.join("in/door")).unwrap();
        for name in
            ["out/secret", "in/../out/secret", "in/%2e%2e/out/secret", "in/link", "in/door/secret"]
        {
            let refused = bench.refused(&bench.url(name)).await;
            assert!(refused.contains("is in no folder"), "{name}: {refused}");
        }
        let none = Inbox::default().copy(&bench.url("in/a%20b.wav"), &bench.media, "k").await;
        assert!(matches!(none, Err(InboxError::Outside { .. })));
    }

    #[tokio::test]
    async fn what_is_no_readable_file_is_refused_with_its_reason() {
        let bench = Bench::new();
        for (url, reason) in [
            (bench.url("in"), "it is not a file"),
            (bench.url("in/none.wav"), "No such file"),
            ("file://server/share/a.wav".to_owned(), "is not the URL of a file"),
            ("/etc/passwd".to_owned(), "is not the URL of a file"),
            ("https://example.org/a.wav".to_owned(), "is not the URL of a file"),
        ] {
            let refused = bench.refused(&url).await;
            assert!(refused.contains(reason), "{url}: {refused}");
        }
    }

    #[tokio::test]
    async fn a_file_beyond_the_limit_leaves_nothing() {
        let bench = Bench::new();
        fs::write(bench.temp.path().join("in/long.wav"), "sounds").unwrap();
        let refused = bench.take(&bench.url("in/long.wav")).await.unwrap_err();
        assert!(matches!(refused, InboxError::TooLarge { most: 5, .. }), "{refused}");
        assert!(bench.media.keys().is_empty());
    }
}
