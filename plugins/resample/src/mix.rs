//! Mixing: interleaved channels to one, by their mean.

/// Appends the mean of the channels of each frame to `mono`.
pub(crate) fn mix(samples: &[f32], channels: usize, mono: &mut Vec<f32>) {
    match channels {
        1 => mono.extend(samples.iter().copied().map(sound)),
        // The usual case, written so that it becomes vector code.
        2 => mono
            .extend(samples.as_chunks::<2>().0.iter().map(|[l, r]| (sound(*l) + sound(*r)) * 0.5)),
        _ => {
            #[expect(clippy::cast_precision_loss, reason = "channels are few")]
            let share = 1.0 / channels as f32;
            let frames = samples.chunks_exact(channels);
            mono.extend(frames.map(|frame| frame.iter().copied().map(sound).sum::<f32>() * share));
        }
    }
}

/// Holds a sample within [-1, 1]; what is no number is silence.
pub(crate) fn sound(sample: f32) -> f32 {
    if sample.is_nan() { 0.0 } else { sample.clamp(-1.0, 1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mixed(samples: &[f32], channels: usize) -> Vec<f32> {
        let mut mono = Vec::new();
        mix(samples, channels, &mut mono);
        mono
    }

    #[test]
    fn channels_become_their_mean() {
        assert_eq!(mixed(&[0.5, -0.25], 1), [0.5, -0.25]);
        assert_eq!(mixed(&[0.5, -0.25, 1.0, 0.0], 2), [0.125, 0.5]);
        assert_eq!(mixed(&[1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0], 8), [0.375]);
    }

    #[test]
    fn what_is_no_sound_is_silence_and_nothing_clips() {
        assert_eq!(mixed(&[f32::NAN, f32::INFINITY, -7.0, 1e-3], 1), [0.0, 1.0, -1.0, 1e-3]);
        assert_eq!(mixed(&[f32::NAN, 1.0], 2), [0.5]);
    }

    #[test]
    fn an_incomplete_frame_is_dropped() {
        assert_eq!(mixed(&[0.5, 0.5, 0.5], 2), [0.5]);
    }
}
