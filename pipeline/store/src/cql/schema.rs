//! The schema: whose database it is, the keyspace, and its numbered migrations.
//!
//! `migration` applies those that are missing, one host at a time.

use std::fmt;
use std::time::Duration;

use scylla::client::session::Session;
use scylla::errors::{ExecutionError, UseKeyspaceError};
use scylla::statement::unprepared::Statement;

use super::config::Config;
use super::failure::Failure;
use super::statements::Profiles;
use crate::error::ErrorKind;

mod migration;

use migration::Schema;

/// The migrations in order; the schema version of a keyspace is the number of those applied to it.
pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("../../../../schemas/cql/0001_first.cql"),
    include_str!("../../../../schemas/cql/0002_api_keys.cql"),
    include_str!("../../../../schemas/cql/0003_follow_ups.cql"),
];

/// How long a step may take the database.
const STEP_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a host waits between two looks at what another does.
const LOCK_PAUSE: Duration = Duration::from_millis(500);
/// How many such moments a host waits for what another is making.
const PATIENCE: u32 = 20;

/// The product behind the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Product {
    /// Apache Cassandra, or what behaves as it does.
    Cassandra,
    /// `ScyllaDB`.
    Scylla,
}

impl fmt::Display for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cassandra => "Cassandra",
            Self::Scylla => "ScyllaDB",
        })
    }
}

/// What migrating did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migrated {
    /// The product that was found.
    pub product: Product,
    /// Version of the schema before; 0: there was none.
    pub before: u32,
    /// Version of the schema now.
    pub after: u32,
}

/// Chooses the keyspace; makes it and brings its tables up to date where the settings say so.
pub(super) async fn open(
    session: &Session,
    profiles: &Profiles,
    config: &Config,
) -> Result<Migrated, Failure> {
    let product = product(session).await?;
    if !has_keyspace(session, &config.keyspace).await? {
        if !config.migrate {
            let why = format!("there is no keyspace {}; run `scribed migrate`", config.keyspace);
            return Err(Failure::because(ErrorKind::NotFound, why));
        }
        create_keyspace(session, product, config).await?;
    }
    let mut patience = Patience::default();
    while let Err(error) = Box::pin(session.use_keyspace(config.keyspace.as_str(), false)).await {
        patience.with(error.into()).await?;
    }
    let schema = Schema { session, profiles, keyspace: &config.keyspace };
    let before = schema.version().await?;
    let known = known_version();
    if before < known {
        if !config.migrate {
            return Err(Failure::because(
                ErrorKind::Corrupt,
                format!(
                    "the schema of keyspace {} has version {before} and this program needs version \
                     {known}; run `scribed migrate`",
                    config.keyspace
                ),
            ));
        }
        schema.migrate().await?;
    }
    Ok(Migrated { product, before, after: known })
}

/// Returns the newest version that this program knows.
fn known_version() -> u32 {
    u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX)
}

/// Finds out who answers, by tables that only `ScyllaDB` has. What refuses to tell is taken for
/// Cassandra: the condition that is tried later decides whether it can be used.
async fn product(session: &Session) -> Result<Product, Failure> {
    let tables = "SELECT table_name FROM system_schema.tables WHERE keyspace_name IN \
         ('system', 'system_schema')";
    let answer = session.query_unpaged(tables, ()).await.map_err(Failure::from);
    let rows = match answer {
        Ok(answer) => answer.into_rows_result()?,
        Err(failure) if failure.kind == ErrorKind::Unavailable => return Err(failure),
        Err(_) => return Ok(Product::Cassandra),
    };
    for name in rows.rows::<(String,)>()? {
        if name?.0.starts_with("scylla_") {
            return Ok(Product::Scylla);
        }
    }
    Ok(Product::Cassandra)
}

/// Returns whether the keyspace is there.
async fn has_keyspace(session: &Session, keyspace: &str) -> Result<bool, Failure> {
    let query = "SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = ?";
    let found = session.query_unpaged(query, (keyspace,)).await?.into_rows_result()?;
    Ok(found.rows_num() > 0)
}

/// Makes the keyspace.
///
/// `ScyllaDB` 2025.1 to 2025.3 refuse conditional statements in keyspaces with tablets, which are their
/// default (its manual, "Lightweight Transactions"); versions without tablets do not know the word.
async fn create_keyspace(
    session: &Session,
    product: Product,
    config: &Config,
) -> Result<(), Failure> {
    let keyspace = &config.keyspace;
    let plain = format!(
        "CREATE KEYSPACE IF NOT EXISTS {keyspace} WITH replication = {}",
        config.replication_map()
    );
    if product == Product::Scylla {
        let without_tablets = format!("{plain} AND tablets = {{'enabled': false}}");
        match change_schema(session, &without_tablets).await {
            Err(failure) if failure.kind == ErrorKind::Corrupt => {}
            result => return result,
        }
    }
    change_schema(session, &plain).await
}

/// Runs a statement that changes the schema; the driver waits until all nodes agree.
async fn change_schema(session: &Session, text: &str) -> Result<(), Failure> {
    let mut statement = Statement::new(text);
    statement.set_request_timeout(Some(STEP_TIMEOUT));
    session.query_unpaged(statement, ()).await?;
    Ok(())
}

/// Patience with what another host is just making: a table shows in the lists of tables a moment before
/// it can be used.
#[derive(Debug, Default)]
struct Patience(u32);

impl Patience {
    /// Waits a moment where a driver's error may be for that reason.
    ///
    /// # Errors
    ///
    /// The failure itself when it has another reason, or too many moments passed.
    async fn with(&mut self, failure: Failure) -> Result<(), Failure> {
        let said = failure.cause.as_ref();
        let is_unknown_name = matches!(failure.kind, ErrorKind::Corrupt | ErrorKind::NotFound)
            && said.is_some_and(|error| {
                error.is::<ExecutionError>() || error.is::<UseKeyspaceError>()
            });
        self.0 += 1;
        if !is_unknown_name || self.0 > PATIENCE {
            return Err(failure);
        }
        tokio::time::sleep(LOCK_PAUSE).await;
        Ok(())
    }
}
