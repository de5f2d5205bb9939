//! Every container and codec decodes to the recording that it was made from, frame by frame in place.

use std::path::{Path, PathBuf};

use scribed_plugin::testing::{self, Audio, Media, Run};
use scribed_stage_decode::Decode;
use serde::Deserialize;
use serde_json::json;

/// An entry of `tests/audio/containers/manifest.json`.
#[derive(Debug, Deserialize)]
struct Entry {
    file: String,
    container: String,
    codec: String,
    sample_rate: u32,
    channels: u32,
    exact: bool,
    seconds: f64,
    text: String,
}

fn audio() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/audio")
}

fn manifest() -> Vec<Entry> {
    let path = audio().join("containers/manifest.json");
    serde_json::from_slice(&std::fs::read(path).expect("manifest")).expect("JSON")
}

fn decode(path: &str) -> Run<Audio> {
    // Without name and media type: only the content may count.
    let media = Media::of(std::fs::read(audio().join(path)).expect("recording"));
    testing::run::<Decode>(json!({}), [media]).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Joins blocks that have no holes between them.
fn joined(run: &Run<Audio>) -> Vec<f32> {
    let mut samples: Vec<f32> = Vec::new();
    for block in &run.items {
        let at = samples.len() / block.channels as usize;
        assert_eq!(usize::try_from(block.start_frame), Ok(at), "a hole");
        samples.extend(&block.samples);
    }
    samples
}

fn original() -> Vec<f32> {
    joined(&decode("01-short-slt.wav"))
}

#[test]
fn facts_are_those_of_the_manifest() {
    for entry in manifest() {
        let run = decode(&format!("containers/{}", entry.file));
        let first = run.facts.first().expect("facts");
        assert_eq!(first.container, entry.container, "{}", entry.file);
        assert_eq!(first.codec, entry.codec, "{}", entry.file);
        assert_eq!(first.sample_rate, entry.sample_rate, "{}", entry.file);
        assert_eq!(first.channels, entry.channels, "{}", entry.file);
        let block = run.items.first().expect("sound");
        assert_eq!((block.sample_rate, block.channels), (entry.sample_rate, entry.channels));
        assert_eq!(block.source_rate, entry.sample_rate);
        let wanted = usize::from(entry.file == "two-tracks.mkv");
        assert_eq!(run.warnings.len(), wanted, "{}: {:?}", entry.file, run.warnings);
    }
}

#[test]
fn the_last_facts_tell_the_exact_length() {
    for entry in manifest() {
        let run = decode(&format!("containers/{}", entry.file));
        let frames = joined(&run).len() / entry.channels as usize;
        let told = run.facts.last().and_then(|facts| facts.frames);
        assert_eq!(told, i64::try_from(frames).ok(), "{}", entry.file);
    }
}

#[test]
fn lengths_are_right_to_the_codecs_packet() {
    for entry in manifest() {
        let run = decode(&format!("containers/{}", entry.file));
        let frames = joined(&run).len() / entry.channels as usize;
        #[expect(clippy::cast_precision_loss, reason = "few frames")]
        let seconds = frames as f64 / f64::from(entry.sample_rate);
        // Formats that tell neither delay nor padding keep both: up to two packets of 1,152 frames
        // at 44.1 kHz, or a block of ADPCM (63 ms at 16 kHz).
        let excess = seconds - entry.seconds;
        assert!((-0.000_1..0.065).contains(&excess), "{}: {excess} s too long", entry.file);
    }
}

#[test]
fn lossless_files_equal_the_original() {
    let original = original();
    for entry in manifest().into_iter().filter(|entry| entry.exact) {
        let samples = joined(&decode(&format!("containers/{}", entry.file)));
        assert_eq!(samples, original[..samples.len()], "{}", entry.file);
    }
}

/// Mean over windows of 10 ms of the level: what lossy codecs keep best.
fn levels(samples: &[f32], rate: u32) -> Vec<f32> {
    let window = rate as usize / 100;
    #[expect(clippy::cast_precision_loss, reason = "few samples")]
    let level = |chunk: &[f32]| {
        (chunk.iter().map(|sample| sample * sample).sum::<f32>() / chunk.len() as f32).sqrt()
    };
    samples.chunks_exact(window).map(level).collect()
}

/// Returns how alike two courses are at a shift of windows, between -1 and 1.
fn likeness(a: &[f32], b: &[f32], shift: isize) -> f32 {
    let (mut ab, mut aa, mut bb) = (0.0_f32, 0.0_f32, 0.0_f32);
    for (at, &x) in a.iter().enumerate() {
        let Some(&y) = at.checked_add_signed(shift).and_then(|at| b.get(at)) else { continue };
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    ab / (aa * bb).sqrt()
}

#[test]
fn lossy_files_sound_like_the_original_and_at_the_same_time() {
    let original = levels(&original(), 16_000);
    for entry in manifest().into_iter().filter(|entry| !entry.text.is_empty()) {
        let samples = joined(&decode(&format!("containers/{}", entry.file)));
        let levels = levels(&samples, entry.sample_rate);
        let best = (-20..=20_isize)
            .max_by(|&a, &b| {
                likeness(&levels, &original, a).total_cmp(&likeness(&levels, &original, b))
            })
            .expect("shifts");
        // ADTS and MP2 tell no delay: theirs (23 and 11 ms) stays.
        let late = [("aac.aac", -2), ("aac-fragmented.mp4", -2), ("mp2.mp2", -1)];
        let wanted = late.iter().find(|(file, _)| *file == entry.file).map_or(0, |(_, at)| *at);
        assert_eq!(best, wanted, "{} is shifted", entry.file);
        let likeness = likeness(&levels, &original, best);
        assert!(likeness > 0.98, "{} is only {likeness} like the original", entry.file);
    }
}

#[test]
fn the_default_track_is_decoded_and_the_others_are_told() {
    let run = decode("containers/two-tracks.mkv");
    assert!(joined(&run).iter().any(|sample| sample.abs() > 0.1), "the silent track was taken");
    let codes: Vec<_> = run.warnings.iter().map(|warning| warning.code.as_str()).collect();
    assert_eq!(codes, ["tracks_ignored"]);
}

#[test]
fn a_block_is_never_longer_than_a_second() {
    for file in ["01-short-slt.wav", "15-stereo-44k.mp3"] {
        for block in decode(file).items {
            assert!(block.samples.len() <= (block.sample_rate * block.channels) as usize);
        }
    }
}

#[test]
fn every_recording_of_the_collection_decodes_without_warning() {
    let mut seen = 0;
    for entry in std::fs::read_dir(audio()).expect("recordings") {
        let path = entry.expect("entry").path();
        let extension = path.extension().and_then(|extension| extension.to_str());
        if !matches!(extension, Some("wav" | "flac" | "mp3" | "m4a" | "webm")) {
            continue;
        }
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
        let run = decode(name);
        assert!(run.warnings.is_empty(), "{name}: {:?}", run.warnings);
        assert!(joined(&run).len() > 16_000);
        seen += 1;
    }
    assert_eq!(seen, 18);
}

#[test]
fn the_core_of_he_aac_is_decoded() {
    let plain = std::fs::read(audio().join("containers/aac.m4a")).expect("recording");
    // The AudioSpecificConfig of an LC track of 44.1 kHz, and one that announces SBR over the same.
    let (lc, he) = ([0x12, 0x08, 0x56, 0xe5, 0x00], [0x2a, 0x0a, 0x08, 0x00, 0x00]);
    let at = plain.windows(5).position(|five| five == lc).expect("a configuration");
    let mut announced = plain.clone();
    announced[at..at + 5].copy_from_slice(&he);
    let decode = |bytes: Vec<u8>| testing::run::<Decode>(json!({}), [Media::of(bytes)]);
    let (plain, announced) = (decode(plain).expect("LC"), decode(announced).expect("HE"));
    assert_eq!(announced.items, plain.items);
}
