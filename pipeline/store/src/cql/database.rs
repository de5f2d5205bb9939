//! The database: a session with its statements, and the few ways to ask it.

use std::fmt;

use futures_util::TryStreamExt as _;
use scylla::client::session::Session;
use scylla::deserialize::row::DeserializeRow;
use scylla::response::query_result::{QueryResult, QueryRowsResult};
use scylla::serialize::row::SerializeRow;
use scylla::statement::batch::Batch;
use scylla::statement::prepared::PreparedStatement;
use scylla::value::{CqlValue, Row};
use uuid::Uuid;

use super::config::Config;
use super::connect;
use super::failure::Failure;
use super::race::Quarrel;
use super::schema::{self, Migrated};
use super::statements::{Profiles, Statements};
use crate::error::ErrorKind;

/// A session with its statements.
pub(super) struct Database {
    session: Session,
    /// The statements, to be named where they are used.
    pub(super) say: Statements,
    put_chunk: Batch,
    profiles: Profiles,
    /// The keyspace, for people.
    keyspace: String,
}

/// A row of any shape, which owns what it holds.
pub(super) trait Shape: for<'frame, 'metadata> DeserializeRow<'frame, 'metadata> {}

impl<T> Shape for T where T: for<'frame, 'metadata> DeserializeRow<'frame, 'metadata> {}

impl Database {
    /// Connects, checks or migrates the schema, prepares the statements and tries a condition.
    pub(super) async fn open(config: &Config) -> Result<Self, Failure> {
        config.check()?;
        let profiles = connect::profiles(config);
        let session = connect::session(config, &profiles).await?;
        let Migrated { product, .. } = schema::open(&session, &profiles, config).await?;
        let say = Statements::prepare(&session, &profiles, &config.keyspace).await?;
        let put_chunk = say.put_chunk(&profiles);
        let keyspace = config.keyspace.clone();
        let database = Self { session, say, put_chunk, profiles, keyspace };
        database.try_condition().await?;
        tracing::info!(%product, keyspace = config.keyspace, "connected to the database");
        Ok(database)
    }

    /// Connects and brings the schema up to date.
    pub(super) async fn migrate(config: &Config) -> Result<Migrated, Failure> {
        let config = Config { migrate: true, ..config.clone() };
        config.check()?;
        let profiles = connect::profiles(&config);
        let session = connect::session(&config, &profiles).await?;
        schema::open(&session, &profiles, &config).await
    }

    /// Refuses a keyspace in which conditional writes do not work: nothing would be safe there.
    ///
    /// The chunk statement is taken, since it asks for everything at once: a batch, a static column
    /// in the condition, a plain insert beside it. No job has this number, so it changes nothing.
    async fn try_condition(&self) -> Result<(), Failure> {
        let nobody = (0_i64, 0_i64, "", 0_i64, Uuid::nil(), i64::MIN, Uuid::nil());
        let nothing = (i64::MIN, 0_i64, "");
        match self.put_chunk(nobody, nothing).await {
            Ok(false) => Ok(()),
            Ok(true) => Err(Failure::because(
                ErrorKind::Corrupt,
                "a condition that cannot hold was applied; this is no database to trust",
            )),
            Err(failure) => Err(Failure::because(
                failure.kind,
                format!(
                    "conditional writes do not work in keyspace {}: {}; check that enough replicas \
                     are up for its replication and, on ScyllaDB, that it was made with \
                     tablets = {{'enabled': false}}",
                    self.keyspace,
                    failure.words()
                ),
            )),
        }
    }

    /// Reads at most one row.
    pub(super) async fn row<R: Shape>(
        &self,
        statement: &PreparedStatement,
        values: impl SerializeRow + Send + Sync,
    ) -> Result<Option<R>, Failure> {
        let result = self.read(statement, values).await?;
        Ok(result.rows::<R>()?.next().transpose()?)
    }

    /// Reads few rows, as many as a LIMIT or a small partition has.
    pub(super) async fn few<R: Shape>(
        &self,
        statement: &PreparedStatement,
        values: impl SerializeRow + Send + Sync,
    ) -> Result<Vec<R>, Failure> {
        let result = self.read(statement, values).await?;
        Ok(result.rows::<R>()?.collect::<Result<_, _>>()?)
    }

    /// Reads rows page by page, as long as `wanted` says yes.
    pub(super) async fn while_wanted<R: Shape + 'static>(
        &self,
        statement: &PreparedStatement,
        values: impl SerializeRow + Send + Sync,
        mut wanted: impl FnMut(R) -> bool,
    ) -> Result<(), Failure> {
        let pages = Box::pin(self.session.execute_iter(statement.clone(), values)).await?;
        let mut rows = pages.rows_stream::<R>()?;
        while let Some(row) = rows.try_next().await? {
            if !wanted(row) {
                break;
            }
        }
        Ok(())
    }

    /// Writes without a condition.
    pub(super) async fn write(
        &self,
        statement: &PreparedStatement,
        values: impl SerializeRow + Send + Sync,
    ) -> Result<(), Failure> {
        self.execute(statement, values).await.map(drop)
    }

    /// Writes under a condition; returns whether it held.
    pub(super) async fn change(
        &self,
        statement: &PreparedStatement,
        values: impl SerializeRow + Send + Sync,
    ) -> Result<bool, Failure> {
        applied(self.execute(statement, values).await?)
    }

    /// Reads rows; an agreed read that is pushed back is tried again.
    async fn read(
        &self,
        statement: &PreparedStatement,
        values: impl SerializeRow + Send + Sync,
    ) -> Result<QueryRowsResult, Failure> {
        let mut quarrel = Quarrel::begin();
        loop {
            match self.execute(statement, &values).await {
                Ok(result) => return Ok(result.into_rows_result()?),
                Err(failure) => quarrel.wait(failure).await?,
            }
        }
    }

    /// Sends a statement; boxed, since the driver's futures are long.
    async fn execute(
        &self,
        statement: &PreparedStatement,
        values: impl SerializeRow + Send + Sync,
    ) -> Result<QueryResult, Failure> {
        Ok(Box::pin(self.session.execute_unpaged(statement, values)).await?)
    }

    /// Writes what a job says of its chunks under a condition, and a chunk with it; returns whether
    /// the condition held.
    pub(super) async fn put_chunk(
        &self,
        count: impl SerializeRow + Send + Sync,
        chunk: impl SerializeRow + Send + Sync,
    ) -> Result<bool, Failure> {
        applied(Box::pin(self.session.batch(&self.put_chunk, (count, chunk))).await?)
    }
}

impl Database {
    /// Deletes chunks of a job under a condition on its row, which gets a new token; returns whether it
    /// held.
    pub(super) async fn remove_chunks(
        &self,
        (op, id, expected): (Uuid, i64, Uuid),
        chunks: impl ExactSizeIterator<Item = (i64, i64)>,
    ) -> Result<bool, Failure> {
        let batch = self.say.remove_chunks(&self.profiles, chunks.len());
        let touch = vec![CqlValue::Uuid(op), CqlValue::BigInt(id), CqlValue::Uuid(expected)];
        let chunk = |(id, number)| vec![CqlValue::BigInt(id), CqlValue::BigInt(number)];
        let values: Vec<Vec<CqlValue>> = std::iter::once(touch).chain(chunks.map(chunk)).collect();
        applied(Box::pin(self.session.batch(&batch, values)).await?)
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("keyspace", &self.keyspace).finish_non_exhaustive()
    }
}

/// Reads `[applied]` by its name: the other columns of the answer are not the same on every
/// database, nor on one database for both answers.
pub(super) fn applied(answer: QueryResult) -> Result<bool, Failure> {
    let strange =
        || Failure::because(ErrorKind::Corrupt, "the answer to a condition does not say [applied]");
    let rows = answer.into_rows_result()?;
    let (index, _) = rows.column_specs().get_by_name("[applied]").ok_or_else(strange)?;
    let row = rows.rows::<Row>()?.next().transpose()?.ok_or_else(strange)?;
    let column = row.columns.into_iter().nth(index).flatten();
    column.as_ref().and_then(CqlValue::as_boolean).ok_or_else(strange)
}
