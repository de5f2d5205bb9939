//! Keys: names that are safe in every backend, on disk and in a URL.

use crate::error::{Error, ErrorKind, Result};

/// Longest key, in bytes; below what any file system or object store allows.
const LONGEST: usize = 200;

/// Refuses a key that is not made of plain names.
pub(crate) fn check(key: &str) -> Result<()> {
    if key.len() <= LONGEST && key.split('/').all(is_name) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::BadKey, format!("use the key {key:?}")))
}

fn is_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !name.is_empty() && !name.starts_with('.') && name.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_plain_names_are_taken() {
        for key in ["recordings/42", "a", "a/b/c.wav", "events/0_f-9"] {
            assert!(check(key).is_ok(), "{key}");
        }
    }

    #[test]
    fn keys_that_lead_elsewhere_are_refused() {
        let long = "a".repeat(LONGEST + 1);
        for key in ["", "/a", "a/", "a//b", "..", "a/../b", ".a", "a#1", "a b", "ä", "a\0", &long]
        {
            assert!(check(key).is_err(), "{key:?}");
        }
    }
}
