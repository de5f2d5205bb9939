//! Passwords: argon2id, few at once, and the same work whether an account exists or not.
//!
//! One hash takes 19 MiB and some tens of milliseconds, so whoever may ask for hashes could use up
//! the machine. At most so many run at once as there are processors; who waits longer than a second
//! is told to come again.

use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use crate::answer::Refusal;

/// How long a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(1);

/// Memory of one hash in KiB, passes and lanes: OWASP's minimum for argon2id (Password Storage
/// Cheat Sheet), and the defaults of the argon2 crate.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// A password could not be hashed.
#[derive(Debug, thiserror::Error)]
#[error("cannot hash a password")]
pub struct HashError {
    #[source]
    source: Box<dyn std::error::Error + Send + Sync>,
}

/// Hashes a password to a PHC string with a salt of its own. Takes tens of milliseconds.
///
/// # Errors
/// When the system gives no randomness or no memory.
pub fn hash_password(password: &str) -> Result<String, HashError> {
    let broken = |error: argon2::password_hash::Error| HashError { source: Box::new(error) };
    let hash: argon2::password_hash::phc::PasswordHash =
        argon()?.hash_password(password.as_bytes()).map_err(broken)?;
    Ok(hash.to_string())
}

/// Returns whether `password` is the one that was hashed.
fn verify(password: &str, hash: &str) -> bool {
    let parsed = PasswordHash::new(hash);
    match (argon(), parsed) {
        (Ok(argon), Ok(parsed)) => argon.verify_password(password.as_bytes(), &parsed).is_ok(),
        _ => false,
    }
}

/// The one way in which passwords are hashed here.
fn argon() -> Result<Argon2<'static>, HashError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None);
    let params = params.map_err(|error| HashError { source: Box::new(error) })?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Hashes and checks passwords on blocking threads, few at once.
#[derive(Debug, Clone)]
pub(crate) struct Hasher {
    turns: Arc<Semaphore>,
    /// What the password of an unknown user is compared with.
    dummy: Arc<str>,
}

impl Hasher {
    /// Makes a hasher that runs `at_once` hashes at a time; 0 is one per processor.
    ///
    /// # Errors
    /// When the dummy hash cannot be made.
    pub(crate) fn new(at_once: u32) -> Result<Self, HashError> {
        let processors = || available_parallelism().map_or(1, std::num::NonZero::get);
        let at_once = if at_once == 0 { processors() } else { at_once as usize };
        let dummy = hash_password("no account has this password")?.into();
        Ok(Self { turns: Arc::new(Semaphore::new(at_once)), dummy })
    }

    /// Hashes a password.
    pub(crate) async fn hash(&self, password: String) -> Result<String, Refusal> {
        let hashed = self.in_turn(move || hash_password(&password)).await?;
        hashed.map_err(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "a password was not hashed");
            Refusal::Unavailable
        })
    }

    /// Returns whether the password fits the hash; without a hash it does not, after the same work.
    pub(crate) async fn verify(
        &self,
        password: String,
        hash: Option<String>,
    ) -> Result<bool, Refusal> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.dummy.to_string());
        Ok(self.in_turn(move || verify(&password, &hash)).await? && known)
    }

    /// Runs `work` on a blocking thread when its turn comes.
    ///
    /// The turn ends with the work, not with the request: a client that goes away does not make
    /// room for another hash while its own still runs.
    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let turn = tokio::time::timeout(PATIENCE, self.turns.clone().acquire_owned()).await;
        let Ok(Ok(turn)) = turn else { return Err(Refusal::Busy) };
        let done = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(turn);
            result
        });
        done.await.map_err(|error| {
            tracing::error!(%error, "a hashing thread ended early");
            Refusal::Internal
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_argon2id_at_the_recommended_cost() {
        let hash = hash_password("Secret-12").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(verify("Secret-12", &hash));
        assert!(!verify("secret-12", &hash));
        assert_ne!(hash, hash_password("Secret-12").unwrap(), "each hash has its own salt");
    }

    #[test]
    fn a_damaged_hash_fits_no_password() {
        assert!(!verify("", ""));
        assert!(!verify("x", "$argon2id$v=19$m=1"));
    }

    #[tokio::test]
    async fn an_unknown_user_is_checked_against_a_hash_all_the_same() {
        let hasher = Hasher::new(1).unwrap();
        assert!(!hasher.verify("no account has this password".to_owned(), None).await.unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_longer_than_a_second_is_sent_away() {
        let hasher = Hasher::new(1).unwrap();
        let _held = hasher.turns.clone().acquire_owned().await.unwrap();
        assert_eq!(hasher.hash("x".to_owned()).await, Err(Refusal::Busy));
    }
}
