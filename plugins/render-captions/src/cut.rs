//! Cuts: which words make a cue, found as the cheapest set of cuts over the whole recording.
//!
//! A set of cuts costs what its worst habits cost: cues too short to be read, phrases torn apart,
//! many small cues. Every limit of a cue's text is hard, so that the cheapest set keeps them all.

use std::ops::Range;

use crate::{
    config::Config,
    lines::Filler,
    token::{Ending, Token},
};

/// What each cue costs, so that a few full ones beat many small ones.
const EACH: u64 = 20;
/// What it costs to end a cue inside a word, between words, and after a phrase.
const INSIDE: u64 = 400;
const BETWEEN: u64 = 80;
const PHRASE: u64 = 15;
/// What it costs to go on over the end of a sentence or a break in speech: more than another cue.
const PASSED_OVER: u64 = 30;
/// What a cue costs that cannot be shown long enough: more than any torn phrase.
const TOO_SHORT: u64 = 4_000;

/// Finds the words of each cue; `None` when cancelled.
pub(crate) fn cut(
    tokens: &[Token],
    config: &Config,
    cancelled: impl Fn() -> bool,
) -> Option<Vec<Range<usize>>> {
    // `best[end]`: the cheapest cuts of the words before `end`, and where their last cue begins.
    let mut best = vec![(u64::MAX, 0); tokens.len() + 1];
    best[0].0 = 0;
    for from in 0..tokens.len() {
        // A look at the host costs more than a word.
        if from % 1_024 == 0 && cancelled() {
            return None;
        }
        let mut so_far = best[from].0;
        for to in reachable(tokens, from, config) {
            let cost = so_far.saturating_add(cost(tokens, from..to, config));
            if cost < best[to].0 {
                best[to] = (cost, from);
            }
            // For every longer cue, this place is inside.
            so_far = so_far.saturating_add(passed_over(tokens, to, config));
        }
    }
    let mut cues = Vec::new();
    let mut end = tokens.len();
    while end > 0 {
        let from = best[end].1;
        cues.push(from..end);
        end = from;
    }
    cues.reverse();
    Some(cues)
}

/// Lists where a cue that begins at `from` may end: at least after one word, which always fits.
fn reachable(tokens: &[Token], from: usize, config: &Config) -> impl Iterator<Item = usize> {
    let (max_lines, pause_ms) = (config.max_lines(), u64::from(config.pause_ms));
    let latest_ms = tokens[from].start_ms.saturating_add(u64::from(config.max_duration_ms));
    let mut filler = Filler::new(config.max_line_chars());
    let mut fits = move |at: usize| {
        let token = &tokens[at];
        filler.add(token);
        let first = at == from;
        let paused = !first && token.start_ms.saturating_sub(tokens[at - 1].end_ms) >= pause_ms;
        filler.lines <= max_lines && (first || !paused && token.end_ms <= latest_ms)
    };
    (from..tokens.len()).take_while(move |at| fits(*at)).map(|at| at + 1)
}

/// What a cue of these words costs.
fn cost(tokens: &[Token], cue: Range<usize>, config: &Config) -> u64 {
    let last = &tokens[cue.end - 1];
    let Some(next) = tokens.get(cue.end) else { return EACH };
    let room_ms = next.start_ms.saturating_sub(tokens[cue.start].start_ms);
    let too_short = if room_ms < u64::from(config.min_duration_ms) { TOO_SHORT } else { 0 };
    let torn = match last.ending {
        Ending::Sentence => 0,
        Ending::Phrase => PHRASE,
        Ending::Word if rests(last, next, config) => PHRASE,
        Ending::Word => BETWEEN,
        Ending::Inside => INSIDE,
    };
    EACH + too_short + torn
}

/// What it costs a cue to have the place before `to` inside it.
fn passed_over(tokens: &[Token], to: usize, config: &Config) -> u64 {
    match (tokens.get(to - 1), tokens.get(to)) {
        (Some(last), Some(next))
            if last.ending == Ending::Sentence || rests(last, next, config) =>
        {
            PASSED_OVER
        }
        _ => 0,
    }
}

/// Tells whether the speaker rests between two words: as good a place for a cut as a comma.
fn rests(last: &Token, next: &Token, config: &Config) -> bool {
    next.start_ms.saturating_sub(last.end_ms) >= u64::from(config.pause_ms) / 3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::timed;

    #[track_caller]
    fn check(words: &[(&str, u64, u64)], expected: &[&str]) {
        let (tokens, config) = (timed(words), Config::default());
        let cues = cut(&tokens, &config, || false).expect("nobody cancels");
        let texts: Vec<String> = cues
            .into_iter()
            .map(|cue| {
                let words: Vec<&str> = tokens[cue].iter().map(|t| t.text.as_str()).collect();
                words.join(" ")
            })
            .collect();
        assert_eq!(texts, expected);
    }

    #[test]
    fn cues_rather_end_with_sentences() {
        let words = [
            ("The", 0, 200),
            ("door", 200, 600),
            ("was", 600, 800),
            ("open.", 800, 1_400),
            ("Nobody", 1_450, 2_000),
            ("had", 2_000, 2_200),
            ("seen", 2_200, 2_500),
            ("the", 2_500, 2_600),
            ("keeper", 2_600, 3_000),
            ("since", 3_000, 3_300),
            ("the", 3_300, 3_400),
            ("evening", 3_400, 3_900),
            ("before,", 3_900, 4_300),
            ("and", 4_300, 4_400),
            ("nobody", 4_400, 4_900),
            ("would.", 4_900, 5_300),
        ];
        let second = "Nobody had seen the keeper since the evening before, and nobody would.";
        check(&words, &["The door was open.", second]);
    }

    #[test]
    fn a_pause_begins_a_new_cue() {
        let words = [("Wait", 0, 300), ("here", 2_000, 2_300), ("please", 2_400, 2_900)];
        check(&words, &["Wait", "here please"]);
    }

    #[test]
    fn sentences_too_short_to_be_read_share_a_cue() {
        check(&[("Yes.", 0, 200), ("No.", 300, 500), ("Yes.", 600, 800)], &["Yes. No. Yes."]);
    }

    #[test]
    fn nobody_reads_a_cue_for_longer_than_the_limit() {
        let words: Vec<(&str, u64, u64)> =
            (0..10).map(|n| ("slow", n * 1_200, n * 1_200 + 900)).collect();
        let (tokens, config) = (timed(&words), Config::default());
        for cue in cut(&tokens, &config, || false).expect("nobody cancels") {
            let (first, last) = (&tokens[cue.start], &tokens[cue.end - 1]);
            assert!(last.end_ms - first.start_ms <= 7_000, "{cue:?}");
        }
    }

    #[test]
    fn a_cancelled_job_is_left() {
        assert_eq!(cut(&timed(&[("a", 0, 1)]), &Config::default(), || true), None);
    }
}
