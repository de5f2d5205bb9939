//! Timing: when a cue is shown: with its words, long enough to be read, and never two at once.

use std::ops::Range;

use crate::{config::Config, lines, token::Token};

/// A cue, ready to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cue {
    /// When it appears, in milliseconds.
    pub(crate) start_ms: u64,
    /// When it goes, in milliseconds; the next one appears then or later.
    pub(crate) end_ms: u64,
    /// Its text, line by line, not yet escaped.
    pub(crate) lines: Vec<String>,
}

/// Times the cues of a recording.
///
/// A cue appears with its first word and goes with its last. One that would be too short stays until
/// the next, then comes up to `max_lead_ms` early, and where words are faster than anybody reads, it
/// delays those behind it, which catch up in the next pause.
pub(crate) fn cues(tokens: &[Token], spans: &[Range<usize>], config: &Config) -> Vec<Cue> {
    let (min_ms, max_ms) = (u64::from(config.min_duration_ms), u64::from(config.max_duration_ms));
    let lead_ms = u64::from(config.max_lead_ms);
    let mut cues = Vec::with_capacity(spans.len());
    let mut free_ms = 0;
    for (at, span) in spans.iter().enumerate() {
        let words = &tokens[span.clone()];
        let next_ms = spans.get(at + 1).map_or(u64::MAX, |next| tokens[next.start].start_ms);
        let first_ms = words.first().map_or(0, |token| token.start_ms);
        let last_ms = words.iter().map(|token| token.end_ms).max().unwrap_or(first_ms);

        let late_enough = next_ms.saturating_sub(min_ms).max(first_ms.saturating_sub(lead_ms));
        let start_ms = first_ms.min(late_enough).max(free_ms);
        let shortest = start_ms.saturating_add(min_ms);
        let longest = start_ms.saturating_add(max_ms);
        let end_ms = last_ms.min(next_ms).min(longest).max(shortest);

        let lines = lines::lay_out(words, config.max_line_chars());
        cues.push(Cue { start_ms, end_ms, lines });
        free_ms = end_ms;
    }
    cues
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::timed;

    /// Times one cue for each word.
    #[track_caller]
    fn check(words: &[(&str, u64, u64)], expected: &[(u64, u64)]) {
        let spans: Vec<Range<usize>> = (0..words.len()).map(|at| at..at + 1).collect();
        let cues = cues(&timed(words), &spans, &Config::default());
        let times: Vec<(u64, u64)> = cues.iter().map(|cue| (cue.start_ms, cue.end_ms)).collect();
        assert_eq!(times, expected);
    }

    #[test]
    fn a_cue_is_shown_with_its_words() {
        check(&[("a", 500, 2_000), ("b", 2_500, 4_000)], &[(500, 2_000), (2_500, 4_000)]);
    }

    #[test]
    fn a_short_cue_stays_for_a_second_but_not_beside_the_next() {
        check(&[("a", 500, 700), ("b", 5_000, 5_100)], &[(500, 1_500), (5_000, 6_000)]);
        check(&[("a", 500, 700), ("b", 1_500, 2_800)], &[(500, 1_500), (1_500, 2_800)]);
    }

    #[test]
    fn a_cue_without_room_behind_it_comes_early() {
        check(&[("a", 1_000, 1_200), ("b", 1_600, 2_800)], &[(600, 1_600), (1_600, 2_800)]);
    }

    #[test]
    fn words_faster_than_anybody_reads_are_shown_one_after_the_other() {
        let words = [("a", 0, 100), ("b", 100, 200), ("c", 200, 300), ("d", 9_000, 10_500)];
        check(&words, &[(0, 1_000), (1_000, 2_000), (2_000, 3_000), (9_000, 10_500)]);
    }

    #[test]
    fn a_word_that_lasts_for_ever_does_not() {
        check(&[("a", 0, 60_000)], &[(0, 7_000)]);
    }

    #[test]
    fn overlapping_words_do_not_make_overlapping_cues() {
        check(&[("a", 0, 3_000), ("b", 1_500, 4_000)], &[(0, 1_500), (1_500, 4_000)]);
    }
}
