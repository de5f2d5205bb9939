//! The row of an account: what is read of it, and what is written when it is made or changes.

use scribed_schemas::account::{Account, Role};
use scribed_schemas::id::AccountId;
use scribed_schemas::time::Timestamp;
use scylla::{DeserializeRow, SerializeRow};
use uuid::Uuid;

use super::super::failure::Failure;
use super::word;
use crate::error::ErrorKind;

/// An account as it is stored. Only `logins` and `op` are there before the account is made.
#[derive(Debug, Clone, PartialEq, DeserializeRow)]
pub(in super::super) struct AccountRow {
    id: i64,
    username: Option<String>,
    password_hash: Option<String>,
    role: Option<String>,
    active: Option<bool>,
    can_interact: Option<bool>,
    /// Absent where it was made before there were such.
    holds_jobs: Option<bool>,
    password_epoch: Option<i64>,
    created: Option<i64>,
    updated: Option<i64>,
    logins: Option<i64>,
    /// Token of the last change.
    pub(in super::super) op: Uuid,
}

impl AccountRow {
    /// Returns the account; none when it was not made yet.
    pub(in super::super) fn account(&self) -> Result<Option<Account>, Failure> {
        let Some(username) = self.username.clone() else {
            return Ok(None);
        };
        let role = self.role.as_deref().ok_or_else(|| missing("role"))?;
        Ok(Some(Account {
            id: AccountId(self.id),
            username,
            password_hash: self.password_hash.clone().ok_or_else(|| missing("password_hash"))?,
            role: word("role", role, Role::parse)?,
            active: self.active.ok_or_else(|| missing("active"))?,
            can_interact: self.can_interact.ok_or_else(|| missing("can_interact"))?,
            holds_jobs: self.holds_jobs.unwrap_or_default(),
            password_epoch: self.password_epoch.ok_or_else(|| missing("password_epoch"))?,
            created: Timestamp(self.created.ok_or_else(|| missing("created"))?),
            updated: Timestamp(self.updated.ok_or_else(|| missing("updated"))?),
        }))
    }

    /// Returns how often all logins of the account were ended.
    pub(in super::super) fn logins(&self) -> i64 {
        self.logins.unwrap_or(0)
    }
}

/// What `create_account` writes.
#[derive(Debug, SerializeRow)]
pub(in super::super) struct NewAccount<'a> {
    id: i64,
    username: &'a str,
    password_hash: &'a str,
    role: &'a str,
    active: bool,
    can_interact: bool,
    holds_jobs: bool,
    password_epoch: i64,
    created: i64,
    updated: i64,
    op: Uuid,
}

/// What `save_account` writes.
#[derive(Debug, SerializeRow)]
pub(in super::super) struct AccountChanged<'a> {
    id: i64,
    password_hash: &'a str,
    role: &'a str,
    active: bool,
    can_interact: bool,
    holds_jobs: bool,
    password_epoch: i64,
    updated: i64,
    logins: i64,
    op: Uuid,
    expected: Uuid,
}

/// Returns an account as it is first written.
pub(in super::super) fn new_account(account: &Account, op: Uuid) -> NewAccount<'_> {
    NewAccount {
        id: account.id.0,
        username: &account.username,
        password_hash: &account.password_hash,
        role: account.role.as_str(),
        active: account.active,
        can_interact: account.can_interact,
        holds_jobs: account.holds_jobs,
        password_epoch: account.password_epoch,
        created: account.created.0,
        updated: account.updated.0,
        op,
    }
}

/// Returns an account as it is written over its row.
pub(in super::super) fn changed_account(
    account: &Account,
    logins: i64,
    op: Uuid,
    expected: Uuid,
) -> AccountChanged<'_> {
    AccountChanged {
        id: account.id.0,
        password_hash: &account.password_hash,
        role: account.role.as_str(),
        active: account.active,
        can_interact: account.can_interact,
        holds_jobs: account.holds_jobs,
        password_epoch: account.password_epoch,
        updated: account.updated.0,
        logins,
        op,
        expected,
    }
}

/// Says that an account lacks a column.
fn missing(column: &str) -> Failure {
    Failure::because(ErrorKind::Corrupt, format!("an account has no {column}"))
}
