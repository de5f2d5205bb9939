//! Accounts: who may call, and what they may do.

use serde::{Deserialize, Serialize};

use crate::id::AccountId;
use crate::time::Timestamp;

/// A person or program that owns jobs.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// Its identity.
    pub id: AccountId,
    /// Login name, unique.
    pub username: String,
    /// Argon2id hash in PHC string form; never leaves the daemon.
    pub password_hash: String,
    /// What it may do.
    pub role: Role,
    /// False: every request is refused.
    pub active: bool,
    /// Whether it may submit recordings.
    pub can_interact: bool,
    /// Whether its jobs wait for a word of authorization, on the surfaces that know of one.
    pub holds_jobs: bool,
    /// Grows with every password change; tokens of an older epoch are void.
    pub password_epoch: i64,
    /// When it was made.
    pub created: Timestamp,
    /// When it last changed.
    pub updated: Timestamp,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account")
            .field("id", &self.id)
            .field("username", &self.username)
            .field("role", &self.role)
            .field("active", &self.active)
            .finish_non_exhaustive()
    }
}

/// The one set of roles below all surfaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// May do everything.
    Admin,
    /// May work with what is its own.
    User,
    /// A contributor with extra rights on the crowd surface; `user` elsewhere.
    SworikDeveloper,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Admin, Self::User, Self::SworikDeveloper];

    /// Returns the stored word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::User => "user",
            Self::SworikDeveloper => "sworik_developer",
        }
    }

    /// Finds the role of a stored word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }
}
