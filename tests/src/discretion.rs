//! Discretion: what a daemon must keep to itself, and a look through its log for it.
//!
//! The log of every [`Daemon`](crate::Daemon) is looked through when its test is over, so no suite makes
//! one write a secret unnoticed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::client::PASSWORD;

/// Shortest secret that is looked for, in bytes: a shorter one may stand in a log by chance.
const SHORTEST: usize = 16;
/// Largest log that is looked through, in bytes.
const LARGEST: u64 = 64 << 20;
/// Bytes by which secrets are told from everything else; none is shorter.
const HEAD: usize = 8;
/// Most characters of a line that are shown.
const SHOWN: usize = 300;

/// Secrets, each with what it is.
pub(crate) type Secrets = BTreeMap<String, String>;

/// A secret in a log.
#[derive(Debug, PartialEq, Eq)]
struct Leak<'a> {
    what: &'a str,
    /// Number of its line, from 1.
    line: usize,
    /// The line, without the secret.
    masked: String,
}

/// Remembers what a test got from a daemon or showed it, such as a token: no log that is looked through
/// from now on may hold it.
pub fn hide(secret: &str) {
    if secret.len() >= SHORTEST {
        hidden().insert(secret.to_owned());
    }
}

/// Returns what was hidden; a panic elsewhere cannot have left it half changed.
fn hidden() -> MutexGuard<'static, BTreeSet<String>> {
    static HIDDEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    HIDDEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads the secrets in the files of a folder; none where it is gone.
pub(crate) fn of_folder(folder: &Path) -> Secrets {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let secrets = files.filter_map(|file| {
        let secret = fs::read_to_string(file.path()).ok()?.trim().to_owned();
        let what = format!("the secret {}", file.file_name().display());
        (secret.len() >= SHORTEST).then_some((secret, what))
    });
    secrets.collect()
}

/// Insists that a log holds none of these secrets, and none of those that tests got or used.
pub(crate) fn insist(log: &Path, mut secrets: Secrets) {
    // A log that is gone tells nothing to anybody.
    let Ok(meta) = log.metadata() else { return };
    if meta.len() > LARGEST {
        return;
    }
    let what = "what a client was given or used".to_owned();
    secrets.extend(hidden().iter().map(|secret| (secret.clone(), what.clone())));
    secrets.insert(PASSWORD.to_owned(), "the password of the tests' accounts".to_owned());
    let text = fs::read(log).expect("the log can be read");
    if let Some(Leak { what, line, masked }) = leak(&text, &secrets) {
        panic!("{what} is in line {line} of the log {}: {masked}", log.display());
    }
}

/// Looks for the first secret in a log, in one pass however many there are.
fn leak<'a>(log: &[u8], secrets: &'a Secrets) -> Option<Leak<'a>> {
    let mut by_head = HashMap::<&[u8], Vec<(&[u8], &str)>>::new();
    // Most places are told apart by two bytes.
    let mut begins = vec![false; 1 << 16];
    for (secret, what) in secrets {
        let secret = secret.as_bytes();
        begins[pair(secret)] = true;
        by_head.entry(&secret[..HEAD]).or_default().push((secret, what));
    }
    let places = log.windows(HEAD).enumerate().filter(|(_, head)| begins[pair(head)]);
    for (at, head) in places {
        let same_head = by_head.get(head).into_iter().flatten();
        for &(secret, what) in same_head {
            if log[at..].starts_with(secret) {
                return Some(told(log, at, secret, what));
            }
        }
    }
    None
}

/// Returns the first two bytes as a number.
fn pair(bytes: &[u8]) -> usize {
    usize::from(bytes[0]) << 8 | usize::from(bytes[1])
}

/// Tells where a secret stands.
fn told<'a>(log: &[u8], at: usize, secret: &[u8], what: &'a str) -> Leak<'a> {
    let is_end = |byte: &u8| *byte == b'\n';
    let begin = log[..at].iter().rposition(is_end).map_or(0, |end| end + 1);
    let length = log[begin..].iter().position(is_end).unwrap_or(log.len() - begin);
    let line = String::from_utf8_lossy(&log[begin..begin + length]);
    let masked = line.replace(&*String::from_utf8_lossy(secret), "…");
    let line = log[..at].iter().filter(|byte| is_end(byte)).count() + 1;
    Leak { what, line, masked: masked.chars().take(SHOWN).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two tokens that begin alike, and a password.
    fn secrets() -> Secrets {
        let secrets = ["eyJhbGciOiJIUzI1.one", "eyJhbGciOiJIUzI1.two", "Secret_123"];
        secrets.map(|secret| (secret.to_owned(), format!("the {}", secret.len()))).into()
    }

    #[track_caller]
    fn finds(log: &str, what: &str, line: usize, masked: &str) {
        let masked = masked.to_owned();
        assert_eq!(leak(log.as_bytes(), &secrets()), Some(Leak { what, line, masked }), "{log:?}");
    }

    #[test]
    fn a_secret_is_found_wherever_it_stands() {
        finds("eyJhbGciOiJIUzI1.two", "the 20", 1, "…");
        finds("one\ntwo xeyJhbGciOiJIUzI1.two.wav\nthree", "the 20", 2, "two x….wav");
        finds("one\n\npassword=Secret_123\n", "the 10", 3, "password=…");
    }

    #[test]
    fn what_only_begins_like_a_secret_is_none() {
        for log in ["", "Secret", "eyJhbGciOiJIUzI1.thr", "Secret_12\n3", "ey\nSecret_"] {
            assert_eq!(leak(log.as_bytes(), &secrets()), None, "{log:?}");
        }
    }

    #[test]
    #[should_panic(expected = "the secret key is in line 2")]
    fn a_log_with_a_secret_of_the_folder_fails_the_test() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (secrets, log) = (folder.path().join("secrets"), folder.path().join("test.log"));
        fs::create_dir(&secrets).expect("it can be made");
        fs::write(secrets.join("key"), "0123456789abcdef\n").expect("it can be written");
        fs::write(secrets.join("short"), "one").expect("it can be written");
        fs::write(&log, "one\nkey=0123456789abcdef\n").expect("it can be written");
        insist(&log, of_folder(&secrets));
    }
}
