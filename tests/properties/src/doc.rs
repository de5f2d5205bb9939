//! Word documents: parts in a ZIP, each of them XML, with the text and nothing that acts.

use std::io::{Cursor, Read as _};

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;
use scribed_schemas::transcript::Segments;

use crate::render::{Renderer, render};
use crate::script::Script;

/// Elements by which a document does something when it is opened, or refers to elsewhere.
const ACTING: [&str; 6] = ["instrText", "fldSimple", "hyperlink", "object", "altChunk", "subDoc"];

/// Holds of a Word document: every part is XML, its paragraphs are those of the transcript in order,
/// and nothing in it acts.
pub fn doc<S: Renderer>(data: &[u8]) {
    let script = Script::read(data);
    let Some(document) = render::<S>(&script) else { return };
    assert_eq!(document.extension, "docx");
    let mut archive = zip::ZipArchive::new(Cursor::new(&document.bytes)).expect("a ZIP");
    let mut body = None;
    for at in 0..archive.len() {
        let mut file = archive.by_index(at).expect("a part");
        let name = file.name().expect("a name").into_owned();
        assert!(!name.contains("vba") && !name.contains("embeddings"), "{name}");
        let mut part = String::new();
        file.read_to_string(&mut part).expect("UTF-8");
        assert!(!part.contains("TargetMode=\"External\""), "{name} refers to elsewhere");
        let paragraphs = paragraphs(&part);
        if name == "word/document.xml" {
            body = Some(paragraphs);
        }
    }
    says_all(&script, &body.expect("a body"));
}

/// Reads XML; returns the texts of its paragraphs.
fn paragraphs(xml: &str) -> Vec<String> {
    let mut reader = Reader::from_str(xml);
    let mut paragraphs = vec![String::new()];
    loop {
        match reader.read_event().expect("well-formed XML") {
            Event::Start(tag) | Event::Empty(tag) => {
                let name = tag.name().as_ref().to_owned();
                assert!(ACTING.iter().all(|acting| !name.ends_with(acting)), "{name} acts");
                if name == "w:p" {
                    paragraphs.push(String::new());
                }
            }
            Event::Text(text) => {
                let letters = text.chars().all(carried);
                assert!(letters, "{:?} is no text in XML", &*text);
                if let Some(last) = paragraphs.last_mut() {
                    last.push_str(&text);
                }
            }
            Event::GeneralRef(reference) => {
                let letter = reference.resolve_char_ref().expect("a letter");
                let known = || resolve_predefined_entity(&reference).expect("a known entity");
                let text = letter.map_or_else(|| known().to_owned(), String::from);
                if let Some(last) = paragraphs.last_mut() {
                    last.push_str(&text);
                }
            }
            Event::Decl(_) | Event::End(_) => {}
            Event::Eof => return paragraphs,
            other => panic!("{other:?} in a document"),
        }
    }
}

/// Tells whether XML 1.0 can carry a letter (fifth edition, 2.2).
fn carried(letter: char) -> bool {
    matches!(letter, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

/// Insists that the title, then each chunk's text, then each doubted passage is a paragraph.
fn says_all(script: &Script, paragraphs: &[String]) {
    let mut rest = paragraphs.iter();
    let mut find = |what: &str, text: &str, with: &dyn Fn(&str) -> bool| {
        assert!(rest.any(|paragraph| with(paragraph)), "no paragraph for the {what} {text:?}");
    };
    let title = cleaned(script.options["title"].as_str().unwrap_or_default());
    let title = if title.is_empty() { "Transcript" } else { &title };
    find("title", title, &|paragraph| paragraph == title);
    for text in script.chunks.iter().map(Segments::text) {
        let text = cleaned(&text);
        if !text.is_empty() {
            let marked = |paragraph: &str| {
                let behind = paragraph.split_once("] ").map(|(_, text)| text);
                paragraph.starts_with('[') && behind == Some(&text)
            };
            find("text", &text, &marked);
        }
    }
    for segment in script.chunks.iter().flat_map(|chunk| &chunk.segments) {
        if let Some(flag) = segment.flags.first() {
            let text = cleaned(&segment.text);
            find("passage", &text, &|paragraph| paragraph == text);
            let phrase = flag.reason.phrase();
            find("reason", phrase, &|paragraph| paragraph.starts_with(phrase));
        }
    }
}

/// Returns a text as a document carries it: line ends and tabs are blanks, other controls are gone.
fn cleaned(text: &str) -> String {
    let kept = text.chars().filter_map(|letter| match letter {
        '\t' | '\n' | '\r' => Some(' '),
        '\u{fffe}' | '\u{ffff}' => None,
        letter => (!letter.is_control()).then_some(letter),
    });
    kept.collect::<String>().trim().to_owned()
}
