//! State: accounts, media, jobs and their text.
//!
//! [`Store`] is the promise; [`error`] says what can go wrong.

pub mod error;
pub mod store;

pub use error::{Error, ErrorKind, Result};
pub use store::*;
