//! API keys in their table.

use rusqlite::{Connection, OptionalExtension, Row, named_params};
use scribed_schemas::api_key::{ApiKey, Scopes};
use scribed_schemas::id::{AccountId, ApiKeyId};
use scribed_schemas::time::Timestamp;

use super::failure::Failure;
use super::row;
use crate::error::ErrorKind;
use crate::store::KEPT_AFTER_END;

/// Records a key, and forgets those of its account that are long over; a repeat changes nothing.
pub(super) fn create(db: &Connection, key: &ApiKey) -> Result<(), Failure> {
    let over = key.created.minus(KEPT_AFTER_END);
    db.prepare_cached("DELETE FROM api_keys WHERE account = ?1 AND expires <= ?2")?
        .execute((key.account.0, over.0))?;
    db.prepare_cached(
        "INSERT INTO api_keys (hash, id, account, label, scopes, created, expires, revoked)
         VALUES (:hash, :id, :account, :label, :scopes, :created, :expires, :revoked)
         ON CONFLICT (hash) DO NOTHING",
    )?
    .execute(named_params! {
        ":hash": key.hash,
        ":id": key.id.0,
        ":account": key.account.0,
        ":label": key.label,
        ":scopes": key.scopes.words(),
        ":created": key.created.0,
        ":expires": key.expires.map(|at| at.0),
        ":revoked": key.revoked.map(|at| at.0),
    })?;
    Ok(())
}

/// Finds a key by its hash.
pub(super) fn find(db: &Connection, hash: &str) -> Result<Option<ApiKey>, Failure> {
    let mut statement = db.prepare_cached("SELECT * FROM api_keys WHERE hash = ?1")?;
    Ok(statement.query_row([hash], api_key).optional()?)
}

/// Lists the keys of an account by id.
pub(super) fn list(
    db: &Connection,
    account: AccountId,
    after: Option<ApiKeyId>,
    limit: u32,
) -> Result<Vec<ApiKey>, Failure> {
    let mut statement = db.prepare_cached(
        "SELECT * FROM api_keys WHERE account = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
    )?;
    let after = after.map_or(i64::MIN, |id| id.0);
    let keys = statement.query_map((account.0, after, limit), api_key)?;
    Ok(keys.collect::<Result<_, _>>()?)
}

/// Revokes a key; the first revocation stays.
pub(super) fn revoke(
    db: &Connection,
    account: AccountId,
    id: ApiKeyId,
    now: Timestamp,
) -> Result<ApiKey, Failure> {
    db.prepare_cached(
        "UPDATE api_keys SET revoked = coalesce(revoked, ?3) WHERE account = ?1 AND id = ?2",
    )?
    .execute((account.0, id.0, now.0))?;
    let mut statement =
        db.prepare_cached("SELECT * FROM api_keys WHERE account = ?1 AND id = ?2")?;
    let revoked = statement.query_row((account.0, id.0), api_key).optional()?;
    revoked.ok_or(ErrorKind::NotFound.into())
}

/// Reads a key; the columns by name.
fn api_key(row: &Row<'_>) -> rusqlite::Result<ApiKey> {
    Ok(ApiKey {
        id: ApiKeyId(row.get("id")?),
        account: AccountId(row.get("account")?),
        hash: row.get("hash")?,
        label: row.get("label")?,
        scopes: row::word(row, "scopes", Scopes::parse)?,
        created: Timestamp(row.get("created")?),
        expires: row.get::<_, Option<i64>>("expires")?.map(Timestamp),
        revoked: row.get::<_, Option<i64>>("revoked")?.map(Timestamp),
    })
}
