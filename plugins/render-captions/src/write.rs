//! The file formats: `SubRip`, which has no standard, and `WebVTT` (W3C, 4 April 2019).

pub(crate) mod ttml;

use std::fmt::Write as _;

use crate::timing::Cue;

/// Writes `SubRip`: numbered cues, times with a comma.
pub(crate) fn srt(cues: &[Cue]) -> String {
    let mut text = String::new();
    for (at, cue) in cues.iter().enumerate() {
        let (start, end) = (Clock(cue.start_ms, ','), Clock(cue.end_ms, ','));
        push(&mut text, format_args!("{}\n{start} --> {end}\n", at + 1));
        for line in &cue.lines {
            // There is no escape; an arrow of another kind cannot be taken for a time line.
            push(&mut text, format_args!("{}\n", line.replace("-->", "→")));
        }
        text.push('\n');
    }
    text
}

/// Writes `WebVTT`: a header, then cues, times with a point.
pub(crate) fn vtt(cues: &[Cue], partial: bool) -> String {
    let mut text = String::from("WEBVTT\n\n");
    if partial {
        text.push_str("NOTE This transcript is not complete.\n\n");
    } else if cues.is_empty() {
        text.push_str("NOTE No speech was found in this recording.\n\n");
    }
    for cue in cues {
        let (start, end) = (Clock(cue.start_ms, '.'), Clock(cue.end_ms, '.'));
        push(&mut text, format_args!("{start} --> {end}\n"));
        for line in &cue.lines {
            push(&mut text, format_args!("{}\n", escaped(line)));
        }
        text.push('\n');
    }
    text
}

/// Escapes what `WebVTT` would take for markup; `-->` goes with its `>`.
fn escaped(line: &str) -> String {
    line.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Milliseconds as `00:00:00,000`, with the given mark before the thousandths.
struct Clock(u64, char);

impl std::fmt::Display for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(ms, mark) = self;
        let (secs, ms) = (ms / 1_000, ms % 1_000);
        let (hours, minutes, secs) = (secs / 3_600, secs / 60 % 60, secs % 60);
        write!(f, "{hours:02}:{minutes:02}:{secs:02}{mark}{ms:03}")
    }
}

/// Appends formatted text, which cannot fail on a string.
fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    let written = text.write_fmt(arguments);
    debug_assert!(written.is_ok(), "a string takes every text");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cue(line: &str) -> Cue {
        Cue { start_ms: 3_723_004, end_ms: 3_724_500, lines: vec![line.to_owned()] }
    }

    #[test]
    fn subrip_is_numbered_and_has_commas() {
        let text = srt(&[cue("Hello."), cue("a --> b")]);
        let first = "1\n01:02:03,004 --> 01:02:04,500\nHello.\n\n";
        let second = "2\n01:02:03,004 --> 01:02:04,500\na → b\n\n";
        assert_eq!(text, format!("{first}{second}"));
    }

    #[test]
    fn webvtt_has_a_header_points_and_escapes() {
        let text = vtt(&[cue("<b> & -->")], false);
        let cue = "01:02:03.004 --> 01:02:04.500\n&lt;b&gt; &amp; --&gt;\n\n";
        assert_eq!(text, format!("WEBVTT\n\n{cue}"));
    }

    #[test]
    fn a_document_without_cues_is_still_one() {
        assert_eq!(srt(&[]), "");
        assert_eq!(vtt(&[], false), "WEBVTT\n\nNOTE No speech was found in this recording.\n\n");
    }

    #[test]
    fn webvtt_says_when_text_is_missing() {
        let text = vtt(&[cue("Hello.")], true);
        assert!(
            text.starts_with("WEBVTT\n\nNOTE This transcript is not complete.\n\n01:"),
            "{text}"
        );
    }
}
