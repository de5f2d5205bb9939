//! Loads plugins and calls their stages: the daemon's side of the plugin ABI.
//!
//! [`Catalog::load`] looks through a [`Search`], checks every library (who may write to it, the
//! version it speaks, each descriptor) and lists what it may use; what it may not is a [`Refusal`]
//! that says which file, why, and what to do. [`Catalog::open`] makes an [`Instance`], whose calls
//! are plain Rust.
//!
//! **What this protects against.** A plugin that panics, answers nonsense, emits malformed or wrong
//! items, at the wrong time or from the wrong thread, or claims more than its buffers hold: the call
//! fails with a [`CallError`] and the instance is poisoned, that is, only destroyed.
//!
//! **What it cannot.** A plugin shares the process: a segmentation fault, `abort`, a pointer to
//! memory that is not there, a leak, or a loop that never asks whether it is cancelled is not caught
//! here. That takes a process of its own.
//!
//! Libraries are never unloaded: destructors of thread-locals make that unsound. To replace a plugin,
//! restart.

#![deny(missing_docs)]
#![expect(unsafe_code, reason = "this crate is the daemon's side of a C interface")]

mod call_error;
mod catalog;
mod check;
mod context;
mod handshake;
mod input;
mod instance;
mod library;
mod output;
mod refusal;
mod search;
mod sink;
mod stage_info;
mod trust;

pub use call_error::{CallError, Status};
pub use catalog::Catalog;
pub use context::{HostContext, Level};
pub use input::{Input, MediaInput, ReadAt};
pub use instance::Instance;
pub use output::{DocumentOutput, Output, Taker};
pub use refusal::{Reason, Refusal};
pub use scribed_abi::{exit, flags};
pub use search::Search;
pub use stage_info::{Kind, StageInfo};
