//! Accounts and refresh families in memory.

use scribed_schemas::account::Account;
use scribed_schemas::api_key::ApiKey;
use scribed_schemas::id::AccountId;
use scribed_schemas::time::Timestamp;

use super::Tables;
use crate::error::{Error, ErrorKind, Result};
use crate::store::{AccountChange, KEPT_AFTER_END, RefreshFamily, RefreshRotation, Rotation};
use crate::transition::{self, FamilyState};

impl Tables {
    /// Adds an account, unless there is one of its id or name.
    pub(super) fn create_account(&mut self, account: Account) -> Result<()> {
        let accounts = &mut self.accounts;
        let taken = |other: &Account| other.id == account.id || other.username == account.username;
        if accounts.values().any(taken) {
            let attempt = format!("create account {}", account.username);
            return Err(Error::new(ErrorKind::Conflict, attempt));
        }
        accounts.insert(account.id, account);
        Ok(())
    }

    /// Lists accounts by id.
    pub(super) fn accounts(&self, after: Option<AccountId>, limit: u32) -> Vec<Account> {
        let rest = self.accounts.values().filter(|a| after.is_none_or(|after| a.id > after));
        rest.take(limit as usize).cloned().collect()
    }

    /// Changes an account; a new password ends its logins.
    pub(super) fn update_account(
        &mut self,
        id: AccountId,
        change: AccountChange,
        now: Timestamp,
    ) -> Result<Account> {
        let missing = || Error::new(ErrorKind::NotFound, format!("change account {id}"));
        let revokes = change.password_hash.is_some();
        let account = self.accounts.get_mut(&id).ok_or_else(missing)?;
        transition::changed(account, change, now);
        let account = account.clone();
        if revokes {
            self.revoke_families(id);
        }
        Ok(account)
    }

    /// Opens a refresh family, and forgets those of its account that are long over; a repeat changes
    /// nothing.
    pub(super) fn open_family(&mut self, family: RefreshFamily) {
        let RefreshFamily { id, account, hash, opened, expires } = family;
        let over = opened.minus(KEPT_AFTER_END);
        self.families.retain(|_, other| other.account != account || other.expires > over);
        let opened =
            FamilyState { account, current: hash, previous: None, expires, revoked: false };
        self.families.entry(id).or_insert(opened);
    }

    /// Exchanges a refresh token.
    pub(super) fn rotate(&mut self, rotation: &RefreshRotation) -> Rotation {
        let family = self.families.get_mut(&rotation.family);
        family.map_or(Rotation::Unknown, |f| transition::rotated(f, rotation))
    }

    /// Adds an API key, and forgets those of its account that are long over; a repeat changes nothing.
    pub(super) fn create_api_key(&mut self, key: ApiKey) {
        let over = key.created.minus(KEPT_AFTER_END);
        let stays = |end: Option<Timestamp>| end.is_none_or(|end| end > over);
        self.api_keys.retain(|_, other| other.account != key.account || stays(other.expires));
        self.api_keys.entry(key.hash.clone()).or_insert(key);
    }

    /// Ends every refresh family of an account.
    pub(super) fn revoke_families(&mut self, account: AccountId) {
        let families = self.families.values_mut().filter(|family| family.account == account);
        families.for_each(|family| family.revoked = true);
    }
}
