//! Runs: contiguous sound of one rate, from its first frame to the gap or the end behind it.

use scribed_plugin::prelude::*;
use scribed_schemas::audio::convert_frames;

use crate::{
    filter::Filter,
    mix::{mix, sound},
};

/// The runs of one recording, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    run: Option<Run>,
    /// Kept from run to run: making one takes longer than filtering a second of sound.
    filter: Option<(u32, Filter)>,
    /// Mono sound that waits for a full block.
    waiting: Vec<f32>,
    /// Output of one call.
    output: Vec<f32>,
    /// Position behind the last frame emitted, at 16 kHz.
    emitted: i64,
}

/// The run that is going on.
#[derive(Debug, Clone, Copy)]
struct Run {
    rate: u32,
    source_rate: u32,
    /// Position of its first frame, at `rate`.
    start: i64,
    /// Frames taken, at `rate`.
    taken: i64,
    /// Position of the next frame to emit, at 16 kHz.
    next: i64,
    /// Frames that the filter still owes before the first one that counts.
    late: usize,
}

impl Run {
    /// Position behind its last frame, at `rate`.
    fn end(&self) -> i64 {
        self.start.saturating_add(self.taken)
    }

    /// Position behind its last frame, at 16 kHz.
    fn end_out(&self) -> i64 {
        convert_frames(self.end(), self.rate, MODEL_RATE)
    }
}

impl Runs {
    /// Takes a block and emits what is complete.
    pub(crate) fn take(
        &mut self,
        block: AudioBlock<'_>,
        out: &mut Out<'_, AudioKind>,
    ) -> Result<()> {
        let goes_on = self
            .run
            .is_some_and(|run| run.rate == block.sample_rate && run.end() == block.start_frame);
        if !goes_on {
            self.finish(out)?;
            self.start(&block)?;
        }
        let Some(mut run) = self.run else { return Ok(()) };
        let frames = i64::try_from(block.frames()).unwrap_or(i64::MAX);
        run.taken = run.taken.saturating_add(frames);
        self.output.clear();
        if block.sample_rate == MODEL_RATE {
            mix(block.samples, block.channels as usize, &mut self.output);
        } else {
            mix(block.samples, block.channels as usize, &mut self.waiting);
            self.filter_full_blocks(&mut run)?;
        }
        self.run = Some(run);
        self.emit(i64::MAX, out)
    }

    /// Ends the run: emits what is in the filter.
    pub(crate) fn finish(&mut self, out: &mut Out<'_, AudioKind>) -> Result<()> {
        let Some(mut run) = self.run else { return Ok(()) };
        self.output.clear();
        let missing = usize::try_from(run.end_out() - run.next).unwrap_or(0);
        if let Some((rate, filter)) = &mut self.filter
            && *rate == run.rate
        {
            // Silence behind the end pushes out what the filter holds back.
            while self.output.len() < missing + run.late {
                self.waiting.resize(filter.block_in(), 0.0);
                filter.block(&self.waiting, &mut self.output)?;
                self.waiting.clear();
            }
            drop_late(&mut self.output, &mut run.late);
        }
        self.run = Some(run);
        self.emit(run.end_out(), out)?;
        self.run = None;
        Ok(())
    }

    fn start(&mut self, block: &AudioBlock<'_>) -> Result<()> {
        let rate = block.sample_rate;
        self.waiting.clear();
        let mut late = 0;
        if rate != MODEL_RATE {
            match &mut self.filter {
                Some((made_for, filter)) if *made_for == rate => filter.reset(),
                _ => self.filter = Some((rate, Filter::new(rate)?)),
            }
            late = self.filter.as_ref().map_or(0, |(_, filter)| filter.delay());
        }
        // Sound that claims to start before what was already emitted cannot be put there.
        let next = convert_frames(block.start_frame, rate, MODEL_RATE).max(self.emitted);
        let start = block.start_frame;
        self.run = Some(Run { rate, source_rate: block.source_rate, start, taken: 0, next, late });
        Ok(())
    }

    fn filter_full_blocks(&mut self, run: &mut Run) -> Result<()> {
        let Some((_, filter)) = &mut self.filter else { return Ok(()) };
        let mut blocks = self.waiting.chunks_exact(filter.block_in());
        for block in &mut blocks {
            filter.block(block, &mut self.output)?;
        }
        let rest = blocks.remainder().len();
        self.waiting.drain(..self.waiting.len() - rest);
        drop_late(&mut self.output, &mut run.late);
        Ok(())
    }

    /// Emits the output of this call, up to position `end`.
    fn emit(&mut self, end: i64, out: &mut Out<'_, AudioKind>) -> Result<()> {
        let Some(run) = &mut self.run else { return Ok(()) };
        let room = usize::try_from(end.saturating_sub(run.next)).unwrap_or(0);
        self.output.truncate(room);
        if self.output.is_empty() {
            return Ok(());
        }
        // The filter may swing a little beyond full scale.
        self.output.iter_mut().for_each(|sample| *sample = sound(*sample));
        out.emit(AudioBlock {
            samples: &self.output,
            channels: 1,
            sample_rate: MODEL_RATE,
            start_frame: run.next,
            source_rate: run.source_rate,
        })?;
        run.next = run.next.saturating_add(i64::try_from(self.output.len()).unwrap_or(i64::MAX));
        self.emitted = run.next;
        Ok(())
    }
}

/// Drops the frames by which the filter comes late.
fn drop_late(output: &mut Vec<f32>, late: &mut usize) {
    let drop = output.len().min(*late);
    output.drain(..drop);
    *late -= drop;
}
