//! Tokens: words and the marks between them, in sequences without blanks, in sentences.
//!
//! The format wants whole milliseconds, no token without length, and none that begins before the one
//! before it has ended; recognisers do not promise that, so times are moved as little as it takes.

use scribed_schemas::transcript::{Segment, Segments, Word};
use serde::Serialize;

/// One sentence (`Segment`).
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Sentence {
    speaker_change: bool,
    speaker_id: u32,
    interpolated: bool,
    start_time: u64,
    end_time: u64,
    sequences: Vec<Sequence>,
}

/// Tokens that stand together without a blank.
#[derive(Debug, PartialEq, Serialize)]
struct Sequence {
    interpolated: bool,
    start_time: u64,
    end_time: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    confidence_score: Option<f64>,
    tokens: Vec<Token>,
}

/// A word or a mark.
#[derive(Debug, PartialEq, Serialize)]
struct Token {
    interpolated: bool,
    start_time: u64,
    end_time: u64,
    value: String,
    #[serde(rename = "type")]
    kind: Kind,
    display_as: String,
    tags: Vec<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Word,
    Punctuation,
}

/// Reads chunks in order, and hands out sentences as they end.
#[derive(Debug, Default)]
pub(super) struct Reader {
    sequences: Vec<Sequence>,
    /// Where the last token ends.
    free_ms: u64,
}

impl Reader {
    /// Reads a chunk, and returns the sentences that end in it.
    pub(super) fn read(&mut self, chunk: &Segments) -> Vec<Sentence> {
        let mut sentences = Vec::new();
        for segment in &chunk.segments {
            self.read_segment(chunk, segment, &mut sentences);
        }
        sentences
    }

    /// Returns the sentence that has no end, if there is one.
    pub(super) fn end(mut self) -> Option<Sentence> {
        self.sentence()
    }

    fn read_segment(&mut self, chunk: &Segments, segment: &Segment, into: &mut Vec<Sentence>) {
        if segment.words.iter().any(|word| !word.text.trim().is_empty()) {
            for (word, glued) in segment.words.iter().zip(segment.glued_words()) {
                into.extend(self.read_word(chunk, word, glued, Some(word.probability)));
            }
            return;
        }
        // Without times of words, their segment's is shared out by their number.
        let words: Vec<&str> = segment.text.split_whitespace().collect();
        let count = i64::try_from(words.len()).unwrap_or(i64::MAX).max(1);
        let share = segment.end.saturating_sub(segment.start) / count;
        let mut start = segment.start;
        for text in words {
            let end = start.saturating_add(share);
            let word = Word { text: text.to_owned(), start, end, probability: 0.0 };
            into.extend(self.read_word(chunk, &word, false, None));
            start = end;
        }
    }

    /// Adds a word; returns the sentence that ends before it.
    fn read_word(
        &mut self,
        chunk: &Segments,
        word: &Word,
        glued: bool,
        probability: Option<f32>,
    ) -> Option<Sentence> {
        let text = word.text.trim();
        if text.is_empty() {
            return None;
        }
        // A mark that comes as a word of its own belongs to the sentence before it.
        let ended = self.sequences.last().is_some_and(Sequence::ends_sentence) && !glued;
        let sentence = if ended { self.sentence() } else { None };
        let parts = parts(text);
        let start = milliseconds(chunk.seconds(word.start)).max(self.free_ms);
        let end = milliseconds(chunk.seconds(word.end)).max(start + parts.len() as u64);
        self.free_ms = end;
        if !glued || self.sequences.is_empty() {
            self.sequences.push(Sequence {
                interpolated: false,
                start_time: start,
                end_time: end,
                confidence_score: probability.map(|p| hundredths(f64::from(p.clamp(0.0, 1.0)))),
                tokens: Vec::new(),
            });
        }
        if let Some(last) = self.sequences.last_mut() {
            last.end_time = end;
            last.tokens.extend(tokens(&parts, start, end));
            last.mark_end();
        }
        sentence
    }

    /// Ends a sentence, if any has begun.
    fn sentence(&mut self) -> Option<Sentence> {
        let sequences = std::mem::take(&mut self.sequences);
        let (first, last) = (sequences.first()?, sequences.last()?);
        Some(Sentence {
            speaker_change: false,
            speaker_id: 1,
            interpolated: false,
            start_time: first.start_time,
            end_time: last.end_time,
            sequences,
        })
    }
}

impl Sequence {
    fn ends_sentence(&self) -> bool {
        self.tokens.iter().any(|token| !token.tags.is_empty())
    }

    /// Tags the mark that ends a sentence, and no other.
    fn mark_end(&mut self) {
        let text: String = self.tokens.iter().map(|token| token.display_as.as_str()).collect();
        let ends = ends_sentence(&text);
        let is_end = |token: &&mut Token| token.display_as.contains(SENTENCE_ENDS);
        self.tokens.iter_mut().for_each(|token| token.tags.clear());
        if let Some(end) = self.tokens.iter_mut().rev().find(is_end).filter(|_| ends) {
            end.tags.push("ENDS_SENTENCE");
        }
    }
}

/// Marks that end a sentence.
const SENTENCE_ENDS: [char; 7] = ['.', '!', '?', '…', '。', '！', '？'];

/// Returns whether a sentence ends with a text; quotes and brackets behind its last mark do not count.
pub(in super::super) fn ends_sentence(text: &str) -> bool {
    let bare = text.trim_end_matches(['"', '\'', '”', '’', '»', ')', ']', '」', '』']);
    bare.ends_with(SENTENCE_ENDS)
}

/// Cuts a word into the marks before it, itself, and the marks behind it.
fn parts(text: &str) -> Vec<(Kind, &str)> {
    let without_start = text.trim_start_matches(is_mark);
    let before = &text[..text.len() - without_start.len()];
    let word = without_start.trim_end_matches(is_mark);
    let behind = &without_start[word.len()..];
    let parts = [(Kind::Punctuation, before), (Kind::Word, word), (Kind::Punctuation, behind)];
    parts.into_iter().filter(|(_, part)| !part.is_empty()).collect()
}

/// Returns whether a character is punctuation at the edge of a word. A sign that is spoken, such as that
/// of a currency, belongs to its word.
fn is_mark(c: char) -> bool {
    !c.is_alphanumeric() && !c.is_whitespace() && !"%$€£¥#&@+°§'’".contains(c)
}

/// Gives each part its time: a millisecond to each mark, the rest to the word.
fn tokens(parts: &[(Kind, &str)], start: u64, end: u64) -> Vec<Token> {
    let has_word = parts.iter().any(|(kind, _)| *kind == Kind::Word);
    let mut tokens = Vec::new();
    let mut at = start;
    for (place, (kind, text)) in parts.iter().enumerate() {
        let behind = (parts.len() - place - 1) as u64;
        let is_long = *kind == Kind::Word || (!has_word && behind == 0);
        let until = if is_long { end - behind } else { at + 1 };
        tokens.push(Token {
            interpolated: *kind == Kind::Punctuation,
            start_time: at,
            end_time: until,
            value: text.to_lowercase(),
            kind: *kind,
            display_as: (*text).to_owned(),
            tags: Vec::new(),
        });
        at = until;
    }
    tokens
}

/// Rounds to milliseconds; nothing is before the recording.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` takes the nearest"
)]
pub(super) fn milliseconds(seconds: f64) -> u64 {
    (seconds * 1_000.0).round().max(0.0) as u64
}

fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn word(text: &str, start: i64, end: i64) -> Word {
        Word { text: text.to_owned(), start, end, probability: 0.876 }
    }

    /// Makes a chunk at 1,000 frames a second.
    fn chunk(text: &str, words: Vec<Word>) -> Segments {
        let mut chunk = Segments::empty(0, 1_000, 0, 1_000);
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

    fn sentences(chunks: &[Segments]) -> Vec<Value> {
        let mut reader = Reader::default();
        let mut all: Vec<Sentence> = chunks.iter().flat_map(|chunk| reader.read(chunk)).collect();
        all.extend(reader.end());
        all.iter().map(|sentence| serde_json::to_value(sentence).unwrap()).collect()
    }

    #[test]
    fn a_word_and_its_marks_are_a_sequence() {
        let words = vec![word("\"Hello,", 100, 150), word("you!\"", 160, 203)];
        let shown = sentences(&[chunk("\"Hello, you!\"", words)]);
        let token = |start: u64, end: u64, kind: &str, text: &str, tags: Value| {
            json!({
                "interpolated": kind == "punctuation", "start_time": start, "end_time": end,
                "value": text.to_lowercase(), "type": kind, "display_as": text, "tags": tags
            })
        };
        let first = json!([
            token(100, 101, "punctuation", "\"", json!([])),
            token(101, 149, "word", "Hello", json!([])),
            token(149, 150, "punctuation", ",", json!([])),
        ]);
        let second = json!([
            token(160, 202, "word", "you", json!([])),
            token(202, 203, "punctuation", "!\"", json!(["ENDS_SENTENCE"])),
        ]);
        let expected = json!([{
            "speaker_change": false, "speaker_id": 1, "interpolated": false,
            "start_time": 100, "end_time": 203,
            "sequences": [
                {"interpolated": false, "start_time": 100, "end_time": 150,
                 "confidence_score": 0.88, "tokens": first},
                {"interpolated": false, "start_time": 160, "end_time": 203,
                 "confidence_score": 0.88, "tokens": second},
            ]
        }]);
        assert_eq!(json!(shown), expected);
    }

    #[test]
    fn each_sentence_is_a_segment_also_over_the_end_of_a_chunk() {
        let first = chunk("One. Two", vec![word("One.", 100, 150), word("Two", 160, 200)]);
        let second = chunk("three? Four", vec![word("three?", 300, 350), word("Four", 400, 450)]);
        let shown = sentences(&[first, second]);
        let spans: Vec<_> = shown.iter().map(|s| (&s["start_time"], &s["end_time"])).collect();
        let at = |ms: u64| json!(ms);
        let expected = [(at(100), at(150)), (at(160), at(350)), (at(400), at(450))];
        assert_eq!(spans, expected.iter().map(|(s, e)| (s, e)).collect::<Vec<_>>());
    }

    #[test]
    fn times_never_go_back_and_no_token_is_without_length() {
        let words = vec![
            word("(a)", 100, 100),
            word("b.", 90, 95),
            word("...", 80, 80),
            word("c", 50, 400),
            word("d", 300, 350),
        ];
        let mut free = 0;
        for sentence in sentences(&[chunk("(a) b. ... c d", words)]) {
            for sequence in sentence["sequences"].as_array().unwrap() {
                for token in sequence["tokens"].as_array().unwrap() {
                    let at = |name: &str| token[name].as_u64().unwrap();
                    assert!(
                        free <= at("start_time") && at("start_time") < at("end_time"),
                        "{token}"
                    );
                    free = at("end_time");
                }
            }
        }
        assert!(free >= 401, "{free}");
    }

    #[test]
    fn words_without_times_share_those_of_their_segment() {
        let shown = sentences(&[chunk("ab cd", Vec::new())]);
        let spans: Vec<_> = shown[0]["sequences"].as_array().unwrap().iter().collect();
        assert_eq!((&spans[0]["start_time"], &spans[0]["end_time"]), (&json!(100), &json!(300)));
        assert!(spans[0].get("confidence_score").is_none());
    }

    #[test]
    fn words_of_a_language_without_blanks_stand_together() {
        let words = vec![word("今天", 0, 50), word("好", 70, 90), word("。", 90, 100)];
        let shown = sentences(&[chunk("今天好。", words)]);
        let sequences = shown[0]["sequences"].as_array().unwrap();
        assert_eq!((sequences.len(), sequences[0]["tokens"].as_array().unwrap().len()), (1, 3));
    }
}
