//! Mock clusters that live as long as the process.

use std::collections::BTreeMap;

use rdkafka::mocking::MockCluster;
use scribed_bus::kafka::config::OptionValue;

/// Returns options for short tests: a rebalance of the mock takes the session timeout but one second.
pub(crate) fn quick() -> BTreeMap<String, OptionValue> {
    let options = [
        ("session.timeout.ms", "5000"),
        ("heartbeat.interval.ms", "500"),
        ("reconnect.backoff.max.ms", "200"),
    ];
    options.map(|(name, value)| (name.to_owned(), value.into())).into()
}

/// Starts a cluster of one broker with topics named `PREFIX.NAME`, and returns its address.
pub(crate) fn with_topics(prefix: &str, topics: &[(&str, i32)]) -> String {
    let cluster = MockCluster::new(1).expect("a mock needs memory and a port only");
    for (name, partitions) in topics {
        let made = cluster.create_topic(&format!("{prefix}.{name}"), *partitions, 1);
        made.expect("the topic is new");
    }
    let brokers = cluster.bootstrap_servers();
    // Its handle is bound to this thread, the brokers are not: they stay until the process ends.
    std::mem::forget(cluster);
    brokers
}
