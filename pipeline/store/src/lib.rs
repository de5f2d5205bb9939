//! State: accounts, media, jobs and their text.
//!
//! [`Store`] is the promise, [`request`] what it is asked and answers; [`error`] says what can go wrong.
//! [`MemoryStore`] is the reference and serves tests, [`SqliteStore`] keeps one machine's state in
//! one file, [`CqlStore`] keeps the state of many hosts in `ScyllaDB` or Cassandra, and
//! [`FaultyStore`] makes any of them fail on purpose.
//! With feature `conformance`, the module of that name holds every promise as a test; `sqlite` and
//! `cql` are the backends, which only the daemon and tests ask for.
#![forbid(unsafe_code)]

#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "cql")]
pub mod cql;
pub mod error;
#[cfg(any(feature = "cql", feature = "sqlite"))]
mod failure;
pub mod faulty;
pub mod memory;
pub mod request;
#[cfg(feature = "sqlite")]
pub mod sqlite;
pub mod store;
mod transition;

#[cfg(feature = "cql")]
pub use cql::{Config as CqlConfig, CqlStore};
pub use error::{Error, ErrorKind, Result};
pub use faulty::FaultyStore;
pub use memory::MemoryStore;
#[cfg(feature = "sqlite")]
pub use sqlite::{Config as SqliteConfig, Copied, FolderLock, SqliteStore};
pub use store::*;
