//! Real recordings and the real recogniser: the text of many hosts is that of one.

use std::path::{Path, PathBuf};

use scribed_tests::Services;
use scribed_tests::audio::{path, recordings};
use scribed_tests::checker::Rules;

use crate::bench::{Bench, IMPATIENT};
use crate::{alone, form};

/// Largest recording that fits into an event, in bytes.
const INLINE: u64 = 512 * 1024;

#[test]
fn many_hosts_hear_what_one_host_hears() {
    let _alone = alone();
    let Some(services) = Services::given("chaos") else { return };
    let count = form(6, 50);
    let mut bench = Bench::with("recordings", &services, 3, IMPATIENT);
    let files = spoken();
    let alone: Vec<_> = files.iter().take(count).map(|file| heard(&bench, file)).collect();
    for number in 0..count {
        let (file, expected) = (&files[number % files.len()], &alone[number % files.len()]);
        let bytes = std::fs::read(file).unwrap();
        bench.send_recording(&format!("recording-{number}"), &bytes, expected.clone());
    }
    let figures = format!("{} recordings, 3 hosts", files.len().min(count));
    bench.finish(Rules { uncharged: true, ..Rules::default() }, &figures);
}

/// Lists the recordings in which somebody speaks and that fit into an event.
fn spoken() -> Vec<PathBuf> {
    let spoken = recordings().into_iter().filter(|recording| !recording.text.is_empty());
    let files = spoken.map(|recording| path(&recording.file));
    files.filter(|file| file.metadata().unwrap().len() <= INLINE).collect()
}

/// Returns the text of each chunk as one host alone hears it.
fn heard(bench: &Bench, file: &Path) -> Vec<String> {
    let program = bench.cluster.program();
    let document = program.transcribe(["-f", "json", file.to_str().unwrap()]).code(0).json();
    let mut chunks: Vec<Vec<String>> = Vec::new();
    for segment in document["segments"].as_array().unwrap() {
        let chunk = usize::try_from(segment["chunk"].as_u64().unwrap()).unwrap();
        chunks.resize(chunks.len().max(chunk + 1), Vec::new());
        chunks[chunk].push(segment["text"].as_str().unwrap().to_owned());
    }
    chunks.iter().map(|segments| segments.join(" ")).collect()
}
