//! API keys: long-lived credentials of programs, each bound to an account.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::id::{AccountId, ApiKeyId};
use crate::time::Timestamp;

/// A credential of a program, as it is stored: without the key itself.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its identity, for people: what lists show and revocations name.
    pub id: ApiKeyId,
    /// Whose it is.
    pub account: AccountId,
    /// SHA-256 of the key, hex.
    ///
    /// A key is random and long, so nobody finds it by trying: the slow hash that passwords need would
    /// only make each request slow.
    pub hash: String,
    /// What it is for, in its owner's words.
    pub label: String,
    /// What it allows.
    pub scopes: Scopes,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it is refused; absent: never.
    pub expires: Option<Timestamp>,
    /// When it was revoked.
    pub revoked: Option<Timestamp>,
}

impl ApiKey {
    /// Returns whether it opens anything at `now`.
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.revoked.is_none() && self.expires.is_none_or(|expires| now < expires)
    }
}

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiKey")
            .field("id", &self.id)
            .field("account", &self.account)
            .field("scopes", &self.scopes)
            .field("expires", &self.expires)
            .field("revoked", &self.revoked)
            .finish_non_exhaustive()
    }
}

/// One thing that a key may allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Looks at the account and at what it has.
    Read,
    /// Submits recordings.
    Submit,
    /// Deletes jobs with all that belongs to them.
    Delete,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 3] = [Self::Read, Self::Submit, Self::Delete];

    /// Returns the stored word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Submit => "submit",
            Self::Delete => "delete",
        }
    }

    /// Finds the scope of a stored word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == word)
    }
}

/// What a key allows; nothing by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scopes(BTreeSet<Scope>);

impl Scopes {
    /// Returns every scope.
    pub fn all() -> Self {
        Scope::ALL.into_iter().collect()
    }

    /// Returns whether a scope is among them.
    pub fn allow(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    /// Returns the stored form: words with blanks between.
    pub fn words(&self) -> String {
        self.0.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" ")
    }

    /// Reads the stored form.
    pub fn parse(words: &str) -> Option<Self> {
        words.split_whitespace().map(Scope::parse).collect::<Option<_>>().map(Self)
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_read_back_as_they_are_stored() {
        for scopes in [Scopes::all(), Scopes::default(), [Scope::Submit].into_iter().collect()] {
            assert_eq!(Scopes::parse(&scopes.words()), Some(scopes));
        }
        assert_eq!(Scopes::parse("read everything"), None);
    }

    #[test]
    fn a_key_allows_what_it_was_given_alone() {
        let reader: Scopes = [Scope::Read].into_iter().collect();
        assert!(reader.allow(Scope::Read));
        assert!(!reader.allow(Scope::Delete));
        assert!(!Scopes::default().allow(Scope::Read));
    }

    #[test]
    fn a_key_ends_with_its_time_or_its_revocation() {
        let key = ApiKey {
            id: ApiKeyId(1),
            account: AccountId(2),
            hash: "00".to_owned(),
            label: "a secret plan".to_owned(),
            scopes: Scopes::all(),
            created: Timestamp(0),
            expires: Some(Timestamp(10)),
            revoked: None,
        };
        assert!(key.is_in_force(Timestamp(9)));
        assert!(!key.is_in_force(Timestamp(10)));
        let lasting = ApiKey { expires: None, ..key.clone() };
        assert!(lasting.is_in_force(Timestamp(i64::MAX)));
        assert!(!ApiKey { revoked: Some(Timestamp(5)), ..lasting }.is_in_force(Timestamp(4)));
        assert!(!format!("{key:?}").contains("secret"));
    }
}
