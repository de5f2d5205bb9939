//! A recording goes in, in any container, and text and documents come out.

use std::io::{Cursor, Read};

use scribed_tests::audio::{containers, path, recording};
use scribed_tests::{Daemon, errors};

/// Most words that may be wrong, in percent.
const WORST: usize = 15;

#[test]
fn a_recording_in_any_container_becomes_its_text() {
    let daemon = Daemon::shared();
    let client = daemon.client();
    let all = containers();
    assert!(all.len() > 30, "the list of containers has shrunk");
    let jobs: Vec<_> =
        all.iter().map(|one| client.submit(&path("containers").join(&one.file))).collect();
    for (one, job) in all.iter().zip(jobs) {
        assert_eq!(client.end_of(job), "completed", "{}", one.file);
        let text = client.text(job);
        // A file without a text is cut within a word: anything may be heard in it.
        if !one.text.is_empty() {
            let errors = errors(&one.text, &text);
            assert!(errors.within_percent(WORST), "{}: {errors}: {text}", one.file);
        }
    }
}

#[test]
fn a_container_is_recognised_by_its_content_and_not_by_its_name() {
    let daemon = Daemon::shared();
    let client = daemon.client();
    let (file, recording) = recording("16");
    let bytes = std::fs::read(file).unwrap();
    let answer = client.upload_bytes("holiday.txt", bytes).status(200);
    let job = scribed_tests::Job(answer.json()["task_id"].as_i64().unwrap());
    assert_eq!(client.end_of(job), "completed");
    assert!(errors(&recording.text, &client.text(job)).within_percent(WORST));
}

#[test]
fn a_finished_job_is_exported_as_text_and_as_a_word_document() {
    let daemon = Daemon::shared();
    let client = daemon.client();
    let (file, recording) = recording("02");
    let job = client.submit(&file);
    assert_eq!(client.end_of(job), "completed");

    let text = client.export(job, "txt").status(200);
    let text = String::from_utf8(text.body).unwrap();
    assert!(errors(&recording.text, &text).within_percent(WORST), "{text}");

    let document = client.export(job, "doc").status(200);
    let mut archive = zip::ZipArchive::new(Cursor::new(document.body)).unwrap();
    let mut xml = String::new();
    archive.by_name("word/document.xml").unwrap().read_to_string(&mut xml).unwrap();
    assert!(xml.contains("02-short-us-male.wav"), "the title is the recording's name: {xml}");
    for sentence in recording.text.split_inclusive(". ") {
        assert!(xml.contains(sentence.trim()), "{sentence:?} is missing in {xml}");
    }
}

#[test]
fn what_is_known_of_a_job_is_what_was_uploaded() {
    let daemon = Daemon::shared();
    let client = daemon.client();
    let job = client.submit(&recording("03").0);
    client.end_of(job);
    let info = client.info(job);
    let length = info["audio_len_secs"].as_f64().unwrap();
    assert!((length - 8.79).abs() < 0.01, "{length}");
    assert_eq!(info["error_count"], 0);
    let beginning = info["description"].as_str().unwrap();
    assert!(client.text(job).starts_with(beginning), "{beginning}");
    let mine = client.get("/transcriptions").status(200).json();
    assert_eq!(mine["total"], 1);
    assert_eq!(mine["transcriptions"][0]["id"], info["id"]);
}
