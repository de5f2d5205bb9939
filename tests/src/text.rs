//! How far a recognised text is from the spoken one.

use std::fmt;

/// Errors of a text, word by word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Errors {
    /// Words that would have to be put in, taken out or replaced.
    pub errors: usize,
    /// Words that were spoken.
    pub words: usize,
}

impl Errors {
    /// Returns whether at most so many percent of the words are wrong.
    pub fn within_percent(self, percent: usize) -> bool {
        self.errors * 100 <= self.words * percent
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} errors in {} words", self.errors, self.words)
    }
}

/// Compares a text with what was spoken: lower case, without punctuation.
pub fn errors(spoken: &str, recognised: &str) -> Errors {
    let (spoken, recognised) = (words(spoken), words(recognised));
    // Levenshtein's distance over words, one row at a time.
    let mut row: Vec<usize> = (0..=recognised.len()).collect();
    for (i, word) in spoken.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in recognised.iter().enumerate() {
            let replaced = diagonal + usize::from(word != other);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    Errors { errors: row[recognised.len()], words: spoken.len() }
}

/// Cuts a text into its words.
pub fn words(text: &str) -> Vec<String> {
    let letters = |c: char| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { ' ' };
    text.chars().map(letters).collect::<String>().split_whitespace().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(spoken: &str, recognised: &str, expected: usize) {
        assert_eq!(errors(spoken, recognised).errors, expected);
    }

    #[test]
    fn errors_are_words_put_in_left_out_or_replaced() {
        check("The meeting is closed.", "the meeting is closed", 0);
        check("The meeting is closed.", "The meeting is cold.", 1);
        check("The meeting is closed.", "The closed.", 2);
        check("The meeting is closed.", "", 4);
        check("", "Thank you.", 2);
    }

    #[test]
    fn of_nothing_nothing_may_be_wrong() {
        assert!(errors("", "").within_percent(15));
        assert!(!errors("", "you").within_percent(15));
        assert!(errors("a b c d e f g", "a b c d e f").within_percent(15));
    }
}
