//! From kept runs to chunks.
//!
//! Runs are put one after another until a chunk is full. Then it is cut at the longest pause of its
//! last quarter, so that sentences stay whole where people pause; where nobody pauses, at the quietest
//! place of its second half.

use scribed_plugin::prelude::*;
use scribed_schemas::audio::convert_frames;

use crate::{Config, frames::Frame};

/// Samples over which loudness is measured when a place to cut is looked for: 20 ms.
const SLICE: usize = 320;

/// Slices averaged: 200 ms, a gap between words rather than one inside them.
const SLICES: usize = 10;

/// Packs runs into chunks and emits them.
#[derive(Debug)]
pub(crate) struct Packer {
    limit: usize,
    source_rate: u32,
    number: u32,
    samples: Vec<f32>,
    runs: Vec<Run>,
}

/// A run of contiguous audio inside the chunk.
#[derive(Debug, Clone, Copy)]
struct Run {
    /// First sample inside the chunk.
    start: usize,
    len: usize,
    /// Position in the recording, at 16 kHz.
    at: i64,
}

impl Run {
    fn end_at(&self) -> i64 {
        self.at + signed(self.len)
    }
}

impl Packer {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "validated to be at most 30 s"
    )]
    pub(crate) fn new(config: &Config) -> Self {
        let limit = (config.max_chunk_secs * MODEL_RATE as f32) as usize;
        let (samples, runs) = (Vec::new(), Vec::new());
        Self { limit, source_rate: MODEL_RATE, number: 0, samples, runs }
    }

    /// Sets the rate that positions in the map count in, in Hz.
    pub(crate) fn set_source_rate(&mut self, rate: u32) {
        self.source_rate = rate.max(1);
    }

    /// Adds a frame; emits a chunk when it does not fit any more.
    pub(crate) fn push(&mut self, frame: &Frame, out: &mut Out<'_, ChunkKind>) -> Result<()> {
        let samples = frame.samples.get(..frame.len).unwrap_or_default();
        if self.samples.len() + samples.len() > self.limit {
            let cut = self.cut(frame.at);
            self.emit(cut, out)?;
        }
        let start = self.samples.len();
        match self.runs.last_mut() {
            Some(run) if run.end_at() == frame.at => run.len += samples.len(),
            _ => self.runs.push(Run { start, len: samples.len(), at: frame.at }),
        }
        self.samples.extend_from_slice(samples);
        Ok(())
    }

    /// Ends the stream: emits what is left.
    pub(crate) fn finish(&mut self, out: &mut Out<'_, ChunkKind>) -> Result<()> {
        self.emit(self.samples.len(), out)
    }

    /// Returns where to cut, in samples; `next` is the position of the frame that did not fit.
    fn cut(&self, next: i64) -> usize {
        let mut best = (0, 0);
        let pause_ahead = self.runs.last().map_or(0, |run| next - run.end_at());
        if pause_ahead > 0 {
            best = (pause_ahead, self.samples.len());
        }
        for pair in self.runs.windows(2) {
            let [before, after] = pair else { continue };
            let pause = after.at - before.end_at();
            if after.start >= self.limit / 4 * 3 && pause >= best.0 {
                best = (pause, after.start);
            }
        }
        if best.1 > 0 { best.1 } else { self.quietest() }
    }

    /// Returns the middle of the quietest 200 ms in the second half.
    fn quietest(&self) -> usize {
        let from = self.samples.len() / 2;
        let half = self.samples.get(from..).unwrap_or_default();
        let powers: Vec<f32> =
            half.chunks_exact(SLICE).map(|slice| slice.iter().map(|s| s * s).sum()).collect();
        let mut best = (f32::INFINITY, self.samples.len());
        for (index, window) in powers.windows(SLICES).enumerate() {
            let power: f32 = window.iter().sum();
            if power < best.0 {
                best = (power, from + (index + SLICES / 2) * SLICE);
            }
        }
        best.1
    }

    /// Emits the first `cut` samples as a chunk.
    fn emit(&mut self, cut: usize, out: &mut Out<'_, ChunkKind>) -> Result<()> {
        if cut == 0 {
            return Ok(());
        }
        let (ours, left) = split(&self.runs, cut);
        let spans: Vec<Span> = ours.iter().map(|run| self.span(*run)).collect();
        let samples = self.samples.get(..cut).unwrap_or_default();
        let chunk = ChunkBlock {
            number: self.number,
            samples,
            source_rate: self.source_rate,
            spans: &spans,
        };
        let emitted = out.emit(chunk);
        self.number += 1;
        self.samples.drain(..cut.min(self.samples.len()));
        self.runs = left;
        emitted
    }

    fn span(&self, run: Run) -> Span {
        let to_source = |at: i64| convert_frames(at, MODEL_RATE, self.source_rate);
        let source_start = to_source(run.at);
        Span {
            chunk_start: small(run.start),
            chunk_len: small(run.len),
            source_start,
            source_len: to_source(run.end_at()) - source_start,
        }
    }
}

/// Splits runs at a sample of the chunk; the second half counts from there.
fn split(runs: &[Run], cut: usize) -> (Vec<Run>, Vec<Run>) {
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for run in runs {
        let ours = cut.saturating_sub(run.start).min(run.len);
        if ours > 0 {
            before.push(Run { len: ours, ..*run });
        }
        if ours < run.len {
            let start = (run.start + ours).saturating_sub(cut);
            after.push(Run { start, len: run.len - ours, at: run.at + signed(ours) });
        }
    }
    (before, after)
}

fn signed(samples: usize) -> i64 {
    i64::try_from(samples).unwrap_or(i64::MAX)
}

/// A chunk has at most 480,000 samples.
fn small(samples: usize) -> u32 {
    u32::try_from(samples).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_inside_a_run_leaves_both_halves_where_they_were() {
        let runs = [Run { start: 0, len: 100, at: 50 }, Run { start: 100, len: 100, at: 500 }];
        let (before, after) = split(&runs, 130);
        let spans = |runs: &[Run]| runs.iter().map(|r| (r.start, r.len, r.at)).collect::<Vec<_>>();
        assert_eq!(spans(&before), [(0, 100, 50), (100, 30, 500)]);
        assert_eq!(spans(&after), [(0, 70, 530)]);
    }

    #[test]
    fn a_cut_between_runs_splits_none() {
        let runs = [Run { start: 0, len: 100, at: 50 }, Run { start: 100, len: 100, at: 500 }];
        let (before, after) = split(&runs, 100);
        assert_eq!((before.len(), after.len()), (1, 1));
        assert_eq!(after.first().map(|run| run.start), Some(0));
    }
}
