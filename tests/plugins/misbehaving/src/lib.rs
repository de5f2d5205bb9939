//! A plugin that lies in every way that the daemon's process survives.
//!
//! Its stages take one option, `lie`, that says which. [`raw`] speaks the C interface by hand and
//! breaks its rules; [`panics`] is a decent stage that panics, behind the SDK's barrier.
//!
//! `entry.c` beside this crate holds the lies of an entry, which would keep this library from loading.

#![expect(unsafe_code, reason = "breaking the rules of a C interface takes the C interface")]

mod items;
mod panics;
mod raw;

use scribed_abi::{CURRENT, Kind, PluginEntry, StageDescriptor};

static STAGES: [StageDescriptor; 6] = [
    raw::descriptor("org.scribed.test.lies-audio", Kind::AUDIO, Kind::AUDIO),
    raw::descriptor("org.scribed.test.lies-chunk", Kind::AUDIO, Kind::CHUNK),
    raw::descriptor("org.scribed.test.lies-segments", Kind::AUDIO, Kind::SEGMENTS),
    raw::descriptor("org.scribed.test.lies-document", Kind::AUDIO, Kind::DOCUMENT),
    raw::descriptor("org.scribed.test.lies-media", Kind::MEDIA, Kind::AUDIO),
    scribed_plugin::export::descriptor::<panics::Panics>("0"),
];

/// The entry, made by hand since it mixes both sorts of stages.
#[unsafe(export_name = "scribed_entry")]
pub static ENTRY: PluginEntry =
    PluginEntry { abi: CURRENT, stage_count: 6, reserved: 0, stages: STAGES.as_ptr() };
