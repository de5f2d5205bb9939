//! The vendors' own clients, unmodified, against the real daemon: programs that other people wrote and
//! use find here what they find there. And our own example of somebody who is called.
//!
//! They are installed into the target folder, with their versions pinned. Each is driven by a small
//! program in its own language, beside this file, that stops at the first surprise.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "what helpers of a test cannot do, fails the test")]

/// Clients of cielo24.
mod cielo24;
/// Whose recordings they are.
mod desk;
/// Clients from package registries, installed once.
mod installed;
/// Whoever is called when a job has ended.
mod receiver;
/// Clients of Rev.ai.
mod revai;
