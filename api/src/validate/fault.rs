//! Faults: what is wrong with a request, in the words of pydantic.

use serde::Serialize;
use serde_json::{Value, json};

use crate::answer::Refusal;

/// One thing that is wrong with a request.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Fault {
    /// Stable word.
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    /// Where: `["query", "page"]`.
    pub(super) loc: Vec<Value>,
    /// What, for a person.
    msg: String,
    /// Values that the text names.
    #[serde(skip_serializing_if = "Option::is_none")]
    ctx: Option<Value>,
}

impl Fault {
    /// Something required is not there.
    pub(crate) fn missing(loc: &[&str]) -> Self {
        Self::new("missing", loc, "Field required")
    }

    /// A rule of ours is broken.
    pub(crate) fn value(loc: &[&str], rule: &str) -> Self {
        let fault = Self::new("value_error", loc, format!("Value error, {rule}"));
        fault.with(json!({ "error": {} }))
    }

    /// The body is no JSON, from this character on.
    pub(crate) fn not_json(offset: usize, error: &str) -> Self {
        let loc = vec![json!("body"), json!(offset)];
        let ctx = Some(json!({ "error": error }));
        Self { kind: "json_invalid", loc, msg: "JSON decode error".to_owned(), ctx }
    }

    /// A number is above its bound.
    pub(crate) fn above(loc: &[&str], most: i64) -> Self {
        let msg = format!("Input should be less than or equal to {most}");
        Self::new("less_than_equal", loc, msg).with(json!({ "le": most }))
    }

    /// Returns the name of what is wrong.
    pub(crate) fn place(&self) -> String {
        self.loc
            .last()
            .map(|part| part.as_str().map_or_else(|| part.to_string(), str::to_owned))
            .unwrap_or_default()
    }

    /// Returns what is wrong, for a person.
    pub(crate) fn text(&self) -> &str {
        &self.msg
    }

    pub(super) fn new(kind: &'static str, loc: &[&str], msg: impl Into<String>) -> Self {
        let loc = loc.iter().map(|part| json!(part)).collect();
        Self { kind, loc, msg: msg.into(), ctx: None }
    }

    pub(super) fn with(self, ctx: Value) -> Self {
        Self { ctx: Some(ctx), ..self }
    }
}

/// The faults found so far.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    pub(super) faults: Vec<Fault>,
}

impl Checks {
    /// Notes a fault.
    pub(crate) fn fault(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    /// Returns what was read, or every fault.
    pub(crate) fn finish<T>(self, read: Option<T>) -> Result<T, Refusal> {
        match read {
            Some(read) if self.faults.is_empty() => Ok(read),
            _ => Err(Refusal::Invalid(self.faults)),
        }
    }
}

/// The fault of a value that should have fields.
pub(super) fn not_an_object(loc: &[&str]) -> Fault {
    let msg = "Input should be a valid dictionary or object to extract fields from";
    Fault::new("model_attributes_type", loc, msg)
}

/// Lists words as a sentence does: `'a', 'b' or 'c'`.
pub(super) fn one_of(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}
