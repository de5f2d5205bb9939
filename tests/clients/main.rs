//! The vendors' own clients, unmodified, against the real daemon: programs that other people wrote and
//! use find here what they find there.
//!
//! They are installed into the target folder, with their versions pinned. Each is driven by a small
//! program in its own language, beside this file, that stops at the first surprise.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "what helpers of a test cannot do, fails the test")]

/// Clients of cielo24.
mod cielo24;
/// Clients from package registries, installed once.
mod installed;
/// Clients of Rev.ai.
mod revai;
