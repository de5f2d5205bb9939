//! Lines of a worker's log, on their way into ours: not too long, and not too many.

use std::time::{Duration, Instant};

use scribed_schemas::id::JobId;

use crate::message::LogLevel;

/// Longest line in characters; the rest is cut.
const LONGEST: usize = 2_000;
/// Most lines in a second; the rest is dropped.
const MOST: u32 = 200;

/// Counts lines of a worker.
#[derive(Debug)]
pub(crate) struct Lines {
    /// The second in which lines are counted, and how many there were.
    second: Instant,
    count: u32,
}

/// Who writes a line.
#[derive(Debug)]
pub(crate) struct Whose<'a> {
    pub(crate) group: &'a str,
    pub(crate) pid: u32,
    pub(crate) job: Option<JobId>,
    pub(crate) stage: String,
}

impl Default for Lines {
    fn default() -> Self {
        Self { second: Instant::now(), count: 0 }
    }
}

impl Lines {
    /// Writes a line into our log, unless there were too many. It stays one line, whatever is in it.
    pub(crate) fn write(&mut self, whose: Whose<'_>, level: LogLevel, message: &str) {
        if self.second.elapsed() > Duration::from_secs(1) {
            *self = Self::default();
        }
        self.count += 1;
        if self.count > MOST {
            return;
        }
        let Whose { group, pid, job, stage } = whose;
        let (message, stage, job) = (plain(message), plain(&stage), job.map(|job| job.0));
        match level {
            LogLevel::Error => tracing::error!(group, pid, stage, job, "{message}"),
            LogLevel::Warn => tracing::warn!(group, pid, stage, job, "{message}"),
            LogLevel::Info => tracing::info!(group, pid, stage, job, "{message}"),
            LogLevel::Debug => tracing::debug!(group, pid, stage, job, "{message}"),
            LogLevel::Trace => tracing::trace!(group, pid, stage, job, "{message}"),
        }
    }
}

/// Cuts a text; what would begin another line, or move the cursor of a terminal, becomes a space.
pub(crate) fn plain(text: &str) -> String {
    let plain = |letter: char| if letter.is_control() { ' ' } else { letter };
    text.chars().take(LONGEST).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_one_line_and_is_cut() {
        assert_eq!(plain("a\n2026 ERROR\r\tb\u{1b}[2J\u{85}é"), "a 2026 ERROR  b [2J é");
        assert_eq!(plain(&"é".repeat(LONGEST + 1)).chars().count(), LONGEST);
    }
}
