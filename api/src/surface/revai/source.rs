//! Sources: the URL that a submission names its recording by.
//!
//! The document calls it `media_url`; the vendor's present clients `source_config`, with a `url`.

use serde_json::{Map, Value};

use super::problem::{Answer, Problem};

/// Where a recording is to be fetched.
#[derive(Debug)]
pub(super) struct Source {
    /// The parameter that says so.
    pub(super) parameter: &'static str,
    /// Its URL, as it was sent.
    pub(super) url: String,
}

/// Returns the source that a submission names.
pub(super) fn of(document: &Map<String, Value>) -> Answer<Source> {
    let config = document.get("source_config").filter(|config| !config.is_null());
    let headers = config.and_then(|config| config.get("auth_headers"));
    if headers.is_some_and(|headers| !headers.is_null()) {
        let message = "Headers are not sent; name a URL that needs none, such as a signed one";
        return Err(Problem::parameter("source_config.auth_headers", message));
    }
    let media_url = given(document.get("media_url"));
    let source_url = given(config.and_then(|config| config.get("url")));
    match (media_url, source_url) {
        (Some(_), Some(_)) => {
            let message = "Only one of media_url and source_config may be given";
            Err(Problem::parameter("media_url", message))
        }
        (Some(url), None) => Ok(Source { parameter: "media_url", url }),
        (None, Some(url)) => Ok(Source { parameter: "source_config", url }),
        (None, None) if config.is_some() => {
            Err(Problem::parameter("source_config.url", "The source_config.url field is required"))
        }
        (None, None) => Err(Problem::parameter("media_url", "The media_url field is required")),
    }
}

/// Returns the text of a member that has any.
fn given(value: Option<&Value>) -> Option<String> {
    let text = value?.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}
