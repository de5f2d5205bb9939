//! Envelopes: an upload event comes as it is, or inside a `CloudEvents` 1.0 event.
//!
//! Both modes of the Kafka binding are read (`CloudEvents`, Kafka Protocol Binding 1.0.2 §3):
//! structured, where the record's value is the `CloudEvent` and its `data` the upload event, and binary,
//! where the value is the upload event and headers `ce_…` say the rest. What the upload event leaves out
//! comes from the envelope: its `id` from `id`, its `schema` from `type`.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use scribed_bus::Message;
use serde_json::{Map, Value};

use super::json;

/// The only version of `CloudEvents` that there is.
const SPEC_VERSION: &str = "1.0";
/// Media type of a structured `CloudEvent` in JSON.
const STRUCTURED: &str = "application/cloudevents+json";

/// Takes the upload event out of a message.
///
/// # Errors
/// One sentence that says what is wrong.
pub(super) fn open(message: &Message) -> Result<Map<String, Value>, String> {
    let Value::Object(document) = json::read(&message.payload)? else {
        return Err("the event is not a JSON object".to_owned());
    };
    if is_structured(message, &document) {
        structured(document)
    } else if let Some(version) = header(message, "ce_specversion") {
        check_version(version)?;
        let of = |name| header(message, name).map(Value::from);
        Ok(completed(document, of("ce_id"), of("ce_type")))
    } else {
        Ok(document)
    }
}

/// Returns whether the value is a whole `CloudEvent`: it says so, or it looks like one.
fn is_structured(message: &Message, document: &Map<String, Value>) -> bool {
    let says = header(message, "content-type").is_some_and(|kind| {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case(STRUCTURED)
    });
    says || (document.contains_key("specversion") && !document.contains_key("media"))
}

fn structured(mut envelope: Map<String, Value>) -> Result<Map<String, Value>, String> {
    let version = envelope.get("specversion").and_then(Value::as_str).unwrap_or("none");
    check_version(version)?;
    let data = match (envelope.remove("data"), envelope.remove("data_base64")) {
        (Some(Value::Object(data)), None) => data,
        (None, Some(Value::String(data))) => decoded(&data)?,
        _ => return Err("the CloudEvent holds no JSON object as its data".to_owned()),
    };
    Ok(completed(data, envelope.remove("id"), envelope.remove("type")))
}

fn decoded(data: &str) -> Result<Map<String, Value>, String> {
    let bytes = BASE64_STANDARD.decode(data).map_err(|e| format!("data_base64: {e}"))?;
    match json::read(&bytes).map_err(|e| format!("data_base64: {e}"))? {
        Value::Object(data) => Ok(data),
        _ => Err("the CloudEvent holds no JSON object as its data".to_owned()),
    }
}

fn check_version(version: &str) -> Result<(), String> {
    if version == SPEC_VERSION {
        return Ok(());
    }
    Err(format!("the CloudEvent has specversion {version}, this daemon reads {SPEC_VERSION}"))
}

/// Lets the envelope say what the event itself does not.
fn completed(
    mut event: Map<String, Value>,
    id: Option<Value>,
    kind: Option<Value>,
) -> Map<String, Value> {
    for (member, value) in [("id", id), ("schema", kind)] {
        if let Some(value) = value {
            event.entry(member).or_insert(value);
        }
    }
    event
}

/// Returns the value of a header, whose name is compared without case.
fn header<'a>(message: &'a Message, name: &str) -> Option<&'a str> {
    let found = message.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.and_then(|(_, value)| std::str::from_utf8(value).ok())
}
