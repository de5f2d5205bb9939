//! `scribed migrate`: the schema of a shared database, brought up to date.

use std::process::ExitCode;

use anyhow::anyhow;
use scribed_store::CqlStore;

use super::{Session, runtime};
use crate::config::StoreBackend;
use crate::failure::Failure;
use crate::output;

/// Makes keyspace and tables or brings them up to date.
///
/// # Errors
/// Says what was attempted and why it failed.
pub(super) fn run(session: &Session) -> Result<ExitCode, Failure> {
    let store = &session.settings.config.store;
    if store.backend != StoreBackend::Cql {
        let why = anyhow!("store.backend is not \"cql\": a daemon brings its own file up to date");
        return Err(Failure::refused(why).hint("set store.backend and store.cql.contact_points"));
    }
    let migrated = runtime()?.block_on(CqlStore::migrate(&store.cql)).map_err(Failure::refused)?;
    let (before, after) = (migrated.before, migrated.after);
    output::note(match before {
        0 => format!("made keyspace {} with schema {after}", store.cql.keyspace),
        _ if before == after => format!("the schema is {after} already"),
        _ => format!("brought the schema from {before} to {after}"),
    });
    Ok(ExitCode::SUCCESS)
}
