//! The stage: an instance and its functions.

use core::ffi::c_void;

use crate::{ErrorBuf, Item, Sink, Status, Str};

/// An instance, allocated, owned and freed by the plugin. The host reads the functions once.
#[repr(C)]
#[derive(Debug)]
pub struct Stage {
    /// The plugin's own.
    pub plugin_data: *mut c_void,
    /// `[stage]` Takes one item of the accepted kind and emits any number of the other. Required.
    pub process:
        Option<unsafe extern "C" fn(*mut Stage, *const Item, *const Sink, *mut ErrorBuf) -> Status>,
    /// `[stage]` The stream has ended: emits what is left. Null: nothing ever is.
    pub flush: Option<unsafe extern "C" fn(*mut Stage, *const Sink, *mut ErrorBuf) -> Status>,
    /// `[stage]` Forgets the stream so far; a new one follows. Null: there is nothing to forget.
    pub reset: Option<unsafe extern "C" fn(*mut Stage, *mut ErrorBuf) -> Status>,
    /// `[control]` Joins the plugin's threads and frees the instance. Required, called once.
    pub destroy: Option<unsafe extern "C" fn(*mut Stage)>,
    /// `[any]` Returns an extension of the instance by id, valid until `destroy`; null where there
    /// is none.
    pub extension: Option<unsafe extern "C" fn(*const Stage, Str) -> *const c_void>,
}
