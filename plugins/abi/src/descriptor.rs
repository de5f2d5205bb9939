//! Descriptors: what a stage is, before there is an instance of it.

use core::ffi::c_void;

use crate::{ErrorBuf, Host, Kind, Stage, Status, Str};

/// Bits of [`StageDescriptor::flags`]; unknown bits are ignored.
pub mod flags {
    /// Output depends on earlier items; a resumed job must start such a stage from the beginning.
    pub const STATEFUL: u64 = 1;
    /// Accepts audio of one channel only.
    pub const NEEDS_MONO: u64 = 1 << 1;
    /// Accepts audio at 16 kHz only.
    pub const FIXED_RATE: u64 = 1 << 2;
    /// Holds memory of a graphics processor.
    pub const USES_GPU: u64 = 1 << 3;
    /// May wait for something other than the processor.
    pub const MAY_BLOCK: u64 = 1 << 4;
}

/// One stage of a plugin: static data.
#[repr(C)]
#[derive(Debug)]
pub struct StageDescriptor {
    /// Identity in reverse-DNS form, at most 128 bytes: `org.example.gate`. Unique in a daemon.
    pub id: Str,
    /// Version of the stage, for people.
    pub version: Str,
    /// One line that says what it does.
    pub summary: Str,
    /// `[any]` Returns the JSON Schema of the configuration document. The text is static.
    ///
    /// A function, since most languages make the schema from their types at run time. It is pure,
    /// needs no instance, and answers the same text each time.
    pub config_schema: Option<unsafe extern "C" fn() -> Str>,
    /// What `process` takes.
    pub accepts: Kind,
    /// What `emit` is given.
    pub emits: Kind,
    /// Capabilities: see [`flags`].
    pub flags: u64,
    /// `[control]` Makes an instance from a JSON document and stores it through the third pointer.
    ///
    /// On any status but OK nothing is stored and the message is in the buffer.
    pub create:
        Option<unsafe extern "C" fn(*const Host, Str, *mut *mut Stage, *mut ErrorBuf) -> Status>,
    /// `[any]` Returns a static extension of the stage by id; null where there is none.
    pub extension: Option<unsafe extern "C" fn(Str) -> *const c_void>,
}

// SAFETY: descriptors and everything they point to are read-only for the life of the process.
unsafe impl Sync for StageDescriptor {}
