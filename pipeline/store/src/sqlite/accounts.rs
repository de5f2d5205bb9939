//! Accounts and refresh families in tables.

use rusqlite::{Connection, OptionalExtension, named_params};
use scribed_schemas::account::Account;
use scribed_schemas::id::AccountId;
use scribed_schemas::time::Timestamp;

use super::failure::Failure;
use super::row;
use crate::error::ErrorKind;
use crate::store::{AccountChange, KEPT_AFTER_END, RefreshFamily, RefreshRotation, Rotation};
use crate::transition::{self, FamilyState};

/// Adds an account; the table refuses a second one of its id or name.
pub(super) fn create(db: &Connection, account: &Account) -> Result<(), Failure> {
    db.prepare_cached(
        "INSERT INTO accounts (id, username, password_hash, role, active, can_interact,
            holds_jobs, password_epoch, created, updated)
         VALUES (:id, :username, :password_hash, :role, :active, :can_interact,
            :holds_jobs, :password_epoch, :created, :updated)",
    )?
    .execute(named_params! {
        ":id": account.id.0,
        ":username": account.username,
        ":password_hash": account.password_hash,
        ":role": account.role.as_str(),
        ":active": account.active,
        ":can_interact": account.can_interact,
        ":holds_jobs": account.holds_jobs,
        ":password_epoch": account.password_epoch,
        ":created": account.created.0,
        ":updated": account.updated.0,
    })?;
    Ok(())
}

/// Finds an account.
pub(super) fn find(db: &Connection, id: AccountId) -> Result<Option<Account>, Failure> {
    let mut statement = db.prepare_cached("SELECT * FROM accounts WHERE id = ?1")?;
    Ok(statement.query_row([id.0], row::account).optional()?)
}

/// Finds an account by name.
pub(super) fn find_by_name(db: &Connection, username: &str) -> Result<Option<Account>, Failure> {
    let mut statement = db.prepare_cached("SELECT * FROM accounts WHERE username = ?1")?;
    Ok(statement.query_row([username], row::account).optional()?)
}

/// Lists accounts by id.
pub(super) fn list(
    db: &Connection,
    after: Option<AccountId>,
    limit: u32,
) -> Result<Vec<Account>, Failure> {
    let mut statement =
        db.prepare_cached("SELECT * FROM accounts WHERE id > ?1 ORDER BY id LIMIT ?2")?;
    let after = after.map_or(i64::MIN, |id| id.0);
    let accounts = statement.query_map((after, limit), row::account)?;
    Ok(accounts.collect::<Result<_, _>>()?)
}

/// Changes an account; a new password ends its logins.
pub(super) fn update(
    db: &Connection,
    id: AccountId,
    change: AccountChange,
    now: Timestamp,
) -> Result<Account, Failure> {
    let mut account = find(db, id)?.ok_or(ErrorKind::NotFound)?;
    let revokes = change.password_hash.is_some();
    transition::changed(&mut account, change, now);
    row::save_account(db, &account)?;
    if revokes {
        revoke_families(db, id)?;
    }
    Ok(account)
}

/// Opens a refresh family, and forgets those of its account that are long over; a repeat changes
/// nothing.
pub(super) fn open_family(db: &Connection, family: &RefreshFamily) -> Result<(), Failure> {
    let over = family.opened.minus(KEPT_AFTER_END);
    db.prepare_cached("DELETE FROM refresh_families WHERE account = ?1 AND expires <= ?2")?
        .execute((family.account.0, over.0))?;
    db.prepare_cached(
        "INSERT INTO refresh_families (id, account, current, expires, revoked)
         VALUES (?1, ?2, ?3, ?4, 0) ON CONFLICT (id) DO NOTHING",
    )?
    .execute((&family.id, family.account.0, &family.hash, family.expires.0))?;
    Ok(())
}

/// Exchanges a refresh token.
pub(super) fn rotate(db: &Connection, rotation: &RefreshRotation) -> Result<Rotation, Failure> {
    let found = db
        .prepare_cached(
            "SELECT account, current, previous, exchanged, expires, revoked
             FROM refresh_families WHERE id = ?1",
        )?
        .query_row([&rotation.family], |row| {
            let exchanged: Option<i64> = row.get("exchanged")?;
            Ok(FamilyState {
                account: AccountId(row.get("account")?),
                current: row.get("current")?,
                previous: row.get::<_, Option<String>>("previous")?.zip(exchanged.map(Timestamp)),
                expires: Timestamp(row.get("expires")?),
                revoked: row.get("revoked")?,
            })
        })
        .optional()?;
    let Some(mut family) = found else {
        return Ok(Rotation::Unknown);
    };
    let rotated = transition::rotated(&mut family, rotation);
    let (previous, exchanged) = family.previous.unzip();
    db.prepare_cached(
        "UPDATE refresh_families SET current = ?2, previous = ?3, exchanged = ?4, expires = ?5,
            revoked = ?6
         WHERE id = ?1",
    )?
    .execute((
        &rotation.family,
        family.current,
        previous,
        exchanged.map(|at| at.0),
        family.expires.0,
        family.revoked,
    ))?;
    Ok(rotated)
}

/// Ends every refresh family of an account.
pub(super) fn revoke_families(db: &Connection, account: AccountId) -> Result<(), Failure> {
    db.prepare_cached(
        "UPDATE refresh_families SET revoked = 1 WHERE account = ?1 AND revoked = 0",
    )?
    .execute([account.0])?;
    Ok(())
}
