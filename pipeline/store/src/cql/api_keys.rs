//! API keys: one row each, by the hash that a request brings, and a list of each account.
//!
//! The entry of the list is made before the key, so that a key that opens anything can always be found
//! and revoked. An entry without its key is left over from a creation that broke off.

use scribed_schemas::api_key::{ApiKey, Scopes};
use scribed_schemas::id::{AccountId, ApiKeyId};
use scribed_schemas::time::Timestamp;
use scylla::DeserializeRow;

use super::CqlStore;
use super::failure::Failure;
use super::race::Race;
use super::row::word;
use super::ttl::seconds_kept;
use crate::error::ErrorKind;

/// A key as it is stored.
#[derive(Debug, DeserializeRow)]
struct KeyRow {
    hash: String,
    id: i64,
    account: i64,
    label: String,
    scopes: String,
    created: i64,
    expires: Option<i64>,
    revoked: Option<i64>,
}

impl KeyRow {
    fn key(self) -> Result<ApiKey, Failure> {
        Ok(ApiKey {
            id: ApiKeyId(self.id),
            account: AccountId(self.account),
            hash: self.hash,
            label: self.label,
            scopes: word("scopes", &self.scopes, Scopes::parse)?,
            created: Timestamp(self.created),
            expires: self.expires.map(Timestamp),
            revoked: self.revoked.map(Timestamp),
        })
    }
}

impl CqlStore {
    /// Records a key; a repeat changes nothing.
    pub(super) async fn add_api_key(&self, key: &ApiKey) -> Result<(), Failure> {
        let say = &self.db.say;
        let ttl = seconds_kept(key.expires, key.created);
        let entry = (key.account.0, key.id.0, &key.hash, ttl);
        self.db.write(&say.add_account_api_key, entry).await?;
        let row = (
            &key.hash,
            key.id.0,
            key.account.0,
            &key.label,
            key.scopes.words(),
            key.created.0,
            key.expires.map(|at| at.0),
            key.revoked.map(|at| at.0),
            ttl,
        );
        let mut race = Race::begin();
        loop {
            match self.db.change(&say.create_api_key, &row).await {
                Ok(_) => return Ok(()),
                Err(failure) => race.silent(failure).await?,
            }
        }
    }

    /// Finds a key by its hash.
    pub(super) async fn find_api_key(&self, hash: &str) -> Result<Option<ApiKey>, Failure> {
        let row: Option<KeyRow> = self.db.row(&self.db.say.api_key, (hash,)).await?;
        row.map(KeyRow::key).transpose()
    }

    /// Lists the keys of an account by id.
    pub(super) async fn list_api_keys(
        &self,
        account: AccountId,
        after: Option<ApiKeyId>,
        limit: u32,
    ) -> Result<Vec<ApiKey>, Failure> {
        let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut after = after.map_or(i64::MIN, |id| id.0);
        let mut keys = Vec::new();
        while keys.len() < wanted {
            let most = i32::try_from((wanted - keys.len()).min(500)).unwrap_or(500);
            let values = (account.0, after, most);
            let entries: Vec<(i64, String)> =
                self.db.few(&self.db.say.account_api_keys, values).await?;
            let Some((last, _)) = entries.last() else { break };
            after = *last;
            for (_, hash) in entries {
                keys.extend(self.find_api_key(&hash).await?);
            }
        }
        Ok(keys)
    }

    /// Revokes a key; the first revocation stays.
    pub(super) async fn end_api_key(
        &self,
        account: AccountId,
        id: ApiKeyId,
        now: Timestamp,
    ) -> Result<ApiKey, Failure> {
        let say = &self.db.say;
        let entry: Option<(String,)> = self.db.row(&say.account_api_key, (account.0, id.0)).await?;
        let (hash,) = entry.ok_or(ErrorKind::NotFound)?;
        let key = self.find_api_key(&hash).await?.ok_or(ErrorKind::NotFound)?;
        let values = (seconds_kept(key.expires, now), now.0, &hash, account.0);
        let mut race = Race::begin();
        while let Err(failure) = self.db.change(&say.revoke_api_key, values).await {
            race.silent(failure).await?;
        }
        self.find_api_key(&hash).await?.ok_or(ErrorKind::NotFound.into())
    }
}
