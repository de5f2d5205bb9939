//! Recordings with known text, and how near a transcript comes to it.

use std::{fs, path::PathBuf};

use scribed_plugin::prelude::Segments;
use serde_json::{Value, json};

/// The recordings that fit into one chunk.
pub(crate) const SPEECH: [&str; 6] = [
    "01-short-slt",
    "02-short-us-male",
    "03-short-gb-female",
    "04-short-awb",
    "05-short-annie-heldout",
    "06-short-rms-heldout",
];

/// A word that was said: text, start and end in seconds, as the synthesizer told it.
pub(crate) type Said = (String, f64, f64);

/// Returns the options for the demo model, changed by those given.
pub(crate) fn options(changes: &Value) -> Value {
    let model = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("models/ggml-scribed-demo.en.bin");
    // One thread: tests run side by side already.
    let mut options = json!({ "model": model, "threads": 1 });
    for (name, value) in changes.as_object().unwrap() {
        options[name] = value.clone();
    }
    options
}

/// Reads a recording: 16-bit mono WAV at 16 kHz with a header of 44 bytes.
pub(crate) fn samples(name: &str) -> Vec<f32> {
    let bytes = fs::read(audio(&format!("{name}.wav"))).unwrap();
    let pairs = bytes[44..].chunks_exact(2);
    pairs.map(|pair| f32::from(i16::from_le_bytes([pair[0], pair[1]])) / 32_768.0).collect()
}

/// Returns the words that were said, with their times.
pub(crate) fn said(name: &str) -> Vec<Said> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/word-times.json");
    let all: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    serde_json::from_value(all[format!("{name}.wav")].clone()).unwrap()
}

/// Returns the text that was said.
pub(crate) fn text(name: &str) -> String {
    fs::read_to_string(audio(&format!("{name}.txt"))).unwrap()
}

fn audio(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/audio").join(name)
}

/// Returns the words of a text in lower case, without punctuation.
pub(crate) fn plain(text: &str) -> Vec<String> {
    let word = |word: &str| word.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
    text.split_whitespace().map(|text| word(text).to_lowercase()).collect()
}

/// Returns the fewest words to change, leave out or put in to get from one text to the other.
pub(crate) fn errors(reference: &[String], heard: &[String]) -> usize {
    let mut row: Vec<usize> = (0..=heard.len()).collect();
    for (index, word) in reference.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (at, other) in heard.iter().enumerate() {
            let changed = diagonal + usize::from(word != other);
            diagonal = row[at + 1];
            row[at + 1] = changed.min(diagonal + 1).min(row[at] + 1);
        }
    }
    row[heard.len()]
}

/// Fails unless segments and words are in order, inside one another, and inside the chunk.
pub(crate) fn assert_in_order(document: &Segments) {
    let mut at = document.start;
    for segment in &document.segments {
        assert!(at <= segment.start && segment.start <= segment.end, "{segment:?} after {at}");
        assert!(segment.end <= document.end, "{segment:?} ends behind {}", document.end);
        let mut word_at = segment.start;
        for word in &segment.words {
            assert!(word_at <= word.start && word.start <= word.end, "{word:?} after {word_at}");
            assert!(word.end <= segment.end, "{word:?} ends behind {}", segment.end);
            assert!((0.0..=1.0).contains(&word.probability), "{word:?}");
            word_at = word.end;
        }
        at = segment.end;
    }
}
