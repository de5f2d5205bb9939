//! The identification header of Opus: delay and gain.
//!
//! Layout of RFC 7845 §5.1: magic (8), version (1), channels (1), pre-skip (2, little endian, at
//! 48 kHz), input rate (4), output gain (2, little endian, Q7.8 dB), mapping family (1).

use symphonia::core::codecs::audio::AudioCodecParameters;

/// Rate of decoded Opus and of its positions, in Hz.
pub(crate) const RATE: u32 = 48_000;

const MAGIC: &[u8; 8] = b"OpusHead";
const DELAY: std::ops::Range<usize> = 10..12;
const GAIN: std::ops::Range<usize> = 16..18;

/// What a player must do with the decoded samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Head {
    /// Frames at 48 kHz to drop at the start.
    pub(crate) delay: u16,
    /// Factor for every sample.
    pub(crate) gain: f32,
}

impl Default for Head {
    fn default() -> Self {
        Self { delay: 0, gain: 1.0 }
    }
}

/// Reads the header of a track.
pub(crate) fn head(params: &AudioCodecParameters) -> Option<Head> {
    let data = params.extra_data.as_deref().filter(|data| data.starts_with(MAGIC))?;
    let delay = u16::from_le_bytes(data.get(DELAY)?.try_into().ok()?);
    let gain = i16::from_le_bytes(data.get(GAIN)?.try_into().ok()?);
    Some(Head { delay, gain: 10_f32.powf(f32::from(gain) / 256.0 / 20.0) })
}

/// Prepares a track for its decoder.
///
/// Containers tell the rate of the original, which says nothing about the stream: it is decoded at
/// 48 kHz (RFC 7845 §5.1). The decoder must keep the delay, which it would only take from the first
/// packet, however short that is; the timeline drops it.
pub(crate) fn prepare(params: &mut AudioCodecParameters) {
    params.with_sample_rate(RATE);
    if let Some(delay) = params.extra_data.as_mut().and_then(|data| data.get_mut(DELAY)) {
        delay.fill(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(gain: i16) -> AudioCodecParameters {
        let mut data = b"OpusHead\x01\x01\x38\x01\x80\xbb\x00\x00".to_vec();
        data.extend(gain.to_le_bytes());
        data.push(0);
        let mut params = AudioCodecParameters::new();
        params.with_extra_data(data.into_boxed_slice());
        params
    }

    #[test]
    fn delay_and_gain_are_read() {
        assert_eq!(head(&params(0)), Some(Head { delay: 312, gain: 1.0 }));
        let louder = head(&params(6 * 256)).expect("a header").gain;
        assert!((louder - 1.995_262_3).abs() < 1e-5, "{louder}");
    }

    #[test]
    fn a_prepared_track_has_no_delay_left() {
        let mut params = params(0);
        prepare(&mut params);
        assert_eq!(head(&params).map(|head| head.delay), Some(0));
    }
}
