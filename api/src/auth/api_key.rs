//! API keys: how one is made and told from a token.

use scribed_schemas::secret::Secret;

use crate::auth::token::fingerprint;

/// What every key begins with, so that people and scanners for leaked secrets know it at sight.
const PREFIX: &str = "scribed_";
/// Random bytes of a key: 256 bits.
const RANDOM_BYTES: usize = 32;

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
}

/// Returns the hash of what is presented if it has the form of a key; nothing else has.
pub(crate) fn presented_hash(bearer: &str) -> Option<String> {
    let random = bearer.strip_prefix(PREFIX)?;
    let is_hex = random.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    (random.len() == 2 * RANDOM_BYTES && is_hex).then(|| fingerprint(bearer))
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
