//! Events that are damaged in every way, among good ones: each is set apart as it came, the good ones
//! become jobs, and the daemon lives on.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustix::process::Signal;
use scribed_bus::{Delivery, Message};
use scribed_schemas::event::{MediaSource, UPLOAD_SCHEMA, UPLOADS, UploadEvent};
use scribed_tests::{Cluster, audio, eventually, is_long, say};
use serde_json::{Value, json};

use crate::wire::{Wire, event, header};

mod mutants;

use mutants::{Dice, MUTATIONS};

/// Good events for each damaged one, as a fraction: one in so many.
const GOOD: usize = 10;
/// Good events at the end, with so many keys that every partition gets one behind all others.
const LAST: usize = 60;
/// What the dice begin with; another number is another thousand of mutants.
const SEED: u64 = 20_260_101;

/// The shortest recording that is taken, of silence: decoded and done within milliseconds.
fn recording() -> Vec<u8> {
    audio::wav(&[0; audio::RATE / 5])
}

/// Returns the id of an event that must become a job; the judge is the published shape, not the daemon.
fn good(payload: &[u8], owner: &str) -> Option<String> {
    // Nothing in it may be unreadable, also where nobody looks; and the shape takes no member twice.
    serde_json::from_slice::<Value>(payload).ok()?;
    let event: UploadEvent = serde_json::from_slice(payload).ok()?;
    let characters = event.id.chars().count();
    let is_good = event.schema == UPLOAD_SCHEMA
        && (1..=200).contains(&characters)
        && event.owner == owner
        && event.callback.is_none()
        && event.pipeline.is_none()
        && matches!(&event.media, MediaSource::Data(data) if is_inline(data));
    is_good.then_some(event.id)
}

fn is_inline(data: &str) -> bool {
    BASE64_STANDARD.decode(data).is_ok_and(|bytes| bytes.len() <= 512 * 1024)
}

/// Where a message stands.
type Place = (i32, i64);

/// What was sent, as it stands in the topic.
struct Sent {
    events: BTreeMap<Place, Message>,
    /// Ids of those that must become jobs.
    good: BTreeSet<String>,
    /// Places of the others.
    bad: BTreeSet<Place>,
}

impl Sent {
    fn read(wire: &Wire, owner: &str) -> Self {
        let mut sent =
            Self { events: BTreeMap::new(), good: BTreeSet::new(), bad: BTreeSet::new() };
        for Delivery { partition, offset, message, .. } in wire.all(UPLOADS) {
            match good(&message.payload, owner) {
                Some(id) => assert!(sent.good.insert(id), "ids of good events are their own"),
                None => assert!(sent.bad.insert((partition, offset))),
            }
            sent.events.insert((partition, offset), message);
        }
        sent
    }
}

fn is_of_a_job(letter: &Message) -> bool {
    letter.headers.iter().any(|(name, _)| name == "scribed.dlq.job")
}

/// Checks that each bad event is a letter, once and as it came; counts the reasons.
#[track_caller]
fn check_letters(wire: &Wire, sent: &Sent) -> BTreeMap<String, usize> {
    let (mut reasons, mut found) = (BTreeMap::new(), BTreeSet::new());
    for Delivery { message: letter, .. } in wire.letters() {
        if is_of_a_job(&letter) {
            // Its event was good, its recording was not.
            *reasons.entry("(of jobs)".to_owned()).or_insert(0) += 1;
            continue;
        }
        let number = |name| header(&letter, name).parse::<i64>().unwrap();
        let partition = i32::try_from(number("scribed.dlq.partition")).unwrap();
        let place = (partition, number("scribed.dlq.offset"));
        let event = &sent.events[&place];
        let reason = header(&letter, "scribed.dlq.reason").to_owned();
        let about = || format!("{place:?} {reason}: {}", header(&letter, "scribed.dlq.detail"));
        assert!(sent.bad.contains(&place), "a good event was given up: {}", about());
        assert!(found.insert(place), "two letters of one event: {}", about());
        assert_eq!(letter.key, event.key, "{}", about());
        assert!(letter.payload == event.payload, "the payload changed: {}", about());
        assert_eq!(letter.headers[..event.headers.len()], event.headers, "{}", about());
        assert!(!header(&letter, "scribed.dlq.detail").is_empty(), "{}", about());
        assert!(!reason.is_empty());
        *reasons.entry(reason).or_insert(0) += 1;
    }
    let lost: Vec<_> = sent.bad.difference(&found).collect();
    assert!(lost.is_empty(), "bad events without a letter: {lost:?}");
    reasons
}

/// Sends damaged events with good ones between them, and good ones behind all of them.
fn send(wire: &Wire, owner: &str, mutants: usize) {
    let mut dice = Dice::new(SEED);
    let recording = recording();
    let fresh = |dice: &mut Dice, prefix: &str, number: usize| {
        // Ids so far apart that no flipped bit makes one of another.
        let id = format!("{prefix}-{number}-{:016x}", dice.next());
        let mut event = event(&id, owner, &recording);
        event["name"] = json!(format!("{prefix} {number}"));
        event["language"] = json!("en");
        event
    };
    for number in 0..mutants {
        if number % GOOD == 0 {
            let event = fresh(&mut dice, "good", number);
            wire.send(format!("key-{}", dice.below(50)), event.to_string());
        }
        let event = fresh(&mut dice, "mutant", number);
        let mutate = MUTATIONS[number % MUTATIONS.len()];
        let payload = mutate(&mut dice, &event, number / MUTATIONS.len());
        let key = dice.bytes(8);
        wire.send(key, payload);
    }
    for number in 0..LAST {
        let event = fresh(&mut dice, "last", number);
        wire.send(format!("last-{number}"), event.to_string());
    }
}

#[test]
fn damaged_events_are_set_apart_and_good_ones_become_jobs() {
    let Some(cluster) = Cluster::new("mutated") else { return };
    let mutants = if is_long() { 10_000 } else { 1_000 };
    say(&format!("{mutants} mutants of seed {SEED}"));
    let mut daemon = cluster.start();
    let wire = Wire::of_cluster(&cluster);
    let client = daemon.client();
    send(&wire, &client.name, mutants);

    let sent = Sent::read(&wire, &client.name);
    // Each step has its own deadline: the long form takes its time.
    for step in 1..=20 {
        eventually("the good events end as jobs", || {
            (wire.ended().len() * 20 >= sent.good.len() * step).then_some(())
        });
    }
    assert_eq!(wire.ended(), sent.good);
    let reasons = check_letters(&wire, &sent);

    let listed = client.get("/transcriptions?size=1").status(200).json();
    assert_eq!(listed["total"], sent.good.len(), "one job for each good event");
    assert!(!daemon.log().contains("panicked"), "{}", daemon.log());
    // The very process that was started answers still, and ends in order.
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.ended().code(), Some(0));

    // A daemon that comes back finds everything consumed: nothing is given up a second time.
    daemon.start_again();
    let event = event("behind-all", &client.name, &recording());
    wire.send("behind-all", event.to_string());
    eventually("the last event of all ends", || wire.ended().contains("behind-all").then_some(()));
    assert_eq!(check_letters(&wire, &sent), reasons);
    say(&format!(
        "{mutants} mutated: 0 crashes, {} dead letters with reason and unchanged bytes {reasons:?}, {} \
         of {} good ones became jobs",
        sent.bad.len(),
        sent.good.len(),
        sent.good.len(),
    ));
}

#[test]
fn the_judge_of_mutants_knows_good_from_bad() {
    let event = event("take-1", "ada", &recording());
    assert_eq!(good(event.to_string().as_bytes(), "ada").as_deref(), Some("take-1"));
    let with = |member: &str, value: Value| {
        let mut event = event.clone();
        event[member] = value;
        good(event.to_string().as_bytes(), "ada")
    };
    assert!(with("name", json!("another")).is_some());
    assert!(with("unknown", json!({})).is_some());
    for (member, value) in [
        ("owner", json!("eve")),
        ("id", json!("")),
        ("schema", json!("scribed.upload/2")),
        ("media", json!({"data": "*"})),
    ] {
        assert!(with(member, value).is_none(), "{member}");
    }
}
