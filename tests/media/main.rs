//! Recordings that mean harm: damaged in every way, or small ones that claim to be huge. They go through
//! the real daemon and its worker processes; only what recognises is a fast stage of the tests.
//!
//! Prints its figures past the test harness. With `SCRIBED_TESTS_LONG=1` it is the form whose figures
//! count.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "what helpers of a test cannot do, fails the test")]

/// A daemon that takes recordings, and what became of them.
mod desk;
/// Numbers that look like chance.
mod dice;
/// Pages of Ogg and their checksums.
mod ogg;

/// Small recordings that claim to be huge.
mod bombs;
/// Recordings damaged in every way.
mod mutated;
