//! Submission by URL: the one place where a recording that lies elsewhere would be fetched.
//!
//! This version fetches nothing, so what is well formed is refused with the reason.

use serde_json::{Map, Value};

use super::problem::{Answer, Problem};

/// Submits the recording that a JSON document names, whose options are in order.
pub(super) fn submit(document: &Map<String, Value>) -> Answer {
    let name = named(document)?;
    // Here the recording would be fetched.
    Err(Problem::parameter(
        name,
        "Submission by URL is not available on this server yet; send the recording itself",
    ))
}

/// Returns the parameter that names the URL.
fn named(document: &Map<String, Value>) -> Answer<&'static str> {
    let given = |value: Option<&Value>| match value {
        Some(Value::String(url)) => !url.trim().is_empty(),
        _ => false,
    };
    let media_url = given(document.get("media_url"));
    let source = document.get("source_config");
    let source_url = given(source.and_then(|source| source.get("url")));
    match (media_url, source_url) {
        (true, true) => {
            let message = "Only one of media_url and source_config may be given";
            Err(Problem::parameter("media_url", message))
        }
        (true, false) => Ok("media_url"),
        (false, true) => Ok("source_config"),
        (false, false) if source.is_some_and(|source| !source.is_null()) => {
            Err(Problem::parameter("source_config.url", "The source_config.url field is required"))
        }
        (false, false) => Err(Problem::parameter("media_url", "The media_url field is required")),
    }
}
