//! Profanities: words that a submitter may have hidden in what this surface shows of a text.
//!
//! As the vendor describes it: of a word that is on the list, every letter but the first and the last is
//! shown as an asterisk. Whole words alone are hidden, in any case of their letters, and their times stay
//! as they are. The list is English, and so is the text that is changed; what is stored never is.

use std::collections::HashSet;
use std::sync::LazyLock;

use scribed_schemas::job::JobOptions;
use scribed_schemas::transcript::Segments;

/// The words; a line that begins with `#` says something about them.
const LIST: &str = include_str!("profanity/words.txt");

static WORDS: LazyLock<HashSet<&str>> = LazyLock::new(|| words().collect());

fn words() -> impl Iterator<Item = &'static str> {
    LIST.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace)
}

/// Returns whether profanities of a language are known; what nobody named is taken for English.
pub(super) fn knows(language: Option<&str>) -> bool {
    let primary = language.map(|tag| tag.split('-').next().unwrap_or_default());
    primary.is_none_or(|primary| primary.eq_ignore_ascii_case("en"))
}

/// Returns what becomes of the text of a job before it is shown.
pub(super) fn filter(options: &JobOptions) -> fn(&mut Segments) {
    if options.filter_profanity { hide } else { |_| () }
}

/// Hides the profanities of a chunk, in its text and in its words.
fn hide(chunk: &mut Segments) {
    if !knows(chunk.language.as_deref()) {
        return;
    }
    for segment in &mut chunk.segments {
        segment.text = hidden(&segment.text);
        for word in &mut segment.words {
            word.text = hidden(&word.text);
        }
    }
}

/// Returns a text with its profanities hidden; it is as long as before.
fn hidden(text: &str) -> String {
    let is_between = |c: char| !c.is_alphanumeric();
    let mut shown = String::with_capacity(text.len());
    for piece in text.split_inclusive(is_between) {
        let word = piece.trim_end_matches(is_between);
        if WORDS.contains(word.to_ascii_lowercase().as_str()) {
            // Whatever is on the list is ASCII.
            let last = word.len() - 1;
            let letters = word.char_indices();
            shown.extend(letters.map(|(at, c)| if at == 0 || at == last { c } else { '*' }));
        } else {
            shown.push_str(word);
        }
        shown.push_str(&piece[word.len()..]);
    }
    shown
}

#[cfg(test)]
mod tests {
    use scribed_schemas::transcript::{Segment, Word};

    use super::*;

    #[test]
    fn the_list_holds_words_as_they_are_looked_up_and_each_once() {
        for word in words() {
            let is_plain = word.bytes().all(|b| b.is_ascii_lowercase());
            assert!(is_plain && word.len() >= 3, "{word}");
        }
        assert_eq!(words().count(), WORDS.len(), "a word is there twice");
    }

    #[test]
    fn of_a_profanity_the_first_and_the_last_letter_are_left() {
        for (text, expected) in [
            ("", ""),
            ("Oh, shit!", "Oh, s**t!"),
            ("SHIT happens", "S**T happens"),
            ("It's bullshit, damn it.", "It's b******t, d**n it."),
            ("that shit's f-fucking", "that s**t's f-f*****g"),
            ("„Fuck“ – fuckin’ ass…", "„F**k“ – f****n’ a*s…"),
            ("  shit\n", "  s**t\n"),
        ] {
            assert_eq!(hidden(text), expected);
            assert_eq!(expected.len(), text.len(), "{text}");
        }
    }

    #[test]
    fn what_only_holds_the_letters_of_one_is_left_alone() {
        for text in [
            "Scunthorpe, class, assess, Dickens, peacock, cockpit, shiitake",
            "ass1 1ass shité äss ſhit",
            "今天好。 \u{1f600}",
            "***",
        ] {
            assert_eq!(hidden(text), text);
        }
    }

    fn chunk(language: Option<&str>) -> Segments {
        let mut chunk = Segments::empty(0, 100, 0, 1_000);
        chunk.language = language.map(str::to_owned);
        let word = |text: &str, start| Word {
            text: text.to_owned(),
            start,
            end: start + 50,
            probability: 0.5,
        };
        chunk.segments.push(Segment {
            start: 0,
            end: 200,
            text: "Oh shit, no.".to_owned(),
            words: vec![word("Oh", 0), word("shit,", 60), word("no.", 120)],
            avg_log_prob: 0.0,
            no_speech_prob: 0.0,
            temperature: 0.0,
            flags: Vec::new(),
        });
        chunk
    }

    #[test]
    fn text_and_words_are_changed_alike_and_times_are_not() {
        let before = chunk(Some("en-GB"));
        let mut after = before.clone();
        hide(&mut after);
        let segment = &after.segments[0];
        assert_eq!(segment.text, "Oh s**t, no.");
        let words: Vec<&str> = segment.words.iter().map(|word| word.text.as_str()).collect();
        assert_eq!(words, ["Oh", "s**t,", "no."]);
        assert_eq!(segment.glued_words(), before.segments[0].glued_words());
        for (word, was) in segment.words.iter().zip(&before.segments[0].words) {
            assert_eq!((word.start, word.end), (was.start, was.end));
        }
    }

    #[test]
    fn only_english_is_changed_and_only_where_it_was_asked_for() {
        for (language, is_changed) in [(None, true), (Some("EN"), true), (Some("de"), false)] {
            let mut given = chunk(language);
            hide(&mut given);
            assert_eq!(given != chunk(language), is_changed, "{language:?}");
        }
        for filter_profanity in [false, true] {
            let mut given = chunk(None);
            filter(&JobOptions { filter_profanity, ..JobOptions::default() })(&mut given);
            assert_eq!(given != chunk(None), filter_profanity);
        }
    }
}
