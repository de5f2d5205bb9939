//! Scripts: transcripts in a form that any bytes are, so that no mutation is lost on syntax.
//!
//! ```text
//! ={"title": "Board"}          options of the stage, as JSON
//! @16000 0 480000 en           a chunk: sample rate, first frame, frame after the last, language
//! #0 16000 Good morning.       a segment: first frame, frame after the last, text
//! +0 8000 Good                 a word of it
//! ?too_fast 12.5               a reason to doubt it, with its value
//! anything else                one more line of the last text
//! ```

use scribed_schemas::transcript::{FlagReason, QualityFlag, Segment, Segments, Word};
use serde_json::Value;

/// Most chunks, segments and words; the fuzzer would rather find new paths than long ones.
const MOST: usize = 2_000;

/// What a renderer is given.
#[derive(Debug)]
pub(crate) struct Script {
    /// Options of the stage.
    pub(crate) options: Value,
    /// The transcript.
    pub(crate) chunks: Vec<Segments>,
}

impl Script {
    /// Reads bytes, whatever they are.
    pub(crate) fn read(data: &[u8]) -> Self {
        let text = String::from_utf8_lossy(data);
        let mut script =
            Self { options: Value::Object(serde_json::Map::new()), chunks: Vec::new() };
        for line in text.split('\n').take(MOST) {
            script.line(line);
        }
        script
    }

    fn line(&mut self, line: &str) {
        let mut letters = line.chars();
        let mark = letters.next();
        let rest = letters.as_str();
        match mark {
            Some('=') => {
                if let Ok(options @ Value::Object(_)) = serde_json::from_str(rest) {
                    self.options = options;
                }
            }
            Some('@') => self.begin_chunk(rest),
            Some('#') => self.begin_segment(rest),
            Some('+') => {
                let (start, end, text) = stretch(rest);
                let word = Word { text, start, end, probability: 0.5 };
                self.segment().words.push(word);
            }
            Some('?') => {
                let (name, value) = rest.split_once(' ').unwrap_or((rest, ""));
                let reason = serde_json::from_value::<FlagReason>(name.into());
                let value = value.parse().ok().filter(|value: &f32| value.is_finite());
                if let Ok(reason) = reason {
                    let flag = QualityFlag { reason, value: value.unwrap_or(1.0), limit: 1.0 };
                    self.segment().flags.push(flag);
                }
            }
            _ => self.go_on(line),
        }
    }

    fn begin_chunk(&mut self, rest: &str) {
        let mut words = rest.split(' ');
        let rate = words.next().and_then(|rate| rate.parse().ok()).unwrap_or(16_000);
        let mut frame = || words.next().and_then(|frame| frame.parse().ok()).unwrap_or_default();
        let (start, end) = (frame(), frame());
        let number = u32::try_from(self.chunks.len()).unwrap_or(u32::MAX);
        let mut chunk = Segments::empty(number, rate, start, end);
        chunk.language = words.next().map(str::to_owned);
        self.chunks.push(chunk);
    }

    fn begin_segment(&mut self, rest: &str) {
        let (start, end, text) = stretch(rest);
        let segment = Segment {
            start,
            end,
            text,
            words: Vec::new(),
            avg_log_prob: -0.25,
            no_speech_prob: 0.0,
            temperature: 0.0,
            flags: Vec::new(),
        };
        self.chunk().segments.push(segment);
    }

    /// Appends a line to the text that came last.
    fn go_on(&mut self, line: &str) {
        let segment = self.segment();
        let text = match segment.words.last_mut() {
            Some(word) => &mut word.text,
            None => &mut segment.text,
        };
        text.push('\n');
        text.push_str(line);
    }

    fn chunk(&mut self) -> &mut Segments {
        if self.chunks.is_empty() {
            self.begin_chunk("");
        }
        self.chunks.last_mut().expect("there is one now")
    }

    fn segment(&mut self) -> &mut Segment {
        if self.chunk().segments.is_empty() {
            self.begin_segment("");
        }
        self.chunk().segments.last_mut().expect("there is one now")
    }
}

/// Reads two frames and the text behind them.
fn stretch(rest: &str) -> (i64, i64, String) {
    let mut words = rest.splitn(3, ' ');
    let mut frame = || words.next().and_then(|frame| frame.parse().ok()).unwrap_or_default();
    (frame(), frame(), words.next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_a_transcript() {
        let script = Script::read(
            b"={\"partial\":true}\n@8000 0 80000 en\n#0 8000 Good morning.\n+0 4000 Good\nmore\n\
              ?too_fast 12.5\n#8000 9000 Fine.\nand more\n@16000\n\xff",
        );
        assert_eq!(script.options, serde_json::json!({ "partial": true }));
        let [first, second] = script.chunks.as_slice() else { panic!("{script:?}") };
        assert_eq!(
            (first.sample_rate, first.end, first.language.as_deref()),
            (8000, 80_000, Some("en"))
        );
        assert_eq!(first.segments[0].text, "Good morning.");
        assert_eq!(first.segments[0].words[0].text, "Good\nmore");
        assert_eq!(first.segments[0].flags[0].reason, FlagReason::TooFast);
        assert_eq!(first.segments[1].text, "Fine.\nand more");
        assert_eq!(second.segments[0].text, "\n\u{fffd}");
    }

    #[test]
    fn nothing_is_a_script_too() {
        assert!(Script::read(b"=x").chunks.is_empty());
        assert_eq!(Script::read(b"").chunks.len(), 1);
    }
}
