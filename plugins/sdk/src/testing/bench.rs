//! The bench's own host: records what a stage says, and cancels on demand.

use std::{
    ffi::c_void,
    ptr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use scribed_abi::{CURRENT, Host, LogLevel, Str};
use serde::de::DeserializeOwned;

use crate::Level;

/// A host that listens.
pub(super) struct Bench {
    host: Host,
    heard: Arc<Heard>,
}

// SAFETY: `host` is read-only after `new`, its pointers lead to `heard` and static text, and `heard`
// is made of locks and atomics.
unsafe impl Send for Bench {}
// SAFETY: as above.
unsafe impl Sync for Bench {}

#[derive(Default)]
struct Heard {
    logs: Mutex<Vec<(Level, String)>>,
    reports: Mutex<Vec<(String, String)>>,
    polls: AtomicU64,
    /// Polls that are still answered with "go on".
    patience: AtomicU64,
}

impl Bench {
    pub(super) fn new() -> Arc<Self> {
        let heard = Arc::new(Heard { patience: AtomicU64::new(u64::MAX), ..Heard::default() });
        let host = Host {
            abi: CURRENT,
            host_data: Arc::as_ptr(&heard).cast_mut().cast(),
            name: Str::of("scribed-test-bench"),
            version: Str::of(env!("CARGO_PKG_VERSION")),
            log: Some(log),
            cancelled: Some(cancelled),
            report: Some(report),
            extension: Some(extension),
        };
        Arc::new(Self { host, heard })
    }

    pub(super) fn host(&self) -> *const Host {
        &raw const self.host
    }

    pub(super) fn cancel_after(&self, polls: u64) {
        let asked = self.heard.polls.load(Ordering::SeqCst);
        self.heard.patience.store(asked.saturating_add(polls), Ordering::SeqCst);
    }

    pub(super) fn polls(&self) -> u64 {
        self.heard.polls.load(Ordering::SeqCst)
    }

    pub(super) fn logs(&self) -> Vec<(Level, String)> {
        self.heard.logs.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the documents under one topic; one that does not parse fails the test.
    pub(super) fn reported<T: DeserializeOwned>(&self, topic: &str) -> Vec<T> {
        let reports = self.heard.reports.lock().unwrap_or_else(PoisonError::into_inner);
        let of_topic = reports.iter().filter(|(known, _)| known == topic);
        of_topic.map(|(_, json)| serde_json::from_str(json).expect("a report is JSON")).collect()
    }
}

/// # Safety
/// `host` is that of a living bench.
unsafe fn heard<'a>(host: *const Host) -> &'a Heard {
    // SAFETY: the bench owns the host and outlives the stage that calls.
    let data = unsafe { (*host).host_data };
    // SAFETY: as above; every field may be shared between threads.
    unsafe { &*data.cast::<Heard>() }
}

/// # Safety
/// `text` is borrowed for the call.
unsafe fn owned(text: Str) -> String {
    // SAFETY: as the caller promises.
    unsafe { text.read() }.unwrap_or("(not text)").to_owned()
}

unsafe extern "C" fn log(host: *const Host, level: LogLevel, message: Str) {
    // SAFETY: the stage lends the text for this call.
    let message = unsafe { owned(message) };
    // SAFETY: the stage hands back the host that it was given.
    let heard = unsafe { heard(host) };
    let mut logs = heard.logs.lock().unwrap_or_else(PoisonError::into_inner);
    logs.push((Level::from_code(level), message));
}

unsafe extern "C" fn report(host: *const Host, topic: Str, json: Str) {
    // SAFETY: the stage lends the text for this call.
    let topic = unsafe { owned(topic) };
    // SAFETY: the stage lends the text for this call.
    let json = unsafe { owned(json) };
    // SAFETY: the stage hands back the host that it was given.
    let heard = unsafe { heard(host) };
    heard.reports.lock().unwrap_or_else(PoisonError::into_inner).push((topic, json));
}

unsafe extern "C" fn cancelled(host: *const Host) -> bool {
    // SAFETY: the stage hands back the host that it was given.
    let heard = unsafe { heard(host) };
    heard.polls.fetch_add(1, Ordering::SeqCst) >= heard.patience.load(Ordering::SeqCst)
}

unsafe extern "C" fn extension(_: *const Host, _: Str) -> *const c_void {
    ptr::null()
}
