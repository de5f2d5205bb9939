//! Gates: what makes a text doubtful.
//!
//! They decide twice: over a whole chunk, whether another attempt is made, and over each segment that
//! is kept, whether it is flagged.

use std::io::Write;

use flate2::{Compression, write::ZlibEncoder};
use scribed_schemas::transcript::{FlagReason, QualityFlag};

use crate::{
    Config,
    attempt::{Piece, Token},
};

/// Shorter texts compress badly and repeat by chance, so they are not judged by that.
const SHORTEST_LOOP: usize = 24;

/// Samples that a text is at least taken to last, so that one short word is not "too fast": 0.5 s.
const SHORTEST_SPEECH: usize = 8_000;

/// Limits of the gates; see [`Config`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    avg_log_prob: f32,
    compression: f32,
    repeats: u32,
    chars_per_sec: f32,
    no_speech: f32,
}

impl Limits {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            avg_log_prob: config.min_avg_log_prob,
            compression: config.max_compression_ratio,
            repeats: config.max_repeats,
            chars_per_sec: config.max_chars_per_sec,
            no_speech: config.max_no_speech_prob,
        }
    }

    /// Judges a run of segments as one text; returns every reason to doubt it.
    #[expect(clippy::cast_precision_loss, reason = "a chunk has some hundred characters")]
    pub(crate) fn judge(&self, pieces: &[Piece]) -> Vec<QualityFlag> {
        let text = text(pieces);
        if text.trim().is_empty() {
            return Vec::new();
        }
        let mut flags = Vec::new();
        let mut doubt = |reason, value, limit| flags.push(QualityFlag { reason, value, limit });
        let log_prob = avg_log_prob(pieces);
        if log_prob < self.avg_log_prob {
            doubt(FlagReason::LowLogProb, log_prob, self.avg_log_prob);
        }
        let no_speech = pieces.iter().map(|p| p.no_speech_prob).fold(0.0, f32::max);
        if no_speech > self.no_speech && log_prob < self.avg_log_prob {
            doubt(FlagReason::NoSpeech, no_speech, self.no_speech);
        }
        let ratio = compression_ratio(&text);
        if ratio > self.compression {
            doubt(FlagReason::HighCompression, ratio, self.compression);
        }
        let repeats = longest_loop(&text);
        if repeats > self.repeats {
            doubt(FlagReason::RepeatedNgram, repeats as f32, self.repeats as f32);
        }
        let samples: usize = pieces.iter().map(|p| p.end.saturating_sub(p.start)).sum();
        let seconds = samples.max(SHORTEST_SPEECH) as f32 / 16_000.0;
        let speed = text.trim().chars().count() as f32 / seconds;
        if speed > self.chars_per_sec {
            doubt(FlagReason::TooFast, speed, self.chars_per_sec);
        }
        flags
    }
}

/// Returns the text of segments, with the blanks that the model puts between words.
pub(crate) fn text(pieces: &[Piece]) -> String {
    let bytes: Vec<u8> = tokens(pieces).flat_map(|token| token.bytes.iter().copied()).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Returns the mean natural log of the token probabilities.
#[expect(clippy::cast_precision_loss, reason = "a chunk has some hundred tokens")]
pub(crate) fn avg_log_prob(pieces: &[Piece]) -> f32 {
    let count = tokens(pieces).count();
    if count == 0 {
        return 0.0;
    }
    tokens(pieces).map(|token| token.log_prob).sum::<f32>() / count as f32
}

fn tokens(pieces: &[Piece]) -> impl Iterator<Item = &Token> {
    pieces.iter().flat_map(|piece| &piece.tokens)
}

/// Returns how much smaller zlib makes the text; the original Whisper decoder judges by the same figure.
#[expect(clippy::cast_precision_loss, reason = "a chunk has some thousand bytes")]
fn compression_ratio(text: &str) -> f32 {
    if text.len() < SHORTEST_LOOP {
        return 0.0;
    }
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    // Writing to memory does not fail; if it did, the text would not be judged by this.
    let compressed = zlib.write_all(text.as_bytes()).and_then(|()| zlib.finish());
    compressed.map_or(0.0, |bytes| text.len() as f32 / bytes.len().max(1) as f32)
}

/// Returns how often one to eight words come again without anything between.
fn longest_loop(text: &str) -> u32 {
    if text.len() < SHORTEST_LOOP {
        return 0;
    }
    let words: Vec<String> = text
        .split_whitespace()
        .map(|word| word.chars().filter(|c| c.is_alphanumeric()).collect::<String>())
        .map(|word| word.to_lowercase())
        .collect();
    let mut longest = 0;
    for size in 1..=8 {
        let mut repeats = 0;
        let mut index = size;
        while let (Some(before), Some(here)) =
            (words.get(index - size..index), words.get(index..index + size))
        {
            if before == here {
                repeats += 1;
                longest = longest.max(repeats);
                index += size;
            } else {
                repeats = 0;
                index += 1;
            }
        }
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(text: &str, seconds: usize, log_prob: f32, no_speech_prob: f32) -> Piece {
        let token = Token { bytes: text.as_bytes().to_vec(), probability: 0.9, log_prob };
        Piece { start: 0, end: seconds * 16_000, no_speech_prob, tokens: vec![token] }
    }

    fn reasons(piece: Piece) -> Vec<FlagReason> {
        let limits = Limits::new(&Config::default());
        limits.judge(&[piece]).into_iter().map(|flag| flag.reason).collect()
    }

    #[test]
    fn a_plain_sentence_passes() {
        let sentence = " The weather in London is cold today.";
        assert_eq!(reasons(piece(sentence, 2, -0.2, 0.9)), []);
    }

    #[test]
    fn an_unlikely_text_is_doubtful_and_more_so_without_speech() {
        let sentence = " The weather in London is cold today.";
        assert_eq!(reasons(piece(sentence, 2, -1.4, 0.1)), [FlagReason::LowLogProb]);
        let expected = [FlagReason::LowLogProb, FlagReason::NoSpeech];
        assert_eq!(reasons(piece(sentence, 2, -1.4, 0.9)), expected);
    }

    #[test]
    fn a_loop_is_found_by_its_words_and_by_its_compression() {
        let text = " thank you very much".repeat(12);
        let found = reasons(piece(&text, 29, -0.1, 0.1));
        assert_eq!(found, [FlagReason::HighCompression, FlagReason::RepeatedNgram]);
    }

    #[test]
    fn a_word_said_three_times_is_not_a_loop() {
        assert_eq!(longest_loop("No, no, no, I did not say that at all."), 2);
    }

    #[test]
    fn more_text_than_anybody_speaks_is_doubtful() {
        let text = " The company sold twenty five cars in June and the manager was there.";
        assert_eq!(reasons(piece(text, 1, -0.2, 0.1)), [FlagReason::TooFast]);
        assert_eq!(reasons(piece(" Yes.", 0, -0.2, 0.1)), []);
    }

    #[test]
    fn a_flag_carries_the_value_and_the_limit() {
        let limits = Limits::new(&Config::default());
        let flags = limits.judge(&[piece(" The weather is cold.", 2, -1.5, 0.1)]);
        let flag = flags.first().map(|flag| (flag.value, flag.limit));
        assert_eq!(flag, Some((-1.5, -1.0)));
    }
}
