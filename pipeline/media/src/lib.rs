//! Recordings' bytes: streamed in, read at random, never held whole in memory.
//!
//! [`MediaStore`] is the promise. Keys are made of ids by us (`recordings/<media id>`), never of a
//! client's file name.
//!
//! [`LocalMedia`] keeps recordings in a folder; [`MemoryMedia`] is the reference and serves tests.
#![forbid(unsafe_code)]

#[cfg(feature = "conformance")]
pub mod conformance;
pub mod error;
pub mod local;
pub mod memory;
pub mod store;

mod key;

pub use error::{Error, ErrorKind, Result};
pub use local::{Config, LocalMedia};
pub use memory::MemoryMedia;
pub use store::{MediaReader, MediaStore, MediaWriter};
