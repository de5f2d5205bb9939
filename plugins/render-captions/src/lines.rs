//! Lines: how the words of a cue are laid out, in as few lines as fit and evenly.

use crate::token::{Ending, Token};

/// Lays words out one by one, each line filled as far as it goes: the fewest lines that fit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Filler {
    max_chars: usize,
    /// Lines begun.
    pub(crate) lines: usize,
    /// Characters in the last line.
    width: usize,
}

impl Filler {
    /// Begins an empty cue.
    pub(crate) const fn new(max_chars: usize) -> Self {
        Self { max_chars, lines: 0, width: 0 }
    }

    /// Adds a word, in a new line when the last one has no room.
    pub(crate) fn add(&mut self, token: &Token) {
        let width = self.width + usize::from(!token.glued) + token.chars;
        if self.lines == 0 || width > self.max_chars {
            self.lines += 1;
            self.width = token.chars;
        } else {
            self.width = width;
        }
    }
}

/// Writes the words of a cue in as few lines as fit, of about the same length, and rather broken
/// after a phrase than inside one.
pub(crate) fn lay_out(tokens: &[Token], max_chars: usize) -> Vec<String> {
    let mut filler = Filler::new(max_chars);
    for token in tokens {
        filler.add(token);
    }
    let breaks = even_breaks(tokens, max_chars, filler.lines);
    let mut lines = Vec::with_capacity(filler.lines);
    let mut from = 0;
    for to in breaks {
        lines.push(joined(&tokens[from..to]));
        from = to;
    }
    lines
}

/// Finds where each of so many lines ends, with the least raggedness.
///
/// `best[line][end]` is the cheapest way to lay the first `end` words out in `line` lines.
fn even_breaks(tokens: &[Token], max_chars: usize, lines: usize) -> Vec<usize> {
    let count = tokens.len();
    let ideal = width(tokens).div_ceil(lines.max(1));
    let mut best = vec![vec![(usize::MAX, 0); count + 1]; lines + 1];
    best[0][0] = (0, 0);
    for line in 1..=lines {
        for from in 0..count {
            let (so_far, _) = best[line - 1][from];
            if so_far == usize::MAX {
                continue;
            }
            for to in from + 1..=count {
                let width = width(&tokens[from..to]);
                if width > max_chars {
                    break;
                }
                let cost = so_far + ideal.abs_diff(width).pow(2) + break_cost(tokens, to);
                if cost < best[line][to].0 {
                    best[line][to] = (cost, from);
                }
            }
        }
    }
    let mut ends = Vec::with_capacity(lines);
    let mut end = count;
    for line in (1..=lines).rev() {
        ends.push(end);
        end = best[line][end].1;
    }
    ends.reverse();
    ends
}

/// What it costs to end a line before `to`, in squared characters of raggedness.
fn break_cost(tokens: &[Token], to: usize) -> usize {
    match tokens.get(to - 1) {
        _ if to == tokens.len() => 0,
        Some(last) if last.ending >= Ending::Phrase => 0,
        Some(last) if last.ending == Ending::Word => 60,
        _ => 200,
    }
}

/// Returns the characters of a line of these words.
fn width(tokens: &[Token]) -> usize {
    let blanks = tokens.iter().skip(1).filter(|token| !token.glued).count();
    tokens.iter().map(|token| token.chars).sum::<usize>() + blanks
}

/// Joins words as they stand in a line.
fn joined(tokens: &[Token]) -> String {
    let mut line = String::new();
    for (at, token) in tokens.iter().enumerate() {
        if at > 0 && !token.glued {
            line.push(' ');
        }
        line.push_str(&token.text);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::tokens_of;

    #[track_caller]
    fn check(text: &str, max_chars: usize, expected: &[&str]) {
        assert_eq!(lay_out(&tokens_of(text, max_chars), max_chars), expected);
    }

    #[test]
    fn what_fits_in_one_line_stays_in_one() {
        check("Good morning, everybody.", 42, &["Good morning, everybody."]);
    }

    #[test]
    fn two_lines_are_about_equally_long() {
        let text = "The quick brown fox jumps over the lazy dog again";
        check(text, 42, &["The quick brown fox jumps", "over the lazy dog again"]);
    }

    #[test]
    fn a_line_rather_ends_with_a_phrase() {
        let text = "When the train had left, nobody was at the station";
        check(text, 42, &["When the train had left,", "nobody was at the station"]);
    }

    #[test]
    fn a_long_word_takes_lines_of_its_own() {
        check("a abcdefghijklmn", 8, &["a", "abcdefgh", "ijklmn"]);
    }
}
