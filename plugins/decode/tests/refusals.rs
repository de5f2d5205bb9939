//! What cannot be decoded is refused with a sentence that says which and why; what is broken in part
//! gives the rest and a warning.

use std::path::Path;

use scribed_plugin::{
    prelude::*,
    testing::{self, Audio, Driver, Media, Run},
};
use scribed_stage_decode::Decode;
use serde_json::{Value, json};

fn media(file: &str) -> Media {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/audio").join(file);
    Media::file(path).expect("recording")
}

fn decode_with(config: Value, file: &str) -> Result<Run<Audio>> {
    testing::run::<Decode>(config, [media(file)])
}

fn refusal(file: &str) -> StageError {
    let result = decode_with(json!({}), &format!("bad/{file}"));
    result.err().unwrap_or_else(|| panic!("{file} was decoded"))
}

#[track_caller]
fn invalid(file: &str, words: &[&str]) {
    let StageError::InvalidInput(text) = refusal(file) else {
        panic!("{file}: {:?}", refusal(file))
    };
    for word in words {
        assert!(text.contains(word), "{file}: {text}");
    }
}

#[track_caller]
fn over_limit(file: &str, words: &[&str]) {
    let StageError::OverLimit(text) = refusal(file) else { panic!("{file}: {:?}", refusal(file)) };
    for word in words {
        assert!(text.contains(word), "{file}: {text}");
    }
}

#[test]
fn what_is_no_media_is_refused() {
    invalid("empty.wav", &["empty"]);
    invalid("one-byte.wav", &["known format"]);
    invalid("text.mp3", &["known format"]);
    invalid("noise.bin", &["known format"]);
}

#[test]
fn what_is_without_sound_is_refused() {
    assert_eq!(
        refusal("video-without-sound.mp4"),
        StageError::NoAudio("this mp4 file has no sound".to_owned())
    );
    assert!(matches!(refusal("header-only.wav"), StageError::NoAudio(_)));
}

#[test]
fn what_is_encrypted_is_refused() {
    let StageError::Protected(text) = refusal("encrypted.mp4") else {
        panic!("{:?}", refusal("encrypted.mp4"))
    };
    assert!(text.contains("cenc") && text.contains("mp4a"), "{text}");
}

#[test]
fn codecs_that_are_not_known_are_named() {
    invalid("unknown-codec.mp4", &["mp4", "ac3"]);
}

#[test]
fn sample_entries_that_are_not_known_are_named() {
    let mut bytes = media("containers/aac.m4a").bytes;
    let at = bytes.windows(4).position(|four| four == b"mp4a").expect("a sample entry");
    bytes[at..at + 4].copy_from_slice(b"samr");
    let refused = testing::run::<Decode>(json!({}), [Media::of(bytes)]).err();
    let Some(StageError::InvalidInput(text)) = refused else { panic!("{refused:?}") };
    assert!(text.contains("samr") && text.contains("mp4"), "{text}");
}

#[test]
fn files_of_a_store_with_rights_management_are_refused() {
    let mut bytes = media("containers/aac.m4a").bytes;
    let at = bytes.windows(4).position(|four| four == b"mp4a").expect("a sample entry");
    bytes[at..at + 4].copy_from_slice(b"drms");
    let refused = testing::run::<Decode>(json!({}), [Media::of(bytes)]).err();
    assert!(matches!(refused, Some(StageError::Protected(_))), "{refused:?}");
}

#[test]
fn limits_are_told_with_their_values() {
    over_limit("1-hz.wav", &["1 Hz", "4000"]);
    over_limit("768-khz.wav", &["768000 Hz", "384000"]);
    over_limit("4-billion-hz.wav", &["4294967295 Hz"]);
    over_limit("32-channels.wav", &["32 channels", "8"]);
    over_limit("50-ms.wav", &["0.050 s", "0.1 s"]);
    invalid("no-rate.wav", &["sample rate"]);
    invalid("no-channels.wav", &["no channels"]);
}

#[test]
fn limits_are_configuration() {
    let over = |config: Value| match decode_with(config, "15-stereo-44k.mp3") {
        Err(StageError::OverLimit(text)) => text,
        other => panic!("{other:?}"),
    };
    assert!(over(json!({ "max_duration_secs": 10 })).contains("10 seconds"));
    assert!(over(json!({ "min_duration_secs": 60 })).contains("60 s"));
    assert!(over(json!({ "max_channels": 1 })).contains("2 channels"));
    assert!(over(json!({ "max_sample_rate_hz": 16_000 })).contains("44100 Hz"));
    assert!(decode_with(json!({ "max_channels": 32 }), "bad/32-channels.wav").is_err());
}

#[test]
fn a_length_that_is_not_told_is_limited_too() {
    let config = json!({ "max_duration_secs": 3 });
    for file in ["containers/aac.aac", "containers/opus.webm", "bad/truncated.ogg"] {
        let limited = decode_with(config.clone(), file);
        let short = file.starts_with("bad/");
        assert_eq!(matches!(limited, Err(StageError::OverLimit(_))), !short, "{file}");
    }
}

#[test]
fn a_length_that_plain_samples_cannot_have_is_no_reason_to_refuse_them() {
    let mut piped = media("containers/pcm-s16.wav");
    // An hour, which its writer could not know better; there are seven seconds.
    piped.bytes[4..8].copy_from_slice(&(3_600_u32 * 32_000 + 36).to_le_bytes());
    piped.bytes[40..44].copy_from_slice(&(3_600_u32 * 32_000).to_le_bytes());
    let run = testing::run::<Decode>(json!({ "max_duration_secs": 60 }), [piped]);
    let run = run.expect("it is short enough");
    assert!(run.facts.last().and_then(|facts| facts.frames).expect("a length") > 6 * 16_000);
    let codes: Vec<_> = run.warnings.iter().map(|warning| warning.code.as_str()).collect();
    assert_eq!(codes, ["truncated"]);
}

#[test]
fn a_packet_that_claims_more_frames_than_memory_holds_is_refused() {
    let mut bytes = media("containers/pcm.caf").bytes;
    // Frames of a packet in the description, which is the first chunk.
    bytes[40..44].fill(0xff);
    let refused = testing::run::<Decode>(json!({}), [Media::of(bytes)]).err();
    let Some(StageError::InvalidInput(text)) = refused else { panic!("{refused:?}") };
    assert!(text.contains("too many frames"), "{text}");
}

#[test]
fn wrong_limits_are_refused() {
    for config in [
        json!({ "max_duration_secs": 0 }),
        json!({ "min_duration_secs": -1 }),
        json!({ "max_channels": 0 }),
        json!({ "min_sample_rate_hz": 0 }),
        json!({ "min_sample_rate_hz": 500_000 }),
        json!({ "block_frames": 0 }),
        json!({ "max_header_bytes": 10 }),
        json!({ "no_such_option": 1 }),
    ] {
        let opened = Driver::<Decode>::open(&config).map(|_| ());
        assert!(matches!(opened, Err(StageError::InvalidConfig(_))), "{config}: {opened:?}");
    }
}

/// Frames of sound in a run, and the warnings as (code, place).
fn summary(file: &str) -> (i64, u32, Vec<(String, i64)>) {
    let run = decode_with(json!({}), &format!("bad/{file}"));
    let run = run.unwrap_or_else(|error| panic!("{file}: {error}"));
    let rate = run.items.first().expect("sound").sample_rate;
    let frames = run.items.iter().map(|block| block.samples.len()).sum::<usize>();
    let warnings = run.warnings.into_iter().map(|w| (w.code, w.at_frame.unwrap_or(-1))).collect();
    (i64::try_from(frames).expect("few"), rate, warnings)
}

#[test]
fn cut_off_files_give_what_they_have() {
    for file in [
        "truncated.wav",
        "truncated.mp3",
        "truncated.flac",
        "truncated.ogg",
        "truncated.webm",
        "truncated-faststart.mp4",
    ] {
        let (frames, rate, warnings) = summary(file);
        // Half of the bytes: between 2.2 and 3.6 of 7 seconds, as bits are spread.
        assert!((frames * 10 / i64::from(rate) - 29).abs() < 8, "{file}: {frames} at {rate}");
        assert_eq!(warnings, [("truncated".to_owned(), frames)], "{file}");
    }
    invalid("truncated-no-index.m4a", &["mp4", "index"]);
}

#[test]
fn every_container_that_can_be_read_in_order_survives_a_cut() {
    for file in [
        "pcm.aiff",
        "ima-adpcm.wav",
        "aac-fragmented.mp4",
        "aac.aac",
        "flac.mkv",
        "vorbis.ogg",
        "video-opus.webm",
    ] {
        let mut cut = media(&format!("containers/{file}"));
        cut.bytes.truncate(cut.bytes.len() / 10 * 7);
        let run = testing::run::<Decode>(json!({}), [cut]).expect(file);
        let frames = run.facts.last().and_then(|facts| facts.frames).expect("a length");
        let codes: Vec<_> = run.warnings.iter().map(|warning| warning.code.as_str()).collect();
        assert_eq!(codes, ["truncated"], "{file}");
        assert!(frames > 16_000, "{file}: {frames}");
    }
}

#[test]
fn damage_is_skipped_and_told() {
    for file in ["damaged.flac", "damaged.mp3", "damaged.ogg", "damaged.aac", "damaged.mp4"] {
        let (frames, rate, warnings) = summary(file);
        assert!(frames > i64::from(rate) * 11 / 2, "{file}: {frames} at {rate}");
        let (code, place) = warnings.first().expect("a warning");
        assert_eq!(code, "damaged", "{file}");
        let second = *place / i64::from(rate);
        assert!((2..=4).contains(&second), "{file}: damage at {place}");
    }
}

#[test]
fn sound_behind_damage_stays_in_its_place() {
    let whole = decode_with(json!({}), "containers/flac.flac").expect("whole");
    let whole: Vec<f32> = whole.items.into_iter().flat_map(|block| block.samples).collect();
    let run = decode_with(json!({}), "bad/damaged.flac").expect("damaged");
    assert_eq!(run.facts.last().and_then(|facts| facts.frames), i64::try_from(whole.len()).ok());
    for block in &run.items {
        let start = usize::try_from(block.start_frame).expect("a place");
        assert_eq!(block.samples, whole[start..start + block.samples.len()], "at {start}");
    }
}

#[test]
fn a_header_without_length_is_no_fault() {
    let (frames, rate, warnings) = summary("unknown-length.wav");
    assert_eq!((frames, rate, warnings), (16_000, 16_000, vec![]));
}

#[test]
fn many_damaged_places_are_told_as_a_number() {
    let mut media = media("07-meeting-two-voices.flac");
    for at in (40_000..media.bytes.len()).step_by(40_000) {
        media.bytes[at] ^= 0xFF;
    }
    let config = json!({ "max_warnings": 3 });
    let run = testing::run::<Decode>(config, [media]).expect("most of it");
    let damaged = run.warnings.iter().filter(|warning| warning.code == "damaged");
    assert_eq!(damaged.count(), 4);
    assert!(run.warnings.last().expect("a sum").message.contains("more places"));
}

#[test]
fn a_recording_that_cannot_be_read_is_not_to_blame() {
    let lost = Media { fails_from: Some(100_000), ..media("01-short-slt.wav") };
    let mut driver = Driver::<Decode>::open(&json!({})).expect("open");
    let (result, _) = driver.process_all(&lost);
    assert!(matches!(result, Err(StageError::Unavailable(_))), "{result:?}");
}

#[test]
fn a_cancelled_job_stops_between_packets() {
    let mut driver = Driver::<Decode>::open(&json!({})).expect("open");
    driver.cancel_after(50);
    let (result, blocks) = driver.process_all(&media("11-five-minutes.flac"));
    assert_eq!(result, Err(StageError::Cancelled));
    assert!(blocks.len() < 30, "{} blocks came", blocks.len());
}

#[test]
fn a_host_that_wants_no_more_gets_no_more() {
    let mut driver = Driver::<Decode>::open(&json!({})).expect("open");
    driver.stop_after(2);
    let (result, blocks) = driver.process_all(&media("11-five-minutes.flac"));
    assert_eq!((result, blocks.len()), (Err(StageError::Cancelled), 2));
}

#[test]
fn an_instance_decodes_one_recording_after_the_other() {
    let mut driver = Driver::<Decode>::open(&json!({})).expect("open");
    assert!(driver.process_all(&media("bad/text.mp3")).0.is_err());
    let first = driver.process(&media("01-short-slt.wav")).expect("first");
    let second = driver.process(&media("01-short-slt.wav")).expect("second");
    assert_eq!(first, second);
}

#[test]
fn spoilt_files_neither_break_the_stage_nor_fill_memory() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/audio/containers");
    let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
    let mut random = move |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed >> 16).unwrap_or(0) % below
    };
    for entry in std::fs::read_dir(folder).expect("containers") {
        let path = entry.expect("entry").path();
        let whole = Media::file(&path).expect("recording");
        for round in 0..12 {
            let mut spoilt = whole.clone();
            // Headers are where most can go wrong, so every other round is about them.
            let span = if round % 2 == 0 { 1_000 } else { spoilt.bytes.len() };
            for _ in 0..=random(12) {
                let at = random(span);
                spoilt.bytes[at] = [0xFF, 0x00, 0x7F, 0x80][random(4)];
            }
            let mut driver = Driver::<Decode>::open(&json!({})).expect("open");
            let (result, blocks) = driver.process_all(&spoilt);
            let broken = matches!(result, Err(StageError::Failed(_) | StageError::Unavailable(_)));
            assert!(!broken, "{}, round {round}: {result:?}", path.display());
            let samples: usize = blocks.iter().map(|block| block.samples.len()).sum();
            assert!(samples < 8 * 48_000 * 20, "{}, round {round}: {samples}", path.display());
        }
    }
}
