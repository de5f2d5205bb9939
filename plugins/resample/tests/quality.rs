//! What goes in comes out at the same place and as loud, and what 16 kHz cannot hold is gone.

use std::f64::consts::TAU;

use scribed_plugin::testing::{self, Audio};
use scribed_stage_resample::Resample;
use serde_json::json;

const RATES: [u32; 10] =
    [8_000, 11_025, 12_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000];

/// Cuts mono sound into blocks and resamples it; checks that the output has no holes.
fn resample(rate: u32, samples: &[f32], block: usize) -> Vec<f32> {
    let blocks = samples.chunks(block).scan(0, |start, chunk| {
        let block = Audio { start_frame: *start, ..Audio::mono(rate, chunk) };
        *start += i64::try_from(chunk.len()).expect("few");
        Some(block)
    });
    let run = testing::run::<Resample>(json!({}), blocks).expect("sound that can be resampled");
    let mut output = Vec::new();
    for item in run.items {
        assert_eq!(usize::try_from(item.start_frame), Ok(output.len()), "a hole at {rate} Hz");
        assert_eq!((item.channels, item.sample_rate, item.source_rate), (1, 16_000, rate));
        output.extend(item.samples);
    }
    output
}

#[expect(clippy::cast_possible_truncation, reason = "test signal")]
fn sine(rate: u32, hz: f64, frames: u32) -> Vec<f32> {
    (0..frames).map(|n| (0.5 * (TAU * hz * f64::from(n) / f64::from(rate)).sin()) as f32).collect()
}

/// Returns the largest sample away from the edges, where the sine begins and ends at once.
fn peak(samples: &[f32]) -> f32 {
    let edge = samples.len() / 8;
    samples[edge..samples.len() - edge].iter().fold(0.0, |peak, sample| sample.abs().max(peak))
}

#[test]
fn tones_that_16_khz_can_hold_pass_unchanged() {
    for rate in RATES {
        let highest = 0.9 * f64::from(rate.min(16_000)) / 2.0;
        for part in 1..=16_u32 {
            let hz = highest * f64::from(part) / 16.0;
            let output = resample(rate, &sine(rate, hz, rate), 10_000);
            let wanted = sine(16_000, hz, 16_000);
            let edge = 1_000;
            let error = output[edge..15_000]
                .iter()
                .zip(&wanted[edge..15_000])
                .fold(0.0_f32, |error, (got, wanted)| error.max((got - wanted).abs()));
            // 0.001 of 0.5 is -54 dB, in level and in phase at once.
            assert!(error < 0.001, "{hz:.0} Hz at {rate} Hz is off by {error}");
        }
    }
}

#[test]
fn tones_that_16_khz_cannot_hold_are_gone() {
    for rate in RATES.into_iter().filter(|&rate| rate > 16_000) {
        for part in 0..=16_u32 {
            let top = f64::from(rate) * 0.499;
            let hz = 8_400.0 + (top - 8_400.0) * f64::from(part) / 16.0;
            let left = peak(&resample(rate, &sine(rate, hz, rate), 10_000));
            // -60 dB of 0.5.
            assert!(left < 0.000_5, "{hz:.0} Hz at {rate} Hz leaves {left}");
        }
    }
}

#[test]
fn images_of_low_rates_are_gone() {
    for rate in [8_000, 11_025, 12_000] {
        let hz = f64::from(rate) * 0.45;
        let output = resample(rate, &sine(rate, hz, rate), 10_000);
        let image = f64::from(rate) - hz;
        let (mut re, mut im) = (0.0_f64, 0.0_f64);
        let middle = &output[2_000..14_000];
        for (n, &sample) in (0_u32..).zip(middle) {
            // A Hann window keeps the tone itself out of the measurement.
            let window = 0.5 - 0.5 * (TAU * f64::from(n) / 12_000.0).cos();
            let angle = TAU * image * f64::from(n) / 16_000.0;
            re += window * f64::from(sample) * angle.cos();
            im += window * f64::from(sample) * angle.sin();
        }
        let level = re.hypot(im) / 3_000.0;
        assert!(level < 0.000_5, "the image of {hz:.0} Hz at {rate} Hz is {level}");
    }
}

#[test]
fn an_impulse_stays_where_it_is() {
    for rate in [8_000_u32, 11_025, 22_050, 44_100, 48_000, 96_000] {
        // Whole in both rates: a multiple of rate / gcd is a multiple of 16,000 / gcd.
        for quarter in 1..=3_u32 {
            let place = rate * quarter / 4 / 441 * 441;
            let mut samples = vec![0.0; rate as usize];
            samples[place as usize] = 1.0;
            let output = resample(rate, &samples, 4_096);
            let loudest = (0..output.len()).max_by(|&a, &b| output[a].total_cmp(&output[b]));
            let exact = f64::from(place) * 16_000.0 / f64::from(rate);
            let found = loudest.and_then(|at| u32::try_from(at).ok()).map(f64::from);
            let found = found.expect("sound");
            assert!((found - exact).abs() <= 0.5, "{rate} Hz: {found} instead of {exact}");
        }
    }
}

#[test]
fn an_impulse_is_symmetric_about_its_place() {
    for rate in [8_000_u32, 48_000, 96_000] {
        let mut samples = vec![0.0; rate as usize];
        samples[rate as usize / 2] = 1.0;
        let output = resample(rate, &samples, 4_096);
        for distance in 1..200 {
            let (before, after) = (output[8_000 - distance], output[8_000 + distance]);
            assert!((before - after).abs() < 1e-5, "{rate} Hz, {distance}: {before} {after}");
        }
    }
}

#[test]
fn lengths_are_those_of_the_input() {
    for rate in RATES.into_iter().chain([16_000, 44_099, 7_919]) {
        for frames in [1_u32, 2, 159, 441, 4_095, 100_003] {
            let wanted = (u64::from(frames) * 16_000 + u64::from(rate) / 2) / u64::from(rate);
            let output = resample(rate, &vec![0.25; frames as usize], 1_000);
            assert_eq!(output.len() as u64, wanted, "{frames} frames at {rate} Hz");
        }
    }
}

#[test]
fn the_size_of_blocks_changes_nothing() {
    let samples = sine(44_100, 440.0, 50_000);
    let whole = resample(44_100, &samples, 50_000);
    for block in [7, 100, 1_764, 4_410] {
        assert_eq!(resample(44_100, &samples, block), whole, "blocks of {block}");
    }
}
