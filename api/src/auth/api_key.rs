//! API keys: how one is made and told from a token.
//!
//! What a login on the cielo24 surface gives is a key too, with an end and without the prefix: clients of
//! that API expect 32 hex digits. It ends with the password that it was given for, which its label names.

use scribed_schemas::account::Account;
use scribed_schemas::api_key::ApiKey;
use scribed_schemas::secret::Secret;

use crate::auth::token::fingerprint;

/// What every key begins with, so that people and scanners for leaked secrets know it at sight.
const PREFIX: &str = "scribed_";
/// Random bytes of a key: 256 bits.
const RANDOM_BYTES: usize = 32;
/// Random bytes of what a login gives: 128 bits.
const LOGIN_BYTES: usize = 16;

/// A key that was just made; its text is known here and then to its owner alone.
#[derive(Debug)]
pub struct FreshKey {
    /// The key, to be shown once.
    pub text: Secret,
    /// What is stored of it: its SHA-256, hex.
    pub hash: String,
}

impl FreshKey {
    /// Makes a key.
    pub fn draw() -> Self {
        let text = format!("{PREFIX}{}", hex::encode(rand::random::<[u8; RANDOM_BYTES]>()));
        Self { hash: fingerprint(&text), text: Secret::new(text) }
    }

    /// Makes what a login gives.
    pub(crate) fn draw_login() -> Self {
        let text = hex::encode(rand::random::<[u8; LOGIN_BYTES]>());
        Self { hash: fingerprint(&text), text: Secret::new(text) }
    }
}

/// Returns the hash of what is presented if it has the form of a key; nothing else has.
pub(crate) fn presented_hash(bearer: &str) -> Option<String> {
    let random = bearer.strip_prefix(PREFIX)?;
    is_random(random, RANDOM_BYTES).then(|| fingerprint(bearer))
}

/// Returns the hash of what is presented if it has the form of what a login gives.
pub(crate) fn presented_login_hash(token: &str) -> Option<String> {
    is_random(token, LOGIN_BYTES).then(|| fingerprint(token))
}

fn is_random(text: &str, bytes: usize) -> bool {
    text.len() == 2 * bytes && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Returns the label of what a login gives to an account with its present password.
pub(crate) fn login_label(account: &Account) -> String {
    format!("cielo24 login with password {}", account.password_epoch)
}

/// Returns whether a key is what a login gave to an account with its present password.
pub(crate) fn is_login_of(key: &ApiKey, account: &Account) -> bool {
    key.label == login_label(account)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_by_the_hash_of_its_text() {
        let (one, other) = (FreshKey::draw(), FreshKey::draw());
        assert_eq!(presented_hash(one.text.expose()), Some(one.hash.clone()));
        assert_ne!(one.hash, other.hash);
        assert!(!format!("{one:?}").contains(one.text.expose()));
    }

    #[test]
    fn what_a_login_gives_is_32_digits_and_no_other_key() {
        let login = FreshKey::draw_login();
        let text = login.text.expose();
        assert_eq!(presented_login_hash(text), Some(login.hash.clone()));
        assert_eq!(presented_hash(text), None);
        assert_eq!(presented_login_hash(FreshKey::draw().text.expose()), None);
        let wrong = [&text[1..], "", &"g".repeat(32), &"A".repeat(32), &format!("{text}0")];
        for wrong in wrong {
            assert_eq!(presented_login_hash(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_not_formed_as_a_key_is_none() {
        let key = FreshKey::draw();
        let key = key.text.expose();
        for wrong in
            ["", "scribed_", "a.b.c", &key[1..], &key[..key.len() - 1], &key.to_uppercase()]
        {
            assert_eq!(presented_hash(wrong), None, "{wrong}");
        }
        assert_eq!(presented_hash(&format!("{key}0")), None);
        assert_eq!(presented_hash(&format!("scribed_{}", "g".repeat(64))), None);
    }
}
