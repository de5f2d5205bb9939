//! What makes the rest of a transfer the rest of the same recording: validators and ranges.

use http::header::{CONTENT_RANGE, DATE, ETAG, LAST_MODIFIED};
use http::{HeaderMap, HeaderValue};

/// What tells one state of a recording from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Validator {
    /// An entity tag that is not weak.
    Tag(HeaderValue),
    /// The time of the last change.
    Time(HeaderValue),
}

impl Validator {
    /// Returns the strong validator of an answer.
    ///
    /// A time is one only without a tag, and when it lies at least a second before the answer: within that
    /// second there may be another change (RFC 9110, sections 8.8.2.2 and 13.1.5).
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        if let Some(tag) = headers.get(ETAG) {
            return tag.as_bytes().starts_with(b"\"").then(|| Self::Tag(tag.clone()));
        }
        let changed = headers.get(LAST_MODIFIED)?;
        let age = time(headers.get(DATE)?)?.duration_since(time(changed)?).ok()?;
        (age.as_secs() >= 1).then(|| Self::Time(changed.clone()))
    }

    /// Returns the value to ask with.
    pub(super) const fn value(&self) -> &HeaderValue {
        match self {
            Self::Tag(value) | Self::Time(value) => value,
        }
    }

    /// Returns whether a part is one of the same state.
    ///
    /// A part always has its tag, but may leave out a time that it was asked with (RFC 9110, section
    /// 15.3.7).
    pub(super) fn is_kept_by(&self, headers: &HeaderMap) -> bool {
        match self {
            Self::Tag(tag) => headers.get(ETAG) == Some(tag),
            Self::Time(changed) => headers.get(LAST_MODIFIED).is_none_or(|now| now == changed),
        }
    }
}

fn time(value: &HeaderValue) -> Option<std::time::SystemTime> {
    httpdate::parse_http_date(value.to_str().ok()?).ok()
}

/// Which part of a recording an answer holds: `bytes 0-9/100`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ContentRange {
    first: u64,
    last: u64,
    length: Option<u64>,
}

impl ContentRange {
    /// Reads the part of an answer; none, where it says none or nonsense.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get(CONTENT_RANGE)?.to_str().ok()?;
        let (unit, range) = text.trim().split_once(' ')?;
        let (range, length) = range.trim().split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let length = if length == "*" { None } else { Some(number(length)?) };
        let range = Self { first: number(first)?, last: number(last)?, length };
        let is_whole = range.length.is_none_or(|length| range.last < length);
        let is_range = unit.eq_ignore_ascii_case("bytes") && range.first <= range.last;
        (is_range && is_whole).then_some(range)
    }

    /// Returns whether the part begins where a transfer stopped, of a recording of that length.
    pub(super) fn goes_on(&self, received: u64, length: Option<u64>) -> bool {
        let is_same = match (self.length, length) {
            (Some(now), Some(before)) => now == before,
            _ => true,
        };
        self.first == received && is_same && length.is_none_or(|length| self.last < length)
    }
}

/// Reads digits alone: a sign is none.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(http::HeaderName, &str)]) -> HeaderMap {
        let line =
            |(name, value): &(http::HeaderName, &str)| (name.clone(), value.parse().unwrap());
        lines.iter().map(line).collect()
    }

    const MONDAY: &str = "Mon, 03 Mar 2025 10:00:00 GMT";
    const A_SECOND_LATER: &str = "Mon, 03 Mar 2025 10:00:01 GMT";

    #[test]
    fn a_strong_tag_or_an_old_time_names_a_state() {
        let of = |lines: &[(http::HeaderName, &str)]| {
            Validator::of(&headers(lines)).map(|validator| validator.value().clone())
        };
        assert_eq!(of(&[(ETAG, "\"a\"")]).unwrap(), "\"a\"");
        assert_eq!(of(&[(LAST_MODIFIED, MONDAY), (DATE, A_SECOND_LATER)]).unwrap(), MONDAY);
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[(ETAG, "W/\"a\"")]), None);
        assert_eq!(of(&[(LAST_MODIFIED, MONDAY)]), None);
        assert_eq!(of(&[(LAST_MODIFIED, MONDAY), (DATE, MONDAY)]), None);
        assert_eq!(of(&[(LAST_MODIFIED, A_SECOND_LATER), (DATE, MONDAY)]), None);
        assert_eq!(of(&[(LAST_MODIFIED, "yesterday"), (DATE, MONDAY)]), None);
        let weak = [(ETAG, "W/\"a\""), (LAST_MODIFIED, MONDAY), (DATE, A_SECOND_LATER)];
        assert_eq!(of(&weak), None, "a time is no way round a weak tag");
    }

    #[test]
    fn a_part_of_another_state_is_found_out() {
        let tag = Validator::Tag("\"a\"".parse().unwrap());
        assert!(tag.is_kept_by(&headers(&[(ETAG, "\"a\"")])));
        assert!(!tag.is_kept_by(&headers(&[(ETAG, "\"b\"")])));
        assert!(!tag.is_kept_by(&headers(&[])));
        let time = Validator::Time(MONDAY.parse().unwrap());
        assert!(time.is_kept_by(&headers(&[])));
        assert!(time.is_kept_by(&headers(&[(LAST_MODIFIED, MONDAY)])));
        assert!(!time.is_kept_by(&headers(&[(LAST_MODIFIED, A_SECOND_LATER)])));
    }

    #[test]
    fn a_part_goes_on_where_the_transfer_stopped_and_nowhere_else() {
        let goes_on = |text: &str, received, length| {
            let range = ContentRange::of(&headers(&[(CONTENT_RANGE, text)]));
            range.is_some_and(|range| range.goes_on(received, length))
        };
        assert!(goes_on("bytes 10-99/100", 10, Some(100)));
        assert!(goes_on("Bytes 10-19/100", 10, Some(100)), "less may come than was asked for");
        assert!(goes_on("bytes 10-99/*", 10, Some(100)));
        assert!(goes_on("bytes 10-99/100", 10, None));
        for text in [
            "bytes 9-99/100",
            "bytes 11-99/100",
            "bytes 10-99/101",
            "bytes 10-100/*",
            "bytes 10-100/100",
            "bytes 10-9/100",
            "bytes */100",
            "bytes +10-99/100",
            "bytes 10-99",
            "items 10-99/100",
            "10-99/100",
            "bytes 10-18446744073709551616/*",
            "",
        ] {
            assert!(!goes_on(text, 10, Some(100)), "{text}");
        }
    }
}
