//! Plans: what a seed lets happen, and when.

use std::time::Duration;

use scribed_bus::Message;
use scribed_engine::testing::START;
use serde_json::{Value, json};

use crate::checker::{BAD, EVENT, GOOD};
use crate::dice::Dice;
use crate::life::Doom;
use crate::script::Script;
use crate::weather::Part;

/// How long things happen until it is quiet.
pub(crate) const BUSY: Duration = Duration::from_secs(600);
/// Names of the accounts that own recordings.
pub(crate) const OWNERS: [&str; 2] = ["ada", "grace"];

/// What happens.
#[derive(Debug)]
pub(crate) struct Plan {
    /// How many hosts there are.
    pub(crate) hosts: usize,
    /// How many partitions the topic of uploads has.
    pub(crate) partitions: i32,
    /// Deliveries of a partition that may be open.
    pub(crate) window: usize,
    /// What is submitted, by name.
    pub(crate) expected: Vec<(String, Script)>,
    /// Recordings that are stored before, by key.
    pub(crate) stored: Vec<(String, Vec<u8>)>,
    /// What happens when, in milliseconds, in order.
    pub(crate) actions: Vec<(u64, Action)>,
}

/// Something that happens.
#[derive(Debug, Clone)]
pub(crate) enum Action {
    /// A producer publishes messages, one after the other, until each is taken.
    Produce(Vec<Message>),
    /// A client submits a recording until it has an answer.
    Submit { name: String, recording: Vec<u8> },
    /// A client cancels some job.
    Cancel,
    /// A host dies, at once or in its next call, and starts again after so many milliseconds.
    Kill { host: usize, doom: Option<Doom>, down: u64 },
    /// A host stands still for so many milliseconds.
    Freeze { host: usize, still: u64 },
    /// A host is told to stop, and starts again so many milliseconds after it has.
    Drain { host: usize, down: u64 },
    /// A part is away for so many milliseconds, for all or for one host.
    Outage { part: Part, host: Option<usize>, away: u64 },
    /// A host's clock jumps by so many microseconds.
    Jump { host: usize, by: i64 },
    /// Partitions go to other members.
    Storm,
}

impl Plan {
    /// Draws the plan of a seed.
    pub(crate) fn draw(dice: &mut Dice) -> Self {
        let number = |n: u64| usize::try_from(n).expect("it is small");
        let mut plan = Self {
            hosts: number(dice.between(2, 4)),
            partitions: dice.pick(&[1, 3, 4]),
            window: number(dice.between(1, 6)),
            expected: Vec::new(),
            stored: Vec::new(),
            actions: Vec::new(),
        };
        plan.draw_events(dice);
        for index in 0..dice.between(0, 6) {
            let (name, script) = (format!("api-{index}"), Script::draw(dice));
            let recording = script.bytes();
            plan.expected.push((name.clone(), script));
            plan.at_some_time(dice, Action::Submit { name, recording });
        }
        plan.draw_trouble(dice);
        plan.actions.sort_by_key(|(at, _)| *at);
        plan
    }

    fn at_some_time(&mut self, dice: &mut Dice, action: Action) {
        let busy = u64::try_from(BUSY.as_millis()).expect("it is short");
        self.actions.push((dice.between(0, busy - 1), action));
    }

    fn draw_events(&mut self, dice: &mut Dice) {
        for index in 0..dice.between(4, 18) {
            let script = Script::draw(dice);
            let name = format!("event-{index}");
            let media = if dice.in_thousand(300) {
                let key = format!("recordings/{index}");
                self.stored.push((key.clone(), script.bytes()));
                json!({ "key": key })
            } else {
                json!({ "data": base64(&script.bytes()) })
            };
            self.expected.push((name.clone(), script));
            let event = event(&name, dice.pick(&OWNERS), &media);
            let mut messages = vec![message(&name, &event, &format!("{GOOD}{name}"))];
            if dice.in_thousand(200) {
                messages.push(messages[0].clone());
            }
            if dice.in_thousand(150) {
                // The same id with something else in it is refused, whenever it comes after.
                let mut other = event.clone();
                other["reference"] = json!("another");
                messages.push(message(&name, &other, BAD));
            } else if dice.in_thousand(300) {
                // Without a key the repeat may go to another partition, and to another host.
                let again = Message { key: Vec::new(), ..messages[0].clone() };
                self.at_some_time(dice, Action::Produce(vec![again]));
            }
            self.at_some_time(dice, Action::Produce(messages));
        }
        for index in 0..dice.between(0, 6) {
            let bad = bad(dice, index);
            self.at_some_time(dice, Action::Produce(vec![bad]));
        }
    }

    fn draw_trouble(&mut self, dice: &mut Dice) {
        let hosts = self.hosts;
        for _ in 0..dice.between(0, 5) {
            self.at_some_time(dice, Action::Cancel);
        }
        for _ in 0..dice.between(0, 5) {
            let doom = dice.pick(&[None, Some(Doom::BeforeEffect), Some(Doom::AfterEffect)]);
            let (host, down) = (dice.index(hosts), dice.between(0, 40_000));
            self.at_some_time(dice, Action::Kill { host, doom, down });
        }
        for _ in 0..dice.between(0, 3) {
            let (host, still) = (dice.index(hosts), dice.between(2_000, 90_000));
            self.at_some_time(dice, Action::Freeze { host, still });
        }
        for _ in 0..dice.between(0, 3) {
            let (host, down) = (dice.index(hosts), dice.between(0, 20_000));
            self.at_some_time(dice, Action::Drain { host, down });
        }
        for _ in 0..dice.between(0, 6) {
            let part = dice.pick(&[Part::Store, Part::Store, Part::Bus, Part::Media]);
            let host = if dice.in_thousand(500) { Some(dice.index(hosts)) } else { None };
            let away = dice.between(500, 60_000);
            self.at_some_time(dice, Action::Outage { part, host, away });
        }
        for _ in 0..dice.between(0, 4) {
            let most = dice.pick(&[2_000_000, 60_000_000, 3_600_000_000]);
            let by = i64::try_from(dice.between(0, most)).expect("an hour at most");
            let by = if dice.in_thousand(500) { by } else { -by };
            let host = dice.index(hosts);
            self.at_some_time(dice, Action::Jump { host, by });
        }
        for _ in 0..dice.between(0, 6) {
            self.at_some_time(dice, Action::Storm);
        }
    }
}

/// Makes a good event.
fn event(id: &str, owner: &str, media: &Value) -> Value {
    json!({"schema": "scribed.upload/1", "id": id, "owner": owner, "media": media})
}

fn message(key: &str, event: &Value, what: &str) -> Message {
    Message {
        key: key.as_bytes().to_vec(),
        headers: vec![(EVENT.to_owned(), what.as_bytes().to_vec())],
        payload: event.to_string().into_bytes(),
        at: START,
    }
}

/// Makes an event that can never become a job.
fn bad(dice: &mut Dice, index: u64) -> Message {
    let id = format!("bad-{index}");
    let data = json!({ "data": base64(b"fine 0") });
    let mut event = event(&id, OWNERS[0], &data);
    match dice.between(0, 6) {
        0 => event["schema"] = json!("scribed.upload/9"),
        1 => event["owner"] = json!("nobody"),
        2 => event["callback"] = json!({"url": "https://example.org/"}),
        3 => event["media"] = json!({"url": "https://example.org/a.wav"}),
        4 => event["media"] = json!({"key": "recordings/none"}),
        5 => event["pipeline"] = json!("none"),
        _ => {
            let mut cut = message(&id, &event, BAD);
            cut.payload.truncate(cut.payload.len() / 2);
            return cut;
        }
    }
    message(&id, &event, BAD)
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;

    base64::prelude::BASE64_STANDARD.encode(bytes)
}
