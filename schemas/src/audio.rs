//! Sample rates and exact positions in a recording.
//!
//! Positions are integer frames at a stated rate from end to end; seconds exist only at the edges.

use serde::{Deserialize, Serialize};

/// The sample rate of everything after the resample stage, in Hz: what Whisper models are trained on.
pub const MODEL_RATE: u32 = 16_000;

/// Converts a frame position between rates, rounded to the nearest frame, exact in 128-bit integers.
///
/// A `from_rate` of 0 is taken as 1, since no recording has it.
pub fn convert_frames(frames: i64, from_rate: u32, to_rate: u32) -> i64 {
    let from = i128::from(from_rate.max(1));
    let scaled = i128::from(frames) * i128::from(to_rate);
    let rounded = (scaled + from / 2).div_euclid(from);
    i64::try_from(rounded).unwrap_or(if rounded < 0 { i64::MIN } else { i64::MAX })
}

/// Converts frames at `rate` to seconds, for the edges: documents and HTTP answers.
#[expect(clippy::cast_precision_loss, reason = "2^53 frames are 5,000 years of audio")]
pub fn seconds(frames: i64, rate: u32) -> f64 {
    frames as f64 / f64::from(rate.max(1))
}

/// A borrowed run of contiguous audio: what passes between stages as kind AUDIO.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AudioBlock<'a> {
    /// Interleaved samples in [-1, 1], `frames × channels` of them.
    pub samples: &'a [f32],
    /// Channels, at least 1.
    pub channels: u32,
    /// Rate of `samples`, in Hz.
    pub sample_rate: u32,
    /// Position of the first frame at `sample_rate`, from the start of the recording.
    ///
    /// A block that does not start where the one before it ended follows a gap.
    pub start_frame: i64,
    /// Rate of the recording itself, in Hz: what positions in results count in.
    pub source_rate: u32,
}

impl AudioBlock<'_> {
    /// Returns the number of frames.
    pub fn frames(&self) -> usize {
        self.samples.len() / (self.channels.max(1) as usize)
    }
}

/// What is known about a recording once its container has been read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MediaFacts {
    /// Container as the field names it: `wav`, `mp4`, `ogg`, …
    pub container: String,
    /// Codec of the track in use: `pcm_s16le`, `mp3`, `opus`, …
    pub codec: String,
    /// Sample rate of that track, in Hz.
    pub sample_rate: u32,
    /// Channels of that track.
    pub channels: u32,
    /// Length in frames at `sample_rate`, where the container tells it.
    pub frames: Option<i64>,
}

/// A fact about a recording that its owner should know, e.g. that it ends early.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// Stable word: `truncated`, `damaged`, `tracks_ignored`, …
    pub code: String,
    /// One sentence for a person.
    pub message: String,
    /// Where, in frames at `sample_rate` of the recording, when it has a place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_frame: Option<i64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_convert_to_the_nearest_frame() {
        assert_eq!(convert_frames(44_100, 44_100, MODEL_RATE), 16_000);
        assert_eq!(convert_frames(1, 44_100, MODEL_RATE), 0);
        assert_eq!(convert_frames(2, 44_100, MODEL_RATE), 1);
        assert_eq!(convert_frames(160, MODEL_RATE, 48_000), 480);
    }

    #[test]
    fn ten_years_of_audio_do_not_overflow() {
        let frames = 192_000_i64 * 3600 * 24 * 3650;
        assert_eq!(convert_frames(frames, 192_000, MODEL_RATE), frames / 12);
    }
}
