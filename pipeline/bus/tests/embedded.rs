//! The promises of the bus, kept by the embedded bus on both stores, and what only it promises.

use std::sync::Arc;

use scribed_bus::conformance::{WINDOW, message};
use scribed_bus::{Bus, Config, EmbeddedBus};
use scribed_store::faulty::{Calls, PlannedFault, When};
use scribed_store::{ErrorKind, FaultyStore, MemoryStore, Store};

/// Opens a bus on a store as a daemon would.
fn bus(store: Arc<dyn Store>) -> Arc<dyn Bus> {
    Arc::new(EmbeddedBus::with_config(store, Config { window: WINDOW, ..Config::default() }))
}

mod on_memory {
    //! On the memory twin of the store.

    use std::sync::Arc;

    use scribed_bus::conformance::Bench;
    use scribed_store::{MemoryStore, Store};

    scribed_bus::bus_conformance!(async {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        Bench::new(move || super::bus(Arc::clone(&store)))
    });
}

mod on_sqlite {
    //! On the store that a daemon uses.

    use std::sync::Arc;

    use scribed_bus::conformance::Bench;
    use scribed_store::{SqliteConfig, SqliteStore};

    scribed_bus::bus_conformance!(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scribed.db");
        let open = move || {
            let store = SqliteStore::open(&path, &SqliteConfig::default()).unwrap();
            super::bus(Arc::new(store))
        };
        Bench::new(open).keeping(folder)
    });
}

/// Plans that the first call of a method fails.
fn first(method: &'static str, when: When) -> PlannedFault {
    PlannedFault { method, calls: Calls::Nth(1), when, kind: ErrorKind::Unavailable }
}

#[tokio::test]
async fn a_message_of_another_process_arrives_by_polling() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let often = Config { poll_interval_ms: 1, ..Config::default() };
    let here = EmbeddedBus::with_config(Arc::clone(&store), often);
    let elsewhere = bus(store);
    let mut consumer = here.subscribe("topic", "group").await.unwrap();
    let (delivery, published) =
        tokio::join!(consumer.next(), elsewhere.publish("topic", message(1)));
    published.unwrap();
    assert_eq!(delivery.unwrap().message, message(1));
}

#[tokio::test]
async fn a_failed_read_may_be_tried_again() {
    let store = Arc::new(FaultyStore::new(Arc::new(MemoryStore::new())));
    store.fail(first("read", When::Before));
    let bus = bus(store);
    bus.publish("topic", message(1)).await.unwrap();
    let mut consumer = bus.subscribe("topic", "group").await.unwrap();
    let failed = consumer.next().await.unwrap_err();
    assert_eq!(failed.to_string(), "cannot read topic from offset 0");
    assert_eq!(consumer.next().await.unwrap().offset, 0);
}

#[tokio::test]
async fn a_failed_commit_is_made_up_by_a_repeated_acknowledgement() {
    let inner: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let store = Arc::new(FaultyStore::new(Arc::clone(&inner)));
    store.fail(first("commit", When::Before));
    let bus = bus(store);
    bus.publish("topic", message(1)).await.unwrap();
    let mut consumer = bus.subscribe("topic", "group").await.unwrap();
    consumer.next().await.unwrap();
    assert!(consumer.ack(0, 0).await.is_err());
    assert_eq!(inner.committed("topic", "group").await.unwrap(), 0);
    consumer.ack(0, 0).await.unwrap();
    assert_eq!(inner.committed("topic", "group").await.unwrap(), 1);
}

#[tokio::test]
async fn a_lost_answer_to_a_publication_delivers_at_least_once() {
    let store = Arc::new(FaultyStore::new(Arc::new(MemoryStore::new())));
    store.fail(first("append", When::BeforeReply));
    let bus = bus(store);
    assert!(bus.publish("topic", message(1)).await.is_err());
    bus.publish("topic", message(1)).await.unwrap();
    let mut consumer = bus.subscribe("topic", "group").await.unwrap();
    for offset in 0..2 {
        let delivery = consumer.next().await.unwrap();
        assert_eq!((delivery.offset, delivery.message), (offset, message(1)));
    }
}
