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
    let wrong = |why: &str| Error::url(PARAMETER, why);
    let checked = without_user(url).ok_or_else(|| wrong("its user name or password is odd"))?;
    let outbound = api.shared.engine.outbound();
    outbound.check(&checked).map_err(|error| wrong(&error.to_string()))?;
    let style = CallbackStyle::Cielo24;
    Ok(Callback { url: url.to_owned(), style, headers: BTreeMap::new() })
}

/// Returns a URL without its user name and password; none where they hold what could be read in two ways.
fn without_user(url: &str) -> Option<String> {
    let whole = || Some(url.to_owned());
    let Some((scheme, rest)) = url.split_once("://") else { return whole() };
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let Some((user, host)) = authority.rsplit_once('@') else { return whole() };
    // What RFC 3986 §3.2.1 allows there.
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:".contains(&b);
    user.bytes().all(is_plain).then(|| format!("{scheme}://{host}{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_a_password_are_left_out_and_nothing_else() {
        for (url, expected) in [
            ("http://me:secret@example.org/a?b=c@d#e", Some("http://example.org/a?b=c@d#e")),
            ("https://me@example.org:8443", Some("https://example.org:8443")),
            ("http://example.org/{job_id}", Some("http://example.org/{job_id}")),
            ("http://example.org/@x", Some("http://example.org/@x")),
            ("http://example.org\\@other/", Some("http://example.org\\@other/")),
            ("nonsense", Some("nonsense")),
            ("http://a@b@example.org/", None),
            ("http://a b@example.org/", None),
            ("http://a{job_id}@example.org/", None),
        ] {
            assert_eq!(without_user(url).as_deref(), expected, "{url}");
        }
    }
}
