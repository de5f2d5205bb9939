//! The host: what a stage may ask of the daemon, from any thread.

use std::sync::{Arc, PoisonError, RwLock};

use scribed_abi::{self as abi, LogLevel, Str};
use scribed_schemas::audio::{MediaFacts, Warning};
use serde::Serialize;

/// The daemon, as a stage sees it. Cheap to clone, usable from any thread.
///
/// It works while the stage lives. After that it is deaf: logs go nowhere and
/// [`cancelled`](Self::cancelled) is true, so a thread that outlived its stage ends.
#[derive(Clone)]
pub struct Host(Arc<RwLock<Option<Target>>>);

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

/// The daemon's struct, valid from create until destroy.
#[derive(Clone, Copy)]
struct Target(*const abi::Host);

// SAFETY: the ABI tags every function of the host `[any]`: callable from any thread, also at once.
unsafe impl Send for Target {}
// SAFETY: as above.
unsafe impl Sync for Target {}

impl Host {
    /// Wraps the daemon's struct.
    ///
    /// # Safety
    /// `host` must be valid until [`detach`](Self::detach) returns.
    pub(crate) unsafe fn attach(host: *const abi::Host) -> Self {
        Self(Arc::new(RwLock::new(Some(Target(host)))))
    }

    /// Makes every clone deaf; waits for calls that are under way.
    pub(crate) fn detach(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Writes one line to the daemon's log.
    pub fn log(&self, level: Level, message: &str) {
        self.call(|host, functions| {
            if let Some(log) = functions.log {
                // SAFETY: `host` is valid, the text lives through the call.
                unsafe { log(host, level.code(), Str::of(message)) };
            }
        });
    }

    /// Tells whether to stop at once and answer [`StageError::Cancelled`](crate::StageError).
    ///
    /// Cheap enough for every turn of a loop.
    pub fn cancelled(&self) -> bool {
        self.call(|host, functions| match functions.cancelled {
            // SAFETY: `host` is valid.
            Some(cancelled) => unsafe { cancelled(host) },
            None => false,
        })
        .unwrap_or(true)
    }

    /// Tells the daemon what the recording is; once, as soon as it is known.
    pub fn facts(&self, facts: &MediaFacts) {
        self.report(abi::host::TOPIC_FACTS, facts);
    }

    /// Tells the recording's owner something that does not stop the work.
    pub fn warning(&self, warning: &Warning) {
        self.report(abi::host::TOPIC_WARNING, warning);
    }

    fn report(&self, topic: &str, document: &impl Serialize) {
        let json = match serde_json::to_string(document) {
            Ok(json) => json,
            Err(error) => {
                return self.log(Level::Error, &format!("cannot report {topic}: {error}"));
            }
        };
        self.call(|host, functions| {
            if let Some(report) = functions.report {
                // SAFETY: `host` is valid, both texts live through the call.
                unsafe { report(host, Str::of(topic), Str::of(&json)) };
            }
        });
    }

    /// Calls the daemon while it is there; `None` once the stage is gone.
    fn call<T>(&self, call: impl FnOnce(*const abi::Host, &abi::Host) -> T) -> Option<T> {
        let target = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let host = (*target)?.0;
        // SAFETY: valid until `detach`, which waits for this lock.
        let functions = unsafe { &*host };
        Some(call(host, functions))
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Host")
    }
}

impl Level {
    fn code(self) -> LogLevel {
        match self {
            Self::Error => LogLevel::ERROR,
            Self::Warn => LogLevel::WARN,
            Self::Info => LogLevel::INFO,
            Self::Debug => LogLevel::DEBUG,
            Self::Trace => LogLevel::TRACE,
        }
    }

    /// Turns a code back, for the test bench.
    pub(crate) fn from_code(code: LogLevel) -> Self {
        match code {
            LogLevel::ERROR => Self::Error,
            LogLevel::WARN => Self::Warn,
            LogLevel::DEBUG => Self::Debug,
            LogLevel::TRACE => Self::Trace,
            _ => Self::Info,
        }
    }
}
