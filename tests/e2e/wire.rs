//! The bus as producers and other programs have it: messages byte for byte.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use scribed_bus::{Bus, Delivery, EmbeddedBus, KafkaBus, KafkaConfig, Message};
use scribed_schemas::event::{DEAD_LETTERS, STATES, UPLOADS};
use scribed_schemas::time::Timestamp;
use scribed_store::{SqliteConfig, SqliteStore};
use scribed_tests::{Cluster, Daemon};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// A bus, to be used from a test's own thread.
pub(crate) struct Wire {
    runtime: Runtime,
    bus: Arc<dyn Bus>,
}

impl Wire {
    /// Opens the Kafka of a cluster.
    #[track_caller]
    pub(crate) fn of_cluster(cluster: &Cluster) -> Self {
        let text = std::fs::read_to_string(cluster.config()).unwrap();
        let config: toml::Table = text.parse().unwrap();
        let kafka: KafkaConfig = config["bus"]["kafka"].clone().try_into().unwrap();
        let runtime = Runtime::new().unwrap();
        let bus = runtime.block_on(async { KafkaBus::new(kafka) }).unwrap();
        Self { runtime, bus: Arc::new(bus) }
    }

    /// Opens the queue in the database of a daemon.
    #[track_caller]
    pub(crate) fn of_daemon(daemon: &Daemon) -> Self {
        let file = daemon.state().join("scribed.db");
        let store = SqliteStore::open(&file, &SqliteConfig::default()).unwrap();
        let bus = Arc::new(EmbeddedBus::new(Arc::new(store)));
        Self { runtime: Runtime::new().unwrap(), bus }
    }

    /// Sends to the topic of uploads; durable when it returns.
    #[track_caller]
    pub(crate) fn send(&self, key: impl Into<Vec<u8>>, payload: impl Into<Vec<u8>>) {
        self.publish(("trace", &[0xfe, 0]), key.into(), payload.into());
    }

    /// Sends as [`send`](Self::send) does, within a trace.
    #[track_caller]
    pub(crate) fn send_within(&self, trace: &str, key: &str, payload: String) {
        self.publish(("traceparent", trace.as_bytes()), key.into(), payload.into());
    }

    #[track_caller]
    fn publish(&self, (name, value): (&str, &[u8]), key: Vec<u8>, payload: Vec<u8>) {
        let headers = vec![(name.to_owned(), value.to_vec())];
        let message = Message { key, headers, payload, at: now() };
        self.runtime.block_on(self.bus.publish(UPLOADS, message)).unwrap();
    }

    /// Returns what stands in a topic now.
    #[track_caller]
    pub(crate) fn all(&self, topic: &str) -> Vec<Delivery> {
        self.runtime.block_on(async {
            let mut browser = self.bus.browse(topic).await.unwrap();
            let mut all = Vec::new();
            while let Some(delivery) = browser.next().await.unwrap() {
                all.push(delivery);
            }
            all
        })
    }

    /// Returns the dead letters.
    #[track_caller]
    pub(crate) fn letters(&self) -> Vec<Delivery> {
        self.all(DEAD_LETTERS)
    }

    /// Returns the ids of the events whose jobs have ended, each once.
    #[track_caller]
    pub(crate) fn ended(&self) -> std::collections::BTreeSet<String> {
        let id = |delivery: Delivery| {
            let state: Value = serde_json::from_slice(&delivery.message.payload).unwrap();
            state["upload"].as_str().map(str::to_owned)
        };
        self.all(STATES).into_iter().filter_map(id).collect()
    }
}

/// Makes an upload event with its recording in it.
pub(crate) fn event(id: &str, owner: &str, recording: &[u8]) -> Value {
    let data = BASE64_STANDARD.encode(recording);
    json!({"schema": "scribed.upload/1", "id": id, "owner": owner, "media": {"data": data}})
}

/// Returns a header of a message as text.
#[track_caller]
pub(crate) fn header<'a>(message: &'a Message, name: &str) -> &'a str {
    let found = message.headers.iter().find(|(known, _)| known == name);
    let (_, value) = found.unwrap_or_else(|| panic!("{name} is missing: {message:?}"));
    std::str::from_utf8(value).unwrap()
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp(i64::try_from(since.as_micros()).unwrap())
}
