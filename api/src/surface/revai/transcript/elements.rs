//! Elements: the words of a chunk and the marks between them, in the vendor's shape.

use scribed_schemas::transcript::{Segment, Segments, Word};
use serde::Serialize;

use super::super::view::hundredths;

/// What one speaker says without a break.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Monologue {
    speaker: u32,
    elements: Vec<Element>,
}

/// A word, or what stands between words.
#[derive(Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Element {
    Text {
        value: String,
        /// Seconds from the start of the recording.
        ts: f64,
        end_ts: f64,
        #[serde(skip_serializing_if = "Option::is_none")]
        confidence: Option<f64>,
    },
    Punct {
        value: String,
    },
}

impl Monologue {
    /// Makes the monologue of a chunk; none when nothing was said.
    pub(super) fn of(chunk: &Segments, skip_punctuation: bool) -> Option<Self> {
        let mut elements = Vec::new();
        for segment in &chunk.segments {
            append(&mut elements, chunk, segment);
        }
        if skip_punctuation {
            elements.retain(|element| matches!(element, Element::Text { .. }));
        }
        (!elements.is_empty()).then_some(Self { speaker: 0, elements })
    }

    /// Returns the line of the plain form: who, when, and what.
    pub(super) fn line(&self) -> String {
        let has_marks = self.elements.iter().any(|e| matches!(e, Element::Punct { .. }));
        let values = self.elements.iter().map(|element| match element {
            Element::Text { value, .. } | Element::Punct { value } => value.as_str(),
        });
        let text = values.collect::<Vec<_>>().join(if has_marks { "" } else { " " });
        format!("Speaker {}    {}     {text}\n", self.speaker, self.clock())
    }

    /// Returns when it begins, as `mm:ss`, or `hh:mm:ss` from an hour on.
    fn clock(&self) -> String {
        let begin = self.elements.iter().find_map(|element| match element {
            Element::Text { ts, .. } => Some(*ts),
            Element::Punct { .. } => None,
        });
        // Whole seconds of a recording are few; what is before its start is at its start.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "see above")]
        let seconds = begin.unwrap_or(0.0).max(0.0) as u64;
        let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        if hours == 0 {
            format!("{minutes:02}:{seconds:02}")
        } else {
            format!("{hours:02}:{minutes:02}:{seconds:02}")
        }
    }
}

/// Appends the words of a segment, with a blank before each that does not belong to the one before.
fn append(elements: &mut Vec<Element>, chunk: &Segments, segment: &Segment) {
    let timed = segment.words.iter().any(|word| !word.text.trim().is_empty());
    if timed {
        for (word, glued) in segment.words.iter().zip(segment.glued_words()) {
            append_word(elements, chunk, word, glued, Some(word.probability));
        }
        return;
    }
    for word in spread(segment) {
        append_word(elements, chunk, &word, false, None);
    }
}

/// Gives each word of a segment without times its share of the time, by its letters.
fn spread(segment: &Segment) -> Vec<Word> {
    let words: Vec<&str> = segment.text.split_whitespace().collect();
    let letters = |words: &[&str]| words.iter().map(|word| word.chars().count()).sum::<usize>();
    let total = i128::try_from(letters(&words)).unwrap_or(1).max(1);
    let length = i128::from(segment.end) - i128::from(segment.start);
    let at = |before: usize| {
        let share = length * i128::try_from(before).unwrap_or(0) / total;
        segment.start.saturating_add(i64::try_from(share).unwrap_or(0))
    };
    let word = |(number, text): (usize, &&str)| {
        let before = letters(&words[..number]);
        let (start, end) = (at(before), at(before + text.chars().count()));
        Word { text: (*text).to_owned(), start, end, probability: 0.0 }
    };
    words.iter().enumerate().map(word).collect()
}

/// Appends one word: what stands before it, itself, and its marks.
fn append_word(
    elements: &mut Vec<Element>,
    chunk: &Segments,
    word: &Word,
    glued: bool,
    probability: Option<f32>,
) {
    let text = word.text.trim();
    if text.is_empty() {
        return;
    }
    if !elements.is_empty() && !glued {
        mark(elements, " ");
    }
    let without_start = text.trim_start_matches(is_mark);
    let before = &text[..text.len() - without_start.len()];
    let value = without_start.trim_end_matches(is_mark);
    let behind = &without_start[value.len()..];
    mark(elements, before);
    if !value.is_empty() {
        elements.push(Element::Text {
            value: value.to_owned(),
            ts: hundredths(chunk.seconds(word.start)),
            end_ts: hundredths(chunk.seconds(word.end)),
            confidence: probability.map(|p| hundredths(f64::from(p.clamp(0.0, 1.0)))),
        });
    }
    mark(elements, behind);
}

/// Appends a mark, if there is one.
fn mark(elements: &mut Vec<Element>, value: &str) {
    if !value.is_empty() {
        elements.push(Element::Punct { value: value.to_owned() });
    }
}

/// Returns whether a character is punctuation at the edge of a word. An apostrophe is part of its word,
/// and so is a sign that is spoken, such as that of a currency.
fn is_mark(c: char) -> bool {
    matches!(
        c,
        '.' | ','
            | ';'
            | ':'
            | '!'
            | '?'
            | '"'
            | '('
            | ')'
            | '['
            | ']'
            | '{'
            | '}'
            | '-'
            | '–'
            | '—'
            | '…'
            | '“'
            | '”'
            | '„'
            | '«'
            | '»'
            | '¿'
            | '¡'
            | '。'
            | '，'
            | '、'
            | '！'
            | '？'
            | '；'
            | '：'
            | '「'
            | '」'
            | '『'
            | '』'
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn word(text: &str, start: i64, end: i64) -> Word {
        Word { text: text.to_owned(), start, end, probability: 0.876 }
    }

    /// Makes a chunk at 100 frames a second.
    fn chunk(text: &str, words: Vec<Word>) -> Segments {
        let mut chunk = Segments::empty(0, 100, 0, 1_000);
        chunk.segments.push(Segment {
            start: 100,
            end: 500,
            text: text.to_owned(),
            words,
            avg_log_prob: 0.0,
            no_speech_prob: 0.0,
            temperature: 0.0,
            flags: Vec::new(),
        });
        chunk
    }

    fn shown(chunk: &Segments, skip_punctuation: bool) -> Value {
        serde_json::to_value(Monologue::of(chunk, skip_punctuation)).unwrap()
    }

    #[test]
    fn words_have_their_times_and_marks_stand_beside_them() {
        let words = vec![word("\"Hello,", 100, 150), word("don't!", 160, 203)];
        let shown = shown(&chunk("\"Hello, don't!", words), false);
        let expected = json!({"speaker": 0, "elements": [
            {"type": "punct", "value": "\""},
            {"type": "text", "value": "Hello", "ts": 1.0, "end_ts": 1.5, "confidence": 0.88},
            {"type": "punct", "value": ","},
            {"type": "punct", "value": " "},
            {"type": "text", "value": "don't", "ts": 1.6, "end_ts": 2.03, "confidence": 0.88},
            {"type": "punct", "value": "!"},
        ]});
        assert_eq!(shown, expected);
    }

    #[test]
    fn without_punctuation_there_are_words_only() {
        let chunk = chunk("One, two.", vec![word("One,", 100, 150), word("two.", 160, 200)]);
        let kinds = shown(&chunk, true)["elements"].as_array().unwrap().len();
        assert_eq!(kinds, 2);
        let line = Monologue::of(&chunk, true).unwrap().line();
        assert_eq!(line, "Speaker 0    00:01     One two\n");
    }

    #[test]
    fn a_line_says_who_speaks_and_when() {
        let at = |start| {
            let chunk = chunk(
                "Yes, it is.",
                vec![word("Yes,", start, start), word("it is.", start, start)],
            );
            Monologue::of(&chunk, false).unwrap().line()
        };
        assert_eq!(at(6_199), "Speaker 0    01:01     Yes, it is.\n");
        assert_eq!(at(372_500), "Speaker 0    01:02:05     Yes, it is.\n");
    }

    #[test]
    fn words_without_times_share_the_time_of_their_segment() {
        let shown = shown(&chunk("ab cdef", Vec::new()), true);
        let expected = json!([
            {"type": "text", "value": "ab", "ts": 1.0, "end_ts": 2.33},
            {"type": "text", "value": "cdef", "ts": 2.33, "end_ts": 5.0},
        ]);
        assert_eq!(shown["elements"], expected);
    }

    #[test]
    fn words_of_a_language_without_blanks_stay_together() {
        let words = vec![word("今天", 0, 50), word("好。", 70, 100)];
        let line = Monologue::of(&chunk("今天好。", words), false).unwrap().line();
        assert_eq!(line, "Speaker 0    00:00     今天好。\n");
    }

    #[test]
    fn a_chunk_without_speech_is_no_monologue() {
        assert_eq!(Monologue::of(&Segments::empty(0, 100, 0, 10), false), None);
        assert_eq!(Monologue::of(&chunk(" ", vec![word(" ", 0, 1)]), false), None);
    }
}
