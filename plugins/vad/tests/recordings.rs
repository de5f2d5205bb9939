//! The stage through its real vtable, on real recordings and on noise.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, path::PathBuf};

use scribed_plugin::{
    StageError,
    testing::{self, Audio, Chunk, Driver},
};
use scribed_stage_vad::Vad;
use serde_json::json;

const SPEECH: [&str; 6] = [
    "01-short-slt",
    "02-short-us-male",
    "03-short-gb-female",
    "04-short-awb",
    "05-short-annie-heldout",
    "06-short-rms-heldout",
];

/// Reads a recording: 16-bit mono WAV with a header of 44 bytes.
fn recording(name: &str) -> Vec<f32> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/audio");
    let bytes = fs::read(folder.join(format!("{name}.wav"))).unwrap();
    let pairs = bytes[44..].chunks_exact(2);
    pairs.map(|pair| f32::from(i16::from_le_bytes([pair[0], pair[1]])) / 32_768.0).collect()
}

fn chunks(audio: impl IntoIterator<Item = Audio>) -> Vec<Chunk> {
    testing::run::<Vad>(json!({}), audio).unwrap().items
}

fn chunks_of(samples: Vec<f32>) -> Vec<Chunk> {
    chunks([Audio::mono(16_000, samples)])
}

/// White noise from a linear congruential generator, in [-level, level].
fn noise(count: usize, level: f32) -> Vec<f32> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (f32::from(u16::try_from(state >> 16).unwrap()) / 32_768.0 - 1.0) * level
    };
    (0..count).map(|_| next()).collect()
}

fn kept(chunks: &[Chunk]) -> usize {
    chunks.iter().map(|chunk| chunk.samples.len()).sum()
}

/// Speech for minutes: the short recordings one after another.
fn long(minutes: usize) -> Vec<f32> {
    let once: Vec<f32> = SPEECH.iter().flat_map(|name| recording(name)).collect();
    once.iter().copied().cycle().take(minutes * 60 * 16_000).collect()
}

#[test]
fn silence_gives_no_chunk() {
    assert_eq!(chunks_of(recording("12-silence")), []);
}

#[test]
fn steady_noise_gives_no_chunk() {
    assert_eq!(chunks_of(recording("13-noise-only")), []);
    assert_eq!(chunks_of(noise(160_000, 0.1)), []);
}

#[test]
fn all_speech_is_kept_and_the_silence_around_it_dropped() {
    for name in SPEECH {
        let samples = recording(name);
        let chunks = chunks_of(samples.clone());
        assert_eq!(chunks.len(), 1, "{name}");
        let inside = |at: usize| {
            let at = i64::try_from(at).unwrap();
            chunks[0]
                .spans
                .iter()
                .any(|s| (s.source_start..s.source_start + s.source_len).contains(&at))
        };
        // The recordings are clean: whatever is loud in them is speech.
        let loud = (0..samples.len()).filter(|at| samples[*at].abs() > 0.05);
        let lost = loud.filter(|at| !inside(*at)).count();
        assert_eq!(lost, 0, "{name}");
        assert!(kept(&chunks) < samples.len(), "{name}");
    }
}

#[test]
fn speech_in_heavy_noise_is_kept() {
    let speech = recording("01-short-slt");
    let clean = kept(&chunks_of(speech.clone()));
    let mixed: Vec<f32> =
        speech.iter().zip(noise(speech.len(), 0.05)).map(|(s, n)| s + n).collect();
    let noisy = kept(&chunks_of(mixed));
    assert!(noisy * 10 >= clean * 9, "{noisy} of {clean} samples");
}

#[test]
fn quiet_speech_is_kept() {
    let speech = recording("02-short-us-male");
    let clean = kept(&chunks_of(speech.clone()));
    let quiet = kept(&chunks_of(speech.iter().map(|s| s * 0.02).collect()));
    assert!(quiet * 10 >= clean * 9, "{quiet} of {clean} samples");
}

#[test]
fn samples_of_a_chunk_are_those_its_map_points_to() {
    let samples = long(1);
    let chunks = chunks_of(samples.clone());
    let mut last_end = 0;
    for (number, chunk) in chunks.iter().enumerate() {
        assert_eq!(usize::try_from(chunk.number).unwrap(), number);
        let mut filled = 0;
        for span in &chunk.spans {
            assert_eq!(span.chunk_start, filled);
            assert_eq!(i64::from(span.chunk_len), span.source_len);
            assert!(span.source_start >= last_end);
            let from = usize::try_from(span.source_start).unwrap();
            let (start, len) = (span.chunk_start as usize, span.chunk_len as usize);
            assert_eq!(chunk.samples[start..start + len], samples[from..from + len]);
            filled += span.chunk_len;
            last_end = span.source_start + span.source_len;
        }
        assert_eq!(filled as usize, chunk.samples.len());
    }
}

#[test]
fn chunks_are_at_most_thirty_seconds_and_well_filled() {
    let chunks = chunks_of(long(5));
    let longest = chunks.iter().map(|chunk| chunk.samples.len()).max().unwrap();
    assert!(longest <= 480_000, "{longest}");
    let full = &chunks[..chunks.len() - 1];
    let mean = kept(full) / full.len();
    assert!(mean >= 320_000, "a chunk has {mean} samples on average");
}

#[test]
fn speech_without_a_pause_is_cut_at_its_quietest_place() {
    // A voice that never pauses: 20 ms of each word again and again, with one soft spot.
    let loud = recording("03-short-gb-female");
    let start = loud.iter().position(|s| s.abs() > 0.2).unwrap();
    let piece = &loud[start..start + 16_000];
    let mut samples: Vec<f32> = piece.iter().copied().cycle().take(40 * 16_000).collect();
    for sample in &mut samples[24 * 16_000..24 * 16_000 + 4_800] {
        *sample *= 0.1;
    }
    let config = json!({ "min_snr_db": 0.0, "mode": 0 });
    let chunks = testing::run::<Vad>(config, [Audio::mono(16_000, samples)]).unwrap().items;
    let cut = chunks[0].samples.len() / 16;
    assert!((24_000..24_300).contains(&cut), "cut at {cut} ms");
    let (first, second) = (&chunks[0].spans[0], &chunks[1].spans[0]);
    assert_eq!(first.source_start + first.source_len, second.source_start);
}

#[test]
fn the_result_does_not_depend_on_how_audio_is_cut_into_blocks() {
    let samples = long(1);
    let whole = chunks_of(samples.clone());
    for size in [160, 1_000, 16_384] {
        let blocks = samples.chunks(size).enumerate().map(|(index, block)| Audio {
            start_frame: i64::try_from(index * size).unwrap(),
            ..Audio::mono(16_000, block)
        });
        assert_eq!(chunks(blocks), whole, "blocks of {size}");
    }
}

#[test]
fn positions_count_in_the_rate_of_the_recording() {
    let audio = Audio { source_rate: 48_000, ..Audio::mono(16_000, recording("01-short-slt")) };
    let plain = chunks_of(recording("01-short-slt"));
    let chunks = chunks([audio]);
    assert_eq!(chunks[0].source_rate, 48_000);
    for (at_48, at_16) in chunks[0].spans.iter().zip(&plain[0].spans) {
        assert_eq!(at_48.source_start, at_16.source_start * 3);
        assert_eq!(at_48.source_len, at_16.source_len * 3);
        assert_eq!(at_48.chunk_len, at_16.chunk_len);
    }
}

#[test]
fn a_gap_ends_a_span() {
    let samples = recording("03-short-gb-female");
    let middle = 24_000;
    let after = i64::try_from(middle).unwrap() + 160_000;
    let first = Audio::mono(16_000, &samples[..middle]);
    let second = Audio { start_frame: after, ..Audio::mono(16_000, &samples[middle..]) };
    let chunks = chunks([first, second]);
    let inside_gap = |at: i64| at > i64::try_from(middle).unwrap() && at < after;
    for span in chunks.iter().flat_map(|chunk| &chunk.spans) {
        assert!(!inside_gap(span.source_start));
        assert!(!inside_gap(span.source_start + span.source_len));
    }
    assert!(chunks[0].spans.iter().any(|s| s.source_start >= after));
}

#[test]
fn an_hour_of_silence_between_words_costs_nothing() {
    let mut driver = Driver::<Vad>::open(&json!({})).unwrap();
    let words = recording("04-short-awb");
    let mut at = 0;
    let mut give = |samples: &[f32]| {
        let block = Audio { start_frame: at, ..Audio::mono(16_000, samples) };
        at += i64::try_from(samples.len()).unwrap();
        driver.process(&block).unwrap()
    };
    let mut made = give(&words);
    let silence = vec![0.0; 16_000];
    for _ in 0..3_600 {
        made.extend(give(&silence));
    }
    made.extend(give(&words));
    made.extend(driver.flush().unwrap());
    assert_eq!(made.len(), 1);
    let alone = kept(&chunks_of(words));
    assert!(made[0].samples.len() <= 2 * alone + 16_000);
}

#[test]
fn a_reset_stage_works_like_a_new_one() {
    let audio = Audio::mono(16_000, recording("05-short-annie-heldout"));
    let mut driver = Driver::<Vad>::open(&json!({})).unwrap();
    driver.process(&Audio::mono(16_000, recording("13-noise-only"))).unwrap();
    driver.reset().unwrap();
    let mut made = driver.process(&audio).unwrap();
    made.extend(driver.flush().unwrap());
    assert_eq!(made, chunks([audio]));
}

#[test]
fn a_cancelled_stage_stops() {
    let mut driver = Driver::<Vad>::open(&json!({})).unwrap();
    driver.cancel_after(0);
    let answer = driver.process(&Audio::mono(16_000, vec![0.0; 16_000]));
    assert_eq!(answer, Err(StageError::Cancelled));
}

#[test]
fn audio_that_was_not_resampled_is_refused() {
    let mut stereo = Audio::mono(16_000, vec![0.0; 320]);
    stereo.channels = 2;
    for audio in [stereo, Audio::mono(44_100, vec![0.0; 320])] {
        let error = testing::run::<Vad>(json!({}), [audio]).unwrap_err();
        assert!(
            matches!(&error, StageError::InvalidInput(m) if m.contains("org.scribed.resample"))
        );
    }
}

#[test]
fn options_out_of_range_are_refused_by_name() {
    for (name, value) in [
        ("mode", json!(4)),
        ("min_snr_db", json!(-1.0)),
        ("min_level_dbfs", json!(3.0)),
        ("hangover_ms", json!(60_000)),
        ("padding_ms", json!(60_000)),
        ("min_speech_ms", json!(60_000)),
        ("max_chunk_secs", json!(31.0)),
    ] {
        let config = json!({ name: value });
        let error = testing::run::<Vad>(config, Vec::<Audio>::new()).unwrap_err();
        assert!(matches!(&error, StageError::InvalidConfig(m) if m.contains(name)), "{error:?}");
    }
}
