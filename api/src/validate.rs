//! Validation: reads fields of a query or a JSON body and lists every fault in order.
//!
//! Kinds, places and texts are those of `FastAPI` with pydantic 2, which clients of the original
//! service know. Conversions are as lax as there: `"1"` and `1.0` are integers, `"yes"` is a
//! boolean. A fault never repeats the input, since that may be a password.

mod fault;
mod lax;

use serde_json::{Map, Value, json};

pub(crate) use crate::validate::fault::{Checks, Fault};
use crate::validate::fault::{not_an_object, one_of};
use crate::validate::lax::{NotABool, NotAnInt, Raw, json_int, parse_bool, parse_int};

/// The query of a request: names and values in order.
#[derive(Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Splits a raw query; bytes that are no UTF-8 are replaced.
    pub(crate) fn parse(raw: &str) -> Self {
        Self(form_urlencoded::parse(raw.as_bytes()).into_owned().collect())
    }

    /// Returns its fields; parameters that nobody asks for are ignored.
    pub(crate) fn fields(&self) -> Fields<'_> {
        Fields { place: vec!["query"], values: Values::Query(self) }
    }

    /// Finds a parameter; of a repeated one the last counts.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// The JSON body of a request.
#[derive(Debug)]
pub(crate) enum Document {
    /// No body at all.
    Absent,
    /// Something that has no fields.
    Other,
    /// An object.
    Object(Map<String, Value>),
}

impl Document {
    /// Returns its fields.
    pub(crate) fn fields(&self, checks: &mut Checks) -> Option<Fields<'_>> {
        match self {
            Self::Object(map) => {
                return Some(Fields { place: vec!["body"], values: Values::Object(map) });
            }
            Self::Absent => checks.fault(Fault::missing(&["body"])),
            Self::Other => checks.fault(not_an_object(&["body"])),
        }
        None
    }
}

/// Named values of one place.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    place: Vec<&'static str>,
    values: Values<'a>,
}

#[derive(Debug)]
enum Values<'a> {
    Query(&'a Query),
    Object(&'a Map<String, Value>),
}

/// An optional field: null and absence are `Ok(None)`.
pub(crate) type Optional<T> = Result<Option<T>, Faulty>;

/// A field was given and is wrong; the fault is noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Faulty;

impl<'a> Fields<'a> {
    /// Returns the place of a field.
    pub(crate) fn loc(&self, name: &'static str) -> Vec<&'static str> {
        let mut loc = self.place.clone();
        loc.push(name);
        loc
    }

    /// Reads a text that must be there.
    pub(crate) fn text(&self, checks: &mut Checks, name: &'static str) -> Option<String> {
        let raw = self.required(checks, name)?;
        self.as_text(checks, name, &raw)
    }

    /// Reads a text, if it is given.
    pub(crate) fn optional_text(
        &self,
        checks: &mut Checks,
        name: &'static str,
    ) -> Optional<String> {
        let Some(raw) = self.given(name) else { return Ok(None) };
        self.as_text(checks, name, &raw).map(Some).ok_or(Faulty)
    }

    /// Reads an integer that must be there.
    pub(crate) fn int(&self, checks: &mut Checks, name: &'static str) -> Option<i64> {
        let raw = self.required(checks, name)?;
        self.as_int(checks, name, &raw)
    }

    /// Reads an integer of at least `least`, if it is given.
    pub(crate) fn optional_int(
        &self,
        checks: &mut Checks,
        name: &'static str,
        least: i64,
    ) -> Optional<i64> {
        if self.given(name).is_none() {
            return Ok(None);
        }
        self.int_from(checks, name, least).map(Some).ok_or(Faulty)
    }

    /// Reads an integer of at least `least` that must be there.
    pub(crate) fn int_from(
        &self,
        checks: &mut Checks,
        name: &'static str,
        least: i64,
    ) -> Option<i64> {
        let value = self.int(checks, name)?;
        if value < least {
            let msg = format!("Input should be greater than or equal to {least}");
            let fault = Fault::new("greater_than_equal", &self.loc(name), msg);
            checks.fault(fault.with(json!({ "ge": least })));
            return None;
        }
        Some(value)
    }

    /// Reads a boolean, if it is given.
    pub(crate) fn optional_bool(&self, checks: &mut Checks, name: &'static str) -> Optional<bool> {
        let Some(raw) = self.given(name) else { return Ok(None) };
        let (kind, msg) = match parse_bool(&raw) {
            Ok(value) => return Ok(Some(value)),
            Err(NotABool::Word) => {
                ("bool_parsing", "Input should be a valid boolean, unable to interpret input")
            }
            Err(NotABool::Kind) => ("bool_type", "Input should be a valid boolean"),
        };
        checks.fault(Fault::new(kind, &self.loc(name), msg));
        Err(Faulty)
    }

    /// Reads one of a few words that must be there.
    pub(crate) fn literal(
        &self,
        checks: &mut Checks,
        name: &'static str,
        words: &[&'static str],
    ) -> Option<&'static str> {
        let raw = self.required(checks, name)?;
        self.as_word(checks, name, &raw, ("literal_error", words))
    }

    /// Reads one of a few words, if it is given.
    pub(crate) fn optional_enum(
        &self,
        checks: &mut Checks,
        name: &'static str,
        words: &[&'static str],
    ) -> Optional<&'static str> {
        let Some(raw) = self.given(name) else { return Ok(None) };
        self.as_word(checks, name, &raw, ("enum", words)).map(Some).ok_or(Faulty)
    }

    /// Reads an object, if it is given.
    pub(crate) fn optional_object(
        &self,
        checks: &mut Checks,
        name: &'static str,
    ) -> Optional<Fields<'a>> {
        let Some(raw) = self.given(name) else { return Ok(None) };
        if let Raw::Json(Value::Object(map)) = raw {
            return Ok(Some(Fields { place: self.loc(name), values: Values::Object(map) }));
        }
        checks.fault(not_an_object(&self.loc(name)));
        Err(Faulty)
    }

    fn required(&self, checks: &mut Checks, name: &'static str) -> Option<Raw<'a>> {
        let found = self.find(name);
        if found.is_none() {
            checks.fault(Fault::missing(&self.loc(name)));
        }
        found
    }

    fn given(&self, name: &str) -> Option<Raw<'a>> {
        self.find(name).filter(|raw| !matches!(raw, Raw::Json(Value::Null)))
    }

    fn find(&self, name: &str) -> Option<Raw<'a>> {
        match &self.values {
            Values::Query(query) => query.get(name).map(Raw::Text),
            Values::Object(map) => map.get(name).map(Raw::Json),
        }
    }

    fn as_text(&self, checks: &mut Checks, name: &'static str, raw: &Raw<'_>) -> Option<String> {
        match raw {
            Raw::Text(text) => return Some((*text).to_owned()),
            Raw::Json(Value::String(text)) => return Some(text.clone()),
            Raw::Json(_) => {}
        }
        checks.fault(Fault::new("string_type", &self.loc(name), "Input should be a valid string"));
        None
    }

    fn as_int(&self, checks: &mut Checks, name: &'static str, raw: &Raw<'_>) -> Option<i64> {
        let parsed = match raw {
            Raw::Text(text) => parse_int(text).ok_or(NotAnInt::Text),
            Raw::Json(value) => json_int(value),
        };
        let (kind, rest) = match parsed {
            Ok(value) => return Some(value),
            Err(NotAnInt::Text) => ("int_parsing", ", unable to parse string as an integer"),
            Err(NotAnInt::Fraction) => ("int_from_float", ", got a number with a fractional part"),
            Err(NotAnInt::Kind) => ("int_type", ""),
        };
        let msg = format!("Input should be a valid integer{rest}");
        checks.fault(Fault::new(kind, &self.loc(name), msg));
        None
    }

    fn as_word(
        &self,
        checks: &mut Checks,
        name: &'static str,
        raw: &Raw<'_>,
        (kind, words): (&'static str, &[&'static str]),
    ) -> Option<&'static str> {
        let given = match raw {
            Raw::Text(text) => Some(*text),
            Raw::Json(value) => value.as_str(),
        };
        let found = words.iter().copied().find(|word| Some(*word) == given);
        if found.is_none() {
            let expected = one_of(words);
            let msg = format!("Input should be {expected}");
            let fault = Fault::new(kind, &self.loc(name), msg);
            checks.fault(fault.with(json!({ "expected": expected })));
        }
        found
    }
}

#[cfg(test)]
mod tests;
