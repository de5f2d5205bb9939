//! What crosses to whisper.cpp unchecked: the abort callbacks, the log callback, the list of devices, and
//! a state that was freed behind our back.

#![expect(unsafe_code, reason = "whisper-rs has no sound abort callback and no log callback")]

use std::{
    cell::RefCell,
    ffi::{CStr, c_char, c_uint, c_void},
    io::Write as _,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Once,
        atomic::{AtomicBool, Ordering},
    },
};

use scribed_plugin::prelude::*;
use whisper_rs::{FullParams, GGMLLogLevel, WhisperError, WhisperState, whisper_rs_sys as sys};

use crate::device;

/// `whisper_full_with_state` could not enlarge the key-value cache and has freed the state.
const STATE_FREED: i32 = -7;

/// How a decoding ended.
#[derive(Debug)]
pub(crate) enum Decoded {
    /// The state holds the result.
    Done,
    /// The daemon cancelled it.
    Aborted,
    /// It failed, with the return code of `whisper_full_with_state`.
    Failed(i32),
}

struct Watch<'a> {
    host: &'a Host,
    aborted: AtomicBool,
}

/// Decodes samples with a state. A state that failed is not given back.
///
/// whisper.cpp asks after every step of the encoder and every token whether to go on.
pub(crate) fn decode(
    mut state: WhisperState,
    mut params: FullParams<'_, '_>,
    samples: &[f32],
    host: &Host,
) -> (Decoded, Option<WhisperState>) {
    let watch = Watch { host, aborted: AtomicBool::new(false) };
    // SAFETY: the callback has the signature that whisper.cpp expects and never unwinds.
    unsafe { params.set_abort_callback(Some(aborted)) };
    // SAFETY: `watch` outlives the call below, the only one that these parameters are used for.
    unsafe { params.set_abort_callback_user_data((&raw const watch).cast_mut().cast()) };
    let result = with_log(host, || state.full(params, samples));
    if watch.aborted.load(Ordering::SeqCst) && result.is_err() {
        return (Decoded::Aborted, Some(state));
    }
    match result.map_err(code) {
        Ok(()) => (Decoded::Done, Some(state)),
        Err(STATE_FREED) => {
            // Dropping it would free it again; its share of the context is lost with it.
            mem::forget(state);
            (Decoded::Failed(STATE_FREED), None)
        }
        Err(code) => (Decoded::Failed(code), None),
    }
}

/// Returns the return code behind an error. whisper-rs knows some codes by the wrong sign.
fn code(error: WhisperError) -> i32 {
    match error {
        WhisperError::GenericError(code) => code,
        _ => -1,
    }
}

unsafe extern "C" fn aborted(data: *mut c_void) -> bool {
    // SAFETY: `decode` passes a `Watch` that lives through the call; it is only shared.
    let Some(watch) = (unsafe { data.cast::<Watch<'_>>().as_ref() }) else { return false };
    // Unwinding into C is undefined; a host that panics is gone, so stop.
    let cancelled = catch_unwind(AssertUnwindSafe(|| watch.host.cancelled())).unwrap_or(true);
    if cancelled {
        watch.aborted.store(true, Ordering::SeqCst);
    }
    cancelled
}

thread_local! {
    /// Whose call runs on this thread, and the log line that has begun.
    static LISTENER: RefCell<Option<(Host, String)>> = const { RefCell::new(None) };
}

/// Runs a call into whisper.cpp whose log lines go to the host.
///
/// Failures are warnings, everything else is for whoever looks for a fault.
pub(crate) fn with_log<T>(host: &Host, call: impl FnOnce() -> T) -> T {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| {
        // SAFETY: the callback has the right signature, needs no data and never unwinds.
        unsafe { whisper_rs::set_log_callback(Some(heard), std::ptr::null_mut()) };
        watch_aborts();
    });
    let before = LISTENER.with(|listener| listener.replace(Some((host.clone(), String::new()))));
    let answer = call();
    LISTENER.with(|listener| listener.replace(before));
    answer
}

unsafe extern "C" fn heard(level: c_uint, text: *const c_char, _: *mut c_void) {
    if text.is_null() {
        return;
    }
    // SAFETY: whisper.cpp passes a string that ends with NUL and lives through the call.
    let text = unsafe { CStr::from_ptr(text) }.to_string_lossy();
    let level = match GGMLLogLevel::from(level) {
        GGMLLogLevel::Error => {
            device::heard_error(&text);
            Level::Warn
        }
        GGMLLogLevel::Warn => Level::Debug,
        _ => Level::Trace,
    };
    // A thread of whisper.cpp's own has no listener; a line lost is better than a panic in C.
    drop(catch_unwind(AssertUnwindSafe(|| {
        LISTENER.with(|listener| {
            let Ok(mut listener) = listener.try_borrow_mut() else { return };
            let Some((host, line)) = listener.as_mut() else { return };
            line.push_str(&text);
            if line.ends_with('\n') {
                host.log(level, line.trim_end());
                line.clear();
            }
        });
    })));
}

/// Counts the GPUs, as whisper.cpp numbers them.
pub(crate) fn count_gpus() -> usize {
    let is_gpu = |index: &usize| {
        // SAFETY: the index is below the count.
        let device = unsafe { sys::ggml_backend_dev_get(*index) };
        // SAFETY: the device is of the list, and none is ever freed.
        let kind = unsafe { sys::ggml_backend_dev_type(device) };
        kind == sys::ggml_backend_dev_type_GGML_BACKEND_DEVICE_TYPE_GPU
            || kind == sys::ggml_backend_dev_type_GGML_BACKEND_DEVICE_TYPE_IGPU
    };
    // SAFETY: it takes nothing; the first call makes the list, behind a lock.
    let devices = unsafe { sys::ggml_backend_dev_count() };
    (0..devices).filter(is_gpu).count()
}

/// From now on a process whose device failed ends with an exit code that tells so.
fn watch_aborts() {
    // SAFETY: the callback has the right signature and never unwinds.
    unsafe { sys::ggml_set_abort_callback(Some(aborting)) };
}

unsafe extern "C" fn aborting(message: *const c_char) {
    if message.is_null() {
        return;
    }
    // SAFETY: ggml passes a string that ends with NUL and lives through the call.
    let message = unsafe { CStr::from_ptr(message) }.to_string_lossy();
    // What the default callback does as well; one that cannot be written is nobody's.
    drop(writeln!(std::io::stderr(), "{message}"));
    if let Some(code) = device::cause(&message) {
        // SAFETY: it ends the process at once, as the abort after this would; exit handlers of a
        // driver that has just failed are not to be run.
        unsafe { libc::_exit(code) };
    }
}

/// Has ggml abort this process.
#[cfg(test)]
pub(crate) fn abort(message: &str) {
    watch_aborts();
    let message = std::ffi::CString::new(message).unwrap_or_default();
    // SAFETY: the strings live through the call, which does not return; the format takes one.
    unsafe { sys::ggml_abort(c"device.rs".as_ptr(), 1, c"%s".as_ptr(), message.as_ptr()) };
}
