//! Rows: how the shapes of scribed-schemas stand in tables.
//!
//! `job` and `account` have the wide ones; a recording, and how single columns are written and read, are
//! here.

use scribed_schemas::id::{AccountId, MediaId};
use scribed_schemas::job::Priority;
use scribed_schemas::media::Media;
use scribed_schemas::time::Timestamp;
use scylla::{DeserializeRow, SerializeRow};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::failure::Failure;
use crate::error::ErrorKind;

mod account;
mod job;

pub(super) use account::{AccountRow, changed_account, new_account};
pub(super) use job::JobRow;

/// A recording as it is stored.
#[derive(Debug, Clone, PartialEq, SerializeRow, DeserializeRow)]
pub(super) struct MediaRow {
    id: i64,
    owner: i64,
    key: String,
    file_name: String,
    content_type: String,
    size: i64,
    created: i64,
}

impl MediaRow {
    /// Makes the row of a recording.
    pub(super) fn of(media: &Media) -> Self {
        Self {
            id: media.id.0,
            owner: media.owner.0,
            key: media.key.clone(),
            file_name: media.file_name.clone(),
            content_type: media.content_type.clone(),
            size: i64::try_from(media.size).unwrap_or(i64::MAX),
            created: media.created.0,
        }
    }

    /// Makes the recording of the row.
    pub(super) fn media(self) -> Media {
        Media {
            id: MediaId(self.id),
            owner: AccountId(self.owner),
            key: self.key,
            file_name: self.file_name,
            content_type: self.content_type,
            size: u64::try_from(self.size).unwrap_or(0),
            created: Timestamp(self.created),
        }
    }
}

/// Returns the column of a priority; the smaller is claimed first.
pub(super) const fn priority_column(priority: Priority) -> i8 {
    match priority {
        Priority::Priority => 0,
        Priority::Standard => 1,
    }
}

/// Writes a document.
pub(super) fn to_json(value: &impl Serialize) -> Result<String, Failure> {
    Ok(serde_json::to_string(value)?)
}

/// Reads a document.
pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, Failure> {
    Ok(serde_json::from_str(text)?)
}

/// Reads a column that holds one of a closed list of words.
pub(super) fn word<T>(
    column: &str,
    stored: &str,
    parse: fn(&str) -> Option<T>,
) -> Result<T, Failure> {
    parse(stored).ok_or_else(|| {
        let unknown = format!("{column} holds the unknown word {stored:?}");
        Failure::because(ErrorKind::Corrupt, unknown)
    })
}
