//! The sink: where a stage puts what it makes.

use core::ffi::c_void;

use crate::{Item, Status};

/// Takes items during one call of process or flush.
#[repr(C)]
#[derive(Debug)]
pub struct Sink {
    /// The daemon's own.
    pub sink_data: *mut c_void,
    /// `[stage]` Takes one item and copies what it keeps.
    ///
    /// [`Status::CANCELLED`] asks the stage to return that status soon; any other than OK says that
    /// the item was refused and why is in the log.
    pub emit: Option<unsafe extern "C" fn(*const Sink, *const Item) -> Status>,
}
