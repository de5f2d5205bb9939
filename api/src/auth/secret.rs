//! Secrets that the daemon makes at first start; they never show in logs.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// A text that only its holder may know.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns whether `presented` is the secret; takes the same time whatever it is.
    ///
    /// Digests are compared, so that not even the length shows. An empty secret matches nothing.
    pub(crate) fn matches(&self, presented: &str) -> bool {
        let (ours, theirs) = (Sha256::digest(&self.0), Sha256::digest(presented));
        bool::from(ours.as_slice().ct_eq(theirs.as_slice())) && !self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The secrets of the HTTP side.
#[derive(Debug, Clone)]
pub struct Secrets {
    /// Signs tokens; at least 32 bytes.
    pub signing_key: Secret,
    /// Opens `PATCH /auth/patch`.
    pub admin_token: Secret,
    /// Opens `/worker/transcription_status`.
    pub worker_token: Secret,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_secret_matches() {
        let secret = Secret::new("open sesame");
        assert!(secret.matches("open sesame"));
        for wrong in ["", "open", "open sesame ", "Open sesame"] {
            assert!(!secret.matches(wrong), "{wrong:?}");
        }
        assert!(!Secret::new("").matches(""));
    }

    #[test]
    fn a_secret_does_not_show_when_it_is_printed() {
        let secret = Secret::new("open sesame");
        let secrets = Secrets {
            signing_key: secret.clone(),
            admin_token: secret.clone(),
            worker_token: secret,
        };
        assert!(!format!("{secrets:?}").contains("sesame"));
    }
}
