//! `org.scribed.render-json`: a whole transcript as one JSON document, `scribed.document/1`.
//!
//! `schemas/documents/document-1.schema.json` describes it. Each chunk is written as it comes, so that
//! only finished text is held until the recording ends, never the parsed transcript.

#![forbid(unsafe_code)]

mod shape;

use scribed_plugin::prelude::*;

use self::shape::Head;

/// Options of the JSON document.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Name of the recording.
    #[schemars(extend("x-scribed-job-option" = true))]
    pub title: Option<String>,
    /// When the recording was submitted, RFC 3339.
    #[schemars(extend("x-scribed-job-option" = true))]
    pub created: Option<String>,
    /// Length of the recording, in seconds.
    #[schemars(extend("x-scribed-job-option" = true))]
    pub duration_secs: Option<f64>,
    /// Whether text may still be missing, because the job is not finished or gave chunks up.
    #[schemars(extend("x-scribed-job-option" = true))]
    pub partial: bool,
}

impl Config {
    /// Checks what serde cannot.
    ///
    /// # Errors
    /// [`StageError::InvalidConfig`] naming the option and what it may be.
    pub fn validate(&self) -> Result<()> {
        let invalid = |text: String| Err(StageError::InvalidConfig(text));
        if let Some(Err(error)) = self.created.as_deref().map(str::parse::<jiff::Timestamp>) {
            return invalid(format!("created must be a time as RFC 3339 writes it: {error}"));
        }
        if self.duration_secs.is_some_and(|secs| !secs.is_finite() || secs < 0.0) {
            return invalid("duration_secs must be at least 0".to_owned());
        }
        Ok(())
    }
}

/// The stage.
#[derive(Debug)]
pub struct RenderJson {
    config: Config,
    language: Option<String>,
    text: String,
    /// The segments so far, as JSON without the brackets around them.
    segments: Vec<u8>,
}

impl RenderJson {
    fn document(&self) -> Result<Vec<u8>, serde_json::Error> {
        let Config { title, created, duration_secs, partial } = &self.config;
        let mut document = Vec::with_capacity(self.segments.len() + self.text.len() + 512);
        let head = Head {
            schema: shape::SCHEMA,
            title: title.as_deref(),
            created: created.as_deref(),
            duration_secs: *duration_secs,
            language: self.language.as_deref(),
            partial: *partial,
            text: &self.text,
        };
        serde_json::to_writer(&mut document, &head)?;
        // The segments are the last member of the object that has just been closed.
        document.pop();
        document.extend_from_slice(br#","segments":["#);
        document.extend_from_slice(&self.segments);
        document.extend_from_slice(b"]}\n");
        Ok(document)
    }
}

impl Stage for RenderJson {
    const ID: &'static str = "org.scribed.render-json";
    const SUMMARY: &'static str = "writes a whole transcript as one JSON document";
    type Config = Config;
    type Accepts = SegmentsKind;
    type Emits = DocumentKind;

    fn open(config: Config, _host: Host) -> Result<Self> {
        config.validate()?;
        Ok(Self { config, language: None, text: String::new(), segments: Vec::new() })
    }

    fn process(&mut self, chunk: Segments, _out: &mut Out<'_, DocumentKind>) -> Result<()> {
        let text = chunk.text();
        if !text.is_empty() && !self.text.is_empty() {
            self.text.push_str("\n\n");
        }
        self.text.push_str(&text);
        for segment in &chunk.segments {
            if !self.segments.is_empty() {
                self.segments.push(b',');
            }
            let segment = shape::Segment::of(&chunk, segment);
            serde_json::to_writer(&mut self.segments, &segment).map_err(|error| failed(&error))?;
        }
        self.language = self.language.take().or(chunk.language);
        Ok(())
    }

    fn flush(&mut self, out: &mut Out<'_, DocumentKind>) -> Result<()> {
        let bytes = self.document().map_err(|error| failed(&error))?;
        out.emit(Document { bytes: &bytes, media_type: "application/json", extension: "json" })
    }

    fn reset(&mut self) -> Result<()> {
        self.language = None;
        self.text.clear();
        self.segments.clear();
        Ok(())
    }
}

export_stages!(RenderJson);

fn failed(error: &serde_json::Error) -> StageError {
    StageError::Failed(format!("cannot write the transcript as JSON: {error}"))
}

#[cfg(test)]
mod tests {
    use scribed_plugin::testing::{self, Driver};
    use scribed_schemas::transcript::{FlagReason, QualityFlag};
    use serde_json::{Value, json};

    use super::*;

    fn chunk(number: u32, language: Option<&str>, texts: &[&str]) -> Segments {
        let start = i64::from(number) * 441_000;
        let mut chunk = Segments::empty(number, 44_100, start, start + 441_000);
        chunk.language = language.map(str::to_owned);
        let word = |text: &str| Word {
            text: text.to_owned(),
            start: start + 22_050,
            end: start + 30_000,
            probability: 0.75,
        };
        let segments = texts.iter().map(|text| Segment {
            start,
            end: start + 44_100,
            text: (*text).to_owned(),
            words: text.split(' ').map(word).collect(),
            avg_log_prob: -0.25,
            no_speech_prob: 0.5,
            temperature: 0.0,
            flags: Vec::new(),
        });
        chunk.segments = segments.collect();
        chunk
    }

    #[track_caller]
    fn render(config: Value, chunks: Vec<Segments>) -> Value {
        let run = testing::run::<RenderJson>(config, chunks).expect("it renders");
        let [document] = run.items.as_slice() else { panic!("one document: {:?}", run.items) };
        assert_eq!(document.media_type, "application/json");
        assert_eq!(document.extension, "json");
        let json: Value = serde_json::from_slice(&document.bytes).expect("JSON");
        let schema = include_str!("../../../schemas/documents/document-1.schema.json");
        let schema = serde_json::from_str(schema).expect("the schema is JSON");
        let schema = jsonschema::validator_for(&schema).expect("the schema is one");
        let faults: Vec<String> =
            schema.iter_errors(&json).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(faults.is_empty(), "{faults:?} in {json}");
        json
    }

    #[test]
    fn a_transcript_is_written_whole() {
        let config = json!({
            "title": "Board \"meeting\"", "created": "2026-03-01T10:00:00.000000Z",
            "duration_secs": 20.5, "partial": true,
        });
        let mut second = chunk(1, Some("en"), &["Fine."]);
        second.segments[0].flags =
            vec![QualityFlag { reason: FlagReason::LowLogProb, value: -1.5, limit: -1.0 }];
        let json = render(config, vec![chunk(0, None, &["Good morning.", "All well?"]), second]);
        let mut head = json.clone();
        head["segments"] = Value::Null;
        let expected = json!({
            "schema": "scribed.document/1", "title": "Board \"meeting\"",
            "created": "2026-03-01T10:00:00.000000Z", "duration_secs": 20.5, "language": "en",
            "partial": true, "text": "Good morning. All well?\n\nFine.", "segments": null,
        });
        assert_eq!(head, expected);
        assert_eq!(json["segments"].as_array().map(Vec::len), Some(3));
        let flagged = json!({
            "chunk": 1, "start": 10.0, "end": 11.0, "text": "Fine.",
            "words": [{ "text": "Fine.", "start": 10.5, "end": 10.68, "probability": 0.75 }],
            "avg_log_prob": -0.25, "no_speech_prob": 0.5, "temperature": 0.0,
            "flags": [{
                "reason": "low_log_prob", "phrase": "the recogniser was unsure",
                "value": -1.5, "limit": -1.0,
            }],
        });
        assert_eq!(json["segments"][2], flagged);
    }

    #[test]
    fn a_recording_without_speech_has_no_segments() {
        for chunks in [vec![], vec![chunk(0, None, &[]), chunk(1, None, &[])]] {
            let json = render(json!({}), chunks);
            assert_eq!(json["segments"], json!([]));
            assert_eq!(json["text"], "");
            assert_eq!(json["title"], Value::Null);
        }
    }

    #[test]
    fn any_text_comes_back_as_it_was() {
        let text = "\u{0}\u{1b} \"\\ </script> -->\u{2028}\u{FFFF} 😀";
        let json = render(json!({ "title": text }), vec![chunk(0, None, &[text])]);
        assert_eq!(json["title"], text);
        assert_eq!(json["segments"][0]["text"], text);
    }

    #[test]
    fn a_reset_stage_starts_another_transcript() {
        let mut driver = Driver::<RenderJson>::open(&json!({})).expect("it opens");
        driver.process(&chunk(0, Some("de"), &["Alt."])).expect("it takes a chunk");
        driver.reset().expect("it resets");
        driver.process(&chunk(0, Some("en"), &["New."])).expect("it takes a chunk");
        let documents = driver.flush().expect("it renders");
        let json: Value = serde_json::from_slice(&documents[0].bytes).expect("JSON");
        assert_eq!((&json["text"], &json["language"]), (&json!("New."), &json!("en")));
    }

    #[test]
    fn options_that_no_job_has_are_refused_by_name() {
        for (config, named) in [
            (json!({ "created": "yesterday" }), "created"),
            (json!({ "duration_secs": -1.0 }), "duration_secs"),
            (json!({ "author": "me" }), "author"),
        ] {
            let Err(StageError::InvalidConfig(message)) =
                Driver::<RenderJson>::open(&config).map(drop)
            else {
                panic!("{config} was accepted");
            };
            assert!(message.contains(named), "{message} does not name {named}");
        }
    }

    #[test]
    fn the_daemon_sees_which_options_a_job_fills() {
        let schema = testing::config_schema::<RenderJson>();
        for option in ["title", "created", "duration_secs", "partial"] {
            assert_eq!(schema["properties"][option]["x-scribed-job-option"], true, "{option}");
        }
    }
}
