//! Keyspace and schema: made once, whoever comes first, and refused when they cannot be right.

use std::error::Error as _;

use scribed_schemas::id::JobId;
use scribed_schemas::job::{Awaits, JobState};
use scribed_schemas::secret::Secret;
use scribed_store::conformance::{at, claim_at};
use scribed_store::cql::{Migrated, Product};
use scribed_store::{AccountChange, CqlConfig, CqlStore, Error, ErrorKind, Outcome, Store};

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
    assert_eq!((one.after, two.after), (3, 3));
    let again = CqlStore::migrate(&config).await.unwrap();
    assert_eq!(again, Migrated { before: 3, ..again });
    assert_eq!(again.product, Product::Cassandra);
    let checked = CqlConfig { migrate: false, ..config };
    let store = CqlStore::open(&checked).await.unwrap();
    store.ping().await.unwrap();
    pool::drop_keyspace(&keyspace).await;
}

/// The migrations up to the second, as statements.
fn first_two() -> Vec<String> {
    let both = [
        include_str!("../../../../schemas/cql/0001_first.cql"),
        include_str!("../../../../schemas/cql/0002_api_keys.cql"),
    ];
    let without_comments = both.concat();
    let lines = without_comments.lines().map(|line| line.split("--").next().unwrap());
    let text = lines.collect::<Vec<_>>().join("\n");
    let statements = text.split(';').map(str::trim).filter(|statement| !statement.is_empty());
    statements.map(str::to_owned).collect()
}

/// What a host left that died in the third migration, and rows of a program that did not know it.
const HALF_WAY: [&str; 9] = [
    "CREATE TABLE schema_versions (part tinyint, version int, PRIMARY KEY (part, version))",
    "CREATE TABLE schema_locks (name text PRIMARY KEY, holder uuid)",
    "INSERT INTO schema_versions (part, version) VALUES (0, 1)",
    "INSERT INTO schema_versions (part, version) VALUES (0, 2)",
    "ALTER TABLE accounts ADD holds_jobs boolean",
    "ALTER TABLE jobs ADD awaits text static",
    "INSERT INTO accounts (id, username, password_hash, role, active, can_interact, password_epoch, \
     created, updated, op) VALUES (1, 'anna', '$argon2id$', 'user', true, true, 0, 5, 5, uuid())",
    "INSERT INTO jobs (id, owner, name, pipeline, options, priority, state, error_count, warnings, \
     progress_frames, ready_chunks, stored_end, chunk_limit_secs, description, fence, not_before, \
     created, updated, op) VALUES (7, 1, 'a talk', 'default', '{}', 1, 'queued', 0, '[]', 0, 0, 0, 30, \
     '', 0, 0, 5, 5, uuid())",
    "INSERT INTO account_names (username, account, op) VALUES ('anna', 1, uuid())",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_that_broke_off_is_completed_and_what_was_there_stays() {
    let keyspace = format!("scribed_half_{}", std::process::id());
    let Some(config) = pool::config(&keyspace) else { return };
    let nodes = config.replication_factor;
    let make = format!(
        "CREATE KEYSPACE {keyspace} WITH replication = \
         {{'class': 'SimpleStrategy', 'replication_factor': {nodes}}}"
    );
    pool::run(None, &[&make]).await;
    let tables = first_two();
    let tables: Vec<&str> = tables.iter().map(String::as_str).collect();
    pool::run(Some(&keyspace), &[&tables[..], &HALF_WAY].concat()).await;

    let unasked = CqlConfig { migrate: false, ..config.clone() };
    let (kind, words) = words(&CqlStore::open(&unasked).await.unwrap_err());
    assert!(kind == ErrorKind::Corrupt && words.contains("version 2"), "{words}");
    let (one, two) = tokio::join!(CqlStore::migrate(&config), CqlStore::migrate(&config));
    assert_eq!((one.unwrap().after, two.unwrap().after), (3, 3));

    let store = CqlStore::open(&unasked).await.unwrap();
    let account = store.account_by_name("anna").await.unwrap().unwrap();
    assert!(!account.holds_jobs);
    let job = store.job(JobId(7)).await.unwrap().unwrap();
    assert_eq!((job.awaits, &job.follow_up), (Awaits::default(), &None));
    let claimed = store.claim_job(job.id, claim_at(10)).await.unwrap().unwrap();
    let done = store.finish(job.id, claimed.fence, Outcome::Completed, at(20)).await.unwrap();
    assert_eq!((done.state, done.follow_up), (JobState::Completed, None));
    let change = AccountChange { holds_jobs: Some(true), ..AccountChange::default() };
    assert!(store.update_account(account.id, change, at(21)).await.unwrap().holds_jobs);
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
