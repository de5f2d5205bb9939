//! The trace: what happened, line by line, and a number that stands for all of it.

/// What happened so far.
#[derive(Debug)]
pub(crate) struct Trace {
    /// FNV-1a over all lines.
    hash: u64,
    is_told: bool,
}

impl Trace {
    /// Begins a trace that is printed as it grows, or not.
    pub(crate) fn new(telling: Telling) -> Self {
        Self { hash: 0xcbf2_9ce4_8422_2325, is_told: telling == Telling::Loud }
    }

    /// Adds a line.
    pub(crate) fn line(&mut self, line: &str) {
        for byte in line.bytes().chain([b'\n']) {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        if self.is_told {
            println!("{line}");
        }
    }

    /// Returns the number that stands for all lines.
    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }
}

/// Whether a simulation prints what happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Telling {
    /// It only counts.
    Quiet,
    /// It prints each line.
    Loud,
}
