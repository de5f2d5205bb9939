//! From tokens to words.
//!
//! A token of a Whisper model is a few bytes, maybe part of a character; a blank at its start opens
//! a word. Languages written without blanks are split at every character instead.

use crate::attempt::Token;

/// Languages that put no blanks between words.
const WITHOUT_BLANKS: [&str; 6] = ["zh", "ja", "th", "lo", "my", "yue"];

/// Signs that belong to the word behind them.
const OPENING: &str = "\"'“¿¡([{-«„‚";

/// A word without times.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spelled {
    /// The word with its punctuation, without blanks around it.
    pub(crate) text: String,
    /// Mean probability of its tokens.
    pub(crate) probability: f32,
}

/// Joins tokens to words.
pub(crate) fn spell(tokens: &[Token], language: Option<&str>) -> Vec<Spelled> {
    let every_character = language.is_some_and(|language| WITHOUT_BLANKS.contains(&language));
    let mut words: Vec<Spelled> = Vec::new();
    let mut prefix = String::new();
    for group in groups(tokens, every_character) {
        let text = String::from_utf8_lossy(&group.bytes);
        let text =
            text.trim_matches(|c: char| c.is_whitespace() || c == char::REPLACEMENT_CHARACTER);
        if text.is_empty() {
            continue;
        }
        let probability = group.probability();
        if text.chars().any(char::is_alphanumeric) {
            let text = std::mem::take(&mut prefix) + text;
            words.push(Spelled { text, probability });
        } else if group.opened && text.chars().all(|sign| OPENING.contains(sign)) {
            prefix.push_str(text);
        } else if let Some(word) = words.last_mut() {
            word.text.push_str(text);
        } else {
            prefix.push_str(text);
        }
    }
    match words.last_mut() {
        Some(word) => word.text.push_str(&prefix),
        None if !prefix.is_empty() => words.push(Spelled { text: prefix, probability: 0.0 }),
        None => {}
    }
    words
}

#[derive(Default)]
struct Group {
    bytes: Vec<u8>,
    sum: f32,
    count: u16,
    /// It starts with a blank.
    opened: bool,
}

impl Group {
    fn probability(&self) -> f32 {
        self.sum / f32::from(self.count.max(1))
    }
}

fn groups(tokens: &[Token], every_character: bool) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for token in tokens {
        let opened = token.bytes.first() == Some(&b' ');
        // A group whose bytes end inside a character takes the next token in any case.
        let whole = groups.last().is_none_or(|group| str::from_utf8(&group.bytes).is_ok());
        if groups.is_empty() || (whole && (opened || every_character)) {
            groups.push(Group { opened, ..Group::default() });
        }
        let Some(group) = groups.last_mut() else { continue };
        group.bytes.extend_from_slice(&token.bytes);
        group.sum += token.probability;
        group.count = group.count.saturating_add(1);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(parts: &[&[u8]]) -> Vec<Token> {
        let token =
            |bytes: &&[u8]| Token { bytes: bytes.to_vec(), probability: 0.5, log_prob: -0.7 };
        parts.iter().map(token).collect()
    }

    fn texts(parts: &[&[u8]], language: &str) -> Vec<String> {
        spell(&tokens(parts), Some(language)).into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn a_blank_opens_a_word_and_punctuation_closes_it() {
        let parts: [&[u8]; 5] = [b" The", b" weath", b"er", b" today", b"."];
        assert_eq!(texts(&parts, "en"), ["The", "weather", "today."]);
    }

    #[test]
    fn a_character_split_over_tokens_is_put_together() {
        // "Café ♥": é is C3 A9, the heart E2 99 A5.
        let parts: [&[u8]; 5] = [b" Caf", b"\xC3", b"\xA9", b" \xE2\x99", b"\xA5"];
        assert_eq!(texts(&parts, "fr"), ["Café♥"]);
        let parts: [&[u8]; 4] = [b" \xC3", b"\xA9", b"t\xC3", b"\xA9"];
        assert_eq!(texts(&parts, "fr"), ["été"]);
    }

    #[test]
    fn a_character_that_never_ends_does_no_harm() {
        let parts: [&[u8]; 2] = [b" Caf", b"\xC3"];
        assert_eq!(texts(&parts, "fr"), ["Caf"]);
    }

    #[test]
    fn opening_signs_belong_to_the_next_word() {
        let parts: [&[u8]; 5] = [b" said", b" \"", b"Yes", b".", b"\""];
        assert_eq!(texts(&parts, "en"), ["said", "\"Yes.\""]);
        let parts: [&[u8]; 3] = [b" one", b" -", b" two"];
        assert_eq!(texts(&parts, "en"), ["one", "-two"]);
    }

    #[test]
    fn languages_without_blanks_are_split_at_characters() {
        let parts: [&[u8]; 4] = ["你".as_bytes(), b"\xE5\xA5", b"\xBD", "。".as_bytes()];
        assert_eq!(texts(&parts, "zh"), ["你", "好。"]);
    }

    #[test]
    fn a_word_has_the_mean_probability_of_its_tokens() {
        let mut parts = tokens(&[b" weath", b"er"]);
        parts[0].probability = 0.9;
        let words = spell(&parts, None);
        assert!((words[0].probability - 0.7).abs() < 1e-6);
    }
}
