//! A cluster at work: daemons with the deterministic recogniser, a producer, observers, and the checker
//! at the end.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use scribed_bus::{Bus, KafkaBus, Message};
use scribed_schemas::event::{MediaSource, UPLOAD_SCHEMA, UPLOADS, UploadEvent};
use scribed_schemas::job::Priority;
use scribed_schemas::time::Timestamp;
use scribed_tests::checker::collect::{LOG, Place};
use scribed_tests::checker::{Log, Rules, Said};
use scribed_tests::{Client, Cluster, Daemon, Services, eventually_within, say};

use crate::observer::{Desk, Observers, Sight};
use crate::sound::{count_work, pipeline, recording};

/// Whether daemons publish every state, chunk and transcript.
const ANNOUNCED: bool = true;
/// Partitions of each topic: four for each of six hosts.
const PARTITIONS: u32 = 24;
/// Longest wait for all work to be done.
const DEADLINE: Duration = Duration::from_secs(600);
/// Longest wait for what was done to be published.
const LATEST: Duration = Duration::from_secs(60);

/// Settings of daemons that notice within a test what takes half a minute in life.
pub(crate) const IMPATIENT: &str = r#"
[bus.kafka.options]
"session.timeout.ms" = 6000
"heartbeat.interval.ms" = 1000
[engine]
lease_secs = 4
renew_secs = 1
poll_interval_ms = 250
unavailable_backoff_secs = 1
"#;

/// A cluster at work.
pub(crate) struct Bench {
    name: &'static str,
    pub(crate) cluster: Cluster,
    pub(crate) hosts: Vec<Daemon>,
    pub(crate) client: Client,
    pub(crate) desk: Desk,
    observers: Observers,
    producer: Producer,
    /// How often each text was recognised by daemons that are gone.
    worked: BTreeMap<String, usize>,
    /// Events that were sent.
    sent: usize,
    begin: Instant,
}

/// Somebody who sends events.
pub(crate) struct Producer {
    runtime: tokio::runtime::Runtime,
    bus: KafkaBus,
    owner: String,
}

impl Bench {
    /// Starts daemons whose recogniser takes so long for a chunk.
    pub(crate) fn start(
        name: &'static str,
        services: &Services,
        hosts: usize,
        delay: Duration,
    ) -> Self {
        Self::with(name, services, hosts, &format!("{IMPATIENT}{}", pipeline(delay)))
    }

    /// Returns how many events were sent.
    pub(crate) const fn sent(&self) -> usize {
        self.sent
    }

    /// Starts daemons with more lines in their configuration.
    pub(crate) fn with(
        name: &'static str,
        services: &Services,
        hosts: usize,
        settings: &str,
    ) -> Self {
        let cluster = Cluster::over(services, name, PARTITIONS, settings);
        let hosts: Vec<Daemon> = (0..hosts).map(|_| cluster.start()).collect();
        let client = hosts[0].client();
        let desk = Desk::new(Log::open(&cluster.folder().join(LOG)).unwrap());
        let observers = Observers::start(&desk, cluster.folder(), &client);
        let producer = Producer {
            runtime: tokio::runtime::Runtime::new().unwrap(),
            bus: Place::read(cluster.folder()).unwrap().bus().unwrap(),
            owner: client.username(),
        };
        let bench = Self {
            name,
            cluster,
            hosts,
            client,
            desk,
            observers,
            producer,
            worked: BTreeMap::new(),
            sent: 0,
            begin: Instant::now(),
        };
        bench.tell_addresses();
        bench
    }

    /// Sends events, each with a recording of its own.
    pub(crate) fn send(&mut self, count: usize) {
        for _ in 0..count {
            let (wav, expected) = recording(self.sent as u64);
            let id = format!("event-{}", self.sent);
            self.send_recording(&id, &wav, expected);
        }
    }

    /// Sends one event, however long the bus is away.
    pub(crate) fn send_recording(&mut self, id: &str, file: &[u8], expected: Vec<String>) {
        self.producer.send(id, file);
        self.note_sent(id, expected);
    }

    /// Returns who sends events.
    pub(crate) const fn producer(&self) -> &Producer {
        &self.producer
    }

    /// Writes down that an event was sent.
    pub(crate) fn note_sent(&mut self, id: &str, expected: Vec<String>) {
        let (id, owner) = (id.to_owned(), self.producer.owner.clone());
        self.desk.log.say(Said::Sent { id, owner, expected: Some(expected) });
        self.sent += 1;
    }

    /// Writes down that an upload of our client was accepted under a key.
    pub(crate) fn note_upload(&mut self, key: &str, job: i64, expected: Option<Vec<String>>) {
        let under = Some((self.producer.owner.clone(), key.to_owned()));
        self.desk.log.say(Said::Accepted { job, under, expected });
        self.sent += 1;
    }

    /// Waits until there are so many jobs, and no event is left that could make another.
    #[track_caller]
    pub(crate) fn expect_jobs(&mut self, count: usize) {
        self.sent = count;
        let is_settled = |sight: &Sight| sight.open == Some(0) && sight.done() == sight.jobs.len();
        let jobs = self.wait_for("all events are settled", |sight| {
            (sight.jobs.len() >= count && is_settled(sight)).then_some(sight.jobs.len())
        });
        assert_eq!(jobs, count, "nothing was done twice");
    }

    /// Tells the reader where the daemons listen now.
    pub(crate) fn tell_addresses(&self) {
        let addresses = self.hosts.iter().map(|host| host.base().to_owned());
        self.desk.listen_at(addresses.collect());
    }

    /// Kills a host and starts it again.
    pub(crate) fn kill(&mut self, host: usize) {
        self.hosts[host].kill();
        self.hosts[host].start_again();
        self.tell_addresses();
    }

    /// Lets go of a host that has ended.
    pub(crate) fn retire(&mut self, host: usize) {
        let gone = self.hosts.remove(host);
        count_work(&gone.log(), &mut self.worked);
        self.tell_addresses();
    }

    /// Waits until something can be seen.
    #[track_caller]
    pub(crate) fn wait_for<T>(&self, what: &str, mut look: impl FnMut(&Sight) -> Option<T>) -> T {
        eventually_within(DEADLINE, what, || look(&self.desk.sight()))
    }

    /// Counts how often each text was recognised so far.
    pub(crate) fn worked(&self) -> BTreeMap<String, usize> {
        let mut worked = self.worked.clone();
        for host in &self.hosts {
            count_work(&host.log(), &mut worked);
        }
        worked
    }

    /// Waits until everything is done, and lets the checker look; prints the figures.
    #[track_caller]
    pub(crate) fn finish(self, rules: Rules, figures: &str) {
        let sent = self.sent;
        let sending = self.begin.elapsed();
        self.wait_for("all jobs are done and committed", |sight| {
            (sight.jobs.len() >= sent && sight.done() == sight.jobs.len() && sight.open == Some(0))
                .then_some(())
        });
        let whole = self.begin.elapsed();
        let worked = self.worked();
        let again: usize = worked.values().map(|times| times - 1).sum();
        let Self { name, cluster, hosts, observers, .. } = self;
        observers.stop();
        let rules = Rules { announced: rules.announced || ANNOUNCED, ..rules };
        let (sound, said) = judged(cluster.folder(), rules);
        say(&format!(
            "{name}: {sent} events, {figures}; {} chunks recognised, {again} again; faults until \
             {:.0} s, all done after {:.0} s\n{name}: {}",
            worked.len(),
            sending.as_secs_f64(),
            whole.as_secs_f64(),
            said.trim().replace('\n', &format!("\n{name}: ")),
        ));
        if !sound {
            // Kept, so that somebody can look.
            let logs = hosts.iter().map(Daemon::log).collect::<Vec<_>>().join("\n---\n");
            let kept = std::env::temp_dir().join(format!("scribed-chaos-{name}.log"));
            std::fs::write(&kept, logs).unwrap();
            panic!("{name}: the checker found something; logs are in {}", kept.display());
        }
    }
}

impl Producer {
    /// Sends one event, however long the bus is away.
    pub(crate) fn send(&self, id: &str, file: &[u8]) {
        let event = UploadEvent {
            schema: UPLOAD_SCHEMA.to_owned(),
            id: id.to_owned(),
            owner: self.owner.clone(),
            media: MediaSource::Data(BASE64_STANDARD.encode(file)),
            name: None,
            language: None,
            pipeline: None,
            priority: Priority::Standard,
            reference: None,
            callback: None,
        };
        let message = Message {
            key: id.as_bytes().to_vec(),
            headers: vec![("content-type".to_owned(), b"application/json".to_vec())],
            payload: serde_json::to_vec(&event).unwrap(),
            at: now(),
        };
        let publish = || self.runtime.block_on(self.bus.publish(UPLOADS, message.clone())).ok();
        eventually_within(DEADLINE, "the bus takes an event", publish);
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp(i64::try_from(since.as_micros()).unwrap())
}

/// Lets the checker look, again while what was done is not published yet.
fn judged(folder: &Path, rules: Rules) -> (bool, String) {
    let is_late = |said: &str| said.contains("MissingAnnouncement:");
    let begin = Instant::now();
    eventually_within(DEADLINE, "the checker judges", || {
        let (sound, said) = checked(folder, rules);
        (sound || !is_late(&said) || begin.elapsed() > LATEST).then_some((sound, said))
    })
}

/// Lets the checker look at a cluster; returns whether all is well, and what it said.
fn checked(folder: &Path, rules: Rules) -> (bool, String) {
    let mut checker = Command::new(env!("CARGO_BIN_EXE_scribed-checker"));
    checker.arg(folder);
    if rules.announced {
        checker.arg("--announced");
    }
    if rules.uncharged {
        checker.arg("--uncharged");
    }
    let output = checker.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}
