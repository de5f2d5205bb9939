//! Which ranges of a recording are asked for, and which are kept: decisions without a request.
//!
//! A read that begins elsewhere asks for little, since a probe may want no more. While reading goes
//! on in order each range is twice as long as the one before, up to the most, and the next one is
//! asked for when half of the present one is read.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;

use bytes::Bytes;

/// Length of the first range at a new place, in bytes.
const FIRST: u64 = 256 * 1024;
/// Ranges begin at multiples of this, in bytes: small steps back stay inside.
const GRID: u64 = 64 * 1024;

/// Ranges of one recording in memory.
#[derive(Debug)]
pub(super) struct Windows {
    /// Length of the recording.
    length: u64,
    /// Most bytes of a range.
    most: u64,
    /// Ranges that are kept, the last one asked for at the end; together at most twice `most` bytes.
    kept: VecDeque<Window>,
    /// Length of the last range.
    last: u64,
}

/// A range and its bytes.
struct Window {
    start: u64,
    bytes: Bytes,
}

impl fmt::Debug for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.start, self.end())
    }
}

impl Window {
    fn end(&self) -> u64 {
        self.start + as_u64(self.bytes.len())
    }
}

impl Windows {
    /// Makes the windows of a recording of `length` bytes, of at most `most` bytes each.
    pub(super) fn new(length: u64, most: u64) -> Self {
        Self { length, most, kept: VecDeque::new(), last: 0 }
    }

    /// Copies what is kept at an offset; `None` when nothing is.
    pub(super) fn copy(&self, offset: u64, buf: &mut [u8]) -> Option<usize> {
        let window = self.kept.iter().find(|w| (w.start..w.end()).contains(&offset))?;
        let rest = &window.bytes[usize::try_from(offset - window.start).ok()?..];
        let count = rest.len().min(buf.len());
        buf[..count].copy_from_slice(&rest[..count]);
        Some(count)
    }

    /// Returns the range to ask for when an offset is missing.
    pub(super) fn missing(&self, offset: u64) -> Range<u64> {
        match self.next() {
            Some(next) if next.contains(&offset) => next,
            _ => {
                let length = FIRST.min(self.most);
                // What is looked for at the end is often found in several steps back.
                let start = (offset - offset % GRID).min(self.length.saturating_sub(length));
                start..self.until(start, length)
            }
        }
    }

    /// Returns the range to ask for ahead, once half of the last one is read.
    pub(super) fn ahead(&self, offset: u64) -> Option<Range<u64>> {
        let last = self.kept.back()?;
        let half = last.start + (last.end() - last.start) / 2;
        let is_due = (half..=last.end()).contains(&offset);
        self.next().filter(|_| is_due)
    }

    /// Keeps a range that was asked for.
    pub(super) fn keep(&mut self, start: u64, bytes: Bytes) {
        self.last = as_u64(bytes.len());
        self.kept.push_back(Window { start, bytes });
        let total =
            |kept: &VecDeque<Window>| kept.iter().map(|w| as_u64(w.bytes.len())).sum::<u64>();
        while self.kept.len() > 1 && total(&self.kept) > 2 * self.most {
            self.kept.pop_front();
        }
    }

    /// Returns the range behind the last one; `None` at the end and before the first.
    fn next(&self) -> Option<Range<u64>> {
        let start = self.kept.back()?.end();
        let length = (self.last * 2).clamp(FIRST.min(self.most), self.most);
        Some(start..self.until(start, length)).filter(|range| !range.is_empty())
    }

    fn until(&self, start: u64, length: u64) -> u64 {
        start.saturating_add(length).min(self.length)
    }
}

fn as_u64(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: u64 = 1024;
    const MIB: u64 = 1024 * KIB;

    fn fill(windows: &mut Windows, range: &Range<u64>) {
        let bytes = vec![0; usize::try_from(range.end - range.start).unwrap()];
        windows.keep(range.start, bytes.into());
    }

    /// Reads a recording in order and returns the ranges that were asked for.
    fn in_order(length: u64, most: u64) -> Vec<Range<u64>> {
        let (mut windows, mut asked, mut at) = (Windows::new(length, most), Vec::new(), 0);
        while at < length {
            if windows.copy(at, &mut [0; 1]).is_none() {
                let range = windows.missing(at);
                fill(&mut windows, &range);
                asked.push(range);
            }
            at += 10 * KIB;
        }
        asked
    }

    #[test]
    fn ranges_grow_while_reading_goes_on_in_order_and_cover_everything_once() {
        let asked = in_order(20 * MIB + 5, 4 * MIB);
        let lengths: Vec<u64> = asked.iter().map(|r| (r.end - r.start) / KIB).collect();
        assert_eq!(lengths[..5], [256, 512, 1024, 2048, 4096]);
        assert_eq!(asked.len(), 9);
        assert!(asked.windows(2).all(|pair| pair[0].end == pair[1].start));
        assert_eq!(asked.last().unwrap().end, 20 * MIB + 5);
    }

    #[test]
    fn a_new_place_begins_small_and_on_the_grid() {
        let mut windows = Windows::new(100 * MIB, 4 * MIB);
        fill(&mut windows, &(0..MIB));
        let start = 50 * MIB;
        assert_eq!(windows.missing(start + 10), start..start + 256 * KIB);
        let end = 100 * MIB;
        assert_eq!(windows.missing(end - 1), end - 256 * KIB..end);
    }

    #[test]
    fn the_next_range_is_due_when_half_of_the_last_is_read() {
        let mut windows = Windows::new(2 * MIB, MIB);
        assert_eq!(windows.ahead(0), None);
        fill(&mut windows, &(0..256 * KIB));
        assert_eq!(windows.ahead(100 * KIB), None);
        assert_eq!(windows.ahead(128 * KIB), Some(256 * KIB..768 * KIB));
        fill(&mut windows, &(256 * KIB..2 * MIB));
        assert_eq!(windows.ahead(2 * MIB), None, "there is nothing behind the end");
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut windows = Windows::new(100 * MIB, MIB);
        for start in 0..50 {
            fill(&mut windows, &(start * MIB..(start + 1) * MIB));
        }
        let kept: u64 = windows.kept.iter().map(|w| as_u64(w.bytes.len())).sum();
        assert_eq!(kept, 2 * MIB);
        assert!(windows.copy(49 * MIB, &mut [0; 8]).is_some());
        assert!(windows.copy(0, &mut [0; 8]).is_none());
    }
}
