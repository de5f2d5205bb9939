//! The document, read back as any word processor reads it: a zip of XML parts.

use std::io::{Cursor, Read as _};

use quick_xml::{Reader, escape, events::Event};
use scribed_plugin::testing::{self, Driver};
use scribed_schemas::transcript::{FlagReason, QualityFlag};
use serde_json::{Value, json};

use super::*;

fn segment(start: i64, text: &str, reasons: &[FlagReason]) -> Segment {
    let flag = |reason: &FlagReason| QualityFlag { reason: *reason, value: 3.0, limit: 2.4 };
    Segment {
        start,
        end: start + 8_000,
        text: text.to_owned(),
        words: Vec::new(),
        avg_log_prob: -0.2,
        no_speech_prob: 0.0,
        temperature: 0.0,
        flags: reasons.iter().map(flag).collect(),
    }
}

/// Makes a chunk that begins with its first segment, at 8,000 Hz.
fn chunk(number: u32, segments: Vec<Segment>) -> Segments {
    let start = segments.first().map_or(0, |segment| segment.start);
    Segments { segments, ..Segments::empty(number, 8_000, start, start + 240_000) }
}

#[track_caller]
fn render(config: Value, chunks: Vec<Segments>) -> Vec<u8> {
    let run = testing::run::<RenderDoc>(config, chunks).expect("it renders");
    let [document] = run.items.as_slice() else { panic!("one document, not {}", run.items.len()) };
    assert_eq!(document.media_type, MEDIA_TYPE);
    assert_eq!(document.extension, "docx");
    document.bytes.clone()
}

/// Unpacks the parts of a document, by name.
fn parts(docx: &[u8]) -> Vec<(String, String)> {
    let mut archive = zip::ZipArchive::new(Cursor::new(docx)).expect("a zip");
    let names: Vec<String> =
        archive.file_names().map(|name| name.expect("UTF-8").into_owned()).collect();
    let files = names.into_iter().filter(|name| !name.ends_with('/'));
    let read = files.map(|name| {
        let mut text = String::new();
        let mut part = archive.by_name(&name).expect("a part");
        part.read_to_string(&mut text).expect("UTF-8");
        drop(part);
        (name, text)
    });
    read.collect()
}

/// What stands in the document: its paragraphs, and the rows of its tables, in order.
#[derive(Debug, Default)]
struct Read {
    paragraphs: Vec<String>,
    rows: Vec<Vec<String>>,
}

fn read(docx: &[u8]) -> Read {
    let parts = parts(docx);
    let (_, xml) = parts.iter().find(|(name, _)| name == "word/document.xml").expect("a body");
    let mut reader = Reader::from_str(xml);
    let mut found = Read::default();
    let (mut text, mut in_text, mut in_row) = (String::new(), false, false);
    loop {
        match reader.read_event().expect("well-formed XML") {
            Event::Start(tag) => match tag.name().as_ref() {
                "w:p" => text.clear(),
                "w:t" => in_text = true,
                "w:tr" => {
                    in_row = true;
                    found.rows.push(Vec::new());
                }
                _ => {}
            },
            Event::End(tag) => match tag.name().as_ref() {
                "w:p" if in_row => found.rows.last_mut().expect("a row").push(text.clone()),
                "w:p" => found.paragraphs.push(text.clone()),
                "w:t" => in_text = false,
                "w:tr" => in_row = false,
                _ => {}
            },
            Event::Text(part) if in_text => text.push_str(&part),
            Event::GeneralRef(name) if in_text => {
                text.push_str(escape::resolve_xml_entity(&name).expect("one of the five entities"));
            }
            Event::Eof => return found,
            _ => {}
        }
    }
}

#[test]
fn a_transcript_has_title_date_duration_and_time_marks() {
    let config = json!({
        "title": "Board meeting", "created": "2026-03-01T10:05:09.5Z", "duration_secs": 3_725.4,
    });
    let chunks = vec![
        chunk(0, vec![segment(4_000, "Good morning.", &[]), segment(16_000, "Sit down.", &[])]),
        chunk(1, vec![]),
        chunk(2, vec![segment(8_000 * 3_700, "Thank you.", &[])]),
    ];
    let read = read(&render(config, chunks));
    let expected = [
        "Board meeting",
        "Date: 1 March 2026, 10:05 UTC",
        "Duration: 1:02:05",
        "[0:00:00] Good morning. Sit down.",
        "[1:01:40] Thank you.",
    ];
    assert_eq!(read.paragraphs, expected);
    assert!(read.rows.is_empty(), "nothing is in doubt: {:?}", read.rows);
}

#[test]
fn doubtful_passages_are_listed_with_time_and_reason() {
    let doubtful = [FlagReason::RepeatedNgram, FlagReason::TooFast];
    let chunks = vec![
        chunk(0, vec![segment(0, "Clear.", &[]), segment(8_000 * 65, "No no no no.", &doubtful)]),
        chunk(1, vec![segment(8_000 * 90, "Mumble.", &[FlagReason::LowLogProb])]),
    ];
    let read = read(&render(json!({}), chunks));
    let reasons = "the same words come again and again; more text than anybody speaks in that time";
    let expected = [
        ["Time", "Text", "Why"],
        ["0:01:05", "No no no no.", reasons],
        ["0:01:30", "Mumble.", "the recogniser was unsure"],
    ];
    assert_eq!(read.rows, expected);
    assert_eq!(read.paragraphs[0], "Transcript");
    assert!(read.paragraphs.contains(&"Passages to check".to_owned()), "{:?}", read.paragraphs);
}

#[test]
fn a_recording_without_speech_says_so() {
    let whole = read(&render(json!({}), vec![chunk(0, vec![])]));
    assert_eq!(whole.paragraphs, ["Transcript", "No speech was found in this recording."]);
    let partial = read(&render(json!({ "partial": true }), vec![]));
    let nothing = "No speech was found in this recording so far.";
    assert_eq!(partial.paragraphs.last().map(String::as_str), Some(nothing));
}

#[test]
fn a_transcript_with_missing_parts_says_so() {
    let chunks = vec![chunk(0, vec![segment(0, "One.", &[])])];
    let read = read(&render(json!({ "partial": true }), chunks));
    assert!(read.paragraphs[1].starts_with("This transcript is not complete"), "{read:?}");
}

#[test]
fn hostile_text_is_only_text() {
    let hostile = [
        "<script>alert(1)</script> <w:p/> </w:t> <!-- --> ]]> <![CDATA[",
        "=cmd|' /C calc'!A0 &amp; &#x41; &bogus; \"quoted\" 'single'",
        "%s {0} \\u0041 漢字 😀 e\u{301} \u{202e}right to left",
    ];
    for text in hostile {
        let read = read(&render(
            json!({ "title": text }),
            vec![chunk(0, vec![segment(0, text, &[FlagReason::NoSpeech])])],
        ));
        assert_eq!(read.paragraphs[0], text);
        assert_eq!(read.paragraphs[1], format!("[0:00:00] {text}"));
        assert_eq!(read.rows[1][1], text);
    }
    let control = "\u{0}one\u{1}\u{8} two\u{b}\u{1f}\u{7f}\u{85}\u{FFFE}\u{FFFF}\nthree";
    let read =
        read(&render(json!({ "title": control }), vec![chunk(0, vec![segment(0, control, &[])])]));
    assert_eq!(read.paragraphs, ["one two three", "[0:00:00] one two three"]);
}

#[test]
fn every_part_is_well_formed_and_names_nothing_outside() {
    let text = "a <b> & \u{0}c";
    let config = json!({ "title": text, "created": "2026-03-01T10:00:00Z" });
    let parts =
        parts(&render(config, vec![chunk(0, vec![segment(0, text, &[FlagReason::TooFast])])]));
    for needed in ["[Content_Types].xml", "_rels/.rels", "word/document.xml", "word/styles.xml"] {
        assert!(parts.iter().any(|(name, _)| name == needed), "{needed} is missing");
    }
    for (name, xml) in parts {
        assert!(!xml.contains("TargetMode=\"External\""), "{name} points outside");
        let mut reader = Reader::from_str(&xml);
        reader.config_mut().check_end_names = true;
        loop {
            match reader.read_event() {
                Ok(Event::Eof) => break,
                Ok(_) => {}
                Err(error) => panic!("{name}: {error}"),
            }
        }
        let legal = |letter: char| !letter.is_control() || matches!(letter, '\t' | '\n' | '\r');
        assert!(xml.chars().all(legal), "{name} has characters that XML does not allow");
    }
}

/// Lists the values of an attribute of a tag, in order.
fn values(xml: &str, tag: &str, attribute: &str) -> Vec<String> {
    let mut reader = Reader::from_str(xml);
    let mut found = Vec::new();
    loop {
        match reader.read_event().expect("well-formed XML") {
            Event::Start(element) | Event::Empty(element) if element.name().as_ref() == tag => {
                let value = element.try_get_attribute(attribute).expect("well-formed XML");
                found.extend(value.map(|value| value.value.to_string()));
            }
            Event::Eof => return found,
            _ => {}
        }
    }
}

#[test]
fn every_style_in_use_is_there_once() {
    let chunks = vec![chunk(0, vec![segment(0, "One.", &[FlagReason::TooFast])])];
    let parts = parts(&render(json!({ "duration_secs": 1.0, "partial": true }), chunks));
    let part = |wanted: &str| &parts.iter().find(|(name, _)| name == wanted).expect("a part").1;
    let mut styles = values(part("word/styles.xml"), "w:style", "w:styleId");
    for used in values(part("word/document.xml"), "w:pStyle", "w:val") {
        assert!(styles.contains(&used), "{used} is not among {styles:?}");
    }
    let all = styles.len();
    styles.sort();
    styles.dedup();
    assert_eq!(styles.len(), all, "a style is there twice: {styles:?}");
}

#[test]
fn the_same_transcript_gives_the_same_bytes() {
    let make = || render(json!({}), vec![chunk(0, vec![segment(0, "One.", &[])])]);
    assert_eq!(make(), make());
}

#[test]
fn a_reset_stage_starts_another_transcript() {
    let mut driver = Driver::<RenderDoc>::open(&json!({})).expect("it opens");
    let old = chunk(0, vec![segment(0, "Old.", &[FlagReason::TooFast])]);
    driver.process(&old).expect("it takes a chunk");
    driver.reset().expect("it resets");
    driver.process(&chunk(0, vec![segment(0, "New.", &[])])).expect("it takes a chunk");
    let read = read(&driver.flush().expect("it renders")[0].bytes);
    assert_eq!(read.paragraphs, ["Transcript", "[0:00:00] New."]);
    assert!(read.rows.is_empty(), "{:?}", read.rows);
}

#[test]
fn a_cancelled_job_gets_no_document() {
    let mut driver = Driver::<RenderDoc>::open(&json!({})).expect("it opens");
    driver.cancel_after(0);
    assert_eq!(driver.flush(), Err(StageError::Cancelled));
}

#[test]
fn options_that_no_job_has_are_refused_by_name() {
    for (config, named) in [
        (json!({ "created": "<yesterday>" }), "created"),
        (json!({ "duration_secs": -1.0 }), "duration_secs"),
        (json!({ "author": "me" }), "author"),
    ] {
        let Err(StageError::InvalidConfig(message)) = Driver::<RenderDoc>::open(&config).map(drop)
        else {
            panic!("{config} was accepted");
        };
        assert!(message.contains(named), "{message} does not name {named}");
    }
}

#[test]
fn the_daemon_sees_which_options_a_job_fills() {
    let schema = testing::config_schema::<RenderDoc>();
    for option in ["title", "created", "duration_secs", "partial"] {
        assert_eq!(schema["properties"][option]["x-scribed-job-option"], true, "{option}");
    }
}
