//! The promises of the bus, kept by the Kafka bus on the mock cluster of librdkafka, and what it does
//! when brokers misbehave.

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
async fn open(promise: &'static str) -> Option<Bench> {
    let brokers = cluster::with_topics(promise, &TOPICS);
    let names = |ours: &[&str]| {
        ours.iter().map(|name| ((*name).to_owned(), format!("{promise}.{name}"))).collect()
    };
    let config = Config {
        brokers: vec![brokers],
        window: WINDOW,
        topics: names(&["topic", "another", "many"]),
        groups: names(&["group", "one", "two", "late"]),
        // A rebalance of the mock takes the session timeout but one second.
        options: [("session.timeout.ms", "5000"), ("heartbeat.interval.ms", "500")]
            .map(|(name, value)| (name.to_owned(), value.into()))
            .into(),
        ..Config::default()
    };
    let restart = move || -> Arc<dyn Bus> { Arc::new(KafkaBus::new(config.clone()).unwrap()) };
    Some(Bench::new(restart).with_patience(Duration::from_millis(500)))
}

scribed_bus::bus_conformance_together!(open);
