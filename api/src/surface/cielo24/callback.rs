//! Callbacks: the URL that is asked once a job is done.
//!
//! It may hold a name and a password, which are sent to its host, and names in braces, in whose places the
//! job's are set when it is asked. Nothing is asked of the host yet.

use std::collections::BTreeMap;

use scribed_schemas::callback::{Callback, CallbackStyle};

use super::error::{Answer, Error};
use crate::Api;

const PARAMETER: &str = "callback_url";

/// Returns the callback of a URL that may be asked.
pub(super) fn of(api: &Api, url: &str) -> Answer<Callback> {
    let checked = api.shared.engine.outbound().check_call(url);
    checked.map_err(|error| Error::url(PARAMETER, &error.to_string()))?;
    let style = CallbackStyle::Cielo24;
    Ok(Callback { url: url.to_owned(), style, headers: BTreeMap::new() })
}
