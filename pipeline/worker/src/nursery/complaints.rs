//! Complaints: what a worker writes to its standard error, as lines of our log.
//!
//! Libraries and panics write there, and so may whoever took a worker over: it is held to the same rule
//! as the other lines of the worker's log, and can be told from ours.

use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::process::ChildStderr;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::retry_on_intr;

use crate::message::LogLevel;
use crate::process::log::{Lines, Whose};

/// Most bytes of a line that are kept; the log cuts it again, by characters.
const LONGEST: usize = 8_192;
/// Most bytes that are read after the end of the worker, as many as a pipe holds; what it has started may
/// still write.
const LAST_WORDS: usize = 64 * 1024;

/// Writes what one worker complains of into our log.
#[derive(Debug)]
pub(super) struct Complaints {
    group: String,
    pid: u32,
    lines: Lines,
    /// The line that has not ended yet.
    line: Vec<u8>,
}

impl Complaints {
    pub(super) fn new(group: String, pid: u32) -> Self {
        Self { group, pid, lines: Lines::default(), line: Vec::new() }
    }

    /// Reads until the worker of the handle `process` has ended, or has closed its standard error.
    ///
    /// # Errors
    /// The pipe cannot be read; then nobody reads it any more.
    pub(super) fn hear(mut self, mut pipe: ChildStderr, process: &OwnedFd) -> io::Result<()> {
        let mut bytes = [0; 4_096];
        let mut left = LAST_WORDS;
        while left > 0 {
            let mut seen = [PollFd::new(&pipe, PollFlags::IN), PollFd::new(process, PollFlags::IN)];
            retry_on_intr(|| poll(&mut seen, None))?;
            let [has_more, has_ended] = seen.map(|seen| !seen.revents().is_empty());
            let count = if has_more { pipe.read(&mut bytes)? } else { 0 };
            if count == 0 && (has_more || has_ended) {
                break;
            }
            self.take(&bytes[..count]);
            if has_ended {
                left = left.saturating_sub(count);
            }
        }
        self.end_line();
        Ok(())
    }

    fn take(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match byte {
                b'\n' => self.end_line(),
                byte if self.line.len() < LONGEST => self.line.push(*byte),
                _ => {}
            }
        }
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        if line.trim().is_empty() {
            return;
        }
        let whose = Whose { group: &self.group, pid: self.pid, job: None, stage: String::new() };
        self.lines.write(whose, LogLevel::Warn, line.trim_end());
    }
}
