//! Members on a real cluster: who has what, and for how long.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};
use scribed_bus::conformance::message;
use scribed_bus::kafka::Config;
use scribed_bus::{Bus, Consumer, Delivery, KafkaBus, Message};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::settings;

/// How long a question to the brokers may take.
const ANSWER: Duration = Duration::from_secs(30);

fn bus(config: &Config) -> Arc<KafkaBus> {
    Arc::new(KafkaBus::new(config.clone()).expect("the settings are right"))
}

fn on_host(config: &Config, host: &str) -> Arc<KafkaBus> {
    bus(&Config { host_id: Some(host.to_owned()), ..config.clone() })
}

/// A message whose key sends it to one of the partitions.
fn keyed(number: u32) -> Message {
    let key = format!("key {}", number % 17).into_bytes();
    Message { key, payload: number.to_be_bytes().to_vec(), ..message(0) }
}

async fn publish(bus: &KafkaBus, numbers: std::ops::Range<u32>) {
    for number in numbers {
        bus.publish("many", keyed(number)).await.expect("the brokers are there");
    }
}

async fn ack(consumer: &mut Box<dyn Consumer>, delivery: &Delivery) {
    consumer.ack(delivery.partition, delivery.offset).await.expect("it is a member");
}

/// A bare client, to ask the brokers what they know.
fn client(config: &Config, group: &str, options: &[(&str, &str)]) -> BaseConsumer {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", config.brokers.join(",")).set("group.id", group);
    for (name, value) in options {
        client.set(*name, *value);
    }
    client.create().expect("the settings are right")
}

/// Returns the names that the brokers gave to the members of a group.
fn members(client: &BaseConsumer, group: &str) -> BTreeSet<String> {
    let list = client.fetch_group_list(Some(group), ANSWER).expect("the brokers answer");
    let groups = list.groups().iter();
    groups.flat_map(|group| group.members().iter().map(|m| m.id().to_owned())).collect()
}

/// Returns where a group stands in the partitions of its topic; 0 where it has committed nothing.
fn committed(client: &BaseConsumer, topic: &str) -> Vec<i64> {
    let mut list = TopicPartitionList::new();
    list.add_partition_range(topic, 0, 2);
    let found = client.committed_offsets(list, ANSWER).expect("the brokers answer");
    let offset = |offset| if let Offset::Offset(offset) = offset { offset } else { 0 };
    found.elements().iter().map(|element| offset(element.offset())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_works_longer_than_the_poll_interval_is_not_evicted() {
    let Some(mut config) = settings("long_job").await else { return };
    let limits = [("max.poll.interval.ms", "6000"), ("session.timeout.ms", "6000")];
    let set = limits.map(|(name, value)| (name.to_owned(), value.into()));
    config.options.extend(set);
    let bus = bus(&config);
    bus.publish("topic", message(0)).await.expect("the brokers are there");
    let mut consumer = bus.subscribe("topic", "group").await.expect("the topic is there");
    let held = consumer.next().await.expect("it delivers");

    // The witness has the same limits, joins after the delivery, and then polls no more.
    let (topic, ours) = (config.topics["topic"].clone(), config.groups["group"].clone());
    let theirs = format!("{ours}.witness");
    let (before, after) = tokio::task::spawn_blocking({
        let (ours, config) = (ours.clone(), config.clone());
        move || {
            let asking = client(&config, &ours, &[]);
            let before = members(&asking, &ours);
            let witness = client(&config, &theirs, &limits);
            witness.subscribe(&[&topic]).expect("the topic is there");
            while witness.assignment().expect("it is subscribed").count() == 0 {
                drop(witness.poll(Duration::from_millis(100)));
            }
            while !members(&asking, &theirs).is_empty() {}
            (before, members(&asking, &ours))
        }
    })
    .await
    .expect("the brokers answer");
    assert_eq!((before.len(), &after), (1, &before), "the witness was evicted, the member was not");

    ack(&mut consumer, &held).await;
    bus.publish("topic", message(1)).await.expect("the brokers are there");
    assert_eq!(consumer.next().await.expect("it delivers").offset, 1, "nothing comes again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_static_member_that_restarts_gets_its_partitions_back() {
    let Some(config) = settings("restart").await else { return };
    let (one, two) = (on_host(&config, "one"), on_host(&config, "two"));
    let mut first = one.subscribe("many", "group").await.expect("the topic is there");
    let mut second = two.subscribe("many", "group").await.expect("the topic is there");
    // Both have partitions once each has been given a message.
    let (mut firsts, mut seconds) = (BTreeMap::new(), BTreeMap::new());
    let mut number = 0;
    while firsts.is_empty() || seconds.is_empty() || firsts.len() + seconds.len() < 3 {
        publish(&one, number..number + 17).await;
        number += 17;
        for _ in 0..17 {
            let (consumer, ours, theirs, delivery) = tokio::select! {
                delivery = first.next() => (&mut first, &mut firsts, &mut seconds, delivery),
                delivery = second.next() => (&mut second, &mut seconds, &mut firsts, delivery),
            };
            let delivery = delivery.expect("it delivers");
            ack(consumer, &delivery).await;
            theirs.remove(&delivery.partition);
            ours.insert(delivery.partition, delivery.offset);
        }
    }
    drop((first, one));
    publish(&two, number..number + 17).await;
    let one = on_host(&config, "one");
    let mut first = one.subscribe("many", "group").await.expect("the topic is there");
    let mut again = BTreeSet::new();
    for _ in 0..17 {
        let (consumer, owners, others, delivery) = tokio::select! {
            delivery = first.next() => (&mut first, &firsts, &seconds, delivery),
            delivery = second.next() => (&mut second, &seconds, &firsts, delivery),
        };
        let delivery = delivery.expect("it delivers");
        assert!(owners.contains_key(&delivery.partition), "{delivery:?} {owners:?} {others:?}");
        ack(consumer, &delivery).await;
        again.insert(delivery.message.payload);
    }
    assert_eq!(again.len(), 17);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hosts_of_one_name_are_told_apart() {
    let Some(config) = settings("same_name").await else { return };
    let (one, two) = (on_host(&config, "one"), on_host(&config, "one"));
    one.publish("topic", message(0)).await.expect("the brokers are there");
    let mut first = one.subscribe("topic", "group").await.expect("the topic is there");
    first.next().await.expect("it delivers");
    let mut second = two.subscribe("topic", "group").await.expect("the topic is there");
    second.next().await.expect("the newcomer has the partition");
    let over = first.next().await.unwrap_err().to_string();
    assert!(over.starts_with("cannot stay in group group of topic: "), "{over}");
    ack(&mut second, &second_delivery(0)).await;
}

fn second_delivery(offset: i64) -> Delivery {
    Delivery { topic: "topic".to_owned(), partition: 0, offset, message: message(0) }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newer_group_protocol_keeps_the_promises_too() {
    let Some(mut config) = settings("kip_848").await else { return };
    config.options.insert("group.protocol".to_owned(), "consumer".into());
    let bus = bus(&config);
    for number in 0..3 {
        bus.publish("topic", message(number)).await.expect("the brokers are there");
    }
    let mut consumer = bus.subscribe("topic", "group").await.expect("the topic is there");
    for offset in 0..3 {
        assert_eq!(consumer.next().await.expect("it delivers").offset, offset);
    }
    for offset in [2, 0] {
        consumer.ack(0, offset).await.expect("it is a member");
    }
    drop(consumer);
    let mut consumer = bus.subscribe("topic", "group").await.expect("the topic is there");
    assert_eq!(consumer.next().await.expect("it delivers").offset, 1);
}

/// Messages of the storm.
const STORM: u32 = 600;
/// Deliveries after which a member of the storm leaves.
const STAY: usize = 60;

/// Joins, works, leaves, and joins again until all is done; returns how often a message came to it
/// that had been acknowledged already.
async fn come_and_go(bus: Arc<KafkaBus>, done: Arc<Done>) -> usize {
    let mut repeats = 0;
    let mut complete = done.complete.subscribe();
    while !*complete.borrow() {
        let mut consumer = bus.subscribe("many", "group").await.expect("the topic is there");
        for _ in 0..STAY {
            let delivery = tokio::select! {
                delivery = consumer.next() => delivery.expect("it is a member"),
                _ = complete.wait_for(|complete| *complete) => break,
            };
            ack(&mut consumer, &delivery).await;
            let number = delivery.message.payload.try_into().expect("it is a number");
            let times =
                &done.times[usize::try_from(u32::from_be_bytes(number)).expect("it is small")];
            if times.fetch_add(1, Ordering::SeqCst) > 0 {
                repeats += 1;
            } else if done.count.fetch_add(1, Ordering::SeqCst) + 1 == STORM as usize {
                done.complete.send_replace(true);
            }
        }
    }
    repeats
}

/// What came of the storm.
struct Done {
    times: Vec<AtomicUsize>,
    count: AtomicUsize,
    complete: watch::Sender<bool>,
}

#[tokio::test(flavor = "multi_thread")]
async fn members_that_come_and_go_lose_nothing_and_commits_never_fall() {
    let Some(config) = settings("storm").await else { return };
    let bus = bus(&config);
    let done = Arc::new(Done {
        times: (0..STORM).map(|_| AtomicUsize::new(0)).collect(),
        count: AtomicUsize::new(0),
        complete: watch::Sender::new(false),
    });
    let over = Arc::new(AtomicBool::new(false));
    let watch = tokio::task::spawn_blocking({
        let (config, over) = (config.clone(), Arc::clone(&over));
        move || {
            let client = client(&config, &config.groups["group"], &[]);
            let mut highest = vec![0; 3];
            loop {
                let is_last = over.load(Ordering::SeqCst);
                let found = committed(&client, &config.topics["many"]);
                assert!(
                    found.iter().zip(&highest).all(|(new, old)| new >= old),
                    "{highest:?} {found:?}"
                );
                highest = found;
                if is_last {
                    return highest;
                }
            }
        }
    });
    let mut members = JoinSet::new();
    for _ in 0..3 {
        members.spawn(come_and_go(Arc::clone(&bus), Arc::clone(&done)));
    }
    publish(&bus, 0..STORM).await;
    let repeats: usize = members.join_all().await.into_iter().sum();
    over.store(true, Ordering::SeqCst);
    let highest = watch.await.expect("no commit falls");
    assert_eq!(highest.iter().sum::<i64>(), i64::from(STORM), "all is committed");
    // A partition may move between the delivery and its acknowledgement: one each time at most.
    assert!(repeats <= 30, "{repeats}");
}
