//! Records on a real cluster: whatever producers may write.

use scribed_bus::conformance::message;
use scribed_bus::{Bus, KafkaBus, Message};

use crate::settings;

#[tokio::test]
async fn every_compression_of_producers_is_read() {
    let Some(config) = settings("codecs").await else { return };
    let codecs = ["none", "gzip", "snappy", "lz4", "zstd"];
    for (number, codec) in codecs.into_iter().enumerate() {
        let mut config = config.clone();
        config.options.insert("compression.type".to_owned(), codec.into());
        let bus = KafkaBus::new(config).expect("the codec is known");
        // Long and dull enough that the client does compress it.
        let payload = vec![u8::try_from(number).unwrap(); 10_000];
        let message = Message { payload, ..message(0) };
        bus.publish("topic", message).await.expect("the brokers take it");
    }
    let bus = KafkaBus::new(config).expect("the settings are right");
    let mut consumer = bus.subscribe("topic", "group").await.expect("the topic is there");
    for number in 0..codecs.len() {
        let delivery = consumer.next().await.expect("it delivers");
        let payload = delivery.message.payload;
        assert_eq!((payload.len(), usize::from(payload[0])), (10_000, number));
        consumer.ack(delivery.partition, delivery.offset).await.expect("it is a member");
    }
}

#[tokio::test]
async fn a_large_message_arrives_and_one_too_large_is_refused() {
    let Some(config) = settings("large").await else { return };
    let bus = KafkaBus::new(config).expect("the settings are right");
    let sized = |bytes| Message { payload: vec![7; bytes], ..message(0) };
    bus.publish("topic", sized(3_000_000)).await.expect_err("it is over the client's limit");
    bus.publish("topic", sized(900_000)).await.expect("the brokers take it");
    let mut consumer = bus.subscribe("topic", "group").await.expect("the topic is there");
    let delivery = consumer.next().await.expect("it delivers");
    assert_eq!((delivery.offset, delivery.message.payload.len()), (0, 900_000));
}

#[tokio::test]
async fn who_looks_on_sees_everything_and_moves_nothing() {
    let Some(config) = settings("looking").await else { return };
    let bus = KafkaBus::new(config).expect("the settings are right");
    for number in 0..5 {
        bus.publish("many", message(number)).await.expect("the brokers take it");
    }
    let mut consumer = bus.subscribe("many", "group").await.expect("the topic is there");
    let first = consumer.next().await.expect("it delivers");
    consumer.ack(first.partition, first.offset).await.expect("it is a member");
    drop(consumer);
    for _ in 0..2 {
        let records = bus.records("many").await.expect("it can be read");
        assert_eq!(records.len(), 5);
        assert!(records.contains(&first));
        let positions = bus.positions("many", "group").await.expect("it can be asked");
        assert_eq!(positions.iter().map(|position| position.end).sum::<i64>(), 5);
        let committed = positions.iter().filter_map(|at| Some((at.partition, at.committed?)));
        assert_eq!(committed.collect::<Vec<_>>(), [(first.partition, first.offset + 1)]);
    }
}
