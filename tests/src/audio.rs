//! The recordings under `tests/audio`, and recordings that a test makes of them.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::build::root;

pub mod silence;

/// A recording with its text.
#[derive(Debug, Clone, Deserialize)]
pub struct Recording {
    /// Its file name.
    pub file: String,
    /// What is spoken; empty when nothing is.
    pub text: String,
}

/// Lists the eighteen recordings.
pub fn recordings() -> Vec<Recording> {
    manifest("")
}

/// Lists a recording in every container and codec.
pub fn containers() -> Vec<Recording> {
    manifest("containers")
}

/// Returns the recording whose name begins with a number such as `07`.
#[track_caller]
pub fn recording(number: &str) -> (PathBuf, Recording) {
    let all = recordings();
    let found = all.into_iter().find(|recording| recording.file.starts_with(number));
    let found = found.unwrap_or_else(|| panic!("there is a recording {number}"));
    (path(&found.file), found)
}

/// Returns the path of a file below `tests/audio`.
pub fn path(name: &str) -> PathBuf {
    root().join("tests/audio").join(name)
}

fn manifest(folder: &str) -> Vec<Recording> {
    let file = path(folder).join("manifest.json");
    let text = std::fs::read_to_string(&file).expect("the manifest is there");
    serde_json::from_str(&text).expect("the manifest can be read")
}

/// Rate of the WAV files that are put together here, in Hz.
pub const RATE: usize = 16_000;

/// Length of the header of a plain WAV file, in bytes.
const WAV_HEADER: usize = 44;

/// Reads the samples of one of our 16 kHz mono 16-bit WAV files.
pub fn samples(path: &Path) -> Vec<i16> {
    let bytes = std::fs::read(path).expect("the recording is there");
    assert_eq!(&bytes[36..40], b"data", "{} has a plain header", path.display());
    bytes[WAV_HEADER..].chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

/// Makes a 16 kHz mono 16-bit WAV file.
pub fn wav(samples: &[i16]) -> Vec<u8> {
    let length =
        |bytes: usize| u32::try_from(bytes).expect("it fits into a WAV file").to_le_bytes();
    let rate = u32::try_from(RATE).expect("a rate is small");
    let data = samples.len() * 2;
    let mut file = Vec::with_capacity(WAV_HEADER + data);
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&length(WAV_HEADER - 8 + data));
    file.extend_from_slice(b"WAVEfmt ");
    file.extend_from_slice(&16_u32.to_le_bytes());
    file.extend_from_slice(&[1, 0, 1, 0]);
    file.extend_from_slice(&rate.to_le_bytes());
    file.extend_from_slice(&(rate * 2).to_le_bytes());
    file.extend_from_slice(&[2, 0, 16, 0]);
    file.extend_from_slice(b"data");
    file.extend_from_slice(&length(data));
    file.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    file
}
