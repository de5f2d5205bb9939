//! Recordings' bytes: streamed in, read at random, never held whole in memory.
//!
//! [`MediaStore`] is the promise. Keys are made of ids by us (`recordings/<media id>`), never of a
//! client's file name.
//!
//! [`LocalMedia`] keeps recordings in a folder, [`S3Media`] in a bucket that many hosts share;
//! [`MemoryMedia`] is the reference and serves tests.
//! [`Inbox`] takes files of this host that producers name.
#![forbid(unsafe_code)]

pub mod config;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod error;
pub mod inbox;
pub mod local;
pub mod memory;
#[cfg(feature = "s3")]
pub mod s3;
pub mod store;

mod key;

pub use config::{Backend, Config};
pub use error::{Error, ErrorKind, Result};
pub use inbox::{Inbox, InboxError};
pub use local::LocalMedia;
pub use memory::MemoryMedia;
#[cfg(feature = "s3")]
pub use s3::{S3Config, S3Media};
pub use store::{MediaReader, MediaStore, MediaWriter};
