//! Settings of the media store.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

#[cfg(feature = "s3")]
use crate::s3::S3Config;

/// Settings of the media store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where recordings are kept.
    pub backend: Backend,
    /// Bytes of an upload that are collected before they are written to the folder, in KiB. At least 1.
    ///
    /// Each upload in progress holds so much memory.
    pub write_block_kib: u32,
    /// The folder of recordings; empty: `media` in the state folder.
    pub folder: PathBuf,
    /// Whether the folder is on storage that every host has at this path.
    ///
    /// Several hosts need it: any of them may take any job.
    pub shared: bool,
    /// Folders whose files producers may name by `file://` URLs; none by default.
    pub inbox: Vec<PathBuf>,
    /// Largest file that is taken from there, in bytes.
    pub max_inbox_bytes: u64,
    /// The bucket.
    #[cfg(feature = "s3")]
    pub s3: S3Config,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            backend: Backend::default(),
            write_block_kib: 512,
            folder: PathBuf::new(),
            shared: false,
            inbox: Vec::new(),
            max_inbox_bytes: 10 * 1024 * 1024 * 1024,
            #[cfg(feature = "s3")]
            s3: S3Config::default(),
        }
    }
}

/// Where recordings are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backend {
    /// A folder of this host, or one that hosts share.
    #[default]
    Folder,
    /// A bucket of S3-compatible storage, which any number of hosts share.
    S3,
}
