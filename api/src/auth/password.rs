//! Passwords: argon2id, few at once, and the same work whether an account exists or not.
//!
//! One hash takes 19 MiB and some tens of milliseconds, so whoever may ask for hashes could use up
//! the machine. At most so many run at once as there are processors; who waits longer than a second
//! is told to come again.
//!
//! The memory of a hash is kept for the next one. Blocks of this size and alignment that come and go
//! tear holes into the heap that glibc never gives back: a thousand logins left 900 MiB behind.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;
use std::time::Duration;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use tokio::sync::Semaphore;

use crate::answer::Refusal;

/// How long a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(1);

/// Memory of one hash in KiB, passes and lanes: OWASP's minimum for argon2id (Password Storage
/// Cheat Sheet), and the defaults of the argon2 crate.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Length of a salt in bytes, as RFC 9106 §3.1 recommends.
const SALT: usize = 16;

/// A password could not be hashed.
#[derive(Debug, thiserror::Error)]
#[error("cannot hash a password")]
pub struct HashError {
    #[source]
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl HashError {
    fn from(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { source: error.into() }
    }
}

/// Hashes a password to a PHC string with a salt of its own. Takes tens of milliseconds.
///
/// # Errors
/// When the system gives no randomness or no memory.
pub fn hash_password(password: &str) -> Result<String, HashError> {
    hash(&mut Vec::new(), password)
}

/// Hashes a password in memory that is used again.
fn hash(memory: &mut Vec<Block>, password: &str) -> Result<String, HashError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(HashError::from)?;
    let (algorithm, version) = (Algorithm::Argon2id, Version::V0x13);
    let salt = Salt::new(&rand::random::<[u8; SALT]>()).map_err(HashError::from)?;
    let texts = ParamsString::try_from(&params).map_err(HashError::from)?;
    let argon = Argon2::new(algorithm, version, params);
    let hash = work(&argon, memory, password, &salt)?;
    let (algorithm, version) = (algorithm.ident(), Some(version.into()));
    let (salt, hash) = (Some(salt), Some(hash));
    Ok(PasswordHash { algorithm, version, params: texts, salt, hash }.to_string())
}

/// Returns whether `password` is the one that was hashed; a hash that cannot be read fits none.
fn verify(memory: &mut Vec<Block>, password: &str, hash: &str) -> bool {
    let mut fits = || -> Result<bool, HashError> {
        let stored = PasswordHash::new(hash).map_err(HashError::from)?;
        let algorithm = Algorithm::try_from(stored.algorithm.as_str()).map_err(HashError::from)?;
        let version = stored.version.map_or(Ok(Version::V0x13), Version::try_from);
        let params = Params::try_from(&stored).map_err(HashError::from)?;
        let argon = Argon2::new(algorithm, version.map_err(HashError::from)?, params);
        let (Some(salt), Some(expected)) = (stored.salt, stored.hash) else { return Ok(false) };
        // `Output` compares in constant time.
        Ok(work(&argon, memory, password, &salt)? == expected)
    };
    fits().unwrap_or(false)
}

/// Does the work of a hash, in memory that grows where it is too small.
fn work(
    argon: &Argon2<'_>,
    memory: &mut Vec<Block>,
    password: &str,
    salt: &[u8],
) -> Result<Output, HashError> {
    let params = argon.params();
    let blocks = params.block_count();
    if memory.len() < blocks {
        memory.try_reserve_exact(blocks - memory.len()).map_err(HashError::from)?;
        memory.resize(blocks, Block::new());
    }
    let mut output = [0; Output::MAX_LENGTH];
    let length = params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN).min(output.len());
    let (output, memory) = (&mut output[..length], &mut memory[..blocks]);
    argon
        .hash_password_into_with_memory(password.as_bytes(), salt, output, memory)
        .map_err(HashError::from)?;
    Output::new(output).map_err(HashError::from)
}

/// Hashes and checks passwords on blocking threads, few at once.
#[derive(Debug, Clone)]
pub(crate) struct Hasher {
    turns: Arc<Semaphore>,
    /// The memory of hashes that do not run now: at most one for each turn.
    memories: Arc<Mutex<Vec<Vec<Block>>>>,
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
        Ok(Self { turns: Arc::new(Semaphore::new(at_once)), memories: Arc::default(), dummy })
    }

    /// Hashes a password.
    pub(crate) async fn hash(&self, password: String) -> Result<String, Refusal> {
        let hashed = self.in_turn(move |memory| hash(memory, &password)).await?;
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
        Ok(self.in_turn(move |memory| verify(memory, &password, &hash)).await? && known)
    }

    /// Runs `work` on a blocking thread when its turn comes.
    ///
    /// The turn ends with the work, not with the request: a client that goes away does not make
    /// room for another hash while its own still runs.
    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Vec<Block>) -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let turn = tokio::time::timeout(PATIENCE, self.turns.clone().acquire_owned()).await;
        let Ok(Ok(turn)) = turn else { return Err(Refusal::Busy) };
        let memories = Arc::clone(&self.memories);
        let done = tokio::task::spawn_blocking(move || {
            let mut memory = kept(&memories).pop().unwrap_or_default();
            let result = work(&mut memory);
            kept(&memories).push(memory);
            drop(turn);
            result
        });
        done.await.map_err(|error| {
            tracing::error!(%error, "a hashing thread ended early");
            Refusal::Internal
        })
    }
}

/// Returns the memories; a panic elsewhere cannot have left them half changed.
fn kept(memories: &Mutex<Vec<Vec<Block>>>) -> MutexGuard<'_, Vec<Vec<Block>>> {
    memories.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_argon2id_at_the_recommended_cost() {
        let memory = &mut Vec::new();
        let one = hash_password("Secret-12").unwrap();
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
        assert!(verify(memory, "Secret-12", &one));
        assert!(!verify(memory, "secret-12", &one));
        let other = hash(memory, "Secret-12").unwrap();
        assert_ne!(one, other, "each hash has its own salt");
        assert!(verify(memory, "Secret-12", &other), "used memory makes the same hashes");
        assert_eq!(memory.len(), MEMORY_KIB as usize, "and is used again");
    }

    #[test]
    fn the_hashes_are_those_of_the_crate() {
        use argon2::PasswordVerifier as _;

        let ours = hash_password("Secret-12").unwrap();
        assert!(Argon2::default().verify_password(b"Secret-12", ours.as_str()).is_ok());
        // Of other costs, as an earlier version may have stored.
        let params = Params::new(64, 1, 1, Some(24)).unwrap();
        let argon = Argon2::new(Algorithm::Argon2i, Version::V0x13, params);
        let theirs = argon2::PasswordHasher::hash_password(&argon, b"Secret-12").unwrap();
        assert!(verify(&mut Vec::new(), "Secret-12", &theirs.to_string()));
        assert!(!verify(&mut Vec::new(), "Secret-13", &theirs.to_string()));
    }

    #[test]
    fn a_damaged_hash_fits_no_password() {
        assert!(!verify(&mut Vec::new(), "", ""));
        assert!(!verify(&mut Vec::new(), "x", "$argon2id$v=19$m=1"));
    }

    #[tokio::test]
    async fn no_more_memories_are_kept_than_hashes_run() {
        let hasher = Hasher::new(2).unwrap();
        let verify = |n: u32| hasher.verify(format!("wrong {n}"), None);
        for n in 0..3 {
            let (one, other) = tokio::join!(verify(n), verify(n + 10));
            assert!(!one.unwrap() && !other.unwrap());
        }
        assert!(kept(&hasher.memories).len() <= 2);
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
