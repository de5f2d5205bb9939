//! The recording as a seekable stream: read-ahead, byte budget, cancellation.
//!
//! Symphonia reads in pieces of at most 32 KiB and may scan a damaged file for a long time inside one
//! call, so this is the place where cancellation is noticed and where reading is bounded.

use std::{
    io::{self, Read, Seek, SeekFrom},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use scribed_plugin::prelude::*;
use symphonia::core::io::MediaSource;

/// Bytes fetched at once when the reader goes on where it was.
const AHEAD: usize = 256 * 1024;

/// Bytes fetched at once after a jump: most of them would be thrown away at the next one.
const AFTER_SEEK: usize = 16 * 1024;

/// Why reading stopped, when it was not the media's own fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// The host cancelled the job.
    Cancelled,
    /// More bytes were asked for than the budget allows.
    OverBudget,
    /// The host could not give the bytes.
    Unreadable(String),
}

/// What the decode loop keeps of a [`Source`] that the format reader owns.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gauge {
    state: Arc<GaugeState>,
}

#[derive(Debug)]
struct GaugeState {
    /// Position of the last read, in bytes from the start of the recording.
    position: AtomicU64,
    /// Bytes that may still be fetched.
    budget: AtomicU64,
    /// The first reason to stop.
    stopped: Mutex<Option<Stopped>>,
}

impl Default for GaugeState {
    fn default() -> Self {
        Self {
            position: AtomicU64::new(0),
            budget: AtomicU64::new(u64::MAX),
            stopped: Mutex::new(None),
        }
    }
}

impl Gauge {
    /// Returns where the last read ended, in bytes from the start of the recording.
    pub(crate) fn position(&self) -> u64 {
        self.state.position.load(Ordering::Relaxed)
    }

    /// Sets the number of bytes that may be fetched from now on.
    pub(crate) fn set_budget(&self, bytes: u64) {
        self.state.budget.store(bytes, Ordering::Relaxed);
    }

    /// Returns why reading stopped, if it was not the end of the recording.
    pub(crate) fn stopped(&self) -> Option<Stopped> {
        self.state.stopped.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn stop(&self, reason: Stopped) -> io::Error {
        let mut stopped = self.state.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let text = format!("{reason:?}");
        stopped.get_or_insert(reason);
        io::Error::other(text)
    }
}

/// What a reader may believe about a [`Source`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// It has this many bytes, and every place can be reached.
    Seekable(u64),
    /// It can only be read from start to end, so nothing behind is looked for.
    Forward,
}

/// A recording with a read-ahead buffer, as Symphonia wants it.
pub(crate) struct Source<'a> {
    recording: Recording<'a>,
    host: Host,
    gauge: Gauge,
    shape: Shape,
    buffer: Vec<u8>,
    /// Position of `buffer[0]`.
    start: u64,
    position: u64,
}

impl<'a> Source<'a> {
    /// Makes a stream over `recording` that reports to `gauge`.
    pub(crate) fn new(recording: Recording<'a>, host: Host, gauge: Gauge, shape: Shape) -> Self {
        Self { recording, host, gauge, shape, buffer: Vec::new(), start: 0, position: 0 }
    }

    /// Returns what the buffer holds from the position on.
    fn buffered(&self) -> &[u8] {
        self.position
            .checked_sub(self.start)
            .and_then(|skip| usize::try_from(skip).ok())
            .and_then(|skip| self.buffer.get(skip..))
            .unwrap_or_default()
    }

    /// Fills the buffer from the position on.
    fn fill(&mut self) -> io::Result<()> {
        if self.host.cancelled() {
            return Err(self.gauge.stop(Stopped::Cancelled));
        }
        let goes_on = self.position == self.start + self.buffer.len() as u64;
        let want = if goes_on { AHEAD } else { AFTER_SEEK };
        let left = self.recording.len().saturating_sub(self.position);
        let want = usize::try_from(left).map_or(want, |left| left.min(want));
        self.start = self.position;
        self.buffer.resize(want, 0);
        let mut filled = 0;
        while filled < want {
            let at = self.start + filled as u64;
            match self.recording.read_at(at, &mut self.buffer[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read.min(want - filled),
                Err(error) => {
                    self.buffer.clear();
                    return Err(self.gauge.stop(Stopped::Unreadable(error.to_string())));
                }
            }
        }
        self.buffer.truncate(filled);
        let budget = &self.gauge.state.budget;
        let before = budget.load(Ordering::Relaxed);
        match before.checked_sub(filled as u64) {
            Some(left) => budget.store(left, Ordering::Relaxed),
            None => return Err(self.gauge.stop(Stopped::OverBudget)),
        }
        Ok(())
    }
}

impl Read for Source<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        if self.buffered().is_empty() {
            self.fill()?;
        }
        let available = self.buffered();
        let count = available.len().min(buf.len());
        buf[..count].copy_from_slice(&available[..count]);
        self.position += count as u64;
        self.gauge.state.position.store(self.position, Ordering::Relaxed);
        Ok(count)
    }
}

impl Seek for Source<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => match self.shape {
                Shape::Seekable(len) => len.checked_add_signed(offset),
                Shape::Forward => None,
            },
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "seek before the start of the recording")
        })?;
        Ok(self.position)
    }
}

impl MediaSource for Source<'_> {
    fn is_seekable(&self) -> bool {
        self.shape != Shape::Forward
    }

    fn byte_len(&self) -> Option<u64> {
        match self.shape {
            Shape::Seekable(len) => Some(len),
            Shape::Forward => None,
        }
    }
}
