//! Accounts: a name is decided by its row, an account by its own.
//!
//! ```text
//! create: name row ─► account row ─► is the name row still ours? ─► answer
//! ```
//!
//! A name whose account is missing or has another name is left over from a creation that broke off,
//! and the next may take it over. A creation that was only slow finds that out at its end.

use scribed_schemas::account::Account;
use scribed_schemas::id::AccountId;
use scribed_schemas::time::Timestamp;
use uuid::Uuid;

use super::CqlStore;
use super::failure::Failure;
use super::race::Race;
use super::row::{AccountRow, changed_account, new_account};
use crate::error::ErrorKind;
use crate::store::AccountChange;
use crate::transition;

/// Longest key of a partition, in bytes: its length is a number of 16 bits.
const LONGEST_KEY: usize = 65_535;

impl CqlStore {
    /// Creates an account.
    pub(super) async fn add_account(&self, account: &Account) -> Result<(), Failure> {
        let _seat = self.seats.take("account_names", &account.username).await;
        if self.find_account(account.id).await?.is_some() {
            return Err(ErrorKind::Conflict.into());
        }
        let name = self.take_name(account).await?;
        self.db.write(&self.db.say.add_account_id, (account.id.0,)).await?;
        let Some(op) = self.write_account(account).await? else {
            // The id is another's, so the name goes back.
            let values = (&account.username, name);
            self.db.change(&self.db.say.free_name, values).await?;
            return Err(ErrorKind::Conflict.into());
        };
        let row: Option<(i64, Uuid)> =
            self.db.row(&self.db.say.account_name_agreed, (&account.username,)).await?;
        if row.is_none_or(|(_, op)| op != name) {
            self.db.change(&self.db.say.remove_account, (account.id.0, op)).await?;
            return Err(ErrorKind::Conflict.into());
        }
        Ok(())
    }

    /// Takes the name of an account; returns the token of its row.
    async fn take_name(&self, account: &Account) -> Result<Uuid, Failure> {
        let say = &self.db.say;
        let (name, id) = (&account.username, account.id);
        let mut race = Race::begin();
        loop {
            let mut answer = self.db.change(&say.take_name, (name, id.0, race.op)).await;
            if let Ok(false) = answer {
                let row: Option<(i64, Uuid)> =
                    self.db.row(&say.account_name_agreed, (name,)).await?;
                if let Some((holder, op)) = row {
                    if op == race.op {
                        return Ok(op);
                    }
                    let holder = self.find_account(AccountId(holder)).await?;
                    if holder.is_some_and(|holder| holder.username == *name) {
                        return Err(ErrorKind::Conflict.into());
                    }
                    let values = (id.0, race.op, name, op);
                    answer = self.db.change(&say.take_over_name, values).await;
                }
            }
            if race.settled(answer).await? {
                return Ok(race.op);
            }
        }
    }

    /// Writes the row of an account where there is none; returns its token, or none when the id is
    /// taken.
    async fn write_account(&self, account: &Account) -> Result<Option<Uuid>, Failure> {
        let say = &self.db.say;
        let mut race = Race::begin();
        loop {
            match self.db.change(&say.create_account, new_account(account, race.op)).await {
                Ok(true) => return Ok(Some(race.op)),
                Ok(false) => {
                    let row: Option<AccountRow> =
                        self.db.row(&say.account_agreed, (account.id.0,)).await?;
                    return Ok(row.map(|row| row.op).filter(|op| *op == race.op));
                }
                Err(failure) => race.silent(failure).await?,
            }
        }
    }

    /// Finds an account.
    pub(super) async fn find_account(&self, id: AccountId) -> Result<Option<Account>, Failure> {
        let row: Option<AccountRow> = self.db.row(&self.db.say.account, (id.0,)).await?;
        row.map_or(Ok(None), |row| row.account())
    }

    /// Finds an account by its login name.
    pub(super) async fn find_name(&self, username: &str) -> Result<Option<Account>, Failure> {
        // The database refuses such a key with an error, where it has no row.
        if username.is_empty() || username.len() > LONGEST_KEY {
            return Ok(None);
        }
        let row: Option<(i64, Uuid)> = self.db.row(&self.db.say.account_name, (username,)).await?;
        let Some((id, _)) = row else {
            return Ok(None);
        };
        let account = self.find_account(AccountId(id)).await?;
        Ok(account.filter(|account| account.username == username))
    }

    /// Lists accounts by id.
    pub(super) async fn list_accounts(
        &self,
        after: Option<AccountId>,
        limit: u32,
    ) -> Result<Vec<Account>, Failure> {
        let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut after = after.map_or(i64::MIN, |id| id.0);
        let mut accounts = Vec::new();
        while accounts.len() < wanted {
            let most = i32::try_from((wanted - accounts.len()).min(500)).unwrap_or(500);
            let ids: Vec<(i64,)> = self.db.few(&self.db.say.account_ids, (after, most)).await?;
            let Some((last,)) = ids.last().copied() else { break };
            after = last;
            for (id,) in ids {
                accounts.extend(self.find_account(AccountId(id)).await?);
            }
        }
        Ok(accounts)
    }

    /// Changes an account; a new password ends its logins by the very same write.
    pub(super) async fn change_account(
        &self,
        id: AccountId,
        change: &AccountChange,
        now: Timestamp,
    ) -> Result<Account, Failure> {
        let _seat = self.seats.take("accounts", id).await;
        let say = &self.db.say;
        let mut race = Race::begin();
        loop {
            let (row, op) = self.look_at_account(id, &race).await?;
            let mut account = row.account()?.ok_or(ErrorKind::NotFound)?;
            if op == race.op {
                return Ok(account);
            }
            transition::changed(&mut account, change.clone(), now);
            let logins = row.logins() + i64::from(change.password_hash.is_some());
            let values = changed_account(&account, logins, race.op, op);
            let answer = self.db.change(&say.save_account, values).await;
            if race.settled(answer).await? {
                return Ok(account);
            }
        }
    }

    /// Returns the row of an account, and its token.
    async fn look_at_account(
        &self,
        id: AccountId,
        race: &Race,
    ) -> Result<(AccountRow, Uuid), Failure> {
        let say = &self.db.say;
        let statement = if race.is_uncertain() { &say.account_agreed } else { &say.account };
        let row: Option<AccountRow> = self.db.row(statement, (id.0,)).await?;
        let row = row.ok_or(ErrorKind::NotFound)?;
        let op = row.op;
        Ok((row, op))
    }

    /// Returns how often all logins of an account were ended.
    pub(super) async fn logins(&self, id: AccountId) -> Result<i64, Failure> {
        let row: Option<AccountRow> = self.db.row(&self.db.say.account, (id.0,)).await?;
        Ok(row.map_or(0, |row| row.logins()))
    }

    /// Ends all logins of an account, which need not be there.
    pub(super) async fn end_logins(&self, id: AccountId) -> Result<(), Failure> {
        let _seat = self.seats.take("accounts", id).await;
        let say = &self.db.say;
        let mut race = Race::begin();
        loop {
            let answer = match self.look_at_account(id, &race).await {
                Ok((_, op)) if op == race.op => return Ok(()),
                Ok((row, op)) => {
                    let values = (row.logins() + 1, race.op, id.0, op);
                    self.db.change(&say.save_logins, values).await
                }
                Err(failure) if failure.kind == ErrorKind::NotFound => {
                    self.db.change(&say.first_logins, (1_i64, race.op, id.0)).await
                }
                Err(failure) => return Err(failure),
            };
            if race.settled(answer).await? {
                return Ok(());
            }
        }
    }
}
