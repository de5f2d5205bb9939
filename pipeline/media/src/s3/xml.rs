//! The few elements that we read of the service's documents.

use quick_xml::events::Event;
use quick_xml::{Reader, escape};

/// An element that ended: its name without prefix, and its text.
///
/// Elements with elements inside have no text.
pub(super) type Element = (String, String);

/// Lists the elements of a document in the order of their ends; those that stand before what is no
/// XML any more.
pub(super) fn elements(document: &str) -> Vec<Element> {
    let mut reader = Reader::from_str(document);
    let (mut elements, mut text) = (Vec::new(), String::new());
    loop {
        match reader.read_event() {
            Ok(Event::Start(_)) => text.clear(),
            Ok(Event::Text(piece)) => text.push_str(&piece),
            // One that is not of the five stands for nothing here.
            Ok(Event::GeneralRef(name)) => {
                text.push_str(escape::resolve_xml_entity(&name).unwrap_or_default());
            }
            Ok(Event::End(end)) => {
                let name = end.local_name().as_ref().to_owned();
                elements.push((name, std::mem::take(&mut text).trim().to_owned()));
            }
            Ok(Event::Eof) | Err(_) => return elements,
            Ok(_) => {}
        }
    }
}

/// Returns the text of the first element of a name.
pub(super) fn text_of<'a>(elements: &'a [Element], name: &str) -> Option<&'a str> {
    elements.iter().find(|element| element.0 == name).map(|element| element.1.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_stand_in_the_order_of_their_ends_with_their_text() {
        let document =
            "<?xml version=\"1.0\"?><R xmlns=\"u\"><a>1 &amp; 2</a>\n<b><c/><d> x </d></b></R>";
        let found = elements(document);
        let names: Vec<&str> = found.iter().map(|element| element.0.as_str()).collect();
        assert_eq!(names, ["a", "d", "b", "R"]);
        assert_eq!(text_of(&found, "a"), Some("1 & 2"));
        assert_eq!(text_of(&found, "d"), Some("x"));
        assert_eq!(text_of(&found, "none"), None);
    }

    #[test]
    fn what_is_no_document_has_no_elements() {
        for document in ["", "no xml", "<a>", "<a><b></a>", "{\"a\": 1}"] {
            assert!(elements(document).is_empty(), "{document}");
        }
    }
}
