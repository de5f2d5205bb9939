//! Decoding: whatever the file, sound within the limits of the stage, or a refusal.

use scribed_plugin::kind::{AudioKind, MediaKind};
use scribed_plugin::testing::{Audio, Driver, Media};
use scribed_plugin::{Stage, StageError};
use serde_json::json;

/// Limits of the stage that is tried: less than its defaults, so that a small file can pass them.
const MAX_SECS: i64 = 60;
const MAX_CHANNELS: u32 = 4;
const RATES: std::ops::RangeInclusive<u32> = 4_000..=192_000;
const BLOCK_FRAMES: usize = 4_096;
/// Times that the stage may ask whether it is cancelled, which it does for every packet and every read:
/// more than any file that the fuzzer makes can be worth.
const MOST_POLLS: u64 = 2_000_000;

/// Holds of decoding: it ends, panics nowhere in code of ours, and gives blocks in order, within the
/// limits of time, channels, rates and sizes.
///
/// A panic inside Symphonia is that file's fault and fenced off by the stage; one that comes through
/// the fence is ours.
pub fn decode<S: Stage<Accepts = MediaKind, Emits = AudioKind>>(data: &[u8]) {
    let options = json!({
        "max_duration_secs": MAX_SECS, "min_duration_secs": 0.0, "max_channels": MAX_CHANNELS,
        "min_sample_rate_hz": RATES.start(), "max_sample_rate_hz": RATES.end(),
        "block_frames": BLOCK_FRAMES, "max_header_bytes": 1 << 20,
    });
    let mut driver = Driver::<S>::open(&options).expect("the options are good");
    driver.cancel_after(MOST_POLLS);
    let (result, blocks) = driver.process_all(&Media::of(data));
    match result {
        Ok(()) => assert!(!blocks.is_empty(), "a recording without sound is accepted"),
        Err(StageError::Cancelled) => panic!("after {MOST_POLLS} polls there is no end"),
        Err(StageError::Failed(why)) => panic!("it failed: {why}"),
        Err(_) => {}
    }
    let mut end = 0.0;
    for block in &blocks {
        end = check(block, end);
    }
    let source_rates: Vec<u32> = blocks.iter().map(|block| block.source_rate).collect();
    assert!(source_rates.windows(2).all(|pair| pair[0] == pair[1]), "{source_rates:?}");
    for facts in driver.facts() {
        assert!(RATES.contains(&facts.sample_rate), "{facts:?}");
        assert!((1..=MAX_CHANNELS).contains(&facts.channels), "{facts:?}");
    }
}

/// Checks one block that follows on `end`, in seconds; returns where it ends.
#[expect(clippy::cast_precision_loss, reason = "a minute of sound is few frames")]
fn check(block: &Audio, end: f64) -> f64 {
    let Audio { channels, sample_rate, start_frame, .. } = *block;
    assert!((1..=MAX_CHANNELS).contains(&channels), "{channels} channels");
    assert!(RATES.contains(&sample_rate), "{sample_rate} Hz");
    let frames = block.samples.len() / channels as usize;
    assert_eq!(block.samples.len() % channels as usize, 0);
    assert!((1..=BLOCK_FRAMES).contains(&frames), "{frames} frames in a block");
    let rate = f64::from(sample_rate);
    let after = start_frame + i64::try_from(frames).expect("a block is short");
    let (start, ends) = (start_frame as f64 / rate, after as f64 / rate);
    // Where the rate changes, positions are rounded to whole frames.
    assert!(start_frame >= 0 && start >= end - 2.0 / rate, "a block at {start} s after {end} s");
    // The packet that passes the limit may still come out.
    let most = (MAX_SECS + 10) as f64;
    assert!(ends <= most, "a block ends at {ends} s");
    ends
}
