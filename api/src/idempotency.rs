//! `Idempotency-Key`: the caller's name for a submission, so that a repeat is the same job.

use http::HeaderMap;

use crate::answer::{Answer, Refusal};
use crate::validate::Fault;

/// The header.
const HEADER: &str = "Idempotency-Key";
/// Longest key, in bytes: that of an upload event's `id`.
const LONGEST: usize = 200;

/// Reads the caller's key, if it sent one.
pub(crate) fn key(headers: &HeaderMap) -> Answer<Option<String>> {
    let Some(value) = headers.get(HEADER) else { return Ok(None) };
    let key = value.to_str().unwrap_or_default().trim();
    if key.is_empty() || key.len() > LONGEST {
        let rule = "Idempotency-Key must have 1 to 200 visible ASCII characters";
        return Err(Refusal::invalid(Fault::value(&["header", HEADER], rule)));
    }
    Ok(Some(key.to_owned()))
}

/// The refusal of a key that stands for another submission.
pub(crate) fn used_otherwise() -> Refusal {
    let rule = "Idempotency-Key was used for another recording";
    Refusal::invalid(Fault::value(&["header", HEADER], rule))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_key_is_visible_text_of_bounded_length() {
        let given = |value: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert(HEADER, HeaderValue::from_bytes(value).unwrap());
            key(&headers)
        };
        assert_eq!(given(b" one ").unwrap().as_deref(), Some("one"));
        assert_eq!(key(&HeaderMap::new()).unwrap(), None);
        for wrong in [&b""[..], &[b'a'; 201], "schlüssel".as_bytes()] {
            assert!(given(wrong).is_err());
        }
    }
}
