//! Parameters: read from a JSON body where a client posts one, else from the query.
//!
//! Parameters that nobody asks for are ignored, and one that is empty or null is not there. Of text that
//! is shown in one line, control characters are refused.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::error::{Answer, Error};
use crate::answer::Refusal;
use crate::limits::Body;
use crate::validate::Query;

/// Words for yes and for no, in any case of their letters.
const YES: [&str; 5] = ["true", "t", "yes", "y", "1"];
const NO: [&str; 5] = ["false", "f", "no", "n", "0"];

/// The parameters of a call.
#[derive(Debug, Default)]
pub(super) struct Params {
    query: Query,
    body: Map<String, Value>,
}

impl Params {
    /// Takes the parameters of a query.
    pub(super) fn of_query(query: Query) -> Self {
        Self { query, body: Map::new() }
    }

    /// Takes the members of an object.
    pub(super) fn of_object(body: Map<String, Value>) -> Self {
        Self { query: Query::default(), body }
    }

    /// Reads a JSON body; what it lacks may stand in the query. No body is an empty one.
    pub(super) async fn of_body(query: Query, body: Body) -> Answer<Self> {
        let text = body.whole().await.map_err(Refusal::from)?;
        if text.trim_ascii().is_empty() {
            return Ok(Self::of_query(query));
        }
        match serde_json::from_slice(&text) {
            Ok(Value::Object(body)) => Ok(Self { query, body }),
            Ok(_) => Err(Error::query("The body must be a JSON object.")),
            Err(_) => Err(Error::query("The body is not valid JSON.")),
        }
    }

    /// Returns a parameter as text.
    pub(super) fn text(&self, name: &str) -> Answer<Option<Cow<'_, str>>> {
        let text = match self.body.get(name) {
            None | Some(Value::Null) => self.query.get(name).map(Cow::Borrowed),
            Some(Value::String(text)) => Some(Cow::Borrowed(text.as_str())),
            Some(value @ (Value::Bool(_) | Value::Number(_))) => {
                Some(Cow::Owned(value.to_string()))
            }
            Some(Value::Array(_) | Value::Object(_)) => {
                return Err(Error::query(format!("{name} must be a text.")));
            }
        };
        Ok(text.filter(|text| !text.is_empty()))
    }

    /// Returns a parameter that must be there as text.
    pub(super) fn required(&self, name: &str) -> Answer<Cow<'_, str>> {
        self.text(name)?.ok_or_else(|| Error::missing(name))
    }

    /// Returns a text of one line with at most so many characters.
    pub(super) fn line(&self, name: &str, most: usize) -> Answer<Option<String>> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        is_line(name, &text, most)?;
        Ok(Some(text.into_owned()))
    }

    /// Returns a whole number.
    pub(super) fn number(&self, name: &str) -> Answer<Option<u32>> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let number = text.trim().parse();
        let wrong = |_| Error::query(format!("{name} must be a whole number."));
        number.map(Some).map_err(wrong)
    }

    /// Returns a yes or no.
    pub(super) fn flag(&self, name: &str) -> Answer<Option<bool>> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let is = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(text.trim()));
        match (is(&YES), is(&NO)) {
            (true, _) => Ok(Some(true)),
            (_, true) => Ok(Some(false)),
            _ => Err(Error::option(format!("{name} must be true or false."))),
        }
    }

    /// Returns which of some words a parameter is.
    pub(super) fn choice<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Answer<Option<T>> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let found = words.iter().find(|(word, _)| *word == text);
        let wrong = || Error::option(format!("{name} must be one of {}.", list(words)));
        found.map(|(_, value)| Some(*value)).ok_or_else(wrong)
    }

    /// Returns a list of some words: a JSON array, or its text.
    pub(super) fn words(&self, name: &str, known: &[&str]) -> Answer<Vec<String>> {
        let wrong = || {
            let known = known.join(", ");
            Error::option(format!("{name} must be a list of some of {known}."))
        };
        let value = match self.body.get(name) {
            Some(Value::Null) | None => return Ok(Vec::new()),
            Some(Value::String(text)) => {
                &serde_json::from_str::<Value>(text).map_err(|_| wrong())?
            }
            Some(value) => value,
        };
        let word = |value: &Value| {
            let word = value.as_str().filter(|word| known.contains(word));
            word.map(str::to_owned).ok_or_else(wrong)
        };
        value.as_array().ok_or_else(wrong)?.iter().map(word).collect()
    }

    /// Returns an object, if it is there. Clients also write it as JSON in a text.
    pub(super) fn object(&self, name: &str) -> Answer<Option<Map<String, Value>>> {
        let wrong = || Error::option(format!("{name} must be a JSON object."));
        match self.body.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(members)) => Ok(Some(members.clone())),
            Some(Value::String(text)) => serde_json::from_str(text).map(Some).map_err(|_| wrong()),
            Some(_) => Err(wrong()),
        }
    }

    /// Returns the names of what stands in the body.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.body.keys().map(String::as_str)
    }
}

/// Refuses a text that is longer than so many characters, or more than a line.
pub(super) fn is_line(name: &str, text: &str, most: usize) -> Answer<()> {
    if text.chars().count() > most {
        return Err(Error::query(format!("{name} has more than {most} characters.")));
    }
    if text.chars().any(char::is_control) {
        return Err(Error::query(format!("{name} must not contain control characters.")));
    }
    Ok(())
}

fn list<T>(words: &[(&str, T)]) -> String {
    words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn body(value: Value) -> Params {
        let Value::Object(body) = value else { panic!("a body is an object") };
        Params { query: Query::parse("name=query&only=query&is_it=TRUE&empty="), body }
    }

    #[test]
    fn a_body_goes_before_the_query_and_nothing_is_no_value() {
        let params = body(json!({"name": "body", "number": 7, "null": null, "blank": ""}));
        let text = |name| params.text(name).unwrap().map(Cow::into_owned);
        assert_eq!(text("name").as_deref(), Some("body"));
        assert_eq!(text("only").as_deref(), Some("query"));
        assert_eq!(text("number").as_deref(), Some("7"));
        for absent in ["null", "blank", "empty", "nothing"] {
            assert_eq!(text(absent), None, "{absent}");
        }
        assert_eq!(params.required("blank"), Err(Error::missing("blank")));
        assert!(body(json!({"name": ["a"]})).text("name").is_err());
    }

    #[test]
    fn flags_are_read_in_any_case() {
        let flag = |value: Value| body(json!({ "flag": value })).flag("flag");
        for yes in [json!(true), json!("True"), json!("TRUE"), json!("y"), json!(1)] {
            assert_eq!(flag(yes.clone()), Ok(Some(true)), "{yes}");
        }
        for no in [json!(false), json!("False"), json!("n"), json!("0")] {
            assert_eq!(flag(no.clone()), Ok(Some(false)), "{no}");
        }
        assert_eq!(flag(Value::Null), Ok(None));
        assert_eq!(body(json!({})).flag("is_it"), Ok(Some(true)));
        for wrong in ["maybe", "2", "tru"] {
            let expected = Err(Error::option("flag must be true or false."));
            assert_eq!(flag(json!(wrong)), expected, "{wrong}");
        }
    }

    #[test]
    fn a_word_that_is_none_of_those_is_refused_with_those() {
        let words = [("ONE", 1), ("TWO", 2)];
        let choice = |word: &str| body(json!({ "word": word })).choice("word", &words);
        assert_eq!(choice("TWO"), Ok(Some(2)));
        assert_eq!(choice("two"), Err(Error::option("word must be one of ONE, TWO.")));
        let list = |value: Value| body(json!({ "list": value })).words("list", &["A", "B"]);
        assert_eq!(list(json!(["B", "A"])), Ok(vec!["B".to_owned(), "A".to_owned()]));
        assert_eq!(list(json!("[\"A\"]")), Ok(vec!["A".to_owned()]));
        assert_eq!(list(json!([])), Ok(Vec::new()));
        for wrong in [json!("A"), json!(["C"]), json!([1]), json!({"A": 1}), json!(true)] {
            assert!(list(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_line_has_an_end_and_no_control_characters() {
        let line = |text: &str| body(json!({ "line": text })).line("line", 4);
        assert_eq!(line("über"), Ok(Some("über".to_owned())));
        for wrong in ["über!", "a\nb", "a\u{0}", "\u{1b}[A"] {
            assert!(line(wrong).is_err(), "{wrong:?}");
        }
        let number = |value: Value| body(json!({ "n": value })).number("n");
        assert_eq!((number(json!(7)), number(json!(" 7 "))), (Ok(Some(7)), Ok(Some(7))));
        for wrong in [json!(-1), json!(1.5), json!("x"), json!(5_000_000_000_u64)] {
            assert!(number(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
