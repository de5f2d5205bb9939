//! Encrypted connections: whom the store trusts.
//!
//! The certificates are those of `tests/services/cassandra up --tls`, whose port takes TLS as well as
//! plain connections.

use std::path::PathBuf;

use scribed_store::cql::Tls;
use scribed_store::{CqlConfig, CqlStore, ErrorKind, Store};

use super::pool;

/// Returns the settings of a keyspace of the pool with encryption, if the database offers it.
fn encrypted(config: CqlConfig, authority: &str) -> Option<CqlConfig> {
    let folder = std::env::var("SCRIBED_TEST_CASSANDRA_CERTIFICATES").ok()?;
    let ca_file = PathBuf::from(folder).join(authority);
    Some(CqlConfig { tls: Some(Tls { ca_file, ..Tls::default() }), ..config })
}

#[tokio::test]
async fn a_database_that_our_authority_vouches_for_is_used_over_tls() {
    let Some(place) = pool::empty().await else { return };
    let Some(config) = encrypted(place.config(), "ca.pem") else { return };
    let store = CqlStore::open(&config).await.expect("it is trusted");
    store.ping().await.expect("it can be read and written");
}

#[tokio::test]
async fn a_database_that_a_stranger_vouches_for_is_refused() {
    let Some(place) = pool::empty().await else { return };
    let Some(config) = encrypted(place.config(), "stranger-ca.pem") else { return };
    let refused = CqlStore::open(&config).await.expect_err("it is not trusted");
    assert_eq!(refused.kind, ErrorKind::Unavailable, "{refused:?}");
}
