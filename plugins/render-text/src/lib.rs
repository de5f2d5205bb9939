//! `org.scribed.render-text`: a transcript as plain text, chunks joined by a blank line.
//!
//! The text of a recording is held until it ends, since a document is handed over in one piece:
//! about 1 MB for a day of speech.

#![forbid(unsafe_code)]

use scribed_plugin::prelude::*;

/// What stands in the document when nothing was said.
const NO_SPEECH: &str = "No speech was found in this recording.";
/// The same while the recording is still being worked on.
const NO_SPEECH_YET: &str = "No speech was found in this recording so far.";

/// Options of the text document.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Whether text may still be missing, because the job is not finished or gave chunks up.
    #[schemars(extend("x-scribed-job-option" = true))]
    pub partial: bool,
}

/// The stage.
#[derive(Debug)]
pub struct RenderText {
    config: Config,
    text: String,
}

impl Stage for RenderText {
    const ID: &'static str = "org.scribed.render-text";
    const SUMMARY: &'static str = "writes a transcript as plain text";
    type Config = Config;
    type Accepts = SegmentsKind;
    type Emits = DocumentKind;

    fn open(config: Config, _host: Host) -> Result<Self> {
        Ok(Self { config, text: String::new() })
    }

    fn process(&mut self, chunk: Segments, _out: &mut Out<'_, DocumentKind>) -> Result<()> {
        let text = chunk.text();
        if text.is_empty() {
            return Ok(());
        }
        if !self.text.is_empty() {
            self.text.push_str("\n\n");
        }
        self.text.push_str(&text);
        Ok(())
    }

    fn flush(&mut self, out: &mut Out<'_, DocumentKind>) -> Result<()> {
        let text = match (self.text.as_str(), self.config.partial) {
            ("", false) => NO_SPEECH,
            ("", true) => NO_SPEECH_YET,
            (text, _) => text,
        };
        out.emit(Document {
            bytes: text.as_bytes(),
            media_type: "text/plain; charset=utf-8",
            extension: "txt",
        })
    }

    fn reset(&mut self) -> Result<()> {
        self.text.clear();
        Ok(())
    }
}

export_stages!(RenderText);

#[cfg(test)]
mod tests {
    use scribed_plugin::testing::{self, Driver};
    use serde_json::json;

    use super::*;

    fn chunk(number: u32, texts: &[&str]) -> Segments {
        let mut chunk = Segments::empty(number, 16_000, 0, 16_000);
        chunk.segments = texts
            .iter()
            .map(|text| Segment {
                start: 0,
                end: 16_000,
                text: (*text).to_owned(),
                words: Vec::new(),
                avg_log_prob: -0.1,
                no_speech_prob: 0.0,
                temperature: 0.0,
                flags: Vec::new(),
            })
            .collect();
        chunk
    }

    #[track_caller]
    fn check(config: serde_json::Value, chunks: Vec<Segments>, expected: &str) {
        let run = testing::run::<RenderText>(config, chunks).expect("text renders");
        let [document] = run.items.as_slice() else { panic!("one document: {:?}", run.items) };
        assert_eq!(String::from_utf8_lossy(&document.bytes), expected);
        assert_eq!(document.media_type, "text/plain; charset=utf-8");
        assert_eq!(document.extension, "txt");
    }

    #[test]
    fn chunks_are_joined_by_a_blank_line() {
        let chunks = vec![chunk(0, &["Good morning.", "How are you?"]), chunk(1, &["Fine."])];
        check(json!({}), chunks, "Good morning. How are you?\n\nFine.");
    }

    #[test]
    fn a_chunk_without_speech_leaves_no_hole() {
        let chunks =
            vec![chunk(0, &["One."]), chunk(1, &[]), chunk(2, &["  "]), chunk(3, &["Two."])];
        check(json!({}), chunks, "One.\n\nTwo.");
    }

    #[test]
    fn a_recording_without_speech_says_so() {
        check(json!({}), vec![chunk(0, &[])], "No speech was found in this recording.");
        check(json!({}), vec![], "No speech was found in this recording.");
        let so_far = "No speech was found in this recording so far.";
        check(json!({ "partial": true }), vec![], so_far);
    }

    #[test]
    fn a_reset_stage_starts_another_transcript() {
        let mut driver = Driver::<RenderText>::open(&json!({})).expect("it opens");
        driver.process(&chunk(0, &["Old."])).expect("it takes a chunk");
        driver.reset().expect("it resets");
        driver.process(&chunk(0, &["New."])).expect("it takes a chunk");
        let documents = driver.flush().expect("it renders");
        assert_eq!(documents[0].bytes, b"New.");
    }

    #[test]
    fn the_daemon_sees_which_options_a_job_fills() {
        let schema = testing::config_schema::<RenderText>();
        assert_eq!(schema["properties"]["partial"]["x-scribed-job-option"], true, "{schema}");
    }
}
