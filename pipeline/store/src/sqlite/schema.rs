//! The schema: numbered migrations, and refusal of files that are not ours or from a newer program.

use rusqlite::{Connection, TransactionBehavior};

use super::failure::Failure;
use crate::error::ErrorKind;

/// Marks the file as scribed's: "SCRB" in ASCII.
pub(super) const APPLICATION_ID: i32 = 0x5343_5242;

/// The migrations in order; the schema version of a file is the number of those applied to it.
const MIGRATIONS: &[&str] = &[
    include_str!("../../../../schemas/sqlite/0001_first.sql"),
    include_str!("../../../../schemas/sqlite/0002_outbox.sql"),
    include_str!("../../../../schemas/sqlite/0003_api_keys.sql"),
    include_str!("../../../../schemas/sqlite/0004_follow_ups.sql"),
];

/// Refuses files that are not ours or from a newer program, before anything is changed in them.
pub(super) fn refuse_foreign(db: &Connection) -> Result<(), Failure> {
    applied(db).map(drop)
}

/// Brings the schema up to date in one transaction.
///
/// # Errors
///
/// `Corrupt` when the file belongs to another program, or to a version newer than this one.
pub(super) fn migrate(db: &mut Connection) -> Result<(), Failure> {
    let known = MIGRATIONS.len();
    if applied(db)? == known {
        return Ok(());
    }
    // Looked at again inside: another process may have migrated in between.
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let done = applied(&transaction)?;
    for migration in &MIGRATIONS[done..] {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", i64::try_from(known).unwrap_or(i64::MAX))?;
    transaction.commit()?;
    Ok(())
}

/// Returns how many migrations the file has, at most as many as there are.
fn applied(db: &Connection) -> Result<usize, Failure> {
    let application: i32 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application != APPLICATION_ID && (application != 0 || version != 0 || tables != 0) {
        let why = "it is the database of another program; set another state folder";
        return Err(Failure::because(ErrorKind::Corrupt, why));
    }
    let known = MIGRATIONS.len();
    match usize::try_from(version) {
        Ok(done) if done <= known => Ok(done),
        _ => Err(Failure::because(
            ErrorKind::Corrupt,
            format!(
                "its schema has version {version} and this program knows versions up to {known}; \
                 run the version of scribed that wrote it, or a newer one"
            ),
        )),
    }
}
