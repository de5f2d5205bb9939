//! Gaps, changes of rate and layout, and what the stage refuses.

use scribed_plugin::{
    prelude::*,
    testing::{self, Audio, Driver},
};
use scribed_stage_resample::Resample;
use serde_json::json;

fn tone(rate: u32, start_frame: i64, frames: usize) -> Audio {
    Audio { start_frame, ..Audio::mono(rate, vec![0.25; frames]) }
}

/// Returns start and end of each contiguous stretch of output.
fn stretches(items: &[Audio]) -> Vec<(i64, i64)> {
    let mut stretches: Vec<(i64, i64)> = Vec::new();
    for item in items {
        let end = item.start_frame + i64::try_from(item.samples.len()).expect("few");
        match stretches.last_mut() {
            Some(last) if last.1 == item.start_frame => last.1 = end,
            _ => stretches.push((item.start_frame, end)),
        }
    }
    stretches
}

#[test]
fn sound_behind_a_gap_keeps_its_place() {
    let blocks = [tone(48_000, 0, 48_000), tone(48_000, 96_000, 24_000)];
    let run = testing::run::<Resample>(json!({}), blocks).expect("resampled");
    assert_eq!(stretches(&run.items), [(0, 16_000), (32_000, 40_000)]);
}

#[test]
fn nothing_before_a_gap_is_lost() {
    let mut click = vec![0.0; 48_000];
    click[47_990] = 1.0;
    let blocks = [Audio::mono(48_000, click), tone(48_000, 480_000, 4_800)];
    let run = testing::run::<Resample>(json!({}), blocks).expect("resampled");
    let before: Vec<f32> = run
        .items
        .iter()
        .filter(|item| item.start_frame < 100_000)
        .flat_map(|item| item.samples.iter().copied())
        .collect();
    let loudest = (0..before.len()).max_by(|&a, &b| before[a].total_cmp(&before[b]));
    assert_eq!(loudest, Some(15_997));
}

#[test]
fn nothing_leaks_over_a_gap() {
    let blocks = [
        tone(48_000, 0, 48_000),
        Audio { start_frame: 96_000, ..Audio::mono(48_000, vec![0.0; 48_000]) },
    ];
    let run = testing::run::<Resample>(json!({}), blocks).expect("resampled");
    let behind = run.items.iter().filter(|item| item.start_frame >= 32_000);
    assert!(behind.flat_map(|item| &item.samples).all(|sample| sample.abs() < 1e-9));
}

#[test]
fn a_change_of_rate_goes_on_in_place() {
    let blocks = [tone(48_000, 0, 48_000), tone(44_100, 44_100, 44_100)];
    let run = testing::run::<Resample>(json!({}), blocks).expect("resampled");
    assert_eq!(stretches(&run.items), [(0, 32_000)]);
}

#[test]
fn a_change_of_layout_goes_on_in_place() {
    let stereo = Audio { channels: 2, ..tone(48_000, 48_000, 96_000) };
    let run = testing::run::<Resample>(json!({}), [tone(48_000, 0, 48_000), stereo]);
    let run = run.expect("resampled");
    assert_eq!(stretches(&run.items), [(0, 32_000)]);
    let middle = run.items.iter().flat_map(|item| &item.samples).skip(1_000).take(30_000);
    assert!(middle.into_iter().all(|sample| (sample - 0.25).abs() < 1e-3));
}

#[test]
fn sound_at_the_models_rate_is_only_mixed() {
    let samples: Vec<f32> = (0_u8..200).map(|n| f32::from(n) / 256.0).collect();
    let run = testing::run::<Resample>(json!({}), [Audio::mono(16_000, samples.clone())]);
    assert_eq!(run.expect("mixed").items, [Audio::mono(16_000, samples)]);
}

#[test]
fn a_block_that_starts_too_early_is_put_behind_the_last() {
    let blocks = [tone(16_000, 0, 16_000), tone(16_000, 8_000, 16_000)];
    let run = testing::run::<Resample>(json!({}), blocks).expect("mixed");
    let starts: Vec<i64> = run.items.iter().map(|item| item.start_frame).collect();
    assert_eq!(starts, [0, 16_000]);
}

#[test]
fn a_reset_starts_a_new_recording() {
    let mut driver = Driver::<Resample>::open(&json!({})).expect("open");
    driver.process(&tone(48_000, 0, 10_000)).expect("first recording");
    driver.reset().expect("reset");
    let mut items = driver.process(&tone(48_000, 0, 48_000)).expect("second recording");
    items.extend(driver.flush().expect("its end"));
    assert_eq!(stretches(&items), [(0, 16_000)]);
}

#[test]
fn what_cannot_be_sound_is_refused() {
    let refused = |block: Audio| testing::run::<Resample>(json!({}), [block]).map(|_| ());
    assert!(matches!(refused(tone(2_000_000, 0, 10)), Err(StageError::OverLimit(_))));
    assert!(matches!(
        testing::run::<Resample>(json!({ "max_sample_rate_hz": 0 }), Vec::<Audio>::new()),
        Err(StageError::InvalidConfig(_))
    ));
}
