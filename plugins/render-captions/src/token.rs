//! Tokens: the words of a transcript with times in milliseconds, each short enough for a line.
//!
//! What a recogniser gives is put in order here, so that the rest can rely on it: no control
//! characters, no blanks inside a token, no token longer than a line, times that never go back.

use scribed_plugin::prelude::*;

/// A word, or a piece of one that is longer than a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// The word with its punctuation; not empty, without blanks and control characters.
    pub(crate) text: String,
    /// Characters in `text`.
    pub(crate) chars: usize,
    /// Whether it follows the token before it without a blank.
    pub(crate) glued: bool,
    /// When it begins, in milliseconds; never before the token before it.
    pub(crate) start_ms: u64,
    /// When it ends, in milliseconds; never before it begins.
    pub(crate) end_ms: u64,
    /// How well a cue can end after it.
    pub(crate) ending: Ending,
}

/// How well a cue or a line can end after a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ending {
    /// Inside a word.
    Inside,
    /// Between two words of a phrase.
    Word,
    /// After a comma, or where the recogniser ended a segment.
    Phrase,
    /// After a full stop, or another mark that ends a sentence.
    Sentence,
}

/// A stretch of text with its time, before it is cut to words that fit.
struct Stretch<'a> {
    text: &'a str,
    glued: bool,
    start_ms: u64,
    end_ms: u64,
}

/// Appends the words of a chunk.
pub(crate) fn append(tokens: &mut Vec<Token>, chunk: &Segments, max_chars: usize) {
    let ms = |frame: i64| milliseconds(frame, chunk.sample_rate);
    for segment in &chunk.segments {
        let before = tokens.len();
        if segment.words.iter().any(|word| !word.text.trim().is_empty()) {
            let glued = segment.glued_words();
            for (word, glued) in segment.words.iter().zip(glued) {
                let (start_ms, end_ms) = (ms(word.start), ms(word.end));
                let stretch = Stretch { text: &word.text, glued, start_ms, end_ms };
                append_stretch(tokens, &stretch, max_chars);
            }
        } else {
            let (start_ms, end_ms) = (ms(segment.start), ms(segment.end));
            let stretch = Stretch { text: &segment.text, glued: false, start_ms, end_ms };
            append_stretch(tokens, &stretch, max_chars);
        }
        if let Some(last) = tokens[before..].last_mut() {
            last.ending = last.ending.max(Ending::Phrase);
        }
    }
}

/// Cuts a stretch at its blanks, and pieces that are too long by length; time goes by characters.
fn append_stretch(tokens: &mut Vec<Token>, stretch: &Stretch<'_>, max_chars: usize) {
    let readable: String = stretch.text.chars().filter_map(readable).collect();
    let start = stretch.start_ms.max(tokens.last().map_or(0, |token| token.start_ms));
    let end = stretch.end_ms.max(start);
    let total = readable.chars().count().max(1) as u64;
    let time = |chars: usize| start + (end - start) * (chars as u64) / total;

    let mut glued = stretch.glued;
    let mut chars_before = 0;
    for part in readable.split(' ') {
        let letters: Vec<char> = part.chars().collect();
        let mut pieces = letters.chunks(max_chars).peekable();
        while let Some(piece) = pieces.next() {
            let text: String = piece.iter().collect();
            let ending = if pieces.peek().is_some() { Ending::Inside } else { ending(part) };
            let (start_ms, end_ms) = (time(chars_before), time(chars_before + piece.len()));
            if glued {
                // What looked like the end of a word was inside one.
                if let Some(last) = tokens.last_mut().filter(|last| last.ending == Ending::Word) {
                    last.ending = Ending::Inside;
                }
            }
            tokens.push(Token { text, chars: piece.len(), glued, start_ms, end_ms, ending });
            chars_before += piece.len();
            glued = true;
        }
        chars_before += 1;
        glued = false;
    }
}

/// Makes every blank the same and drops what is no text: players show it as boxes or worse.
fn readable(letter: char) -> Option<char> {
    if letter.is_whitespace() {
        Some(' ')
    } else if letter.is_control() || matches!(letter, '\u{FEFF}' | '\u{FFFE}' | '\u{FFFF}') {
        None
    } else {
        Some(letter)
    }
}

/// Judges a word by its last mark; quotes and brackets behind it do not count.
fn ending(word: &str) -> Ending {
    let bare = word.trim_end_matches(['"', '\'', '”', '’', '»', ')', ']', '」', '』']);
    match bare.chars().next_back() {
        Some('.' | '!' | '?' | '…' | '。' | '！' | '？') => Ending::Sentence,
        Some(',' | ';' | ':' | '—' | '–' | '，' | '、' | '；' | '：') => Ending::Phrase,
        _ => Ending::Word,
    }
}

/// Latest position in milliseconds, 100,000 h: more than any recording, and sums do not overflow.
const LATEST: u128 = 100_000 * 3_600_000;

/// Converts frames to milliseconds, rounded to the nearest; nothing is before the recording.
fn milliseconds(frame: i64, sample_rate: u32) -> u64 {
    let rate = u128::from(sample_rate.max(1));
    let frame = u128::from(frame.max(0).unsigned_abs());
    let ms = ((frame * 1_000 + rate / 2) / rate).min(LATEST);
    u64::try_from(ms).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{segment, word};

    fn tokens(segments: Vec<Segment>, max_chars: usize) -> Vec<Token> {
        let mut chunk = Segments::empty(0, 1_000, 0, 10_000);
        chunk.segments = segments;
        let mut tokens = Vec::new();
        append(&mut tokens, &chunk, max_chars);
        tokens
    }

    fn spans(tokens: &[Token]) -> Vec<(&str, u64, u64)> {
        tokens.iter().map(|t| (t.text.as_str(), t.start_ms, t.end_ms)).collect()
    }

    #[test]
    fn a_segment_without_words_is_timed_by_its_characters() {
        let tokens = tokens(vec![segment("abcd ef ghi", 1_000, 2_100, &[])], 42);
        let expected = [("abcd", 1_000, 1_400), ("ef", 1_500, 1_700), ("ghi", 1_800, 2_100)];
        assert_eq!(spans(&tokens), expected);
    }

    #[test]
    fn a_word_longer_than_a_line_is_cut_and_its_time_with_it() {
        let words = [word("abcdefghij", 0, 1_000)];
        let tokens = tokens(vec![segment("abcdefghij", 0, 1_000, &words)], 4);
        assert_eq!(spans(&tokens), [("abcd", 0, 400), ("efgh", 400, 800), ("ij", 800, 1_000)]);
        assert_eq!([false, true, true], [tokens[0].glued, tokens[1].glued, tokens[2].glued]);
        assert_eq!(tokens[0].ending, Ending::Inside);
    }

    #[test]
    fn words_of_a_language_without_blanks_stay_together() {
        let words = [word("今天", 0, 500), word("很", 500, 700), word("好。", 700, 1_000)];
        let tokens = tokens(vec![segment("今天很好。", 0, 1_000, &words)], 42);
        assert_eq!([false, true, true], [tokens[0].glued, tokens[1].glued, tokens[2].glued]);
        assert_eq!(tokens[2].ending, Ending::Sentence);
    }

    #[test]
    fn times_that_go_back_are_put_in_order() {
        let words = [word("one", 500, 900), word("two", 300, 200), word("three", -5, 1_000)];
        let tokens = tokens(vec![segment("one two three", 0, 1_000, &words)], 42);
        assert_eq!(spans(&tokens), [("one", 500, 900), ("two", 500, 500), ("three", 500, 1_000)]);
    }

    #[test]
    fn control_characters_and_odd_blanks_are_no_text() {
        let words = [word("\u{0}a\u{7}b\u{A0}c\n", 0, 100), word("\u{1b}", 100, 200)];
        let tokens = tokens(vec![segment("", 0, 200, &words)], 42);
        assert_eq!(tokens.iter().map(|t| t.text.as_str()).collect::<Vec<_>>(), ["ab", "c"]);
    }

    #[test]
    fn marks_tell_where_sentences_and_phrases_end() {
        assert_eq!(ending("done.\""), Ending::Sentence);
        assert_eq!(ending("(really?)"), Ending::Sentence);
        assert_eq!(ending("well,"), Ending::Phrase);
        assert_eq!(ending("well"), Ending::Word);
        assert_eq!(ending("..."), Ending::Sentence);
    }

    #[test]
    fn positions_beyond_any_recording_do_not_overflow() {
        assert_eq!(milliseconds(i64::MAX, 0), 360_000_000_000);
        assert_eq!(milliseconds(i64::MIN, 48_000), 0);
        assert_eq!(milliseconds(22_050, 44_100), 500);
    }
}
