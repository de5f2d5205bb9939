//! Text: the document is the text of the chunks, and nothing else.

use scribed_schemas::transcript::Segments;

use crate::render::{Renderer, render};
use crate::script::Script;

/// Holds of a plain text document: it is UTF-8 and has all the words, chunks apart by an empty line.
pub fn text<S: Renderer>(data: &[u8]) {
    let script = Script::read(data);
    let Some(document) = render::<S>(&script) else { return };
    assert_eq!(document.extension, "txt");
    let document = String::from_utf8(document.bytes).expect("text is UTF-8");
    let spoken: Vec<String> =
        script.chunks.iter().map(Segments::text).filter(|text| !text.is_empty()).collect();
    if spoken.is_empty() {
        assert!(document.starts_with("No speech was found"), "{document:?}");
    } else {
        assert_eq!(document, spoken.join("\n\n"));
    }
}
