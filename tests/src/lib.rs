//! The harness: the daemon seen from outside.
//!
//! [`Daemon`] is a real daemon on a free port with a state folder of its own; [`Client`] is somebody
//! who uses it over HTTP; [`Program`] runs the other commands. [`eventually`] waits for conditions,
//! the only waiting there is. [`audio`] are the recordings, [`errors`] tells how far a text is off.
//! [`Cluster`] is what several daemons share, [`Bucket`] a bucket for their recordings; [`checker`] tells
//! whether a cluster lost or repeated anything, [`sound`] are recordings whose text is known.
//! [`discretion`] sees that no log holds a secret. [`is_long`] tells how much to do. [`Report`] is what
//! benchmarks print.
#![forbid(unsafe_code)]
#![expect(clippy::missing_panics_doc, reason = "a harness panics wherever a test must fail")]

pub mod audio;
pub mod bucket;
pub mod build;
pub mod checker;
pub mod client;
pub mod cluster;
pub mod daemon;
pub mod discretion;
pub mod figure;
pub mod host;
pub mod length;
pub mod program;
pub mod report;
pub mod sound;
pub mod text;
pub mod wait;

pub use bucket::Bucket;
pub use client::{Answer, Client, Job};
pub use cluster::{Cluster, Services};
pub use daemon::{Daemon, Setup};
pub use figure::say;
pub use length::is_long;
pub use program::{Program, Ran};
pub use report::Report;
pub use text::{Errors, errors};
pub use wait::{eventually, eventually_within, pass};
