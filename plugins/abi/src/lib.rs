//! The plugin ABI, version 1: plain C layouts and the rules that go with them.
//!
//! `schemas/plugin/scribed_plugin.h` is the specification; these are the same structs for Rust, and
//! `tests/layout.rs` holds the two together. Stage authors use `scribed-plugin` instead.
//!
//! **Versions.** Within a major version no struct gains, loses or moves a field. Growth is by
//! extensions, asked for by id, and by item structs, which may grow at the end because
//! [`Item::size`] tells.
//!
//! **Ownership.** Every pointer passed in a call is valid until that call returns. Nobody frees,
//! grows or keeps the other side's memory. [`Sink::emit`] copies what it wants to keep. A [`Stage`]
//! belongs to the plugin and dies in `destroy`. The [`Host`] outlives its stage. The entry and its
//! descriptors are static.
//!
//! **Threads.** `[control]`: create, destroy. `[stage]`: process, flush, reset; one instance is never
//! in two calls at once but may move between threads from call to call. `[any]`: the host's functions,
//! [`MediaItem::read_at`] while the item is borrowed, and reading descriptors. `emit` is called on the
//! thread that runs process or flush, before that call returns.
//!
//! **Panics** and exceptions never cross: the barrier is inside the plugin, which answers
//! [`Status::PANICKED`]. The host then calls nothing but `destroy`.
//!
//! Libraries are never unloaded.

#![no_std]
#![deny(missing_docs)]
#![expect(unsafe_code, reason = "this crate is the foreign function interface")]

pub mod descriptor;
pub mod entry;
pub mod exit;
pub mod host;
pub mod item;
pub mod sink;
pub mod slice;
pub mod stage;
pub mod status;
pub mod version;

pub use descriptor::{StageDescriptor, flags};
pub use entry::{ENTRY_SYMBOL, MAX_STAGES, PluginEntry};
pub use host::{Host, LogLevel};
pub use item::{
    AudioItem, ChunkItem, DocumentItem, Item, Kind, MAX_CHANNELS, MAX_CHUNK_SAMPLES, MediaItem,
    SegmentsItem, Span,
};
pub use sink::Sink;
pub use slice::{Bytes, ErrorBuf, Str};
pub use stage::Stage;
pub use status::Status;
pub use version::{AbiVersion, CURRENT};
