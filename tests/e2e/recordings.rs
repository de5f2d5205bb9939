//! The recordings, each for what it is there.

use scribed_tests::audio::{path, recording, recordings};
use scribed_tests::{Daemon, errors};

/// Most words that may be wrong, in percent.
const WORST: usize = 15;

/// Read by the tests of pages, as it takes longest.
const LONGEST: &str = "11-";

#[test]
fn every_recording_becomes_its_text() {
    let daemon = Daemon::shared();
    let client = daemon.client();
    let all = recordings();
    assert_eq!(all.len(), 18);
    let spoken = all.iter().filter(|one| !one.text.is_empty() && !one.file.starts_with(LONGEST));
    let jobs: Vec<_> = spoken.map(|one| (one, client.submit(&path(&one.file)))).collect();
    for (one, job) in jobs {
        assert_eq!(client.end_of(job), "completed", "{}", one.file);
        let text = client.text(job);
        let errors = errors(&one.text, &text);
        println!("{}: {errors}", one.file);
        assert!(errors.within_percent(WORST), "{}: {errors}: {text}", one.file);
    }
}

#[test]
fn silence_has_no_text_and_no_chunks_and_its_document_says_so() {
    let daemon = Daemon::shared();
    let client = daemon.client();
    let job = client.submit(&recording("12").0);
    assert_eq!(client.end_of(job), "completed");
    assert_eq!(client.chunks(job), [""; 0]);
    let document = String::from_utf8(client.export(job, "txt").status(200).body).unwrap();
    assert!(document.to_lowercase().contains("no speech"), "{document:?}");
}

#[test]
fn noise_has_no_text() {
    let daemon = Daemon::shared();
    assert_eq!(daemon.client().transcribe(&recording("13").0).trim(), "");
}
