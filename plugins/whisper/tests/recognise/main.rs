//! The stage through its real vtable, on the demo model.
//!
//! - [`speech`]: text, words and times of real recordings.
//! - [`ladder`]: what happens to doubtful chunks, and that results repeat.
//! - [`refusals`]: options and models that cannot be used.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod ladder;
mod recordings;
mod refusals;
mod speech;
