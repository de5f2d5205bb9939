//! Languages: the vendor's codes, some of which are its own, and what a job is told of them.
//!
//! Any tag of RFC 5646 is taken as well whose language the vendor lists, such as `en-GB`.

use super::error::{Answer, Error};

/// The language of a job that names none.
pub(super) const DEFAULT: &str = "en";
/// Longest tag of a language, in characters (RFC 5646 §4.4.1).
const LONGEST: usize = 35;

/// The vendor's codes that are language tags, and those that its oldest client sends.
const TAGS: &str = "af am ar az bg bn bs ca cs da de el en es et eu fa fi fr gl gu he hi hr hu hy id is it \
    ja ka kk km kn ko lo lt lv mk ml mn mr ms my ne nl no pa pl pt ro ru si sk sl sq sr su sv sw ta te th tl \
    tr uk ur uz vi xh zh zu";
/// Those that are not, or that recognisers know by another name.
const OTHERS: [(&str, &str); 15] = [
    ("cz", "cs"),
    ("dk", "da"),
    ("gr", "el"),
    ("se", "sv"),
    ("vn", "vi"),
    ("fil", "tl"),
    ("jv", "jw"),
    ("jp", "ja"),
    ("cmn", "zh"),
    ("yue", "zh"),
    ("zh-cmn", "zh"),
    ("zh-tw", "zh"),
    ("zh-yue", "zh"),
    ("pt-pt", "pt"),
    ("es-es", "es"),
];

/// A language that a client names.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Language {
    /// As it was named.
    pub(super) code: String,
    /// As the job is told.
    pub(super) tag: String,
}

impl Language {
    /// Reads the language that a parameter names.
    pub(super) fn read(name: &str, code: &str) -> Answer<Self> {
        let tag = tag(&code.to_ascii_lowercase());
        let wrong = || {
            let comment = format!(
                "{name} must be one of the language codes of cielo24, such as en or zh-tw."
            );
            Error::option(comment)
        };
        Ok(Self { tag: tag.ok_or_else(wrong)?, code: code.to_owned() })
    }
}

/// Returns the tag of a code, if it is known.
fn tag(code: &str) -> Option<String> {
    if let Some((_, tag)) = OTHERS.iter().find(|(known, _)| *known == code) {
        return Some((*tag).to_owned());
    }
    let is_part = |part: &str| {
        (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    if code.len() > LONGEST || !code.split('-').all(is_part) {
        return None;
    }
    let (language, rest) = code.split_once('-').unwrap_or((code, ""));
    let own = OTHERS.iter().find(|(known, _)| *known == language).map(|(_, tag)| *tag);
    let known = || TAGS.split_whitespace().find(|known| *known == language);
    let language = own.or_else(known)?;
    Some(if rest.is_empty() { language.to_owned() } else { format!("{language}-{rest}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_the_vendors_own_become_tags() {
        for (code, expected) in [
            ("en", "en"),
            ("EN", "en"),
            ("cz", "cs"),
            ("zh-cmn", "zh"),
            ("zh-tw", "zh"),
            ("fr-ca", "fr-ca"),
            ("en-GB", "en-gb"),
            ("de-CH-1996", "de-ch-1996"),
            ("se-SE", "sv-se"),
        ] {
            let read = Language::read("language", code).unwrap();
            assert_eq!((read.code.as_str(), read.tag.as_str()), (code, expected));
        }
    }

    #[test]
    fn what_is_no_code_is_refused() {
        let long = format!("en-{}", "a-".repeat(20));
        for wrong in ["", "xx", "english", "en_US", "en-", "-en", "en us", "e", "en\0", &long] {
            assert!(Language::read("language", wrong).is_err(), "{wrong:?}");
        }
    }
}
