//! Notices: the address that is asked for when a job has ended, with what it is about set into it.
//!
//! The vendor calls by GET, and fills in `{job_id}`, `{job_name}`, `{elementlist_version}` and
//! `{iwp_name}` where they stand in the URL, and the names of the order's custom metadata. What else stands
//! in braces stays as it is.

use bytes::Bytes;
use scribed_engine::{Call, Method};
use scribed_schemas::callback::Callback;
use scribed_schemas::job::Job;
use scribed_schemas::time::Timestamp;

use super::id;

/// What the names of custom metadata begin with, among the particulars of a job.
const CUSTOM_METADATA: &str = "custom_metadata.";
/// The name of the only version of a transcript that there is.
const FINAL: &str = "FINAL";

/// Makes the call that tells of the end of a job.
pub(crate) fn notice(job: &Job, callback: &Callback) -> Call {
    let headers = callback.headers.clone().into_iter().collect();
    let url = filled(&callback.url, |tag| value(job, tag));
    Call { method: Method::Get, url, headers, body: Bytes::new() }
}

/// Returns what a tag stands for, if it is one.
fn value(job: &Job, tag: &str) -> Option<String> {
    match tag {
        "job_id" => Some(id::job(job.id)),
        "job_name" => Some(job.name.clone()),
        "elementlist_version" => Some(instant(job.finished.unwrap_or(job.updated))),
        "iwp_name" => Some(FINAL.to_owned()),
        other => job.options.particulars.get(&format!("{CUSTOM_METADATA}{other}")).cloned(),
    }
}

/// Sets values in place of the tags of a URL, encoded so that they stay where they are.
fn filled(url: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let (mut filled, mut rest) = (String::with_capacity(url.len()), url);
    while let Some((before, behind)) = rest.split_once('{') {
        filled.push_str(before);
        let found = behind.split_once('}').and_then(|(tag, after)| Some((value(tag)?, after)));
        if let Some((value, after)) = found {
            filled.push_str(&encoded(&value));
            rest = after;
        } else {
            filled.push('{');
            rest = behind;
        }
    }
    filled.push_str(rest);
    filled
}

/// Encodes everything that could be more than a letter of a URL (RFC 3986, section 2.3).
fn encoded(text: &str) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    let letter = |byte: u8| match byte {
        plain if is_plain(&plain) => char::from(plain).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(letter).collect()
}

/// Writes an instant as the surface names versions: in UTC with microseconds, and without saying so.
fn instant(at: Timestamp) -> String {
    // Only an instant outside the years -9999 to 9999 has no text.
    let at = jiff::Timestamp::from_microsecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    at.strftime("%Y-%m-%dT%H:%M:%S.%6f").to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use scribed_schemas::callback::CallbackStyle;
    use serde_json::json;

    use super::*;

    fn job() -> Job {
        serde_json::from_value(json!({
            "id": 42, "owner": 1, "name": "a talk/ü?&{job_id}", "media": null,
            "pipeline": "default", "priority": "standard", "state": "completed",
            "options": { "particulars": {
                "custom_metadata.desk": "7 b", "custom_metadata.job_id": "no"
            } },
            "error_count": 0, "fault": null, "facts": null, "warnings": [], "progress_frames": 0,
            "ready_chunks": 1, "planned_chunks": 1, "chunk_limit_secs": 30, "description": "",
            "lease": null, "fence": 1, "not_before": 0, "created": 0, "updated": 0,
            "finished": 1_525_562_602_290_000_i64
        }))
        .expect("it is a job")
    }

    #[track_caller]
    fn check(url: &str, expected: &str) {
        let callback = Callback {
            url: url.to_owned(),
            style: CallbackStyle::Cielo24,
            headers: BTreeMap::new(),
        };
        let call = notice(&job(), &callback);
        assert_eq!((call.url.as_str(), call.method), (expected, Method::Get));
        assert!(call.body.is_empty() && call.headers.is_empty());
    }

    #[test]
    fn tags_are_filled_in_and_stay_where_they_are() {
        check(
            "https://me:x@example.org/{job_id}?n={job_name}",
            "https://me:x@example.org/0000000000000000000000000000002a\
             ?n=a%20talk%2F%C3%BC%3F%26%7Bjob_id%7D",
        );
        check(
            "https://example.org/?v={elementlist_version}&i={iwp_name}&d={desk}",
            "https://example.org/?v=2018-05-05T23%3A23%3A22.290000&i=FINAL&d=7%20b",
        );
    }

    #[test]
    fn what_is_no_tag_stays() {
        for url in [
            "https://example.org/{unknown}",
            "https://example.org/{",
            "https://example.org/}{",
            "https://example.org/{}",
            "https://example.org/a?b#c",
        ] {
            check(url, url);
        }
        let filled = "https://example.org/{0000000000000000000000000000002a}";
        check("https://example.org/{{job_id}}", filled);
    }
}
