//! Frames: blocks of any length cut into pieces of 20 ms, and the gaps between blocks.

use scribed_plugin::prelude::AudioBlock;

/// Samples of a frame: 20 ms at 16 kHz, one of the lengths that WebRTC's detector takes.
pub(crate) const FRAME: usize = 320;

/// Milliseconds of a frame.
pub(crate) const FRAME_MS: u32 = 20;

/// A block may start so many samples off the end of the one before (1 ms) without being a gap:
/// resampling from odd rates rounds positions.
const TOLERANCE: i64 = 16;

/// The samples of one frame.
pub(crate) type Samples = [f32; FRAME];

/// One frame.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    /// Position of the first sample in the recording, at 16 kHz.
    pub(crate) at: i64,
    /// The samples; behind `len` they are 0.
    pub(crate) samples: Samples,
    /// Samples that are really there; less than [`FRAME`] only before a gap or the end.
    pub(crate) len: usize,
    /// It does not follow the frame before.
    pub(crate) after_gap: bool,
}

/// Collects samples until they make a frame.
#[derive(Debug, Default)]
pub(crate) struct Framer {
    begun: Option<Frame>,
    /// Where the next block has to start to follow the one before.
    expected: Option<i64>,
}

/// The frames that one block completes.
pub(crate) struct Cuts<'a> {
    framer: &'a mut Framer,
    rest: &'a [f32],
    /// Position of `rest`.
    at: i64,
    gap: bool,
}

impl Framer {
    /// Cuts a block; what is left over waits for the next one.
    pub(crate) fn take<'a>(&'a mut self, block: AudioBlock<'a>) -> Cuts<'a> {
        let (mut rest, mut at, mut gap) = (block.samples, block.start_frame, false);
        if let Some(expected) = self.expected {
            if at < expected - TOLERANCE {
                // What was heard already is not heard again: positions only grow.
                let heard = usize::try_from(expected - at).unwrap_or(usize::MAX);
                rest = rest.get(heard..).unwrap_or_default();
                at = expected;
            } else if at > expected + TOLERANCE {
                gap = true;
            } else {
                at = expected;
            }
        }
        Cuts { framer: self, rest, at, gap }
    }

    /// Ends the stream: returns what is left over as a frame.
    pub(crate) fn finish(&mut self) -> Option<Frame> {
        self.expected = None;
        self.begun.take()
    }
}

impl Iterator for Cuts<'_> {
    type Item = Frame;

    fn next(&mut self) -> Option<Frame> {
        if self.gap
            && let Some(frame) = self.framer.begun.take()
        {
            return Some(frame);
        }
        if self.rest.is_empty() {
            return None;
        }
        let (at, after_gap) = (self.at, self.gap);
        self.gap = false;
        let frame =
            self.framer.begun.get_or_insert(Frame { at, samples: [0.0; FRAME], len: 0, after_gap });
        let count = (FRAME - frame.len).min(self.rest.len());
        let (taken, rest) = self.rest.split_at(count);
        if let Some(room) = frame.samples.get_mut(frame.len..frame.len + count) {
            room.copy_from_slice(taken);
        }
        frame.len += count;
        self.rest = rest;
        self.at = self.at.saturating_add(i64::try_from(count).unwrap_or(0));
        self.framer.expected = Some(self.at);
        if frame.len < FRAME { None } else { self.framer.begun.take() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(samples: &[f32], start_frame: i64) -> AudioBlock<'_> {
        AudioBlock { samples, channels: 1, sample_rate: 16_000, start_frame, source_rate: 16_000 }
    }

    /// Returns position, length, and whether a gap came before.
    fn positions(framer: &mut Framer, block: AudioBlock<'_>) -> Vec<(i64, usize, bool)> {
        framer.take(block).map(|frame| (frame.at, frame.len, frame.after_gap)).collect()
    }

    #[test]
    fn frames_go_on_over_the_border_of_blocks() {
        let mut framer = Framer::default();
        assert_eq!(positions(&mut framer, block(&[0.5; 500], 0)), [(0, 320, false)]);
        assert_eq!(positions(&mut framer, block(&[0.5; 140], 500)), [(320, 320, false)]);
        assert!(framer.finish().is_none());
    }

    #[test]
    fn a_gap_ends_the_frame_that_has_begun() {
        let mut framer = Framer::default();
        assert_eq!(positions(&mut framer, block(&[0.5; 400], 0)), [(0, 320, false)]);
        let after = positions(&mut framer, block(&[0.5; 320], 1_000));
        assert_eq!(after, [(320, 80, false), (1_000, 320, true)]);
    }

    #[test]
    fn a_millisecond_off_is_not_a_gap() {
        let mut framer = Framer::default();
        assert_eq!(positions(&mut framer, block(&[0.5; 320], 0)), [(0, 320, false)]);
        assert_eq!(positions(&mut framer, block(&[0.5; 320], 330)), [(320, 320, false)]);
    }

    #[test]
    fn a_block_that_goes_back_gives_only_what_is_new() {
        let mut framer = Framer::default();
        assert_eq!(positions(&mut framer, block(&[0.5; 640], 0)).len(), 2);
        assert_eq!(positions(&mut framer, block(&[0.5; 640], 320)), [(640, 320, false)]);
    }
}
