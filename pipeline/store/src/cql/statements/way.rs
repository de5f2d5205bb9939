//! Ways: how a text becomes a statement that is ready, of which keyspace, and how it is sent.

use scylla::client::session::Session;
use scylla::errors::PrepareError;
use scylla::statement::prepared::PreparedStatement;
use scylla::statement::unprepared::Statement;

use super::Profiles;

/// Rows of a page of keys, which are short.
const KEY_PAGE: i32 = 5_000;
/// Rows of a page of documents.
const DOCUMENT_PAGE: i32 = 100;

/// How one statement is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(non_camel_case_types, reason = "named as the fields of the profiles")]
pub(super) enum Way {
    read,
    agreed,
    write,
    change,
    scan,
    documents,
}

impl Way {
    /// Prepares a statement to be sent this way.
    pub(super) async fn prepare(
        self,
        session: &Session,
        profiles: &Profiles,
        text: String,
    ) -> Result<PreparedStatement, PrepareError> {
        let mut statement = session.prepare(Statement::new(text)).await?;
        let profile = match self {
            Self::read => &profiles.read,
            Self::agreed => &profiles.agreed,
            Self::write => &profiles.write,
            Self::change => &profiles.change,
            Self::scan | Self::documents => &profiles.scan,
        };
        statement.set_execution_profile_handle(Some(profile.clone()));
        statement.set_is_idempotent(self != Self::change);
        // The columns that answer a condition depend on whether it held.
        statement.set_use_cached_result_metadata(false);
        statement.set_page_size(if self == Self::documents { DOCUMENT_PAGE } else { KEY_PAGE });
        Ok(statement)
    }
}

/// Words behind which a statement names its table.
const BEFORE_TABLE: [&str; 3] = ["FROM ", "INTO ", "UPDATE "];

/// Writes the keyspace before the table of a statement.
///
/// The id of a prepared statement that leaves it to the connection depends on the connection, so a
/// node may not know it again (CASSANDRA-15252); Cassandra warns of such statements too.
pub(super) fn qualified(text: &str, keyspace: &str) -> String {
    for before in BEFORE_TABLE {
        if let Some((start, rest)) = text.split_once(before) {
            return format!("{start}{before}{keyspace}.{rest}");
        }
    }
    text.to_owned()
}
