//! Secrets that the daemon makes at first start, and the only way to compare what is presented.

use scribed_schemas::secret::Secret;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

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

impl Secrets {
    /// Returns whether `presented` opens `PATCH /auth/patch`.
    pub(crate) fn is_admin(&self, presented: &str) -> bool {
        is_same(&self.admin_token, presented)
    }

    /// Returns whether `presented` opens `/worker/transcription_status`.
    pub(crate) fn is_worker(&self, presented: &str) -> bool {
        is_same(&self.worker_token, presented)
    }
}

/// Returns whether `presented` is the secret; takes the same time whatever it is.
///
/// Digests are compared, so that not even the length shows. An empty secret matches nothing.
fn is_same(secret: &Secret, presented: &str) -> bool {
    let (ours, theirs) = (Sha256::digest(secret.expose()), Sha256::digest(presented));
    bool::from(ours.as_slice().ct_eq(theirs.as_slice())) && !secret.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_secret_matches() {
        let secret = Secret::new("open sesame");
        assert!(is_same(&secret, "open sesame"));
        for wrong in ["", "open", "open sesame ", "Open sesame"] {
            assert!(!is_same(&secret, wrong), "{wrong:?}");
        }
        assert!(!is_same(&Secret::default(), ""));
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
