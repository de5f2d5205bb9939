//! Worker processes: stages run where they can do no harm.
//!
//! [`Workers`] is a [`StageRunner`](scribed_engine::runner::StageRunner) whose stages run in children of
//! the daemon; [`serve()`] is what runs in such a child, the same binary (`scribed worker`). The daemon
//! itself loads no plugin and parses no recording.
//!
//! ```text
//!  engine ─► Workers ─┬─ media worker ─┐  one recording at a time, no network, no files
//!                     ├─ asr worker ───┤  one, shared; the model stays loaded
//!                     └─ render worker ┘  one document at a time
//!            socket: small packets, one message each; samples and bytes in sealed memory beside them
//! ```
//!
//! - A worker that crashes, hangs or lies takes its session with it and nothing else: the daemon sees
//!   an error of the stage, with the signal, the exit code or the deadline in it.
//! - In the shared worker a crash makes suspects of all chunks in it; each is tried alone, and only the
//!   guilty one's job is charged.
//! - A device that fails costs nobody an attempt: its worker is replaced, and one whose memory is used up
//!   gets fewer chunks at once.
//! - Stages that crash again and again go into [`quarantine`].
//! - Workers end with the daemon, however that ends.
//!
//! The modules: `message` (what is said), `packet` and `bulk` (how it travels), `serve` (the worker's
//! side), `nursery`, `process`, `group`, `room`, `runner` (the daemon's side), `limits`.

#![forbid(unsafe_code)]

mod bulk;
pub mod config;
mod group;
mod limits;
mod measure;
mod message;
mod nursery;
mod packet;
mod process;
pub mod quarantine;
mod room;
mod runner;
mod serve;

pub use config::{Config, GroupConfig};
pub use message::{Loaded, Refused};
pub use nursery::Program;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub use packet::fuzzing;
pub use runner::{Start, Workers, describe};
pub use serve::serve;
