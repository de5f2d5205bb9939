//! Custom vocabularies: phrases that a recording is expected to hold, which the recogniser is prompted with.
//!
//! ```text
//! "custom_vocabularies": [{"phrases": ["Sarah Connor", "phase shift"]}, …]
//! ```

use serde_json::{Map, Value};

use super::problem::Parameters;

const NAME: &str = "custom_vocabularies";
/// Longest prompt, in characters. Whisper takes 224 tokens (half of its text context of 448), and of a
/// longer prompt the end; a token is three to four characters of English.
const MOST_CHARACTERS: usize = 600;

/// Reads the phrases as one text: the first ones, as many as the recogniser takes.
pub(super) fn prompt(document: &Map<String, Value>, faults: &mut Parameters) -> Option<String> {
    let given = document.get(NAME).filter(|given| !given.is_null())?;
    let Some(phrases) = phrases(given) else {
        faults.fault(NAME, "The custom_vocabularies field must be a list of objects with phrases");
        return None;
    };
    if phrases.iter().any(|phrase| phrase.chars().any(char::is_control)) {
        faults.fault(NAME, "The phrases must not contain control characters");
        return None;
    }
    let mut prompt = String::new();
    let mut left = MOST_CHARACTERS;
    for phrase in phrases.iter().map(|phrase| phrase.trim()).filter(|phrase| !phrase.is_empty()) {
        let between = if prompt.is_empty() { "" } else { ", " };
        let Some(rest) = left.checked_sub(between.len() + phrase.chars().count()) else { break };
        left = rest;
        prompt.push_str(between);
        prompt.push_str(phrase);
    }
    (!prompt.is_empty()).then_some(prompt)
}

/// Returns all phrases of all vocabularies; `None` where there is anything else.
fn phrases(given: &Value) -> Option<Vec<&str>> {
    let mut all = Vec::new();
    for vocabulary in given.as_array()? {
        for phrase in vocabulary.get("phrases")?.as_array()? {
            all.push(phrase.as_str()?);
        }
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(given: Value, expected: Option<&str>, is_refused: bool) {
        let shown = given.to_string();
        let document = Map::from_iter([(NAME.to_owned(), given)]);
        let mut faults = Parameters::default();
        assert_eq!(prompt(&document, &mut faults).as_deref(), expected, "{shown}");
        assert_eq!(!faults.names().is_empty(), is_refused, "{shown}");
    }

    #[test]
    fn phrases_become_a_prompt() {
        let two = json!([{"phrases": ["Sarah Connor", " phase shift "]}, {"phrases": ["", "ohm"]}]);
        check(two, Some("Sarah Connor, phase shift, ohm"), false);
        check(json!([]), None, false);
        check(json!([{"phrases": []}]), None, false);
        check(Value::Null, None, false);
    }

    #[test]
    fn a_prompt_holds_as_many_whole_phrases_as_the_recogniser_takes() {
        let (long, rest) = ("ä".repeat(MOST_CHARACTERS - 2), "ö".repeat(3));
        check(json!([{"phrases": [long, rest]}]), Some(&long), false);
        check(json!([{"phrases": ["a".repeat(MOST_CHARACTERS + 1)]}]), None, false);
    }

    #[test]
    fn what_is_no_list_of_phrases_is_refused() {
        for wrong in [
            json!("words"),
            json!({"phrases": ["a"]}),
            json!(["a"]),
            json!([{}]),
            json!([{"phrases": "a"}]),
            json!([{"phrases": [1]}]),
            json!([{"phrases": ["a\u{0}b"]}]),
        ] {
            check(wrong, None, true);
        }
    }
}
