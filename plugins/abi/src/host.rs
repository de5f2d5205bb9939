//! The host: what a stage may ask of the daemon, from any thread, until `destroy` returns.

use core::ffi::c_void;

use crate::{AbiVersion, Str};

/// Severity of a log line; unknown values count as [`LogLevel::INFO`].
#[repr(transparent)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogLevel(pub u32);

impl LogLevel {
    /// Something failed.
    pub const ERROR: Self = Self(1);
    /// Something is wrong but work goes on.
    pub const WARN: Self = Self(2);
    /// Worth knowing once.
    pub const INFO: Self = Self(3);
    /// For whoever looks for a fault.
    pub const DEBUG: Self = Self(4);
    /// Every step.
    pub const TRACE: Self = Self(5);
}

/// The daemon's side of an instance; it outlives the instance.
#[repr(C)]
#[derive(Debug)]
pub struct Host {
    /// Version that the daemon speaks.
    pub abi: AbiVersion,
    /// The daemon's own.
    pub host_data: *mut c_void,
    /// Name of the program, `scribed`.
    pub name: Str,
    /// Version of the program.
    pub version: Str,
    /// `[any]` Writes one line to the log.
    pub log: Option<unsafe extern "C" fn(*const Host, LogLevel, Str)>,
    /// `[any]` Tells whether to stop at once; long work asks at least every 100 ms.
    pub cancelled: Option<unsafe extern "C" fn(*const Host) -> bool>,
    /// `[any]` Reports a JSON document under a topic; the daemon ignores topics it does not know.
    pub report: Option<unsafe extern "C" fn(*const Host, topic: Str, json: Str)>,
    /// `[any]` Returns an extension of the host by id, valid until `destroy` returns; null where
    /// there is none.
    pub extension: Option<unsafe extern "C" fn(*const Host, Str) -> *const c_void>,
}

/// Topic of [`Host::report`]: what is known about the recording (`scribed-schemas` `MediaFacts`).
pub const TOPIC_FACTS: &str = "facts";

/// Topic of [`Host::report`]: what its owner should know (`scribed-schemas` `Warning`).
pub const TOPIC_WARNING: &str = "warning";
