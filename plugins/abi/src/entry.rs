//! The entry: the one data symbol that a plugin exports.

use core::ffi::CStr;

use crate::{AbiVersion, StageDescriptor};

/// Name of the exported symbol.
pub const ENTRY_SYMBOL: &CStr = c"scribed_entry";

/// Most stages that one library may bring; a larger count is taken for garbage.
pub const MAX_STAGES: u32 = 256;

/// What stands behind `scribed_entry`: static data, readable without running plugin code.
#[repr(C)]
#[derive(Debug)]
pub struct PluginEntry {
    /// Version that the plugin was built against.
    pub abi: AbiVersion,
    /// Number of descriptors, 1 to [`MAX_STAGES`].
    pub stage_count: u32,
    /// 0.
    pub reserved: u32,
    /// `stage_count` descriptors, static.
    pub stages: *const StageDescriptor,
}

// SAFETY: the entry and everything it points to is read-only for the life of the process.
unsafe impl Sync for PluginEntry {}
