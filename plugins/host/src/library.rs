//! Libraries: opened with `RTLD_NOW | RTLD_LOCAL`, never closed.

use std::{mem::ManuallyDrop, path::Path};

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use scribed_abi::{ENTRY_SYMBOL, PluginEntry};

use crate::Reason;

/// Opens a library for ever and returns where its entry is.
///
/// `RTLD_NOW` finds missing symbols here and not in the middle of a job; `RTLD_LOCAL` keeps plugins
/// that carry the same C library from meeting each other's symbols.
///
/// # Errors
/// The loader refuses the file, or it has no entry.
///
/// # Safety
/// Initialisers of the library run here: the file must be trusted.
pub(crate) unsafe fn open(path: &Path) -> Result<*const PluginEntry, Reason> {
    // SAFETY: trusted, as the caller promises.
    let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) };
    let library = library.map_err(|error| Reason::Loader(loader_words(&error)))?;
    // Never closed: threads may still run destructors of the library's thread-locals, and
    // descriptors must stay readable.
    let library = ManuallyDrop::new(library);
    // SAFETY: only the address is taken; whether it fits is the handshake's to find out.
    let entry = unsafe { library.get::<*const PluginEntry>(ENTRY_SYMBOL) };
    entry.map(|symbol| *symbol).map_err(|_| Reason::NoEntry)
}

/// Returns what `dlerror` said, which libloading keeps in the source.
fn loader_words(error: &libloading::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}
