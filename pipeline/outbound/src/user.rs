//! Users in URLs: whoever is called may ask for a name and a password, which go along as a header.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::HeaderValue;
use url::Url;

/// A user that a URL named. It is shown to nobody.
#[derive(Clone)]
pub(crate) struct User(Vec<u8>);

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("User")
    }
}

impl User {
    /// Takes the user out of a URL, if it names one.
    pub(crate) fn leave(url: &mut Url) -> Option<Self> {
        let password = url.password().map(decoded);
        let name = decoded(url.username());
        if name.is_empty() && password.is_none() {
            return None;
        }
        // A URL with a host can always be without a user.
        url.set_username("").ok();
        url.set_password(None).ok();
        Some(Self([name, b":".to_vec(), password.unwrap_or_default()].concat()))
    }

    /// Returns whether the user in the text of a URL has only what RFC 3986, section 3.2.1, allows there.
    /// What else there is another reader could take for the end of the host's name, or of the user's.
    pub(crate) fn is_plain(text: &str) -> bool {
        let rest = text.split_once("//").map_or("", |(_, rest)| rest);
        let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
        let user = rest[..end].rsplit_once('@').map_or("", |(user, _)| user);
        user.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:".contains(&b))
    }

    /// Returns the value of the header `Authorization` (RFC 7617).
    pub(crate) fn authorization(&self) -> Option<HeaderValue> {
        let value = format!("Basic {}", BASE64_STANDARD.encode(&self.0));
        let mut value = HeaderValue::try_from(value).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// Returns the bytes that a part of a URL stands for.
fn decoded(text: &str) -> Vec<u8> {
    let mut rest = text.as_bytes();
    let mut bytes = Vec::with_capacity(rest.len());
    while let Some((first, behind)) = rest.split_first() {
        let encoded = (*first == b'%').then(|| hexadecimal(behind)).flatten();
        bytes.push(encoded.unwrap_or(*first));
        rest = if encoded.is_some() { &behind[2..] } else { behind };
    }
    bytes
}

/// Reads the two digits of an encoded byte.
fn hexadecimal(text: &[u8]) -> Option<u8> {
    let digits = text.get(..2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let mut url = Url::parse(text).unwrap();
        let user = User::leave(&mut url);
        let value = user.and_then(|user| user.authorization());
        assert_eq!(value.as_ref().map(|value| value.to_str().unwrap()), expected, "{text}");
        assert_eq!(url.as_str(), "https://example.org/");
    }

    #[test]
    fn a_user_is_sent_as_the_field_has_it() {
        // The example of RFC 7617.
        check(
            "https://Aladdin:open%20sesame@example.org/",
            Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        );
        // What is no encoded byte is what it is; a name may come alone, and so may a password.
        check("https://a%zz%4:%c3%bc@example.org/", Some("Basic YSV6eiU0OsO8"));
        check("https://me@example.org/", Some("Basic bWU6"));
        check("https://:geheim@example.org/", Some("Basic OmdlaGVpbQ=="));
        check("https://example.org/", None);
    }

    #[test]
    fn a_user_has_only_what_cannot_be_read_in_two_ways() {
        for plain in ["https://me:a%20b@example.org/x@y z", "https://example.org/", "nonsense"] {
            assert!(User::is_plain(plain), "{plain}");
        }
        for odd in [
            "https://a b@example.org/",
            "https://a@b@example.org/",
            "https://a[b@example.org/",
            "https://ü@example.org/",
            "https://{job_id}@example.org/",
        ] {
            assert!(!User::is_plain(odd), "{odd}");
        }
    }
}
