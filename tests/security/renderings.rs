//! S13: documents hold hostile text as text: each is what its format says, with all of the text and
//! nothing that acts.

use std::io::{Cursor, Read};

use scribed_tests::{Client, Job};
use serde_json::Value;

use crate::busy::{self, Busy};
use crate::raw::{Raw, ask, bearer, request};

/// Texts that mean something to one format or another.
fn texts() -> Vec<String> {
    let mut texts: Vec<String> = [
        "00:00:00.000 --> 99:00:00.000",
        "a --> b\n\n2\n00:00:01,000 --> 00:00:02,000\nforged",
        "WEBVTT\n\nNOTE forged\n\nSTYLE\n::cue { color: red }",
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)> <b>bold</b> <c.red>red</c> <v Bob>me</v> <00:00:01.000>",
        "&lt;script&gt; &amp; & &#x3c; &nbsp;",
        "]]> <![CDATA[x]]> <!-- x --> <?xml version=\"1.0\"?> <!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]> &e;",
        "</w:t></w:r></w:p><w:p><w:r><w:instrText>DDEAUTO c:\\\\windows cmd</w:instrText></w:r></w:p>",
        "=cmd|' /C calc'!A0 +1+1 -1 @SUM(1) \t=1",
        "{\"text\":\"forged\"} \"quoted\" \\ \\u0000 \\n",
        "{{7*7}} ${7*7} <%= 7*7 %> {% x %} %s %n",
        "one\u{1b}[2Jtwo\u{0}three\u{7}four\u{9b}five\u{7f}six\u{85}seven",
        "one\u{2028}two\u{2029}three\u{feff}four\u{fffe}five\u{ffff}six",
        "\u{202e}gnp.exe \u{2066}x\u{2069} \u{200f}y",
        "javascript:alert(1) https://attacker.example/ \\\\host\\share",
        "ÄÖÜ 漢字 😀 e\u{301} \u{10ffff}",
    ]
    .map(str::to_owned)
    .to_vec();
    texts.push("y".repeat(900_000));
    texts.push("<&\"'>".repeat(20_000));
    texts
}

/// Names that end up in the titles of documents.
const NAME: &str = "<script>alert('--> &amp; ]]>')<script> =cmd.wav";

/// Returns the words of a text, without what no document can carry.
fn words(text: &str) -> Vec<String> {
    let carried = |c: char| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}' | '\u{feff}');
    let blank = |c: char| if c.is_whitespace() { ' ' } else { c };
    let text: String =
        text.chars().map(|c| if matches!(c, '\u{85}') { '\0' } else { blank(c) }).collect();
    let text: String = text.chars().filter(|c| carried(*c)).collect();
    text.split_whitespace().map(str::to_owned).collect()
}

/// Returns one line of text without blanks, for formats that break lines and words where they like.
fn letters(text: &str) -> String {
    words(text).concat()
}

/// Starts a daemon whose documents `txt` and `doc` are made by these stages, and exports every text as
/// `format`.
#[track_caller]
fn export_all(documents: &str, formats: &[&str], mut check: impl FnMut(&str, &str, &[u8])) {
    let busy = Busy::start(documents);
    let client = busy.daemon.client();
    for text in texts() {
        let job = busy::submit(&client, NAME);
        busy.complete(job, &text);
        // Stored as it came, but for the blanks around it.
        assert_eq!(client.text(job), text.trim());
        for format in formats {
            let document = client.export(job, format).status(200);
            check(format, text.trim(), &document.body);
        }
        is_a_file(&ask_for(&client, busy.daemon.base(), job, formats[0]));
    }
}

fn ask_for(client: &Client, base: &str, Job(id): Job, format: &str) -> Raw {
    let target = format!("/transcript/export?task_id={id}&format={format}");
    ask(base, &request("POST", &target, &[bearer(client.token())], b""))
}

/// Insists that a browser saves a document and does not show it.
#[track_caller]
fn is_a_file(answer: &Raw) {
    assert!(answer.header("content-disposition").starts_with("attachment; "), "{}", answer.head);
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert!(!answer.header("content-type").contains("html"), "{}", answer.head);
}

#[test]
fn text_and_word_documents_hold_hostile_text_as_text() {
    export_all(busy::DOCUMENTS, &["txt", "doc"], |format, text, document| match format {
        "txt" => assert_eq!(String::from_utf8_lossy(document), text),
        _ => is_a_plain_word_document(document, text),
    });
}

/// Insists that a Word document has the text and nothing that acts.
#[track_caller]
fn is_a_plain_word_document(document: &[u8], text: &str) {
    let mut archive = zip::ZipArchive::new(Cursor::new(document)).unwrap();
    let mut body = String::new();
    for at in 0..archive.len() {
        let mut file = archive.by_index(at).unwrap();
        let name = file.name().unwrap().into_owned();
        assert!(!name.contains("vba") && !name.contains("embeddings"), "{name}");
        let mut part = String::new();
        file.read_to_string(&mut part).unwrap();
        let (names, texts) = parsed(&part);
        for acting in ["instrText", "fldSimple", "hyperlink", "object", "altChunk", "script"] {
            assert!(names.iter().all(|name| !name.ends_with(acting)), "{acting} in {name}");
        }
        assert!(!part.contains("TargetMode=\"External\""), "{name} refers to elsewhere");
        if name == "word/document.xml" {
            body = texts;
        }
    }
    let (body, text) = (letters(&body), letters(text));
    assert!(body.contains(&text), "{} is not {}", shortened(&body), shortened(&text));
}

/// Reads XML: the names of its elements, and its text.
#[track_caller]
fn parsed(xml: &str) -> (Vec<String>, String) {
    use quick_xml::events::Event;
    let mut reader = quick_xml::Reader::from_str(xml);
    let (mut names, mut text) = (Vec::new(), String::new());
    loop {
        match reader.read_event().unwrap() {
            Event::Start(tag) | Event::Empty(tag) => {
                names.push(tag.name().as_ref().to_owned());
            }
            Event::Text(piece) => text.push_str(&piece),
            Event::GeneralRef(reference) => {
                let letter = reference.resolve_char_ref().unwrap();
                let known = || quick_xml::escape::resolve_predefined_entity(&reference).unwrap();
                text.push_str(&letter.map_or_else(|| known().to_owned(), String::from));
            }
            Event::Decl(_) | Event::End(_) => {}
            Event::Eof => return (names, text),
            other => panic!("{other:?} in a document"),
        }
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(300).collect()
}

#[test]
fn captions_hold_hostile_text_as_text() {
    // The API has two formats; what makes them is a matter of the pipeline.
    let captions = r#"
    { use = "org.scribed.render-captions", format = "txt", config = { format = "srt" } },
    { use = "org.scribed.render-captions", format = "docx", config = { format = "vtt" } },"#;
    export_all(captions, &["txt", "doc"], |format, text, document| {
        let document = std::str::from_utf8(document).unwrap();
        let is_vtt = format == "doc";
        assert_eq!(document.starts_with("WEBVTT"), is_vtt, "{}", shortened(document));
        let spoken: String = document.split("\n\n").filter_map(|cue| spoken(cue, is_vtt)).collect();
        let control = |c: char| c.is_control() && c != '\n';
        assert!(!document.contains(control), "{}", shortened(document));
        // SubRip has no way to say an arrow, so it is written as another one; WebVTT escapes it.
        let said = if is_vtt { text.to_owned() } else { text.replace("-->", "→") };
        says_all(&spoken, &said);
    });
}

/// Insists that what was read back is a text, but for blanks and what no document can carry.
#[track_caller]
fn says_all(read: &str, text: &str) {
    let (read, text) = (letters(read), letters(text));
    assert_eq!(shortened(&read), shortened(&text));
    assert!(read == text, "{} letters are not {}, or others", read.len(), text.len());
}

#[test]
fn timed_text_holds_hostile_text_as_text() {
    let timed =
        r#"{ use = "org.scribed.render-captions", format = "txt", config = { format = "ttml" } },"#;
    export_all(timed, &["txt"], |_, text, document| {
        let document = std::str::from_utf8(document).unwrap();
        let control = |c: char| c.is_control() && c != '\n';
        assert!(!document.contains(control), "{}", shortened(document));
        // Nothing else is there: no script, no image, no link, no word of metadata.
        let (names, spoken) = parsed(document);
        let known = ["tt", "head", "layout", "region", "body", "div", "p", "br"];
        let other = names.iter().find(|name| !known.contains(&name.as_str()));
        assert_eq!(other, None, "{}", shortened(document));
        says_all(&spoken, text);
    });
}

/// Returns the text of a cue; none of what is no cue. An arrow stands in the line of times alone, and no
/// cue has markup.
#[track_caller]
fn spoken(cue: &str, is_vtt: bool) -> Option<String> {
    let lines: Vec<&str> = cue.lines().collect();
    let at = lines.iter().position(|line| line.contains("-->"));
    let Some(at) = at else {
        let heads = ["WEBVTT", "NOTE"];
        assert!(cue.trim().is_empty() || heads.iter().any(|head| cue.starts_with(head)), "{cue:?}");
        return None;
    };
    assert!(at <= 1, "a number at most before the times: {cue:?}");
    let times = lines[at].split(" --> ").map(|time| time.split(' ').next().unwrap_or_default());
    let digits = |time: &str| time.chars().all(|c| c.is_ascii_digit() || ":,.".contains(c));
    assert!(times.clone().count() == 2 && times.clone().all(digits), "{:?}", lines[at]);
    let text = lines[at + 1..].join(" ");
    assert!(!text.contains("-->"), "{cue:?}");
    if !is_vtt {
        return Some(text);
    }
    assert!(!text.contains(['<', '>']), "markup in {cue:?}");
    let plain = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&lrm;", "\u{200e}"),
        ("&rlm;", "\u{200f}"),
        ("&amp;", "&"),
    ];
    Some(plain.iter().fold(text, |text, (entity, letter)| text.replace(entity, letter)))
}

#[test]
fn json_documents_hold_hostile_text_as_it_is() {
    let json = r#"{ use = "org.scribed.render-json", format = "txt" },"#;
    export_all(json, &["txt"], |_, text, document| {
        let document: Value = serde_json::from_slice(document).unwrap();
        assert_eq!(document["text"].as_str().map(shortened), Some(shortened(text)));
        assert_eq!(document["text"], text);
    });
}
