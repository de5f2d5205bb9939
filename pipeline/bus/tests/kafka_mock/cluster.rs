//! Mock clusters that live as long as the process.

use rdkafka::mocking::MockCluster;

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
