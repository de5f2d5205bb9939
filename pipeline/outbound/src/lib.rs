//! What leaves the daemon towards addresses that users chose.
//!
//! A URL in an event or a request is a wish of somebody who may be hostile: it may lead to this machine,
//! into the operator's network, or to a host that answers for ever. Everything that follows such a wish
//! goes through [`Outbound`], and nothing else does: brokers, databases, buckets and collectors are the
//! operator's own choice and have clients of their own.
//!
//! ```text
//! URL ─► Target ─► Resolve ─► Rules ─► Connection ─► ask ─► fetch ─► Sink
//!        readable   once       every    to exactly    each     limits,
//!        one way               address  that address  redirect resumed
//!                                                     anew
//! ```
//!
//! - A URL is read once, and refused where another reader could see something else in it.
//! - A name is resolved once for each connection. Every address that comes of it is checked, and the
//!   connection goes to exactly these: there is no second lookup that could answer differently, no pool,
//!   and no proxy.
//! - Redirects are followed by hand, each as a new URL.
//! - What is fetched streams into a [`Sink`]; memory holds one block of it.
//! - A [`Call`] goes the same way, follows no redirect, and brings back a status and nothing else.
//!
//! What a URL holds behind its path may be a signature, so errors show scheme, host and path alone.
#![forbid(unsafe_code)]

pub mod address;
pub mod call;
pub mod config;
pub mod error;
pub mod fetch;
pub mod outbound;
pub mod resolve;

mod ask;
mod connection;
mod target;
mod user;

pub use call::{Answered, Call, Method, check_header, host_of};
pub use config::Config;
pub use error::{Error, ErrorKind, Purpose, Result, SettingsError};
pub use fetch::{Fetched, Sink, SinkError};
pub use outbound::Outbound;
pub use resolve::{Resolve, SystemResolver};
