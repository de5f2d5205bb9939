//! State: accounts, media, jobs and their text.
//!
//! [`Store`] is the promise; [`error`] says what can go wrong.
//! [`MemoryStore`] is the reference and serves tests.
#![forbid(unsafe_code)]

pub mod error;
pub mod memory;
pub mod store;
mod transition;

pub use error::{Error, ErrorKind, Result};
pub use memory::MemoryStore;
pub use store::*;
