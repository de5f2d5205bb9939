//! JSON: the document says of every segment what the transcript says.

use scribed_schemas::transcript::{FlagReason, Segments};
use serde::Deserialize;

use crate::render::{Renderer, render};
use crate::script::Script;

/// The document as its readers see it; the schema is `documents/document-1.schema.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    schema: String,
    title: Option<String>,
    created: Option<String>,
    duration_secs: Option<f64>,
    language: Option<String>,
    partial: bool,
    text: String,
    segments: Vec<Segment>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Segment {
    chunk: u32,
    start: f64,
    end: f64,
    text: String,
    words: Vec<Word>,
    avg_log_prob: f32,
    no_speech_prob: f32,
    temperature: f32,
    flags: Vec<Flag>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Word {
    text: String,
    start: f64,
    end: f64,
    probability: f32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Flag {
    reason: FlagReason,
    phrase: String,
    value: f32,
    limit: f32,
}

/// Holds of a JSON document: it parses into its published shape, with every text as it was and every
/// time within a millisecond.
pub fn json<S: Renderer>(data: &[u8]) {
    let script = Script::read(data);
    let Some(document) = render::<S>(&script) else { return };
    assert_eq!(document.extension, "json");
    let document: Document = serde_json::from_slice(&document.bytes).expect("it parses back");
    let Document { schema, title, created, duration_secs, language, partial, text, segments } =
        document;
    assert_eq!(schema, "scribed.document/1");
    let options = &script.options;
    assert_eq!(title.as_deref(), options["title"].as_str());
    assert_eq!(created.as_deref(), options["created"].as_str());
    assert_eq!(duration_secs, options["duration_secs"].as_f64());
    assert_eq!(partial, options["partial"] == true);
    let chunks = &script.chunks;
    assert_eq!(language, chunks.iter().find_map(|chunk| chunk.language.clone()));
    let spoken: Vec<String> =
        chunks.iter().map(Segments::text).filter(|text| !text.is_empty()).collect();
    assert_eq!(text, spoken.join("\n\n"));

    let pairs = chunks.iter().flat_map(|chunk| chunk.segments.iter().map(move |it| (chunk, it)));
    let mut found = segments.iter();
    for (chunk, expected) in pairs {
        let segment = found.next().expect("no segment is missing");
        assert_eq!(segment.chunk, chunk.chunk);
        assert_eq!(segment.text, expected.text);
        same_time(chunk, expected.start, segment.start);
        same_time(chunk, expected.end, segment.end);
        let numbers = [segment.avg_log_prob, segment.no_speech_prob, segment.temperature];
        let told = [expected.avg_log_prob, expected.no_speech_prob, expected.temperature];
        assert_eq!(numbers.map(f32::to_bits), told.map(f32::to_bits), "{numbers:?} for {told:?}");
        assert_eq!(segment.words.len(), expected.words.len());
        for (word, expected) in segment.words.iter().zip(&expected.words) {
            assert_eq!(word.text, expected.text);
            let (found, told) = (word.probability, expected.probability);
            assert_eq!(found.to_bits(), told.to_bits(), "{word:?} for {expected:?}");
            same_time(chunk, expected.start, word.start);
            same_time(chunk, expected.end, word.end);
        }
        assert_eq!(segment.flags.len(), expected.flags.len());
        for (flag, expected) in segment.flags.iter().zip(&expected.flags) {
            assert_eq!(
                (flag.reason, flag.phrase.as_str()),
                (expected.reason, expected.reason.phrase())
            );
            let numbers = [flag.value, flag.limit].map(f32::to_bits);
            let told = [expected.value, expected.limit].map(f32::to_bits);
            assert_eq!(numbers, told, "{flag:?} for {expected:?}");
        }
    }
    assert!(found.next().is_none(), "a segment is nobody's");
}

/// Compares a time with a position; nothing is before the recording.
#[track_caller]
#[expect(clippy::cast_precision_loss, reason = "what is compared has lost it too")]
fn same_time(chunk: &Segments, frame: i64, secs: f64) {
    let exact = frame.max(0) as f64 / f64::from(chunk.sample_rate.max(1));
    // A float of many years is no longer exact to the millisecond.
    let near = 0.000_6_f64.max(exact * 1e-12);
    assert!((secs - exact).abs() <= near, "{secs} s for frame {frame} at {}", chunk.sample_rate);
}
