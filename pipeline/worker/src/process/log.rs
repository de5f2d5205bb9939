//! Lines of a worker's log, on their way into ours: not too long, and not too many.

use std::time::{Duration, Instant};

use scribed_schemas::id::JobId;

use crate::message::LogLevel;

/// Longest line in characters; the rest is cut.
const LONGEST: usize = 2_000;
/// Most lines in a second; the rest is dropped.
const MOST: u32 = 200;

/// Counts the lines of a worker.
#[derive(Debug)]
pub(super) struct Lines {
    /// The second in which lines are counted, and how many there were.
    second: Instant,
    count: u32,
}

/// Who writes a line.
#[derive(Debug)]
pub(super) struct Whose<'a> {
    pub(super) group: &'a str,
    pub(super) pid: u32,
    pub(super) job: Option<JobId>,
    pub(super) stage: String,
}

impl Default for Lines {
    fn default() -> Self {
        Self { second: Instant::now(), count: 0 }
    }
}

impl Lines {
    /// Writes a line into our log, unless there were too many.
    pub(super) fn write(&mut self, whose: Whose<'_>, level: LogLevel, message: String) {
        if self.second.elapsed() > Duration::from_secs(1) {
            *self = Self::default();
        }
        self.count += 1;
        if self.count > MOST {
            return;
        }
        let Whose { group, pid, job, stage } = whose;
        let cut = |text: String| text.chars().take(LONGEST).collect::<String>();
        let (message, stage, job) = (cut(message), cut(stage), job.map(|job| job.0));
        match level {
            LogLevel::Error => tracing::error!(group, pid, stage, job, "{message}"),
            LogLevel::Warn => tracing::warn!(group, pid, stage, job, "{message}"),
            LogLevel::Info => tracing::info!(group, pid, stage, job, "{message}"),
            LogLevel::Debug => tracing::debug!(group, pid, stage, job, "{message}"),
            LogLevel::Trace => tracing::trace!(group, pid, stage, job, "{message}"),
        }
    }
}
