//! Migration: a keyspace gets the steps that it lacks, from one host at a time.
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

use scylla::client::session::Session;
use scylla::serialize::row::SerializeRow;
use scylla::statement::unprepared::Statement;
use uuid::Uuid;

use super::super::database::applied;
use super::super::failure::Failure;
use super::super::race::jitter;
use super::super::statements::Profiles;
use super::{LOCK_PAUSE, MIGRATIONS, Patience, change_schema, known_version};
use crate::error::ErrorKind;

/// How long the lock outlives a host that died with it, in seconds.
const LOCK_SECS: u32 = 120;
/// How often a host looks whether the lock is free; together longer than the lock lasts.
const LOCK_TRIES: u32 = 300;

/// The tables of the migrations themselves.
const OWN_TABLES: [&str; 2] = [
    "CREATE TABLE IF NOT EXISTS schema_versions (part tinyint, version int, \
     PRIMARY KEY (part, version))",
    "CREATE TABLE IF NOT EXISTS schema_locks (name text PRIMARY KEY, holder uuid)",
];

/// The schema of one keyspace.
pub(super) struct Schema<'a> {
    pub(super) session: &'a Session,
    pub(super) profiles: &'a Profiles,
    pub(super) keyspace: &'a str,
}

impl Schema<'_> {
    /// Returns the version of the schema; 0 when there is none.
    ///
    /// # Errors
    ///
    /// `Corrupt` when it is newer than this program.
    pub(super) async fn version(&self) -> Result<u32, Failure> {
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
    pub(super) async fn migrate(&self) -> Result<(), Failure> {
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
