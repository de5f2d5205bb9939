//! Forms: how the paragraphs of a transcript are written.

use std::fmt::Write as _;

use scribed_schemas::transcript::Segments;

use super::super::error::{Answer, Error};
use super::super::params::Params;

/// The vendor's default for times.
const CLOCK: &str = "[%H:%M:%S.%f]";
/// Longest pattern for times, in characters.
const LONGEST_CLOCK: usize = 100;
/// Most empty lines that may be asked for.
const MOST_LINES: u32 = 10;

/// How paragraphs are written.
#[derive(Debug)]
pub(super) struct Form {
    /// None: it is all one.
    paragraph_ends: Option<String>,
    /// Behind each sentence; none: a blank.
    sentence_ends: Option<String>,
    /// Before each paragraph; none: no time.
    clock: Option<String>,
    offset_ms: u64,
}

impl Form {
    /// Reads what is asked for.
    pub(super) fn read(params: &Params) -> Answer<Self> {
        let lines = |name: &str, default: u32| -> Answer<String> {
            let count = params.number(name)?.unwrap_or(default);
            if count > MOST_LINES {
                return Err(Error::query(format!("{name} must be {MOST_LINES} at most.")));
            }
            Ok("\n".repeat(count as usize))
        };
        let sentence_ends = lines("newlines_after_sentence", 0)?;
        let has_paragraphs = params.flag("create_paragraphs")?.unwrap_or(true);
        let paragraph_ends = lines("newlines_after_paragraph", 2)?;
        let clock = params.line("timecode_format", LONGEST_CLOCK)?;
        let is_timed = params.flag("timecode_every_paragraph")?.unwrap_or(true) && has_paragraphs;
        Ok(Self {
            paragraph_ends: has_paragraphs.then_some(paragraph_ends),
            sentence_ends: (!sentence_ends.is_empty()).then_some(sentence_ends),
            clock: is_timed.then(|| clock.unwrap_or_else(|| CLOCK.to_owned())),
            offset_ms: params.number("timecode_offset")?.unwrap_or(0).into(),
        })
    }

    /// Adds a chunk to a text, if anything was said in it.
    pub(super) fn add(&self, text: &mut String, chunk: &Segments) {
        let said = chunk.text();
        let said = said.trim();
        if said.is_empty() {
            return;
        }
        if !text.is_empty() {
            text.push_str(self.paragraph_ends.as_deref().unwrap_or(" "));
        }
        if let Some(clock) = &self.clock {
            let begin = chunk.segments.first().map_or(chunk.start, |segment| segment.start);
            write_clock(text, clock, milliseconds(chunk.seconds(begin)) + self.offset_ms);
            text.push('\n');
        }
        match &self.sentence_ends {
            None => text.push_str(said),
            Some(ends) => text.push_str(&sentences(said).join(ends)),
        }
    }
}

/// Rounds to milliseconds; nothing is before the recording.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` takes the nearest"
)]
fn milliseconds(seconds: f64) -> u64 {
    (seconds * 1_000.0).round().max(0.0) as u64
}

/// Writes a time by a pattern: `%H` hours, `%M` minutes, `%S` seconds, `%f` milliseconds.
fn write_clock(text: &mut String, pattern: &str, ms: u64) {
    let (secs, ms) = (ms / 1_000, ms % 1_000);
    let (hours, minutes, secs) = (secs / 3_600, secs / 60 % 60, secs % 60);
    let mut letters = pattern.chars().peekable();
    while let Some(letter) = letters.next() {
        let part = (letter == '%').then(|| letters.peek().copied()).flatten();
        let written = match part {
            Some('H') => write!(text, "{hours:02}"),
            Some('M') => write!(text, "{minutes:02}"),
            Some('S') => write!(text, "{secs:02}"),
            Some('f') => write!(text, "{ms:03}"),
            _ => {
                text.push(letter);
                continue;
            }
        };
        debug_assert!(written.is_ok(), "a string takes every text");
        letters.next();
    }
}

/// Cuts a text behind each mark that ends a sentence and stands before a blank.
fn sentences(text: &str) -> Vec<&str> {
    let mut sentences = Vec::new();
    let mut begin = 0;
    for (at, _) in text.match_indices(' ') {
        let sentence = &text[begin..at];
        if super::super::get_elementlist::ends_sentence(sentence) {
            sentences.push(sentence);
            begin = at + 1;
        }
    }
    sentences.push(&text[begin..]);
    sentences
}

#[cfg(test)]
mod tests {
    use scribed_schemas::transcript::Segment;

    use super::*;
    use crate::validate::Query;

    /// Makes a chunk at 1,000 frames a second.
    fn chunk(text: &str, start: i64) -> Segments {
        let mut chunk = Segments::empty(0, 1_000, start, start + 1_000);
        chunk.segments.push(Segment {
            start,
            end: start + 1_000,
            text: text.to_owned(),
            words: Vec::new(),
            avg_log_prob: 0.0,
            no_speech_prob: 0.0,
            temperature: 0.0,
            flags: Vec::new(),
        });
        chunk
    }

    #[track_caller]
    fn check(query: &str, expected: &str) {
        let form = Form::read(&Params::of_query(Query::parse(query))).unwrap();
        let mut text = String::new();
        for chunk in [chunk(" One. Two? ", 1_120), chunk(" ", 2_000), chunk("Three.", 3_723_004)] {
            form.add(&mut text, &chunk);
        }
        assert_eq!(text, expected, "{query}");
    }

    #[test]
    fn paragraphs_have_their_times() {
        check("", "[00:00:01.120]\nOne. Two?\n\n[01:02:03.004]\nThree.");
        check("timecode_every_paragraph=false", "One. Two?\n\nThree.");
        check("timecode_every_paragraph=false&newlines_after_paragraph=1", "One. Two?\nThree.");
        check("create_paragraphs=false", "One. Two? Three.");
        let clock = "timecode_format=%25H:%25M:%25S%25%25x&timecode_offset=60000";
        check(clock, "00:01:01%%x\nOne. Two?\n\n01:03:03%%x\nThree.");
    }

    #[test]
    fn sentences_can_have_lines_of_their_own() {
        let query = "timecode_every_paragraph=n&newlines_after_sentence=1";
        check(query, "One.\nTwo?\n\nThree.");
    }

    #[test]
    fn too_many_lines_are_refused() {
        for wrong in ["newlines_after_paragraph=11", "newlines_after_sentence=-1"] {
            assert!(Form::read(&Params::of_query(Query::parse(wrong))).is_err(), "{wrong}");
        }
    }
}
