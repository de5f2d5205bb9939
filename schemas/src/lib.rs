//! Shapes that outlive a process: what is stored, published, or passed between stages.
//!
//! Plain data with serde, nothing else: no I/O, no async, no clock.
//! Every other crate speaks these words, so a term has one meaning and one Rust name.
//!
//! - [`id`]: 53-bit, time-ordered identities, safe in JavaScript.
//! - [`time`]: instants as microseconds since the Unix epoch.
//! - [`audio`]: sample rates and exact positions in a recording.
//! - [`chunk`]: what the recogniser gets in one inference, and its map to the source.
//! - [`transcript`]: segments and words, the document between recogniser and renderers.
//! - [`job`]: one recording to be transcribed, its states and faults.
//! - [`account`], [`api_key`], [`media`]: who owns what, what opens it, and where its bytes are.
//! - [`callback`]: who is called once a job is done, and what else follows it.
//! - [`event`]: what producers send and what the daemon publishes.
//! - [`metric`]: names of what is measured.
//! - [`network`]: ranges of addresses in settings.
//! - [`secret`]: text that is never shown.

#![forbid(unsafe_code)]

pub mod account;
pub mod api_key;
pub mod audio;
pub mod callback;
pub mod chunk;
pub mod event;
pub mod id;
pub mod job;
pub mod media;
pub mod metric;
pub mod network;
pub mod outbox;
pub mod secret;
pub mod time;
pub mod transcript;
