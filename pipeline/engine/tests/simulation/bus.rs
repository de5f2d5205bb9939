//! The simulated bus: topics with partitions, and groups whose members come, go and lose
//! partitions.
//!
//! It is kept as Kafka's clients see one: what is acknowledged is committed a little later, a
//! member that shows no sign of life is put out of its group after a while, and finds out when it
//! asks again.

use std::collections::BTreeMap;
use std::time::Duration;

use scribed_bus::{Delivery, Message};

use crate::dice::Dice;
use crate::planted::Planted;

mod client;
mod group;

pub(crate) use client::SimBus;
use group::Group;

/// How long a member may be silent until it is put out.
const SESSION: Duration = Duration::from_secs(10);

/// All messages and groups.
#[derive(Debug)]
pub(crate) struct Broker {
    topics: BTreeMap<String, Topic>,
    style: Style,
    planted: Option<Planted>,
    /// Members that joined so far, in all groups.
    joined: u64,
}

/// What a broker is like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    /// Deliveries of a partition that may be open.
    pub(crate) window: usize,
    pub(crate) commits: Commits,
}

/// When an acknowledgement is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Commits {
    AtOnce,
    Later,
}

/// A topic.
#[derive(Debug, Default)]
struct Topic {
    partitions: BTreeMap<i32, Vec<Message>>,
    groups: BTreeMap<String, Group>,
    published: usize,
}

/// A committed offset that moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) from: i64,
    pub(crate) to: i64,
}

/// One member of one group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    topic: String,
    group: String,
    member: u64,
}

/// The member is not one any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PutOut;

impl Broker {
    /// Makes a broker with empty topics of so many partitions.
    pub(crate) fn new(topics: &[(&str, i32)], style: Style, planted: Option<Planted>) -> Self {
        let topic = |(name, partitions): &(&str, i32)| {
            let partitions = (0..*partitions).map(|number| (number, Vec::new())).collect();
            ((*name).to_owned(), Topic { partitions, ..Topic::default() })
        };
        Self { topics: topics.iter().map(topic).collect(), style, planted, joined: 0 }
    }

    fn topic(&mut self, name: &str) -> &mut Topic {
        let known = self.topics.get_mut(name);
        known.unwrap_or_else(|| panic!("there is no topic {name}"))
    }

    fn group(&mut self, place: &Place) -> &mut Group {
        let groups = &mut self.topic(&place.topic).groups;
        groups.get_mut(&place.group).expect("the group was joined")
    }

    /// Appends a message and returns where it stands.
    pub(crate) fn append(&mut self, topic: &str, message: Message) -> (i32, i64) {
        let topic = self.topic(topic);
        let count = topic.partitions.len();
        let index = if message.key.is_empty() { topic.published } else { hash(&message.key) };
        topic.published += 1;
        let partition = i32::try_from(index % count).expect("partitions are few");
        let log = topic.partitions.entry(partition).or_default();
        log.push(message);
        (partition, as_offset(log.len() - 1))
    }

    /// Returns every message of a topic, each partition's in order.
    pub(crate) fn all(&mut self, topic: &str) -> Vec<Delivery> {
        let name = topic;
        let partitions = &self.topic(topic).partitions;
        let logs = partitions.iter().flat_map(|(partition, log)| {
            log.iter().enumerate().map(|(offset, message)| Delivery {
                topic: name.to_owned(),
                partition: *partition,
                offset: as_offset(offset),
                message: message.clone(),
            })
        });
        logs.collect()
    }

    /// Adds a member to a group.
    pub(crate) fn join(
        &mut self,
        topic: &str,
        group: &str,
        owner: (String, u32),
        at: Duration,
    ) -> (Place, Vec<Moved>) {
        self.joined += 1;
        let member = self.joined;
        let known = self.topic(topic);
        let partitions: Vec<i32> = known.partitions.keys().copied().collect();
        let new = || Group::new(topic, &partitions);
        let moved =
            known.groups.entry(group.to_owned()).or_insert_with(new).join(member, owner, at);
        (Place { topic: topic.to_owned(), group: group.to_owned(), member }, moved)
    }

    /// Takes a member out of its group, what it acknowledged committed.
    pub(crate) fn leave(&mut self, place: &Place) -> Vec<Moved> {
        self.group(place).leave(place.member)
    }

    /// Delivers the next message to a member, if there is one.
    pub(crate) fn next(&mut self, place: &Place) -> Result<(Option<Delivery>, Vec<Moved>), PutOut> {
        let window = self.style.window;
        let is_early = self.planted == Some(Planted::EarlyCommit);
        let Topic { partitions, groups, .. } = self.topic(&place.topic);
        let group = groups.get_mut(&place.group).expect("the group was joined");
        let end = |partition| partitions.get(&partition).map_or(0, |log| as_offset(log.len()));
        let Some((partition, offset)) = group.next(place.member, window, end)? else {
            return Ok((None, Vec::new()));
        };
        let moved = if is_early { group.commit(partition, offset + 1) } else { None };
        let index = usize::try_from(offset).expect("offsets are not negative");
        let message = partitions[&partition][index].clone();
        let delivery = Delivery { topic: place.topic.clone(), partition, offset, message };
        Ok((Some(delivery), moved.into_iter().collect()))
    }

    /// Returns how many partitions a topic has.
    pub(crate) fn count(&mut self, topic: &str) -> i32 {
        i32::try_from(self.topic(topic).partitions.len()).expect("partitions are few")
    }

    /// Takes an acknowledgement; commits it at once or some time later.
    pub(crate) fn ack(
        &mut self,
        place: &Place,
        partition: i32,
        offset: i64,
        dice: &mut Dice,
    ) -> Vec<Moved> {
        let is_prompt = self.style.commits == Commits::AtOnce || dice.in_thousand(500);
        let group = self.group(place);
        group.ack(place.member, partition, offset);
        if is_prompt { group.flush(place.member) } else { Vec::new() }
    }

    /// Lets time pass: commits of members that are alive go through, others are put out.
    pub(crate) fn pass(
        &mut self,
        at: Duration,
        dice: &mut Dice,
        is_alive: impl Fn(&(String, u32)) -> bool,
    ) -> Vec<Moved> {
        let mut moved = Vec::new();
        for group in self.topics.values_mut().flat_map(|topic| topic.groups.values_mut()) {
            for (member, owner) in group.members() {
                if is_alive(&owner) {
                    group.show_life(member, at);
                    if dice.in_thousand(200) {
                        moved.extend(group.flush(member));
                    }
                } else if group.silence(member, at) > SESSION {
                    moved.extend(group.put_out(member));
                }
            }
        }
        moved
    }

    /// Gives the partitions of every group to other members, as when many join and leave at once.
    pub(crate) fn storm(&mut self, dice: &mut Dice) -> Vec<Moved> {
        let planted = self.planted;
        let groups = self.topics.values_mut().flat_map(|topic| topic.groups.values_mut());
        groups.flat_map(|group| group.storm(dice, planted)).collect()
    }

    /// Returns where each partition of a topic ends and how far a group has come in it.
    pub(crate) fn ends(&mut self, topic: &str, group: &str) -> Vec<(i32, i64, i64)> {
        let Topic { partitions, groups, .. } = self.topic(topic);
        let committed = |partition| groups.get(group).map_or(0, |group| group.committed(partition));
        let ends = partitions.iter().map(|(number, log)| (*number, as_offset(log.len())));
        ends.map(|(number, end)| (number, end, committed(number))).collect()
    }
}

/// Converts a place in memory to an offset.
fn as_offset(index: usize) -> i64 {
    i64::try_from(index).expect("logs are short")
}

/// Hashes a key (FNV-1a), folded so that its low bits depend on all of it.
fn hash(key: &[u8]) -> usize {
    let hash = key
        .iter()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    usize::try_from(hash ^ (hash >> 16)).expect("32 bits fit")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicI64;

    use scribed_bus::Bus;
    use scribed_bus::conformance::{Bench, TOPICS, WINDOW, partitions};

    use super::*;
    use crate::life::Life;
    use crate::sim::Sim;
    use crate::trace::Telling;
    use crate::weather::Weather;

    /// Makes a bus of which nothing is away, and which commits at once.
    fn bench() -> Bench {
        let window = usize::try_from(WINDOW).expect("it is small");
        let broker = Broker::new(&TOPICS, Style { window, commits: Commits::AtOnce }, None);
        let sim = Sim::new(0, Weather::calm(), broker, None, Telling::Quiet);
        let skew = Arc::new(AtomicI64::new(0));
        let life = Life::new(sim, "bench", 0, Duration::ZERO, skew);
        let bus: Arc<dyn Bus> = Arc::new(SimBus::new(Arc::new(life)));
        Bench::new(move || Arc::clone(&bus))
    }

    scribed_bus::bus_conformance!(async { bench() });

    macro_rules! several_partitions {
        ($($promise:ident),+ $(,)?) => {
            $(
                #[tokio::test]
                async fn $promise() {
                    partitions::$promise(&bench()).await;
                }
            )+
        };
    }

    several_partitions![
        deliveries_of_a_key_come_in_order,
        an_open_delivery_holds_back_the_commits_of_its_partition_only,
        a_full_window_holds_back_its_partition_only,
        members_share_partitions_and_hand_over_what_is_open,
        an_acknowledgement_for_a_lost_partition_changes_nothing,
    ];
}
