//! WebRTC's voice activity detector, usable from the thread that holds it.

#![expect(unsafe_code, reason = "the detector's handle is a raw pointer and so not Send")]

use webrtc_vad::{SampleRate, Vad, VadMode};

use crate::frames::{FRAME, Samples};

/// A detector for 20 ms frames at 16 kHz; it adapts to what it has heard.
pub(crate) struct Detector(Vad);

// SAFETY: the handle owns plain memory without ties to a thread, and the ABI promises that calls of a
// `[stage]` function never overlap, whichever thread they come from; `&mut self` holds them to it here.
unsafe impl Send for Detector {}

impl Detector {
    /// Makes a detector; `mode` is 0 (takes most for speech) to 3.
    pub(crate) fn new(mode: u8) -> Self {
        let mode = match mode {
            0 => VadMode::Quality,
            1 => VadMode::LowBitrate,
            2 => VadMode::Aggressive,
            _ => VadMode::VeryAggressive,
        };
        Self(Vad::new_with_rate_and_mode(SampleRate::Rate16kHz, mode))
    }

    /// Tells whether the frame sounds like speech.
    #[expect(clippy::cast_possible_truncation, reason = "clamped to the range of i16")]
    pub(crate) fn speech(&mut self, samples: &Samples) -> bool {
        let mut pcm = [0_i16; FRAME];
        for (to, from) in pcm.iter_mut().zip(samples) {
            // A NaN becomes 0.
            *to = (from.clamp(-1.0, 1.0) * 32_767.0).round() as i16;
        }
        // The only error is a wrong frame length, and this one is right by its type.
        self.0.is_voice_segment(&pcm).unwrap_or(false)
    }
}

impl std::fmt::Debug for Detector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Detector")
    }
}
