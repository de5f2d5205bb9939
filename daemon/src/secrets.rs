//! Secrets: made at first start, kept in files that only their owner can read, never logged.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use rand::RngExt;
use rand::seq::SliceRandom;
use scribed_engine::CallKey;
use scribed_schemas::secret::Secret;

use crate::failure::Failure;
use crate::state_folder::private_folder;

/// Random bytes behind a key or token: 256 bits.
const KEY_BYTES: usize = 32;

/// The file of the key of callbacks.
const CALLBACK_KEY: &str = "callback-key";

/// Length of a password that we make; with 62 letters and digits, 130 bits.
const PASSWORD_CHARS: usize = 22;

/// What every password must hold one of, as the registration of accounts demands.
const CLASSES: [&str; 4] =
    ["abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789", "_=!"];

/// The secrets of a state folder.
#[derive(Debug, Clone)]
pub struct StoredSecrets {
    /// Those that the HTTP side needs.
    pub api: scribed_api::Secrets,
    /// Password of the account `admin`, used when that account is made.
    pub admin_password: Secret,
    /// What the signatures of callbacks follow from.
    pub callback_key: Secret,
    /// Files that were made just now.
    pub made: Vec<PathBuf>,
}

impl StoredSecrets {
    /// Reads the secrets of a folder and makes those that are missing.
    ///
    /// # Errors
    /// Names the file and what to do.
    pub fn open(folder: &Path) -> Result<Self, Failure> {
        let mut made = Vec::new();
        let mut secret = |name: &str, make: &dyn Fn() -> String| {
            let file = folder.join(name);
            read_or_make(&file, make, &mut made).map(Secret::new)
        };
        let signing_key = secret("signing-key", &key)?;
        let admin_token = secret("admin-token", &key)?;
        let worker_token = secret("worker-token", &key)?;
        let admin_password = secret("admin-password", &password)?;
        // Hosts that share the other secrets since before there was this one make the same.
        let of_others = || CallKey::made_from(&signing_key);
        let callback_key = secret(CALLBACK_KEY, &of_others)?;
        let api = scribed_api::Secrets { signing_key, admin_token, worker_token };
        Ok(Self { api, admin_password, callback_key, made })
    }
}

/// Reads the key of callbacks, which a daemon has made.
///
/// # Errors
/// Names the file and what to do.
pub fn callback_key(folder: &Path) -> Result<Secret, Failure> {
    let file = folder.join(CALLBACK_KEY);
    read(&file)?.map(Secret::new).ok_or_else(|| {
        Failure::failed(anyhow!("there is no secret {}", file.display()))
            .hint("start `scribed run` once, or name its folder of secrets by `state.secrets`")
    })
}

/// Makes a password that the registration of accounts accepts.
pub fn password() -> String {
    let mut rng = rand::rng();
    let mut pick = |class: &str| {
        let bytes = class.as_bytes();
        char::from(bytes[rng.random_range(..bytes.len())])
    };
    let all = CLASSES[..3].concat();
    let one_of_each = CLASSES.iter().map(|class| pick(class)).collect::<Vec<_>>();
    let mut chars = one_of_each;
    chars.extend((chars.len()..PASSWORD_CHARS).map(|_| pick(&all)));
    chars.shuffle(&mut rand::rng());
    chars.into_iter().collect()
}

/// Makes a key or token.
fn key() -> String {
    hex::encode(rand::rng().random::<[u8; KEY_BYTES]>())
}

/// Returns the secret in a file; makes it where there is none.
fn read_or_make(
    file: &Path,
    fresh: &dyn Fn() -> String,
    made: &mut Vec<PathBuf>,
) -> Result<String, Failure> {
    if let Some(secret) = read(file)? {
        return Ok(secret);
    }
    let secret = fresh();
    keep(file, &secret).with_context(|| format!("cannot write {}", file.display()))?;
    made.push(file.to_owned());
    Ok(secret)
}

/// Returns the secret in a file, if there is one.
fn read(file: &Path) -> Result<Option<String>, Failure> {
    match fs::read_to_string(file) {
        Ok(text) => accept(file, text.trim_end_matches(['\r', '\n'])).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let refused = anyhow!("cannot read the secret {}: {error}", file.display());
            Err(Failure::refused(refused).hint("the user that runs scribed must own it"))
        }
    }
}

/// Checks a secret that was there.
fn accept(file: &Path, secret: &str) -> Result<String, Failure> {
    let name = file.display();
    if secret.is_empty() {
        return Err(Failure::refused(anyhow!("the secret {name} is empty"))
            .hint("remove the file and a new secret is made, or put one in"));
    }
    let mode = fs::metadata(file).map_or(0, |meta| meta.permissions().mode());
    if mode & 0o077 != 0 {
        return Err(Failure::refused(anyhow!("others can read the secret {name}"))
            .hint(format!("run `chmod 600 {name}`, and change it if somebody may have read it")));
    }
    Ok(secret.to_owned())
}

/// Writes a secret whole or not at all.
fn keep(file: &Path, secret: &str) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        private_folder(folder)?;
    }
    let half = file.with_extension("new");
    let mut open = OpenOptions::new();
    let mut handle = open.write(true).create(true).truncate(true).mode(0o600).open(&half)?;
    writeln!(handle, "{secret}")?;
    handle.sync_all()?;
    fs::rename(half, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 5] =
        ["signing-key", "admin-token", "worker-token", "admin-password", "callback-key"];

    #[test]
    fn secrets_are_made_once_and_kept() {
        let temp = tempfile::tempdir().unwrap();
        let first = StoredSecrets::open(temp.path()).unwrap();
        assert_eq!(first.made.len(), NAMES.len());
        let second = StoredSecrets::open(temp.path()).unwrap();
        assert!(second.made.is_empty());
        assert_eq!(first.api.signing_key, second.api.signing_key);
        assert_eq!(first.admin_password, second.admin_password);
        assert_eq!(first.callback_key, second.callback_key);
        assert_eq!(callback_key(temp.path()).unwrap(), first.callback_key);
    }

    #[test]
    fn hosts_with_the_same_signing_key_make_the_same_key_of_callbacks() {
        let [one, other] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let first = StoredSecrets::open(one.path()).unwrap();
        let name = "signing-key";
        fs::copy(one.path().join(name), other.path().join(name)).unwrap();
        let second = StoredSecrets::open(other.path()).unwrap();
        assert_eq!(first.callback_key, second.callback_key);
        assert_ne!(first.callback_key, first.api.signing_key);
        assert_ne!(first.api.admin_token, second.api.admin_token);
    }

    #[test]
    fn a_key_of_callbacks_is_made_by_daemons_alone() {
        let temp = tempfile::tempdir().unwrap();
        let missing = callback_key(temp.path()).unwrap_err();
        assert!(missing.to_string().contains("callback-key"), "{missing}");
        assert!(fs::read_dir(temp.path()).unwrap().next().is_none());
    }

    #[test]
    fn secrets_are_readable_by_their_owner_only() {
        let temp = tempfile::tempdir().unwrap();
        StoredSecrets::open(&temp.path().join("secrets")).unwrap();
        for name in NAMES {
            let meta = fs::metadata(temp.path().join("secrets").join(name)).unwrap();
            assert_eq!(meta.permissions().mode() & 0o777, 0o600, "{name}");
        }
    }

    #[test]
    fn a_secret_that_others_can_read_or_that_is_empty_is_refused() {
        let temp = tempfile::tempdir().unwrap();
        StoredSecrets::open(temp.path()).unwrap();
        let file = temp.path().join("admin-token");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        let refused = StoredSecrets::open(temp.path()).unwrap_err();
        assert_eq!(refused.to_string(), format!("others can read the secret {}", file.display()));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&file, "\n").unwrap();
        assert_eq!(
            StoredSecrets::open(temp.path()).unwrap_err().to_string(),
            format!("the secret {} is empty", file.display())
        );
    }

    #[test]
    fn a_made_password_is_accepted_by_the_registration() {
        for _ in 0..100 {
            let password = password();
            assert!(scribed_api::password_is_acceptable(&password), "{password}");
        }
    }
}
