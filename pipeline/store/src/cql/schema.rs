//! The schema: the keyspace and its numbered migrations, made by one host at a time.
//!
//! ```text
//! look: is everything there? ── yes ─► done
//!   │ no
//! take the lock (a conditional row that expires) ─► step n: its statements, agreement, its number
//!                                                   └ until all are there ─► give the lock back
//! ```
//!
//! Each statement may be repeated, so a host that dies half-way only leaves the rest to the next. One that
//! adds a column is, since it is not sent where the column is there.

use std::fmt;
use std::time::Duration;

use scylla::client::session::Session;
use scylla::errors::{ExecutionError, UseKeyspaceError};
use scylla::serialize::row::SerializeRow;
use scylla::statement::unprepared::Statement;
use uuid::Uuid;

use super::config::Config;
use super::database::applied;
use super::failure::Failure;
use super::race::jitter;
use super::statements::Profiles;
use crate::error::ErrorKind;

/// The migrations in order; the schema version of a keyspace is the number of those applied to it.
pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("../../../../schemas/cql/0001_first.cql"),
    include_str!("../../../../schemas/cql/0002_api_keys.cql"),
    include_str!("../../../../schemas/cql/0003_follow_ups.cql"),
];

/// How long the lock outlives a host that died with it, in seconds.
const LOCK_SECS: u32 = 120;
/// How long a step may take the database.
const STEP_TIMEOUT: Duration = Duration::from_secs(60);
/// How often a host looks whether the lock is free; together longer than the lock lasts.
const LOCK_TRIES: u32 = 300;
/// How long it waits between two looks.
const LOCK_PAUSE: Duration = Duration::from_millis(500);

/// How many such moments a host waits for what another is making.
const PATIENCE: u32 = 20;

/// The tables of the migrations themselves.
const OWN_TABLES: [&str; 2] = [
    "CREATE TABLE IF NOT EXISTS schema_versions (part tinyint, version int, \
     PRIMARY KEY (part, version))",
    "CREATE TABLE IF NOT EXISTS schema_locks (name text PRIMARY KEY, holder uuid)",
];

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

/// The schema of one keyspace.
struct Schema<'a> {
    session: &'a Session,
    profiles: &'a Profiles,
    keyspace: &'a str,
}

impl Schema<'_> {
    /// Returns the version of the schema; 0 when there is none.
    ///
    /// # Errors
    ///
    /// `Corrupt` when it is newer than this program.
    async fn version(&self) -> Result<u32, Failure> {
        if !self.has_own_tables().await? {
            return Ok(0);
        }
        let mut query = Statement::new("SELECT version FROM schema_versions WHERE part = 0");
        query.set_execution_profile_handle(Some(self.profiles.read.clone()));
        let mut patience = Patience::default();
        let answer = loop {
            match self.session.query_unpaged(query.clone(), ()).await {
                Ok(answer) => break answer,
                Err(error) => patience.with(error.into()).await?,
            }
        };
        let rows = answer.into_rows_result()?;
        let mut newest = 0;
        for row in rows.rows::<(i32,)>()? {
            newest = newest.max(row?.0);
        }
        let known = known_version();
        match u32::try_from(newest) {
            Ok(version) if version <= known => Ok(version),
            _ => Err(Failure::because(
                ErrorKind::Corrupt,
                format!(
                    "the schema of keyspace {} has version {newest} and this program knows versions \
                     up to {known}; run the version of scribed that wrote it, or a newer one",
                    self.keyspace
                ),
            )),
        }
    }

    /// Returns whether the tables of the migrations are there.
    async fn has_own_tables(&self) -> Result<bool, Failure> {
        let query = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ? \
             AND table_name IN ('schema_versions', 'schema_locks')";
        let found = self.session.query_unpaged(query, (self.keyspace,)).await?;
        Ok(found.into_rows_result()?.rows_num() == OWN_TABLES.len())
    }

    /// Brings the schema up to date under the lock.
    async fn migrate(&self) -> Result<(), Failure> {
        if !self.has_own_tables().await? {
            // Nothing can be locked yet, and two nodes that make one table at once may disagree
            // about it: hosts that start together are spread, and all but the first find it made.
            tokio::time::sleep(jitter(LOCK_PAUSE)).await;
        }
        if !self.has_own_tables().await? {
            for table in OWN_TABLES {
                change_schema(self.session, table).await?;
            }
        }
        let holder = Uuid::new_v4();
        self.lock(holder).await?;
        let result = self.run_steps(holder).await;
        self.unlock(holder).await?;
        result
    }

    /// Waits for the lock.
    async fn lock(&self, holder: Uuid) -> Result<(), Failure> {
        let take = format!(
            "INSERT INTO schema_locks (name, holder) VALUES ('migrate', ?) IF NOT EXISTS \
             USING TTL {LOCK_SECS}"
        );
        let mut patience = Patience::default();
        for _ in 0..LOCK_TRIES {
            match self.decide(&take, (holder,)).await {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(failure) => {
                    patience.with(failure).await?;
                    continue;
                }
            }
            // A repeat of a try whose answer was lost finds the row to be its own.
            if self.keep_lock(holder).await? {
                return Ok(());
            }
            tokio::time::sleep(LOCK_PAUSE).await;
        }
        let why = "another host is changing the schema and does not come to an end";
        Err(Failure::because(ErrorKind::Unavailable, why))
    }

    /// Prolongs the lock; false when it is another's.
    async fn keep_lock(&self, holder: Uuid) -> Result<bool, Failure> {
        let keep = format!(
            "UPDATE schema_locks USING TTL {LOCK_SECS} SET holder = ? WHERE name = 'migrate' \
             IF holder = ?"
        );
        self.decide(&keep, (holder, holder)).await
    }

    /// Gives the lock back.
    async fn unlock(&self, holder: Uuid) -> Result<(), Failure> {
        let free = "DELETE FROM schema_locks WHERE name = 'migrate' IF holder = ?";
        self.decide(free, (holder,)).await.map(drop)
    }

    /// Runs the steps that are missing.
    async fn run_steps(&self, holder: Uuid) -> Result<(), Failure> {
        let done = usize::try_from(self.version().await?).unwrap_or(usize::MAX);
        for (migration, number) in MIGRATIONS.iter().zip(1_i32..).skip(done) {
            for statement in statements(migration) {
                self.run_statement(&statement).await?;
                if !self.keep_lock(holder).await? {
                    let why = "the lock of the schema was lost on the way; start again";
                    return Err(Failure::because(ErrorKind::Unavailable, why));
                }
            }
            self.session.await_schema_agreement().await?;
            let note = "INSERT INTO schema_versions (part, version) VALUES (0, ?)";
            let mut note = Statement::new(note);
            note.set_execution_profile_handle(Some(self.profiles.write.clone()));
            self.session.query_unpaged(note, (number,)).await?;
            tracing::info!(version = number, keyspace = self.keyspace, "the schema has changed");
        }
        Ok(())
    }

    /// Runs a statement of a step, unless it adds a column that is there.
    ///
    /// `ScyllaDB` does not know `ADD IF NOT EXISTS`, and adding a column twice is refused everywhere.
    async fn run_statement(&self, statement: &str) -> Result<(), Failure> {
        let Some((table, column)) = added_column(statement) else {
            return change_schema(self.session, statement).await;
        };
        if self.has_column(table, column).await? {
            return Ok(());
        }
        let added = change_schema(self.session, statement).await;
        // A host that died may have added it on a node that did not tell the others yet.
        match added {
            Err(_) if self.has_column(table, column).await? => Ok(()),
            added => added,
        }
    }

    /// Returns whether a table has a column.
    async fn has_column(&self, table: &str, column: &str) -> Result<bool, Failure> {
        let query = "SELECT column_name FROM system_schema.columns WHERE keyspace_name = ? \
             AND table_name = ? AND column_name = ?";
        let found = self.session.query_unpaged(query, (self.keyspace, table, column)).await?;
        Ok(found.into_rows_result()?.rows_num() > 0)
    }

    /// Runs a conditional statement and returns whether its condition held.
    async fn decide(
        &self,
        text: &str,
        values: impl SerializeRow + Send + Sync,
    ) -> Result<bool, Failure> {
        let mut statement = Statement::new(text);
        statement.set_execution_profile_handle(Some(self.profiles.change.clone()));
        applied(self.session.query_unpaged(statement, values).await?)
    }
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

/// Splits a migration into its statements, without comments.
fn statements(migration: &str) -> Vec<String> {
    let without_comments = migration.lines().map(|line| line.split("--").next().unwrap_or(line));
    let text = without_comments.collect::<Vec<_>>().join("\n");
    let statements = text.split(';').map(str::trim).filter(|statement| !statement.is_empty());
    statements.map(str::to_owned).collect()
}

/// Returns table and column of a statement that adds one column and does nothing else.
fn added_column(statement: &str) -> Option<(&str, &str)> {
    let words: Vec<&str> = statement.split_whitespace().collect();
    let is_word = |word: &str| word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    match words[..] {
        ["ALTER", "TABLE", table, "ADD", column, kind]
        | ["ALTER", "TABLE", table, "ADD", column, kind, "static"]
            if is_word(column) && is_word(kind) =>
        {
            Some((table, column))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_migration_is_split_into_statements_without_comments() {
        let migration = "-- one; two\nCREATE a; -- x\n\nCREATE b (\n c int -- why; so\n);\n";
        assert_eq!(statements(migration), ["CREATE a", "CREATE b (\n c int \n)"]);
    }

    #[test]
    fn every_statement_of_every_migration_may_be_repeated() {
        for statement in MIGRATIONS.iter().flat_map(|migration| statements(migration)) {
            // A column is looked up before it is added.
            let is_repeatable =
                statement.contains("IF NOT EXISTS") || added_column(&statement).is_some();
            assert!(is_repeatable, "{statement}");
        }
    }

    #[test]
    fn only_a_statement_that_adds_one_column_is_one_that_may_be_passed_over() {
        assert_eq!(added_column("ALTER TABLE jobs ADD mood text"), Some(("jobs", "mood")));
        let in_two_lines = "ALTER TABLE jobs\n ADD mood text static";
        assert_eq!(added_column(in_two_lines), Some(("jobs", "mood")));
        for other in [
            "ALTER TABLE jobs ADD mood text, colour text",
            "ALTER TABLE jobs ADD (mood text)",
            "ALTER TABLE jobs ADD mood map<text, text>",
            "ALTER TABLE jobs DROP mood",
            "ALTER TABLE jobs WITH gc_grace_seconds = 1",
            "CREATE TABLE IF NOT EXISTS a (b int PRIMARY KEY)",
        ] {
            assert_eq!(added_column(other), None, "{other}");
        }
    }
}
