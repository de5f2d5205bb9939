//! Captions: cues that a player can show, with all of the text.

use quick_xml::Reader;
use quick_xml::events::Event;
use scribed_schemas::transcript::Segments;

use crate::render::{Renderer, render};
use crate::script::Script;

/// A cue read back.
#[derive(Debug)]
struct Cue {
    start_ms: u64,
    end_ms: u64,
    lines: Vec<String>,
}

/// Holds of captions: they parse back into cues in order, within their limits, with every letter of
/// the transcript and no markup.
pub fn captions<S: Renderer>(data: &[u8]) {
    let script = Script::read(data);
    let Some(document) = render::<S>(&script) else { return };
    let format = script.options["format"].as_str().unwrap_or("srt");
    assert_eq!(document.extension, format);
    let text = String::from_utf8(document.bytes).expect("captions are UTF-8");
    let controls = text.chars().find(|letter| letter.is_control() && *letter != '\n');
    assert_eq!(controls, None);
    let cues = match format {
        "vtt" => vtt(&text),
        "ttml" => ttml(&text),
        _ => srt(&text),
    };
    let has_escapes = format != "srt";

    let option = |name: &str, default: u64| script.options[name].as_u64().unwrap_or(default);
    let max_chars = option("max_line_chars", 42);
    let mut free_ms = 0;
    for cue in &cues {
        assert!(free_ms <= cue.start_ms && cue.start_ms < cue.end_ms, "{cue:?} after {free_ms}");
        free_ms = cue.end_ms;
        let shown_ms = cue.end_ms - cue.start_ms;
        assert!(shown_ms >= option("min_duration_ms", 1_000), "{cue:?} is too short");
        assert!(shown_ms <= option("max_duration_ms", 7_000), "{cue:?} is too long");
        assert!(
            !cue.lines.is_empty() && cue.lines.len() as u64 <= option("max_lines", 2),
            "{cue:?}"
        );
        for line in &cue.lines {
            let chars = line.chars().count() as u64;
            assert!(chars > 0 && chars <= max_chars, "{chars} characters in {cue:?}");
        }
    }
    let lines = cues.iter().flat_map(|cue| &cue.lines);
    let shown: String = lines.map(|line| letters(line)).collect();
    let arrow = |text: String| if has_escapes { text } else { text.replace("-->", "→") };
    // SubRip's arrows are written in another way, but for those that a line's end tears apart.
    let (shown, spoken) = (shown, spoken(&script.chunks));
    if has_escapes || !spoken.contains("-->") {
        assert_eq!(shown, arrow(spoken));
    } else {
        assert_eq!(arrow(shown), arrow(spoken));
    }
}

/// Returns the letters of a transcript: of its words, or of the text where there are none.
fn spoken(chunks: &[Segments]) -> String {
    let mut spoken = String::new();
    for segment in chunks.iter().flat_map(|chunk| &chunk.segments) {
        if segment.words.iter().any(|word| !word.text.trim().is_empty()) {
            segment.words.iter().for_each(|word| spoken.push_str(&letters(&word.text)));
        } else {
            spoken.push_str(&letters(&segment.text));
        }
    }
    spoken
}

/// Drops blanks and what no caption can carry.
fn letters(text: &str) -> String {
    let dropped = |letter: char| {
        letter.is_whitespace()
            || letter.is_control()
            || matches!(letter, '\u{feff}' | '\u{fffe}' | '\u{ffff}')
    };
    text.chars().filter(|letter| !dropped(*letter)).collect()
}

/// Reads `SubRip`: a number, a line of times, lines of text, an empty line.
fn srt(text: &str) -> Vec<Cue> {
    let mut cues = Vec::new();
    for block in blocks(text) {
        let (number, rest) = block.split_first().expect("a block has lines");
        assert_eq!(*number, (cues.len() + 1).to_string());
        cues.push(cue(rest, ','));
    }
    cues
}

/// Reads `WebVTT`: a head, notes, and cues without a number.
fn vtt(text: &str) -> Vec<Cue> {
    let body = text.strip_prefix("WEBVTT\n\n").expect("the head of WebVTT");
    let mut cues = Vec::new();
    for block in blocks(body) {
        if block[0].starts_with("NOTE ") {
            assert!(cues.is_empty() && block.len() == 1, "{block:?}");
            continue;
        }
        let mut cue = cue(&block, '.');
        for line in &mut cue.lines {
            *line = unescaped(line);
        }
        cues.push(cue);
    }
    cues
}

/// Reads TTML as XML: every `p` is a cue, and every `br` ends a line of it.
fn ttml(text: &str) -> Vec<Cue> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_end_names = true;
    let (mut cues, mut cue) = (Vec::new(), None::<Cue>);
    loop {
        match reader.read_event().expect("TTML is well-formed") {
            Event::Start(tag) if tag.name().as_ref() == "p" => {
                let time = |name: &str| {
                    let found = tag.try_get_attribute(name).expect("attributes are well-formed");
                    clock(&found.expect("a cue has times").value, '.')
                };
                let (start_ms, end_ms) = (time("begin"), time("end"));
                cue = Some(Cue { start_ms, end_ms, lines: vec![String::new()] });
            }
            Event::Empty(tag) if tag.name().as_ref() == "br" => {
                cue.as_mut().expect("lines are in cues").lines.push(String::new());
            }
            Event::End(tag) if tag.name().as_ref() == "p" => {
                cues.push(cue.take().expect("a cue is open"));
            }
            Event::Text(piece) => add(&mut cue, &piece),
            Event::GeneralRef(name) => {
                let letter = quick_xml::escape::resolve_xml_entity(&name);
                add(&mut cue, letter.expect("one of the five entities"));
            }
            Event::Eof => return cues,
            _ => {}
        }
    }
}

/// Adds text to the last line of a cue, if one is open.
fn add(cue: &mut Option<Cue>, text: &str) {
    if let Some(line) = cue.as_mut().and_then(|cue| cue.lines.last_mut()) {
        line.push_str(text);
    }
}

/// Cuts a file at its empty lines.
fn blocks(text: &str) -> Vec<Vec<&str>> {
    let blocks = text.split_terminator("\n\n").map(|block| block.split('\n').collect());
    blocks.filter(|block: &Vec<&str>| block.iter().any(|line| !line.is_empty())).collect()
}

/// Reads the line of times and the text.
fn cue(lines: &[&str], mark: char) -> Cue {
    let (times, text) = lines.split_first().expect("a cue has times");
    let (start, end) =
        times.split_once(" --> ").unwrap_or_else(|| panic!("{times:?} are no times"));
    for line in text {
        assert!(!line.contains("-->"), "{line:?} could be times");
    }
    let lines = text.iter().map(|line| (*line).to_owned()).collect();
    Cue { start_ms: clock(start, mark), end_ms: clock(end, mark), lines }
}

/// Reads `00:00:00,000`; hours may have more digits.
fn clock(text: &str, mark: char) -> u64 {
    let number = |text: &str| text.parse::<u64>().unwrap_or_else(|_| panic!("{text:?}"));
    let (clock, ms) = text.split_once(mark).unwrap_or_else(|| panic!("{text:?}"));
    let parts: Vec<u64> = clock.split(':').map(number).collect();
    let &[hours, minutes, secs] = parts.as_slice() else { panic!("{text:?}") };
    assert!(minutes < 60 && secs < 60 && ms.len() == 3, "{text:?}");
    ((hours * 60 + minutes) * 60 + secs) * 1_000 + number(ms)
}

/// Reads the text of a cue as a player does; markup is none of ours.
fn unescaped(line: &str) -> String {
    assert!(!line.contains(['<', '>']), "{line:?} has markup");
    let mut text = String::new();
    let mut rest = line;
    while let Some(at) = rest.find('&') {
        text.push_str(&rest[..at]);
        let known = [("&lt;", '<'), ("&gt;", '>'), ("&amp;", '&')];
        let found = known.iter().find(|(name, _)| rest[at..].starts_with(name));
        let (name, letter) = found.unwrap_or_else(|| panic!("{line:?} has a bare &"));
        text.push(*letter);
        rest = &rest[at + name.len()..];
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_back() {
        let cues = srt(
            "1\n01:02:03,004 --> 01:02:04,500\na\nb\n\n2\n01:02:05,000 --> 01:02:06,000\nc\n\n",
        );
        assert_eq!((cues[0].start_ms, cues[0].end_ms), (3_723_004, 3_724_500));
        assert_eq!(
            (cues.len(), cues[0].lines.as_slice()),
            (2, &["a".to_owned(), "b".to_owned()][..])
        );
        let cues =
            vtt("WEBVTT\n\nNOTE x\n\n00:00:00.000 --> 100:00:01.000\n&lt;b&gt; &amp;lt;\n\n");
        assert_eq!(cues[0].lines, ["<b> &lt;"]);
        assert!(srt("").is_empty());
        let cues = ttml(
            "<tt><head><x>no</x></head><p begin=\"00:00:01.000\" end=\"00:00:02.500\">a &amp;lt;<br/>b\
             </p></tt>",
        );
        assert_eq!((cues[0].start_ms, cues[0].end_ms), (1_000, 2_500));
        assert_eq!(cues[0].lines, ["a &lt;", "b"]);
    }

    #[test]
    #[should_panic(expected = "could be times")]
    fn a_forged_cue_is_seen() {
        srt("1\n00:00:00,000 --> 00:00:01,000\n00:00:09,000 --> 00:00:10,000\n\n");
    }
}
