//! Display: parameters that change how text is written, where that cannot be done here.
//!
//! The vendor knows many. Those that ask for what is not done are refused, since a client would take one
//! text for another; those that only say how to choose between good layouts, or what to do with sounds and
//! speakers that no transcript here has, change nothing and are not looked at.

use std::ops::RangeInclusive;

use super::error::{Answer, Error};
use super::params::Params;

/// What a parameter may say, since it asks for nothing but what is done anyway.
#[derive(Debug)]
pub(super) enum Takes {
    /// This answer.
    Flag(bool),
    /// This word.
    Word(&'static str),
    /// These numbers.
    Numbers(RangeInclusive<u32>),
}

/// A parameter and what it may say.
pub(super) type Limit = (&'static str, Takes);

/// Of every text.
const OF_TEXT: &[Limit] = &[
    ("mask_profanity", Takes::Flag(false)),
    ("replace_slang", Takes::Flag(false)),
    ("audio_description", Takes::Flag(false)),
    ("mixed", Takes::Flag(false)),
    // American.
    ("replace_english_spelling", Takes::Word("A")),
];

/// Of transcripts.
pub(super) const OF_TRANSCRIPTS: &[Limit] =
    &[("file_format", Takes::Word("txt")), ("timecode_interval", Takes::Numbers(0..=0))];

/// Of captions: their lines and times are those of the renderer.
pub(super) const OF_CAPTIONS: &[Limit] = &[
    ("build_url", Takes::Flag(false)),
    ("strip_square_brackets", Takes::Flag(false)),
    ("caption_words_min", Takes::Numbers(0..=1)),
    ("characters_per_caption_line", Takes::Numbers(42..=u32::MAX)),
    ("lines_per_caption", Takes::Numbers(2..=u32::MAX)),
    ("maximum_caption_duration", Takes::Numbers(7_000..=u32::MAX)),
    ("minimum_caption_length_ms", Takes::Numbers(0..=1_000)),
    ("minimum_gap_between_captions_ms", Takes::Numbers(0..=0)),
    ("force_case", Takes::Word("")),
    ("srt_format", Takes::Word(SRT_BLOCK)),
];

/// The vendor's default for a caption of SubRip.
const SRT_BLOCK: &str = "{caption_number:d}\\n{start_hour:02d}:{start_minute:02d}:{start_second:02d},\
    {start_millisecond:03d} --> {end_hour:02d}:{end_minute:02d}:{end_second:02d},\
    {end_millisecond:03d}\\n{caption_text}\\n\\n";

/// Refuses what asks for anything that is not done.
pub(super) fn check(params: &Params, limits: &[Limit]) -> Answer<()> {
    for (name, takes) in OF_TEXT.iter().chain(limits) {
        let said = match takes {
            Takes::Flag(flag) => {
                params.flag(name)?.is_none_or(|given| given == *flag).then_some(())
            }
            Takes::Word(word) => {
                params.text(name)?.is_none_or(|given| given == *word).then_some(())
            }
            Takes::Numbers(range) => {
                params.number(name)?.is_none_or(|given| range.contains(&given)).then_some(())
            }
        };
        said.ok_or_else(|| refuse(name, takes))?;
    }
    Ok(())
}

fn refuse(name: &str, takes: &Takes) -> Error {
    let may_be = match takes {
        Takes::Flag(flag) => format!("be {flag}"),
        Takes::Word("") => "be left out".to_owned(),
        Takes::Word(word) => format!("be {word}"),
        Takes::Numbers(range) if *range.end() == u32::MAX => {
            format!("be {} or more", range.start())
        }
        Takes::Numbers(range) => format!("be {} at most", range.end()),
    };
    Error::option(format!("{name} is not supported by this server; it may {may_be}."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validate::Query;

    #[track_caller]
    fn captions(query: &str) -> Result<(), String> {
        let params = Params::of_query(Query::parse(query));
        check(&params, OF_CAPTIONS).map_err(|error| format!("{error:?}"))
    }

    #[test]
    fn what_is_done_anyway_may_be_asked_for() {
        for good in [
            "",
            "build_url=false&mask_profanity=False&force_case=",
            "characters_per_caption_line=42&lines_per_caption=3",
            "maximum_caption_duration=10000&minimum_caption_length_ms=500",
            "caption_by_sentence=true&remove_sounds_list=[]&display_speaker_id=no&colour=red",
        ] {
            assert_eq!(captions(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn what_is_not_done_is_refused_with_what_may_be_said() {
        for (wrong, said) in [
            ("build_url=true", "build_url is not supported by this server; it may be false"),
            ("mask_profanity=t", "it may be false"),
            ("characters_per_caption_line=30", "it may be 42 or more"),
            ("minimum_gap_between_captions_ms=100", "it may be 0 at most"),
            ("force_case=upper", "it may be left out"),
            ("replace_english_spelling=B", "it may be A"),
            ("srt_format={caption_text}", "srt_format"),
            ("lines_per_caption=two", "whole number"),
        ] {
            let refused = captions(wrong).unwrap_err();
            assert!(refused.contains(said), "{wrong}: {refused}");
        }
    }
}
