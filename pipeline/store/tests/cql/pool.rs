//! Empty stores for tests: a few keyspaces, made once and emptied for each test.
//!
//! Making the tables of a keyspace takes seconds, and so does TRUNCATE; deleting the few rows that a
//! test leaves behind takes milliseconds. Keyspaces stay for the next run; their name carries a number
//! made of the schema, so that another schema gets its own.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::sync::{Arc, LazyLock};
use std::time::SystemTime;

use scribed_store::{CqlConfig, CqlStore};
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::value::{CqlValue, Row};
use tokio::runtime::Runtime;
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};

/// The variable that names the database.
pub(crate) const VARIABLE: &str = "SCRIBED_TEST_CASSANDRA";
/// Keyspaces; as many tests run at a time.
const KEYSPACES: usize = 2;

/// Connections outlive the runtime of the test that made them.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
static FREE: LazyLock<[Arc<Semaphore>; KEYSPACES]> =
    LazyLock::new(|| [(); KEYSPACES].map(|()| Arc::new(Semaphore::new(1))));
static SLOTS: [OnceCell<Arc<Slot>>; KEYSPACES] = [const { OnceCell::const_new() }; KEYSPACES];
/// Which keyspace is free.
static ANY: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(KEYSPACES)));

/// A keyspace with a store in it.
#[derive(Debug)]
struct Slot {
    store: CqlStore,
    session: Session,
    config: CqlConfig,
    /// Each table with its partition key.
    tables: Vec<(String, Vec<String>)>,
}

/// An empty keyspace, for one test.
#[derive(Debug)]
pub(crate) struct Place {
    slot: Arc<Slot>,
    _permits: (OwnedSemaphorePermit, OwnedSemaphorePermit),
}

impl Place {
    /// Returns the store of another host.
    pub(crate) fn store(&self) -> Arc<CqlStore> {
        Arc::new(self.slot.store.another())
    }

    /// Returns the settings of the keyspace.
    pub(crate) fn config(&self) -> CqlConfig {
        self.slot.config.clone()
    }

    /// Runs a statement in the keyspace and returns its rows.
    pub(crate) async fn cql(&self, text: &str) -> Vec<Row> {
        rows(&self.slot.session, text).await
    }

    /// Deletes rows as if they had never been written.
    pub(crate) async fn forget(&self, table: &str, place: &str) {
        let delete = format!("DELETE FROM {table} USING TIMESTAMP {} WHERE {place}", now());
        self.cql(&delete).await;
    }

    /// Deletes all rows of a table as if they had never been written.
    pub(crate) async fn forget_all(&self, table: &str) {
        let (table, key) = self.slot.tables.iter().find(|(name, _)| name == table).unwrap();
        self.slot.clear(table, key, now()).await;
    }
}

/// Returns the nodes of the database, if there is one.
pub(crate) fn addresses() -> Option<Vec<String>> {
    let named = std::env::var(VARIABLE).ok().filter(|named| !named.is_empty())?;
    Some(named.split(',').map(str::to_owned).collect())
}

/// Returns settings for a keyspace of the database.
pub(crate) fn config(keyspace: &str) -> Option<CqlConfig> {
    let contact_points = addresses()?;
    Some(CqlConfig {
        replication_factor: u32::try_from(contact_points.len().min(3)).unwrap(),
        contact_points,
        keyspace: keyspace.to_owned(),
        // A machine that is busy with other tests is no reason to fail.
        read_timeout_ms: 20_000,
        write_timeout_ms: 20_000,
        lwt_timeout_ms: 20_000,
        ..CqlConfig::default()
    })
}

/// Runs statements one after the other, in a keyspace if there is one to name.
pub(crate) async fn run(keyspace: Option<&str>, statements: &[&str]) {
    let nodes = addresses().unwrap();
    let session = SessionBuilder::new().known_nodes(nodes).build().await.unwrap();
    if let Some(keyspace) = keyspace {
        session.use_keyspace(keyspace, false).await.unwrap();
    }
    for statement in statements {
        rows(&session, statement).await;
    }
}

/// Removes a keyspace that a test made for itself.
pub(crate) async fn drop_keyspace(keyspace: &str) {
    run(None, &[&format!("DROP KEYSPACE {keyspace}")]).await;
}

/// Returns an empty keyspace, if there is a database.
pub(crate) async fn empty() -> Option<Place> {
    addresses()?;
    let any = Arc::clone(&ANY).acquire_owned().await.unwrap();
    let (number, one) = FREE
        .iter()
        .enumerate()
        .find_map(|(i, free)| Arc::clone(free).try_acquire_owned().ok().map(|permit| (i, permit)))
        .unwrap();
    let slot = SLOTS[number]
        .get_or_init(|| async move { Arc::new(RUNTIME.spawn(open(number)).await.unwrap()) });
    let slot = Arc::clone(slot.await);
    slot.clear_all().await;
    Some(Place { slot, _permits: (one, any) })
}

/// Opens a keyspace of the pool.
async fn open(number: usize) -> Slot {
    let mut hasher = DefaultHasher::new();
    include_str!("../../../../schemas/cql/0001_first.cql").hash(&mut hasher);
    include_str!("../../../../schemas/cql/0002_api_keys.cql").hash(&mut hasher);
    include_str!("../../../../schemas/cql/0003_follow_ups.cql").hash(&mut hasher);
    let keyspace = format!("scribed_test_{:08x}_{number}", hasher.finish() >> 32);
    let config = config(&keyspace).unwrap();
    let store = CqlStore::open(&config).await.unwrap();
    let session = SessionBuilder::new().known_nodes(&config.contact_points).build().await.unwrap();
    session.use_keyspace(keyspace.as_str(), false).await.unwrap();
    let tables = tables(&session, &keyspace).await;
    Slot { store, session, config, tables }
}

/// Lists the tables that tests fill, each with its partition key.
async fn tables(session: &Session, keyspace: &str) -> Vec<(String, Vec<String>)> {
    let query = format!(
        "SELECT table_name, column_name, position, kind FROM system_schema.columns \
         WHERE keyspace_name = '{keyspace}'"
    );
    let mut tables = std::collections::BTreeMap::<String, Vec<(i32, String)>>::new();
    for row in rows(session, &query).await {
        let [table, column, position, kind] = row.columns.try_into().unwrap();
        let text = |value: Option<CqlValue>| value.unwrap().as_text().unwrap().clone();
        let (table, column) = (text(table), text(column));
        if text(kind) == "partition_key" && !table.starts_with("schema_") {
            let position = position.unwrap().as_int().unwrap();
            tables.entry(table).or_default().push((position, column));
        }
    }
    let ordered = tables.into_iter().map(|(table, mut key)| {
        key.sort();
        (table, key.into_iter().map(|(_, column)| column).collect())
    });
    ordered.collect()
}

/// Runs a statement.
async fn rows(session: &Session, text: &str) -> Vec<Row> {
    let result = session.query_unpaged(text, ()).await.unwrap();
    if !result.is_rows() {
        return Vec::new();
    }
    let result = result.into_rows_result().unwrap();
    result.rows::<Row>().unwrap().map(Result::unwrap).collect()
}

/// Returns the time as the database writes it beside each value: in microseconds.
fn now() -> u128 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_micros()
}

impl Slot {
    /// Deletes every partition of every table.
    ///
    /// With the time of before: conditional writes carry their ballot's, which may lie a millisecond
    /// back, and would be hidden by a delete of the very present.
    async fn clear_all(&self) {
        let now = now();
        for (table, key) in &self.tables {
            self.clear(table, key, now).await;
        }
    }

    /// Deletes every partition of a table.
    async fn clear(&self, table: &str, key: &[String], now: u128) {
        let query = format!("SELECT DISTINCT {} FROM {table}", key.join(", "));
        let place = key.iter().map(|column| format!("{column} = ?")).collect::<Vec<_>>();
        let place = place.join(" AND ");
        let delete = format!("DELETE FROM {table} USING TIMESTAMP {now} WHERE {place}");
        for row in rows(&self.session, &query).await {
            self.session.query_unpaged(delete.as_str(), row.columns).await.unwrap();
        }
    }
}
