//! State: accounts, media, jobs and their text.
//!
//! [`Store`] is the promise; [`error`] says what can go wrong.
//! [`MemoryStore`] is the reference and serves tests, [`SqliteStore`] keeps one machine's state in
//! one file, [`CqlStore`] keeps the state of many hosts in `ScyllaDB` or Cassandra, and
//! [`FaultyStore`] makes any of them fail on purpose.
//! With feature `conformance`, the module of that name holds every promise as a test.
#![forbid(unsafe_code)]

#[cfg(feature = "conformance")]
pub mod conformance;
pub mod cql;
pub mod error;
mod failure;
pub mod faulty;
pub mod memory;
pub mod sqlite;
pub mod store;
mod transition;

pub use cql::{Config as CqlConfig, CqlStore};
pub use error::{Error, ErrorKind, Result};
pub use faulty::FaultyStore;
pub use memory::MemoryStore;
pub use sqlite::{Config as SqliteConfig, FolderLock, SqliteStore};
pub use store::*;
