//! Golden files: one example per shape and version, as an earlier program wrote it.
//!
//! They are never edited, only added. Each still reads, and writes back to itself; events also keep to
//! the JSON Schema that producers and consumers build on.
#![forbid(unsafe_code)]

use std::fs;
use std::path::{Path, PathBuf};

use scribed_schemas::event::{ChunkEvent, StateEvent, TranscriptEvent, UploadEvent};
use scribed_schemas::job::Job;
use scribed_schemas::transcript::Segments;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn document(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Reads a golden file and compares what is written back; returns it for further checks.
#[track_caller]
fn check<T: DeserializeOwned + Serialize>(name: &str) -> Value {
    let golden = document(&folder("golden/v1").join(name).with_extension("json"));
    let read: T = serde_json::from_value(golden.clone()).expect("an old document still reads");
    let written = serde_json::to_value(&read).expect("what was read can be written");
    assert_eq!(written, golden);
    golden
}

#[track_caller]
fn check_event<T: DeserializeOwned + Serialize>(name: &str, schema: &str) {
    let golden = check::<T>(name);
    let schema = document(&folder("events").join(format!("{schema}-1.schema.json")));
    let validator = jsonschema::validator_for(&schema).expect("the schema is one");
    let errors = validator.iter_errors(&golden).map(|e| e.to_string()).collect::<Vec<_>>();
    assert!(errors.is_empty(), "{name}: {errors:?}");
    assert!(!validator.is_valid(&Value::Null), "the schema refuses something");
}

#[test]
fn upload_events_of_every_kind_of_media_still_read() {
    for kind in ["key", "file", "url", "data"] {
        check_event::<UploadEvent>(&format!("upload-{kind}"), "upload");
    }
}

#[test]
fn events_that_we_publish_still_read() {
    check_event::<StateEvent>("state", "state");
    check_event::<ChunkEvent>("chunk", "chunk");
    check_event::<TranscriptEvent>("transcript", "transcript");
}

#[test]
fn what_is_stored_still_reads() {
    check::<Segments>("segments");
    check::<Job>("job");
    check::<Job>("job-followed");
}

#[test]
fn every_golden_file_is_read_by_a_test_here() {
    let mut names = fs::read_dir(folder("golden/v1"))
        .expect("the folder is there")
        .map(|entry| entry.expect("it can be listed").file_name().into_string().expect("UTF-8"))
        .collect::<Vec<_>>();
    names.sort();
    let read = [
        "chunk.json",
        "job-followed.json",
        "job.json",
        "segments.json",
        "state.json",
        "transcript.json",
        "upload-data.json",
        "upload-file.json",
        "upload-key.json",
        "upload-url.json",
    ];
    assert_eq!(names, read);
}

#[test]
fn members_of_a_later_program_do_not_stand_in_the_way() {
    let mut event = document(&folder("golden/v1/upload-key.json"));
    event["mood"] = Value::from("cheerful");
    let read: UploadEvent = serde_json::from_value(event).expect("unknown members are ignored");
    assert_eq!(read.owner, "newsroom");
}
