//! Faults of brokers, planned.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use scribed_bus::conformance::message;
use scribed_bus::kafka::Config;
use scribed_bus::{Bus, Consumer, KafkaBus};

use super::cluster;

/// A cluster of one broker with the topic `topic`, and a bus on it.
struct Faulty {
    cluster: MockCluster<'static, DefaultProducerContext>,
    config: Config,
    bus: Arc<KafkaBus>,
}

impl Faulty {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Config)) -> Self {
        let cluster = MockCluster::new(1).expect("a mock needs memory and a port only");
        cluster.create_topic("topic", 1, 1).expect("the topic is new");
        let mut config = Config {
            brokers: vec![cluster.bootstrap_servers()],
            options: cluster::quick(),
            answer_timeout_ms: 1_000,
            ..Config::default()
        };
        change(&mut config);
        let bus = Arc::new(KafkaBus::new(config.clone()).expect("the settings are right"));
        Self { cluster, config, bus }
    }

    fn join(&self) -> impl Future<Output = Box<dyn Consumer>> + Send + use<> {
        let bus = Arc::clone(&self.bus);
        async move { bus.subscribe("topic", "group").await.expect("the topic is there") }
    }

    /// Waits until the group's offset is `offset`; it must never be past it.
    fn committed(&self, offset: i64) -> impl Future<Output = ()> + Send + use<> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.cluster.bootstrap_servers()).set("group.id", "group");
        let look = move || {
            let client: BaseConsumer = config.create().expect("the settings are right");
            loop {
                let mut list = TopicPartitionList::new();
                list.add_partition("topic", 0);
                let found = client.committed_offsets(list, Duration::from_secs(5));
                match found.map(|list| list.elements()[0].offset()) {
                    Ok(Offset::Offset(found)) if found == offset => return,
                    Ok(Offset::Offset(found)) => assert!(found < offset, "{found}"),
                    _ => {}
                }
            }
        };
        async { tokio::task::spawn_blocking(look).await.expect("the offset is not past it") }
    }
}

#[tokio::test]
async fn a_missing_topic_is_named_with_the_command_that_makes_it() {
    let faulty = Faulty::with(|config| {
        config.topics.insert("scribed.uploads".to_owned(), "team.uploads".to_owned());
    });
    let refused = faulty.bus.subscribe("scribed.uploads", "group").await.unwrap_err().to_string();
    let brokers = &faulty.config.brokers[0];
    for expected in [
        "topic team.uploads",
        &format!("kafka-topics.sh --bootstrap-server {brokers} --create --topic team.uploads"),
    ] {
        assert!(refused.contains(expected), "{refused}");
    }
    faulty.bus.check_topics(&["topic"]).await.expect("this one is there");
    assert!(faulty.bus.check_topics(&["topic", "scribed.uploads"]).await.is_err());
}

#[tokio::test]
async fn brokers_that_do_not_answer_are_an_error_and_not_a_missing_topic() {
    let config = Config {
        brokers: vec!["127.0.0.1:1".to_owned()],
        answer_timeout_ms: 500,
        ..Config::default()
    };
    let bus = KafkaBus::new(config).expect("the settings are right");
    let failed = bus.subscribe("topic", "group").await.unwrap_err();
    assert_eq!(failed.to_string(), "cannot ask Kafka about topic topic");
    let cause = std::error::Error::source(&failed).expect("the client says why").to_string();
    assert!(cause.contains("refused"), "{cause}");
}

#[tokio::test]
async fn a_publication_waits_for_a_broker_that_is_away() {
    let faulty = Faulty::new();
    faulty.bus.publish("topic", message(0)).await.expect("the broker is there");
    faulty.cluster.broker_down(1).expect("there is one");
    let bus = Arc::clone(&faulty.bus);
    let waiting = tokio::spawn(async move { bus.publish("topic", message(1)).await });
    // The client has noticed when it cannot even ask.
    while faulty.bus.check_topics(&["topic"]).await.is_ok() {}
    assert!(!waiting.is_finished());
    faulty.cluster.broker_up(1).expect("there is one");
    waiting.await.expect("it does not panic").expect("the broker is back");
    let mut consumer = faulty.join().await;
    for offset in 0..2 {
        assert_eq!(consumer.next().await.expect("it delivers").offset, offset);
    }
}

#[tokio::test]
async fn a_refused_publication_is_an_error_that_names_the_topic() {
    let faulty = Faulty::with(|config| {
        config.options.insert("message.timeout.ms".to_owned(), "500".into());
    });
    faulty.cluster.broker_down(1).expect("there is one");
    let failed = faulty.bus.publish("topic", message(0)).await.unwrap_err();
    assert_eq!(failed.to_string(), "cannot publish to topic");
}

#[tokio::test]
async fn a_producer_that_met_a_fatal_error_is_replaced() {
    let faulty = Faulty::new();
    let fatal = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED];
    faulty.cluster.request_errors(RDKafkaApiKey::InitProducerId, &fatal);
    faulty.bus.publish("topic", message(0)).await.expect_err("it may not publish");
    faulty.bus.publish("topic", message(1)).await.expect("now it may");
}

#[tokio::test]
async fn a_failed_commit_is_repeated() {
    let faulty = Faulty::new();
    faulty.bus.publish("topic", message(0)).await.expect("the broker is there");
    let mut consumer = faulty.join().await;
    let delivery = consumer.next().await.expect("it delivers");
    // Not one that the client itself would try again.
    let refusal = RDKafkaRespErr::RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE;
    faulty.cluster.request_errors(RDKafkaApiKey::OffsetCommit, &[refusal; 2]);
    consumer.ack(delivery.partition, delivery.offset).await.expect("it is ours");
    faulty.committed(1).await;
}

#[tokio::test]
async fn an_acknowledgement_is_committed_without_another_call() {
    let faulty = Faulty::new();
    for number in 0..3 {
        faulty.bus.publish("topic", message(number)).await.expect("the broker is there");
    }
    let mut consumer = faulty.join().await;
    for _ in 0..3 {
        consumer.next().await.expect("it delivers");
    }
    consumer.ack(0, 1).await.expect("it is ours");
    consumer.ack(0, 0).await.expect("it is ours");
    faulty.committed(2).await;
}

#[tokio::test]
async fn a_member_whose_name_another_took_is_told_and_joins_again() {
    let faulty = Faulty::with(|config| config.host_id = Some("asr-1".to_owned()));
    faulty.bus.publish("topic", message(0)).await.expect("the broker is there");
    let mut consumer = faulty.join().await;
    consumer.next().await.expect("it delivers");
    let fenced = RDKafkaRespErr::RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID;
    faulty.cluster.request_errors(RDKafkaApiKey::Heartbeat, &[fenced]);
    let over = consumer.next().await.unwrap_err().to_string();
    assert!(over.starts_with("cannot stay in group group of topic: "), "{over}");
    assert!(consumer.ack(0, 0).await.is_err(), "nobody would commit it");
    drop(consumer);
    let mut consumer = faulty.join().await;
    assert_eq!(consumer.next().await.expect("it delivers").offset, 0, "it comes again");
}

#[tokio::test]
async fn a_consumer_outlives_a_broker_that_goes_and_comes() {
    let faulty = Faulty::new();
    let mut consumer = faulty.join().await;
    faulty.bus.publish("topic", message(0)).await.expect("the broker is there");
    assert_eq!(consumer.next().await.expect("it delivers").offset, 0);
    faulty.cluster.broker_down(1).expect("there is one");
    consumer.ack(0, 0).await.expect("it waits for the broker");
    while faulty.bus.check_topics(&["topic"]).await.is_ok() {}
    faulty.cluster.broker_up(1).expect("there is one");
    faulty.bus.publish("topic", message(1)).await.expect("the broker is back");
    assert_eq!(consumer.next().await.expect("it delivers").offset, 1);
    faulty.committed(1).await;
}

#[tokio::test]
async fn a_consumer_can_be_dropped_while_the_brokers_are_away() {
    let faulty = Faulty::new();
    faulty.bus.publish("topic", message(0)).await.expect("the broker is there");
    let mut consumer = faulty.join().await;
    consumer.next().await.expect("it delivers");
    faulty.cluster.broker_down(1).expect("there is one");
    consumer.ack(0, 0).await.expect("it waits for the broker");
    drop(consumer);
}
