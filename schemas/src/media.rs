//! Stored recordings: whose they are and where their bytes lie.

use serde::{Deserialize, Serialize};

use crate::id::{AccountId, MediaId};
use crate::time::Timestamp;

/// Folder of the recordings that came over HTTP: each under its own id.
pub const RECORDINGS: &str = "recordings";
/// Folder of the recordings that were stored for one upload event: each under a number in hex.
pub const EVENTS: &str = "events";

/// One recording: stored, or still to be fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Media {
    /// Its identity.
    pub id: MediaId,
    /// Whose it is.
    pub owner: AccountId,
    /// Key in the media store, made of ids only, never of a client's file name; or the URL that the
    /// recording is still to be fetched from, which no key can be taken for.
    pub key: String,
    /// File name as the client gave it; text for people, never a path.
    pub file_name: String,
    /// Content type as the client gave it; a hint only.
    pub content_type: String,
    /// Length in bytes; 0 until it is fetched.
    pub size: u64,
    /// When it was stored.
    pub created: Timestamp,
}

impl Media {
    /// Returns the URL that the recording is still to be fetched from; none when it is stored.
    ///
    /// It may hold a signature, and is shown to nobody.
    pub fn url(&self) -> Option<&str> {
        Some(self.key.as_str()).filter(|key| key.contains("://"))
    }

    /// Returns whether its bytes were stored for its job alone, so that they go with the job; others
    /// belong to the producer that named them.
    pub fn goes_with_its_job(&self) -> bool {
        let of_event = self.key.split_once('/').is_some_and(|(folder, name)| {
            folder == EVENTS && !name.is_empty() && name.bytes().all(|b| b.is_ascii_hexdigit())
        });
        of_event || MediaId::of_key(&self.key) == Some(self.id)
    }
}

impl MediaId {
    /// Returns the key of a recording that came over HTTP.
    pub fn key(self) -> String {
        format!("{RECORDINGS}/{self}")
    }

    /// Returns the recording that has a key; `None` where it did not come over HTTP.
    pub fn of_key(key: &str) -> Option<Self> {
        let (folder, id) = key.split_once('/')?;
        let id = id.parse().ok().map(Self)?;
        // What is written otherwise, such as with a sign, is not ours.
        (folder == RECORDINGS && id.key() == key).then_some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_leads_back_to_its_recording() {
        assert_eq!(MediaId::of_key(&MediaId(42).key()), Some(MediaId(42)));
        for other in ["events/42", "recordings/042", "recordings/+42", "recordings/4/2", "42", ""] {
            assert_eq!(MediaId::of_key(other), None, "{other}");
        }
    }

    #[test]
    fn only_bytes_that_were_stored_for_a_job_go_with_it() {
        let goes = |key: &str| {
            let media = Media {
                id: MediaId(42),
                owner: AccountId(1),
                key: key.to_owned(),
                file_name: String::new(),
                content_type: String::new(),
                size: 0,
                created: Timestamp(0),
            };
            media.goes_with_its_job()
        };
        assert!(goes("recordings/42"));
        assert!(goes("events/00ff"));
        for other in ["recordings/43", "events/", "events/monday.wav", "interviews/00ff", "00ff"] {
            assert!(!goes(other), "{other}");
        }
    }
}
