//! Names and passwords: what an account may be called, and how strong its password must be.

use crate::validate::{Checks, Document, Fault, Fields, Query};

const USERNAME_RULE: &str =
    "Username must consist of Latin letters only and be between 5 and 64 characters long.";
const PASSWORD_RULE: &str = "Password must be 8-256 characters long, include Latin letters \
     (uppercase and lowercase), numbers, and at least one special character.";
const SPECIAL: &str = r#"!@#$%^&*(),.?":{}|<>=_"#;

/// A name and a password that keep the rules.
pub(super) struct Credentials {
    pub(super) username: String,
    pub(super) password: String,
}

/// Returns whether an account may have this name: 5 to 64 Latin letters.
pub fn username_is_acceptable(name: &str) -> bool {
    (5..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// Returns whether a password is strong enough: 8 to 256 characters with a lower-case and an
/// upper-case Latin letter, a digit and a special character.
pub fn password_is_acceptable(password: &str) -> bool {
    let has = |test: fn(&char) -> bool| password.chars().any(|c| test(&c));
    (8..=256).contains(&password.chars().count())
        && has(char::is_ascii_lowercase)
        && has(char::is_ascii_uppercase)
        && has(char::is_ascii_digit)
        && has(|c| SPECIAL.contains(*c))
}

/// Reads credentials; the rules hold at login too, as in the original.
pub(super) fn read(checks: &mut Checks, _: &Query, body: &Document) -> Option<Credentials> {
    let fields = body.fields(checks)?;
    let username = fields.text(checks, "username");
    let username = username.filter(|name| keeps_username_rule(checks, &fields, name));
    let password = fields.text(checks, "password");
    let password = password.filter(|password| keeps_password_rule(checks, &fields, password));
    Some(Credentials { username: username?, password: password? })
}

/// Notes a name that breaks the rule.
fn keeps_username_rule(checks: &mut Checks, fields: &Fields<'_>, name: &str) -> bool {
    let keeps = username_is_acceptable(name);
    if !keeps {
        checks.fault(Fault::value(&fields.loc("username"), USERNAME_RULE));
    }
    keeps
}

/// Notes a password that breaks the rule.
pub(super) fn keeps_password_rule(
    checks: &mut Checks,
    fields: &Fields<'_>,
    password: &str,
) -> bool {
    let keeps = password_is_acceptable(password);
    if !keeps {
        checks.fault(Fault::value(&fields.loc("password"), PASSWORD_RULE));
    }
    keeps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_five_to_64_latin_letters() {
        let longest = "a".repeat(64);
        for good in ["admin", "ABCDE", &longest] {
            assert!(username_is_acceptable(good), "{good}");
        }
        let too_long = "a".repeat(65);
        for bad in ["", "four", "user1", "us er", "müller", "админ", "a_b_c", &too_long] {
            assert!(!username_is_acceptable(bad), "{bad}");
        }
    }

    #[test]
    fn a_password_needs_every_kind_of_character() {
        let longest = format!("Aa1!{}", "x".repeat(252));
        for good in ["Secret-1!", "aB3_____", "Aa1\"aaaa", "пАрольAa1!", &longest] {
            assert!(password_is_acceptable(good), "{good}");
        }
        let too_long = format!("{longest}x");
        for bad in
            ["", "Aa1!aaa", "aaaaaa1!", "AAAAAA1!", "Aaaaaaa!", "Aaaaaaa1", "Aa1-aaaa", &too_long]
        {
            assert!(!password_is_acceptable(bad), "{bad}");
        }
    }
}
