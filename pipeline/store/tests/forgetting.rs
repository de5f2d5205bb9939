//! What the embedded store and its memory twin forget: logins and API keys that are long over.
#![expect(clippy::unwrap_used, reason = "the steps that tests share stop at the first surprise")]

use scribed_schemas::api_key::{ApiKey, Scopes};
use scribed_schemas::id::{AccountId, ApiKeyId};
use scribed_schemas::time::Timestamp;
use scribed_store::conformance::{at, family};
use scribed_store::{KEPT_AFTER_END, MemoryStore, RefreshFamily, SqliteConfig, SqliteStore, Store};

/// Returns an API key that ends at second 1,000, if it does, and was made at an instant.
fn key(number: i64, account: i64, ends: bool, created: Timestamp) -> ApiKey {
    ApiKey {
        id: ApiKeyId(number),
        account: AccountId(account),
        hash: format!("hash-{number}"),
        label: "a program".to_owned(),
        scopes: Scopes::all(),
        created,
        expires: ends.then(|| at(1_000)),
        revoked: None,
    }
}

/// Checks that a key that is over stays for some days, and is gone with the next one after those.
async fn check_keys(store: &dyn Store) {
    for (number, account, ends) in [(1, 1, true), (2, 1, false), (3, 2, true)] {
        store.create_api_key(key(number, account, ends, at(1))).await.unwrap();
    }
    let keys = async || {
        let mut ids = Vec::new();
        for account in [1, 2] {
            ids.extend(store.api_keys(AccountId(account), None, 9).await.unwrap());
        }
        ids.iter().map(|key| key.id.0).collect::<Vec<_>>()
    };
    let forgotten = at(1_000).plus(KEPT_AFTER_END);
    store.create_api_key(key(4, 1, false, Timestamp(forgotten.0 - 1))).await.unwrap();
    assert_eq!(keys().await, [1, 2, 4, 3]);
    store.create_api_key(key(5, 1, false, forgotten)).await.unwrap();
    assert_eq!(keys().await, [2, 4, 5, 3], "another account's stays until that one has a new one");
    assert_eq!(store.api_key("hash-1").await.unwrap(), None);
}

#[tokio::test]
async fn an_api_key_that_is_long_over_goes_with_the_next_one() {
    check_keys(&MemoryStore::new()).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scribed.db");
    check_keys(&SqliteStore::open(&path, &SqliteConfig::default()).unwrap()).await;
}

#[tokio::test]
async fn a_login_that_is_long_over_goes_with_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scribed.db");
    let store = SqliteStore::open(&path, &SqliteConfig::default()).unwrap();
    let forgotten = at(1_000).plus(KEPT_AFTER_END);
    let login = |id: &str, account, opened: Timestamp| RefreshFamily {
        opened,
        expires: opened.plus(std::time::Duration::from_secs(999)),
        ..family(id, account)
    };
    let stored = || {
        let db = rusqlite::Connection::open(&path).unwrap();
        let mut ids = db.prepare("SELECT id FROM refresh_families ORDER BY id").unwrap();
        let ids = ids.query_map((), |row| row.get::<_, String>(0)).unwrap();
        ids.map(Result::unwrap).collect::<String>()
    };
    for (id, account) in [("a", 1), ("b", 2)] {
        store.open_refresh_family(login(id, account, at(1))).await.unwrap();
    }
    store.open_refresh_family(login("c", 1, Timestamp(forgotten.0 - 1))).await.unwrap();
    assert_eq!(stored(), "abc");
    store.open_refresh_family(login("d", 1, forgotten)).await.unwrap();
    assert_eq!(stored(), "bcd");
}
