//! The promises of the bus, kept by the Kafka bus on the mock cluster of librdkafka, and what it does
//! when brokers misbehave.

use std::future::{Ready, ready};
use std::sync::Arc;
use std::time::Duration;

use scribed_bus::conformance::{Bench, TOPICS, WINDOW};
use scribed_bus::kafka::Config;
use scribed_bus::{Bus, KafkaBus};

mod kafka_mock {
    pub(crate) mod cluster;
    pub(crate) mod faults;
    pub(crate) mod raw;
}

use kafka_mock::cluster;

/// Opens a bench on topics and groups of its own.
fn open(promise: &'static str) -> Ready<Option<Bench>> {
    let brokers = cluster::with_topics(promise, &TOPICS);
    let names = |ours: &[&str]| {
        ours.iter().map(|name| ((*name).to_owned(), format!("{promise}.{name}"))).collect()
    };
    let config = Config {
        brokers: vec![brokers],
        window: WINDOW,
        topics: names(&["topic", "another", "many"]),
        groups: names(&["group", "one", "two", "late"]),
        options: cluster::quick(),
        ..Config::default()
    };
    let restart = move || -> Arc<dyn Bus> {
        Arc::new(KafkaBus::new(config.clone()).expect("the settings are right"))
    };
    ready(Some(Bench::new(restart).with_patience(Duration::from_millis(500))))
}

scribed_bus::bus_conformance_together!(open);
