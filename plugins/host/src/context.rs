//! The context of an instance: what its stage may ask and tell, and the C functions for it.

use std::{
    ffi::c_void,
    panic::{AssertUnwindSafe, catch_unwind},
    ptr,
    sync::Arc,
};

use scribed_abi::{self as abi, CURRENT, LogLevel, Str};

/// Longest log line that is taken, in bytes; the rest is cut.
const MAX_LOG_BYTES: usize = 64 * 1024;

/// Longest topic of a report, in bytes.
const MAX_TOPIC_BYTES: usize = 64;

/// Longest report, in bytes; longer ones are dropped with a warning.
const MAX_REPORT_BYTES: usize = 1 << 20;

/// What a stage may ask and tell. Called from any thread, also from several at once.
pub trait HostContext: Send + Sync {
    /// Takes one line of the stage's log.
    fn log(&self, level: Level, message: &str);

    /// Tells whether the stage is to stop at once. Called often.
    fn cancelled(&self) -> bool;

    /// Takes a JSON document, not yet parsed, under a topic: `facts` is a `MediaFacts`, `warning` a
    /// `Warning` of `scribed-schemas`. Unknown topics are ignored.
    fn report(&self, topic: &str, json: &str);
}

/// Severity of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something failed.
    Error,
    /// Something is wrong but work goes on.
    Warn,
    /// Worth knowing once.
    Info,
    /// For whoever looks for a fault.
    Debug,
    /// Every step.
    Trace,
}

impl Level {
    fn from_abi(level: LogLevel) -> Self {
        match level {
            LogLevel::ERROR => Self::Error,
            LogLevel::WARN => Self::Warn,
            LogLevel::DEBUG => Self::Debug,
            LogLevel::TRACE => Self::Trace,
            _ => Self::Info,
        }
    }
}

/// The daemon's side of an instance, at a fixed address from create until after destroy.
pub(crate) struct HostSide {
    host: abi::Host,
    /// Boxed once more, since a pointer to a trait object is too wide for `host_data`.
    context: Arc<Arc<dyn HostContext>>,
}

// SAFETY: `host` is read-only after `new`, its pointers lead to `context` and static text, and the
// context may be shared between threads.
unsafe impl Send for HostSide {}
// SAFETY: as above.
unsafe impl Sync for HostSide {}

impl HostSide {
    pub(crate) fn new(context: Arc<dyn HostContext>) -> Arc<Self> {
        let context = Arc::new(context);
        let host = abi::Host {
            abi: CURRENT,
            host_data: Arc::as_ptr(&context).cast_mut().cast(),
            name: Str::of("scribed"),
            version: Str::of(env!("CARGO_PKG_VERSION")),
            log: Some(log),
            cancelled: Some(cancelled),
            report: Some(report),
            extension: Some(extension),
        };
        Arc::new(Self { host, context })
    }

    pub(crate) fn host(&self) -> *const abi::Host {
        &raw const self.host
    }

    /// Logs in the name of the stage.
    pub(crate) fn log(&self, level: Level, message: &str) {
        guard("log", (), || self.context.log(level, message));
    }
}

/// Runs a function of the context; a panic in it must not reach the plugin's frames.
fn guard<T>(what: &str, otherwise: T, call: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|_| {
        tracing::error!("the host's function {what} panicked");
        otherwise
    })
}

/// # Safety
/// `host` is null or the host of a living instance.
unsafe fn context<'a>(host: *const abi::Host) -> Option<&'a dyn HostContext> {
    // SAFETY: as the caller promises.
    let data = unsafe { host.as_ref() }?.host_data;
    // SAFETY: `new` put it there, and it lives as long as the host.
    let context = unsafe { data.cast::<Arc<dyn HostContext>>().as_ref() }?;
    Some(context.as_ref())
}

/// Cuts a text at a character.
fn cut(text: &str, limit: usize) -> &str {
    let mut end = text.len().min(limit);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or(text)
}

unsafe extern "C" fn log(host: *const abi::Host, level: LogLevel, message: Str) {
    // SAFETY: the plugin hands back the host that it was given.
    let Some(context) = (unsafe { context(host) }) else { return };
    // SAFETY: the plugin lends the text for this call.
    let message = unsafe { message.read() }.unwrap_or("(a log line that is not UTF-8)");
    guard("log", (), || context.log(Level::from_abi(level), cut(message, MAX_LOG_BYTES)));
}

unsafe extern "C" fn cancelled(host: *const abi::Host) -> bool {
    // SAFETY: the plugin hands back the host that it was given.
    match unsafe { context(host) } {
        Some(context) => guard("cancelled", true, || context.cancelled()),
        None => true,
    }
}

unsafe extern "C" fn report(host: *const abi::Host, topic: Str, json: Str) {
    // SAFETY: the plugin hands back the host that it was given.
    let Some(context) = (unsafe { context(host) }) else { return };
    // SAFETY: the plugin lends the text for this call.
    let topic = unsafe { topic.read() }.filter(|topic| topic.len() <= MAX_TOPIC_BYTES);
    // SAFETY: the plugin lends the text for this call.
    let json = unsafe { json.read() }.filter(|json| json.len() <= MAX_REPORT_BYTES);
    guard("report", (), || match (topic, json) {
        (Some(topic), Some(json)) => context.report(topic, json),
        _ => context.log(Level::Warn, "a report that is too long or not UTF-8 was dropped"),
    });
}

unsafe extern "C" fn extension(_: *const abi::Host, _: Str) -> *const c_void {
    ptr::null()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_at_a_character() {
        assert_eq!(cut("abc", 9), "abc");
        assert_eq!(cut("aäö", 2), "a");
        assert_eq!(cut("aäö", 3), "aä");
        assert_eq!(cut("ä", 0), "");
    }
}
