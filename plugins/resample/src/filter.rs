//! The filter: a block of one rate in, a block of 16 kHz out, with a known delay.

use rubato::{
    Fft, FixedSync, Resampler as _, WindowFunction, audioadapter_buffers::direct::SequentialSlice,
};
use scribed_plugin::prelude::*;

/// Fewest frames of an FFT block on its shorter side: the longer, the steeper the filter.
///
/// 512 frames at 16 kHz are 32 ms; half of that is looked ahead.
const BLOCK_FRAMES: u32 = 512;

/// Changes the rate of mono sound to 16 kHz, block by block.
pub(crate) struct Filter {
    fft: Fft<f32>,
    /// Frames of a block in.
    block_in: usize,
    /// Frames of a block out.
    block_out: usize,
}

impl std::fmt::Debug for Filter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Filter")
            .field("block_in", &self.block_in)
            .field("block_out", &self.block_out)
            .finish_non_exhaustive()
    }
}

impl Filter {
    /// Makes the filter for sound at `rate` Hz.
    pub(crate) fn new(rate: u32) -> Result<Self> {
        let divisor = gcd(rate, MODEL_RATE);
        let (step_in, step_out) = (rate / divisor, MODEL_RATE / divisor);
        let steps = BLOCK_FRAMES.div_ceil(step_in.min(step_out));
        // An even number, so that half a block, the delay, is a whole number of frames on both sides.
        let steps = steps + steps % 2;
        let block = step_in as usize * steps as usize;
        let fft = Fft::new_custom(
            rate as usize,
            MODEL_RATE as usize,
            block,
            1,
            1,
            WindowFunction::BlackmanHarris2,
            FixedSync::Both,
        )
        .map_err(|error| {
            StageError::Failed(format!("cannot make a filter for {rate} Hz: {error}"))
        })?;
        Ok(Self { block_in: fft.input_frames_next(), block_out: fft.output_frames_next(), fft })
    }

    /// Returns the frames of a block in.
    pub(crate) fn block_in(&self) -> usize {
        self.block_in
    }

    /// Returns the frames at 16 kHz by which the output comes late.
    pub(crate) fn delay(&self) -> usize {
        self.fft.output_delay()
    }

    /// Forgets all sound.
    pub(crate) fn reset(&mut self) {
        self.fft.reset();
    }

    /// Filters exactly one block and appends the result to `out`.
    pub(crate) fn block(&mut self, input: &[f32], out: &mut Vec<f32>) -> Result<()> {
        let old = out.len();
        out.resize(old + self.block_out, 0.0);
        let failed = |text: String| StageError::Failed(format!("cannot change the rate: {text}"));
        let input = SequentialSlice::new(input, 1, self.block_in)
            .map_err(|error| failed(error.to_string()))?;
        let mut output = SequentialSlice::new_mut(&mut out[old..], 1, self.block_out)
            .map_err(|error| failed(error.to_string()))?;
        self.fft
            .process_into_buffer(&input, &mut output, None)
            .map_err(|error| failed(error.to_string()))?;
        Ok(())
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}
