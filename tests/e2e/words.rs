//! When each word was spoken.
//!
//! The true times are known where a sentence begins or ends: between sentences the recordings are silent,
//! and where a test put silence in, it knows how much.

use scribed_tests::audio::{RATE, path, recordings, samples, wav};
use scribed_tests::{Program, text};
use serde_json::Value;

/// How far a time may be off, in seconds.
const TOLERANCE: f64 = 0.3;

/// Samples below this are silence; speech in these recordings reaches 16,000.
const QUIET: u16 = 200;

/// Silence between sentences lasts at least so long, in samples; within one it does not.
const PAUSE: usize = RATE * 28 / 100;

/// A word with its times in seconds.
#[derive(Debug)]
struct Word {
    text: String,
    start: f64,
    end: f64,
}

/// Transcribes a recording and returns its words.
fn words(recording: &[i16]) -> Vec<Word> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("recording.wav");
    std::fs::write(&file, wav(recording)).unwrap();
    let file = file.to_str().unwrap();
    let ran = Program::new(folder.path()).transcribe([file, "-f", "json"]).code(0);
    let document = ran.json();
    let segments = document["segments"].as_array().unwrap();
    let words = segments.iter().flat_map(|segment| segment["words"].as_array().unwrap());
    let seconds = |word: &Value, name: &str| word[name].as_f64().unwrap();
    let word = |word: &Value| Word {
        text: word["text"].as_str().unwrap().to_owned(),
        start: seconds(word, "start"),
        end: seconds(word, "end"),
    };
    words.map(word).collect()
}

/// Finds the stretches of speech between silences, in seconds.
fn stretches(recording: &[i16]) -> Vec<(f64, f64)> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    for (at, _) in recording.iter().enumerate().filter(|(_, s)| s.unsigned_abs() > QUIET) {
        match found.last_mut() {
            Some((_, end)) if at - *end < PAUSE => *end = at,
            _ => found.push((at, at)),
        }
    }
    found.into_iter().map(|(start, end)| (seconds(start), seconds(end))).collect()
}

#[expect(clippy::cast_precision_loss, reason = "recordings of tests are minutes long")]
fn seconds(samples: usize) -> f64 {
    samples as f64 / RATE as f64
}

/// Splits words into sentences at full stops.
fn sentences(words: &[Word]) -> Vec<&[Word]> {
    words.split_inclusive(|word| word.text.ends_with('.')).collect()
}

/// Insists that sentences begin and end where speech does.
#[track_caller]
fn check(name: &str, recording: &[i16]) {
    let words = words(recording);
    let (sentences, stretches) = (sentences(&words), stretches(recording));
    assert_eq!(sentences.len(), stretches.len(), "{name}: {words:?} {stretches:?}");
    for (sentence, (start, end)) in sentences.iter().zip(stretches) {
        let (first, last) = (&sentence[0], &sentence[sentence.len() - 1]);
        let off = (first.start - start).abs().max((last.end - end).abs());
        assert!(off <= TOLERANCE, "{name}: {first:?} {last:?} not {start} {end}");
    }
    for pair in words.windows(2) {
        assert!(pair[0].start <= pair[0].end && pair[0].end <= pair[1].start + 0.001, "{pair:?}");
    }
}

#[test]
fn sentences_begin_and_end_where_they_are_spoken() {
    let short = recordings().into_iter().filter(|one| one.file.contains("-short-"));
    for recording in short {
        check(&recording.file, &samples(&path(&recording.file)));
    }
}

#[test]
fn silence_before_and_between_moves_every_word_by_its_length() {
    let first = samples(&path("01-short-slt.wav"));
    let second = samples(&path("04-short-awb.wav"));
    let pause = vec![0; RATE * 45];
    let whole = [&pause[..], &first, &pause, &second].concat();
    check("with pauses", &whole);
    let moved = words(&whole);
    let still = words(&first);
    let same =
        moved.iter().zip(&still).take_while(|(a, b)| text::words(&a.text) == text::words(&b.text));
    let mut compared = 0;
    for (moved, still) in same {
        assert!((moved.start - 45.0 - still.start).abs() <= TOLERANCE, "{moved:?} {still:?}");
        compared += 1;
    }
    assert!(compared >= 10, "{moved:?} {still:?}");
}
