//! Keyspace and schema: made once, whoever comes first, and refused when they cannot be right.

use std::error::Error as _;

use scribed_schemas::secret::Secret;
use scribed_store::cql::{Migrated, Product};
use scribed_store::{CqlConfig, CqlStore, Error, ErrorKind, Store};

use crate::pool;

/// Returns the kind of an error, and its chain as a person reads it.
fn words(error: &Error) -> (ErrorKind, String) {
    let cause = error.source().map(ToString::to_string).unwrap_or_default();
    (error.kind, format!("{error}: {cause}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hosts_that_start_together_make_the_tables_once() {
    let keyspace = format!("scribed_fresh_{}", std::process::id());
    let Some(config) = pool::config(&keyspace) else { return };
    let (one, two) = tokio::join!(CqlStore::migrate(&config), CqlStore::migrate(&config));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!((one.after, two.after), (2, 2));
    let again = CqlStore::migrate(&config).await.unwrap();
    assert_eq!(again, Migrated { before: 2, ..again });
    assert_eq!(again.product, Product::Cassandra);
    let checked = CqlConfig { migrate: false, ..config };
    let store = CqlStore::open(&checked).await.unwrap();
    store.ping().await.unwrap();
    pool::drop_keyspace(&keyspace).await;
}

#[tokio::test]
async fn a_keyspace_that_is_missing_is_not_made_unasked() {
    let Some(config) = pool::config("scribed_never_made") else { return };
    let config = CqlConfig { migrate: false, ..config };
    let (kind, words) = words(&CqlStore::open(&config).await.unwrap_err());
    assert_eq!(kind, ErrorKind::NotFound);
    assert!(words.contains("scribed_never_made") && words.contains("scribed migrate"), "{words}");
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    let Some(place) = pool::empty().await else { return };
    place.cql("INSERT INTO schema_versions (part, version) VALUES (0, 99)").await;
    let opened = CqlStore::open(&place.config()).await;
    let migrated = CqlStore::migrate(&place.config()).await;
    place.cql("DELETE FROM schema_versions WHERE part = 0 AND version = 99").await;
    for refused in [opened.unwrap_err(), migrated.unwrap_err()] {
        let (kind, words) = words(&refused);
        assert_eq!(kind, ErrorKind::Corrupt);
        assert!(words.contains("version 99") && words.contains("newer"), "{words}");
    }
    CqlStore::open(&place.config()).await.unwrap();
}

#[tokio::test]
async fn a_database_that_is_away_is_unavailable_and_no_secret_is_told() {
    // Needs no database: nobody listens on port 1.
    let config = CqlConfig {
        contact_points: vec!["127.0.0.1:1".to_owned()],
        username: "scribed".to_owned(),
        password: Secret::new("hunter2"),
        connect_timeout_ms: 500,
        ..CqlConfig::default()
    };
    let error = CqlStore::open(&config).await.unwrap_err();
    let (kind, words) = words(&error);
    assert_eq!(kind, ErrorKind::Unavailable);
    assert!(words.contains("127.0.0.1:1"), "{words}");
    assert!(!words.contains("hunter2") && !format!("{error:?}").contains("hunter2"));
}
