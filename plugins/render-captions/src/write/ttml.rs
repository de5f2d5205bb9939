//! TTML (W3C Timed Text Markup Language 2), in the text profile of IMSC 1.1; players know it as DFXP too.
//!
//! One region at the foot of the picture holds every cue. Text that the format would take for markup is
//! escaped; characters that XML does not know are gone before cues are made.

use super::{Clock, push};
use crate::timing::Cue;

const HEAD: &str = concat!(
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
    "<tt xmlns=\"http://www.w3.org/ns/ttml\"",
    " xmlns:ttm=\"http://www.w3.org/ns/ttml#metadata\"",
    " xmlns:ttp=\"http://www.w3.org/ns/ttml#parameter\"",
    " xmlns:tts=\"http://www.w3.org/ns/ttml#styling\"",
    " ttp:contentProfiles=\"http://www.w3.org/ns/ttml/profile/imsc1.1/text\"",
    " ttp:timeBase=\"media\"",
);
const REGION: &str = concat!(
    "    <layout>\n",
    "      <region xml:id=\"foot\" tts:origin=\"10% 75%\" tts:extent=\"80% 20%\"",
    " tts:displayAlign=\"after\" tts:textAlign=\"center\" tts:showBackground=\"whenActive\"/>\n",
    "    </layout>\n",
);

/// Writes TTML. `language` is a tag of RFC 5646; none where it is not known.
pub(crate) fn write(cues: &[Cue], partial: bool, language: Option<&str>) -> String {
    let mut text = HEAD.to_owned();
    push(&mut text, format_args!(" xml:lang=\"{}\">\n", tag(language)));
    text.push_str("  <head>\n");
    if partial {
        text.push_str("    <ttm:desc>This transcript is not complete.</ttm:desc>\n");
    } else if cues.is_empty() {
        text.push_str("    <ttm:desc>No speech was found in this recording.</ttm:desc>\n");
    }
    text.push_str(REGION);
    text.push_str("  </head>\n  <body region=\"foot\">\n    <div>\n");
    for cue in cues {
        let (begin, end) = (Clock(cue.start_ms, '.'), Clock(cue.end_ms, '.'));
        push(&mut text, format_args!("      <p begin=\"{begin}\" end=\"{end}\">"));
        for (at, line) in cue.lines.iter().enumerate() {
            text.push_str(if at == 0 { "" } else { "<br/>" });
            text.push_str(&super::escaped(line));
        }
        text.push_str("</p>\n");
    }
    text.push_str("    </div>\n  </body>\n</tt>\n");
    text
}

/// Returns the tag of a language, or nothing for what is none.
fn tag(language: Option<&str>) -> &str {
    let is_tag = |tag: &&str| tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    language.filter(is_tag).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use quick_xml::Reader;
    use quick_xml::events::Event;

    use super::*;

    fn cue(lines: &[&str]) -> Cue {
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        Cue { start_ms: 3_723_004, end_ms: 3_724_500, lines }
    }

    /// Reads a document as XML, and returns its elements; an error of the reader is one of the writer.
    #[track_caller]
    fn elements(xml: &str) -> Vec<String> {
        let mut reader = Reader::from_str(xml);
        reader.config_mut().check_end_names = true;
        let (mut elements, mut open) = (Vec::new(), 0);
        loop {
            match reader.read_event().expect("it is well-formed") {
                Event::Start(tag) => {
                    open += 1;
                    elements.push(tag.name().as_ref().to_owned());
                }
                Event::Empty(tag) => elements.push(tag.name().as_ref().to_owned()),
                Event::End(_) => open -= 1,
                Event::Eof => break,
                _ => {}
            }
        }
        assert_eq!(open, 0, "every element is closed");
        elements
    }

    #[test]
    fn a_document_has_its_cues_in_one_region() {
        let text = write(&[cue(&["Hello,", "world."]), cue(&["Bye."])], false, Some("en-GB"));
        let times = "begin=\"01:02:03.004\" end=\"01:02:04.500\"";
        assert!(text.contains(&format!("<p {times}>Hello,<br/>world.</p>\n")), "{text}");
        assert!(text.contains(" xml:lang=\"en-GB\">"), "{text}");
        let expected = ["tt", "head", "layout", "region", "body", "div", "p", "br", "p"];
        assert_eq!(elements(&text), expected);
    }

    #[test]
    fn text_cannot_be_taken_for_markup() {
        let hostile = ["</p><p begin=\"0s\">", "]]> &lt; & <!-- \"x\" -->"];
        let text = write(&[cue(&hostile)], false, Some("en\"><x/>"));
        let expected = ["tt", "head", "layout", "region", "body", "div", "p", "br"];
        assert_eq!(elements(&text), expected);
        assert!(text.contains("]]&gt; &amp;lt; &amp; &lt;!-- \"x\" --&gt;</p>"), "{text}");
        assert!(text.contains(" xml:lang=\"\">"), "{text}");
    }

    #[test]
    fn a_document_without_cues_or_with_some_missing_says_so() {
        let silent = write(&[], false, None);
        assert!(silent.contains("No speech was found in this recording."), "{silent}");
        assert_eq!(
            elements(&silent),
            ["tt", "head", "ttm:desc", "layout", "region", "body", "div"]
        );
        let partial = write(&[], true, None);
        assert!(partial.contains("This transcript is not complete."), "{partial}");
    }
}
