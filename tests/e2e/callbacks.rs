//! Whoever an event names is called when the job has ended, whatever crashed in between.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use rustix::process::Signal;
use scribed_tests::host::{Asked, Host, say};
use scribed_tests::{Cluster, Daemon, Setup, audio, eventually};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::wire::{Wire, event, header};

/// What is in the address of every receiver, and nowhere else.
const TOKEN: &str = "geheim";

/// Somebody who is called, and remembers it.
struct Receiver {
    host: Host,
    heard: Arc<Mutex<Vec<Asked>>>,
}

impl Receiver {
    /// Answers each call by its number, from 0, with a status; with none it is silent until the caller goes.
    fn start(reply: impl Fn(usize) -> Option<u16> + Send + 'static) -> Self {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&heard);
        let host = Host::start(move |stream, asked| {
            all.lock().unwrap().push(asked.clone());
            match reply(asked.number - 1) {
                Some(status) => say(stream, status),
                None => stream.read(&mut [0]).map(drop),
            }
        });
        Self { host, heard }
    }

    fn url(&self) -> String {
        self.host.url(&format!("/{TOKEN}/done?token={TOKEN}"))
    }

    fn heard(&self) -> Vec<Asked> {
        self.heard.lock().unwrap().clone()
    }

    /// Waits until there were so many calls, and returns all.
    #[track_caller]
    fn until(&self, count: usize) -> Vec<Asked> {
        eventually("somebody is called", || Some(self.heard()).filter(|heard| heard.len() >= count))
    }
}

fn document(asked: &Asked) -> Value {
    serde_json::from_slice(&asked.body).unwrap()
}

fn id(asked: &Asked) -> String {
    asked.headers["webhook-id"].clone()
}

/// Returns the signature that a call must have.
fn signature(secret: &str, asked: &Asked) -> String {
    let key = BASE64_STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update(format!("{}.{}.", id(asked), asked.headers["webhook-timestamp"]).as_bytes());
    mac.update(&asked.body);
    format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
}

/// Lets a daemon call a receiver, and again soon.
fn patient(receiver: &Receiver, setup: Setup) -> Setup {
    let setup = receiver.host.allowed(setup);
    let setup = setup.option("engine.callbacks.span_secs", 1);
    let setup = setup.option("engine.callbacks.look_interval_ms", 50);
    let setup = setup.option("engine.callbacks.hold_secs", 1);
    setup.option("outbound.connect_timeout_ms", 1_000).option("outbound.idle_timeout_ms", 6_000)
}

/// A daemon that may call a receiver, and the bus before it.
struct Place {
    receiver: Receiver,
    daemon: Daemon,
    wire: Wire,
    owner: String,
}

impl Place {
    fn new(receiver: Receiver, setup: Setup) -> Self {
        let daemon = patient(&receiver, setup).start();
        let (wire, owner) = (Wire::of_daemon(&daemon), daemon.client().name.clone());
        Self { receiver, daemon, wire, owner }
    }

    /// Sends an event with a short recording, at whose end an address is to be called.
    fn send(&self, id: &str, url: &str) {
        let mut event = event(id, &self.owner, &audio::wav(&[0; audio::RATE / 5]));
        event["callback"] = json!({ "url": url });
        event["reference"] = json!("desk 7");
        self.wire.send("", event.to_string());
    }

    /// Lists calls that are open.
    #[track_caller]
    fn listed(&self) -> Vec<Value> {
        let listed = self.daemon.program().run(["callbacks", "list", "--json"]).code(0).json();
        listed.as_array().unwrap().clone()
    }

    /// Waits until the only open call is in a state.
    #[track_caller]
    fn until(&self, state: &str) -> Value {
        eventually("the call is there", || {
            self.listed().into_iter().find(|call| call["state"] == state)
        })
    }

    #[track_caller]
    fn until_none(&self) {
        eventually("no call is open", || self.listed().is_empty().then_some(()));
    }
}

#[test]
fn a_receiver_is_called_once_and_can_tell_that_it_was_us() {
    let place = Place::new(Receiver::start(|_| Some(200)), Setup::default());
    let address = place.receiver.url().replace("//", &format!("//me:{TOKEN}@"));
    place.send("take-1", &address);
    let asked = place.receiver.until(1).remove(0);
    place.until_none();
    assert_eq!(place.receiver.heard().len(), 1);

    let said = document(&asked);
    assert_eq!((&said["schema"], &said["state"]), (&"scribed.state/1".into(), &"completed".into()));
    assert_eq!((&said["upload"], &said["reference"]), (&"take-1".into(), &"desk 7".into()));
    assert_eq!(said["owner"], place.owner.as_str());
    assert_eq!((asked.method.as_str(), asked.query.as_str()), ("POST", "token=geheim"));
    assert_eq!(
        asked.headers["authorization"],
        format!("Basic {}", BASE64_STANDARD.encode("me:geheim"))
    );
    assert_eq!(id(&asked), format!("job-{}", said["job"]));

    let program = || place.daemon.program();
    let secret = program().run(["account", "callback-secret", &place.owner]).code(0).out;
    assert_eq!(asked.headers["webhook-signature"], signature(secret.trim(), &asked));
    let shown = program().run(["account", "callback-secret", &place.owner, "--json"]).code(0);
    assert_eq!(shown.json(), json!({"username": place.owner, "secret": secret.trim()}));
    let other = place.daemon.client().name.clone();
    let other = program().run(["account", "callback-secret", &other]).code(0).out;
    assert_ne!(other, secret);
    program().run(["account", "callback-secret", "nobody"]).code(1).says("there is no account");
    assert!(!place.daemon.log().contains(TOKEN), "the log shows nothing of the address");
}

#[test]
fn a_receiver_in_trouble_is_called_again_until_it_is_well() {
    let trouble = [Some(500), Some(302), Some(429), Some(200)];
    let place = Place::new(Receiver::start(move |number| trouble[number.min(3)]), Setup::default());
    place.send("take-1", &place.receiver.url());
    let heard = place.receiver.until(4);
    place.until_none();
    assert_eq!(place.receiver.heard().len(), 4);
    let ids: BTreeSet<_> = heard.iter().map(id).collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    assert!(heard.iter().all(|asked| asked.body == heard[0].body));
}

#[test]
fn what_was_given_up_is_listed_and_begins_anew() {
    // The first receiver wants no more; the second takes a call when it is made anew.
    let answers = |number| Some([410, 200].get(number).copied().unwrap_or(503));
    let place = Place::new(Receiver::start(answers), Setup::default());
    let program = || place.daemon.program();
    place.send("take-1", &place.receiver.url());
    let dead = place.until("dead");
    assert_eq!((&dead["attempts"], &dead["owner"]), (&1.into(), &place.owner.as_str().into()));
    assert_eq!((&dead["host"], &dead["next"]), (&"127.0.0.1".into(), &Value::Null));
    assert_eq!(dead["failure"], "the receiver answered 410 Gone");
    let job = dead["job"].to_string();
    let table = program().run(["callbacks", "list", "--dead"]).code(0).out;
    assert!(table.contains(&job) && table.contains("410"), "{table}");
    assert!(!table.contains(TOKEN) && !dead.to_string().contains(TOKEN), "{table}");

    program().run(["callbacks", "retry", &job]).code(0).says("began 1 of 1");
    let heard = place.receiver.until(2);
    assert_eq!(id(&heard[0]), id(&heard[1]));
    place.until_none();
    program().run(["callbacks", "retry", &job]).code(1).says("the call was answered");
    program().run(["callbacks", "retry", "7"]).code(1).says("there is no such job");
    program().run(["callbacks", "retry"]).code(2);

    place.send("take-2", &place.receiver.url());
    let dead = place.until("dead");
    assert_eq!((&dead["attempts"], place.receiver.heard().len()), (&8.into(), 10));
    assert!(dead["failure"].as_str().unwrap().contains("503"), "{dead}");
    program().run(["callbacks", "retry", "--all"]).code(0).says("began 1 of 1");
    place.receiver.until(18);
    place.until("dead");
    assert!(!place.daemon.log().contains(TOKEN), "the log shows nothing of the address");
}

#[test]
fn a_crash_between_the_end_of_a_job_and_its_call_loses_no_call() {
    // The first call is held; the second waits for its place behind it.
    let receiver = Receiver::start(|number| (number > 0).then_some(200));
    let setup = Setup::default().option("engine.callbacks.at_once_per_host", 1);
    let mut place = Place::new(receiver, setup);
    place.send("take-1", &place.receiver.url());
    let held = place.receiver.until(1).remove(0);
    place.send("take-2", &place.receiver.url());
    let waiting = eventually("the other job is done", || {
        place.listed().into_iter().find(|call| call["attempts"] == 0)
    });
    assert_eq!(place.receiver.heard().len(), 1);
    place.daemon.crash_and_restart();

    let heard = place.receiver.until(3);
    place.until_none();
    assert_eq!(place.receiver.heard().len(), 3);
    let ids: BTreeSet<_> = heard[1..].iter().map(id).collect();
    assert_eq!(ids, BTreeSet::from([id(&held), format!("job-{}", waiting["job"])]));
    let repeated = heard[1..].iter().find(|asked| id(asked) == id(&held)).unwrap();
    assert_eq!(repeated.body, held.body);
}

#[test]
fn a_stop_does_not_wait_for_a_slow_receiver_and_the_next_start_calls_at_once() {
    let receiver = Receiver::start(|number| (number > 0).then_some(200));
    let mut place =
        Place::new(receiver, Setup::default().option("engine.callbacks.hold_secs", 86_400));
    place.send("take-1", &place.receiver.url());
    place.receiver.until(1);
    place.daemon.signal(Signal::TERM);
    assert_eq!(place.daemon.ended().code(), Some(0));
    assert_eq!(place.listed()[0]["attempts"], 0, "it is not charged");
    place.daemon.start_again();
    let heard = place.receiver.until(2);
    assert_eq!(id(&heard[0]), id(&heard[1]));
    place.until_none();
}

#[test]
fn an_address_that_may_not_be_called_makes_a_dead_letter() {
    let place = Place::new(Receiver::start(|_| Some(200)), Setup::default());
    place.send("inside", "http://192.168.0.1/done");
    place.send("elsewhere", "mailto:me@example.org");
    let letters = eventually("both are dead letters", || {
        Some(place.wire.letters()).filter(|letters| letters.len() == 2)
    });
    let reason = |number: usize| header(&letters[number].message, "scribed.dlq.reason");
    assert_eq!([reason(0), reason(1)], ["forbidden_callback", "unsupported_callback"]);
    assert!(place.listed().is_empty());
}

#[test]
fn another_host_makes_the_call_of_one_that_is_gone() {
    let Some(cluster) = Cluster::new("callbacks") else { return };
    let receiver = Receiver::start(|number| (number > 0).then_some(200));
    let hosts = [(); 2].map(|()| patient(&receiver, cluster.setup()).start());
    let owner = hosts[0].client().name.clone();
    let mut event = event("take-1", &owner, &audio::wav(&[0; audio::RATE / 5]));
    event["callback"] = json!({ "url": receiver.url() });
    Wire::of_cluster(&cluster).send("", event.to_string());
    let held = receiver.until(1).remove(0);
    let [mut one, mut other] = hosts;
    let caller = if one.log().contains("work ends") { &mut one } else { &mut other };
    caller.kill();
    let heard = receiver.until(2);
    assert_eq!(id(&heard[1]), id(&held));
    let secret = cluster.program().run(["account", "callback-secret", &owner]).code(0).out;
    for asked in &heard {
        assert_eq!(asked.headers["webhook-signature"], signature(secret.trim(), asked));
    }
    eventually("no call is open", || {
        let listed = cluster.program().run(["callbacks", "list", "--json"]).code(0).json();
        listed.as_array().unwrap().is_empty().then_some(())
    });
}
