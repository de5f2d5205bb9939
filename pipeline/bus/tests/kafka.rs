//! The promises of the bus, kept by the Kafka bus on a real cluster, and what only such a one shows.
//!
//! `SCRIBED_TEST_KAFKA` names its brokers, such as `127.0.0.1:19092`; without it all is skipped.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use scribed_bus::conformance::{Bench, TOPICS, WINDOW};
use scribed_bus::kafka::Config;
use scribed_bus::{Bus, KafkaBus};

mod kafka {
    pub(crate) mod members;
    pub(crate) mod records;
    pub(crate) mod security;
}

/// The cluster, if there is one.
static BROKERS: LazyLock<Option<Vec<String>>> = LazyLock::new(|| {
    let brokers = std::env::var("SCRIBED_TEST_KAFKA").ok().filter(|text| !text.is_empty());
    brokers.map(|text| text.split(',').map(str::to_owned).collect())
});

/// Begins the names of this run's topics and groups; no other run's begin so.
static RUN: LazyLock<String> = LazyLock::new(|| {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    format!("bus-{}-{}", since.as_millis(), std::process::id())
});

/// Returns settings with topics and groups of one test's own, which are made; none without a cluster.
pub(crate) async fn settings(test: &str) -> Option<Config> {
    let brokers = BROKERS.clone()?;
    let names = |ours: &[&str]| -> BTreeMap<String, String> {
        ours.iter().map(|name| ((*name).to_owned(), format!("{}.{test}.{name}", *RUN))).collect()
    };
    let config = Config {
        brokers,
        window: WINDOW,
        topics: names(&TOPICS.map(|(name, _)| name)),
        groups: names(&["group", "one", "two", "late"]),
        answer_timeout_ms: 60_000,
        ..Config::default()
    };
    let bus = KafkaBus::new(config.clone()).expect("the settings are right");
    for (topic, partitions) in TOPICS {
        let made = bus.create_topics(&[topic], partitions, 1).await.expect("the brokers make it");
        assert_eq!(made, [config.topics[topic].as_str()]);
        assert!(bus.create_topics(&[topic], 9, 1).await.expect("it is there").is_empty());
        // Each broker hears of it in its own time.
        while bus.check_topics(&[topic]).await.is_err() {}
    }
    Some(config)
}

async fn open(promise: &'static str) -> Option<Bench> {
    let config = settings(promise).await?;
    let restart = move || -> Arc<dyn Bus> {
        Arc::new(KafkaBus::new(config.clone()).expect("the settings are right"))
    };
    Some(Bench::new(restart).with_patience(Duration::from_secs(1)))
}

scribed_bus::bus_conformance_together!(open);

#[test]
fn the_suite_has_a_cluster_or_says_that_it_is_skipped() {
    if BROKERS.is_none() {
        // Not by `eprintln!`, which the test harness would keep to itself.
        let line = "SKIPPED suite kafka: SCRIBED_TEST_KAFKA is not set\n";
        std::io::stderr().write_all(line.as_bytes()).expect("there is a standard error");
    }
}
