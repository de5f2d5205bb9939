//! Stored recordings: whose they are and where their bytes lie.

use serde::{Deserialize, Serialize};

use crate::id::{AccountId, MediaId};
use crate::time::Timestamp;

/// One stored recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Media {
    /// Its identity.
    pub id: MediaId,
    /// Whose it is.
    pub owner: AccountId,
    /// Key in the media store; made of ids only, never of a client's file name.
    pub key: String,
    /// File name as the client gave it; text for people, never a path.
    pub file_name: String,
    /// Content type as the client gave it; a hint only.
    pub content_type: String,
    /// Length in bytes.
    pub size: u64,
    /// When it was stored.
    pub created: Timestamp,
}
