//! The promises of the store, kept by SQLite.

use scribed_store::conformance::Bench;
use scribed_store::{SqliteConfig, SqliteStore};

scribed_store::store_conformance!(async {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scribed.db");
    let store = SqliteStore::open(&path, &SqliteConfig::default()).unwrap();
    Bench::keeping(store, folder)
});
