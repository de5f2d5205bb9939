//! The world: lets time pass, step by step, and lets happen what a seed has planned.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use scribed_media::MediaStore;
use scribed_schemas::account::{Account, Role};
use scribed_schemas::event::{DEAD_LETTERS, STATES, TRANSCRIPTS, UPLOADS};
use scribed_schemas::id::AccountId;
use scribed_schemas::time::Timestamp;
use scribed_store::Store;

use crate::bus::{Broker, Commits, Moved, Style};
use crate::checker::Broken;
use crate::dice::Dice;
use crate::host::Host;
use crate::outside::{Outside, submit};
use crate::panics;
use crate::plan::{Action, BUSY, OWNERS, Plan};
use crate::planted::Planted;
use crate::sim::{Sim, millis};
use crate::trace::Telling;
use crate::weather::{Part, Weather};

/// When everything must have ended at the latest: lease ends and pauses that were set by a clock an
/// hour ahead are waited for.
const END: Duration = Duration::from_secs(3 * 3_600);
/// How long it stays quiet after everything has ended.
const AFTERWARDS: Duration = Duration::from_secs(30);
/// How long a submitter waits for an answer until it asks again, perhaps elsewhere.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a simulation came to.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) seed: u64,
    /// The first broken invariants, if any.
    pub(crate) broken: Vec<Broken>,
    /// Stands for all that happened.
    pub(crate) hash: u64,
    /// Jobs that were made.
    pub(crate) jobs: usize,
    /// Lives that hosts had.
    pub(crate) lives: u32,
}

/// A submission without an answer.
#[derive(Debug)]
struct Submission {
    name: String,
    recording: Vec<u8>,
    due: Duration,
}

#[derive(Debug)]
struct World {
    sim: Arc<Sim>,
    dice: Dice,
    now: Duration,
    hosts: Vec<Host>,
    outside: Outside,
    actions: VecDeque<(u64, Action)>,
    submissions: Vec<Submission>,
}

/// Runs the simulation of a seed.
pub(crate) fn run(seed: u64, planted: Option<Planted>, telling: Telling) -> Report {
    let before = panics::so_far();
    let mut dice = Dice::new(seed);
    let plan = Plan::draw(&mut dice.fork());
    let mut world = World::new(seed, dice, plan, planted, telling);
    world.busy();
    world.quiet();
    if panics::so_far() > before {
        world.sim.check(|checker| checker.never_ends("a task panicked".to_owned()));
    }
    world.report(seed)
}

impl World {
    fn new(
        seed: u64,
        mut dice: Dice,
        plan: Plan,
        planted: Option<Planted>,
        telling: Telling,
    ) -> Self {
        let topics = [(UPLOADS, plan.partitions), (DEAD_LETTERS, 1), (STATES, 2), (TRANSCRIPTS, 2)];
        let style = Style { window: plan.window, commits: Commits::Later };
        let broker = Broker::new(&topics, style, planted);
        let sim = Sim::new(seed, Weather::draw(&mut dice), broker, planted, telling);
        for (number, name) in (1..).zip(OWNERS) {
            at_once(sim.rows.create_account(account(number, name))).expect("names differ");
        }
        for (key, bytes) in plan.stored {
            at_once(async {
                let mut writer = sim.recordings.create(&key).await?;
                writer.write(Bytes::from(bytes)).await?;
                writer.finish().await
            })
            .expect("memory takes it");
        }
        for (name, script) in plan.expected {
            sim.check(|checker| checker.expect(&name, script));
        }
        let host = |index| {
            let slots = u32::try_from(dice.between(1, 2)).expect("it is small");
            Host::new(index, slots, Duration::from_millis(dice.between(0, 5_000)))
        };
        let hosts = (0..plan.hosts).map(host).collect();
        let outside = Outside::new(&sim, 2);
        let actions = plan.actions.into();
        let (now, submissions) = (Duration::ZERO, Vec::new());
        Self { sim, dice, now, hosts, outside, actions, submissions }
    }

    /// Lets everything happen.
    fn busy(&mut self) {
        while self.now < BUSY && self.is_well() {
            while self.actions.front().is_some_and(|(at, _)| *at <= millis(self.now)) {
                if let Some((_, action)) = self.actions.pop_front() {
                    self.happen(action);
                }
            }
            let step = self.dice.between(2, 100);
            self.step(Duration::from_millis(step));
        }
    }

    /// Lets nothing happen any more until everything has ended.
    fn quiet(&mut self) {
        self.sim.weather(|weather| *weather = Weather::calm());
        let mut ended = None;
        while self.is_well() {
            self.hosts.iter_mut().for_each(|host| host.recover(self.now));
            self.step(Duration::from_millis(500));
            let open = self.unfinished();
            let since = *ended.get_or_insert(self.now);
            if open.is_some() {
                ended = None;
            } else if self.now >= since + AFTERWARDS {
                break;
            }
            if self.now > END {
                self.end();
                let why = open.unwrap_or_default();
                self.sim.check(|checker| checker.never_ends(format!("there is no end: {why}")));
            }
        }
        if self.is_well() {
            self.end();
        }
    }

    fn end(&self) {
        let ends = self.sim.broker(|broker| broker.ends(UPLOADS, "scribed"));
        self.sim.check(|checker| checker.end(&ends));
    }

    fn report(self, seed: u64) -> Report {
        let broken = self.sim.check(|checker| checker.broken().to_vec());
        let jobs = self.sim.check(|checker| checker.known().len());
        let lives = self.hosts.iter().map(Host::lives).sum();
        Report { seed, broken, hash: self.sim.hash(), jobs, lives }
    }

    /// Returns whether nothing is broken yet.
    fn is_well(&self) -> bool {
        self.sim.check(|checker| checker.broken().is_empty())
    }

    /// Returns what is under way, in words.
    fn unfinished(&self) -> Option<String> {
        if !self.outside.is_done() || !self.submissions.is_empty() {
            return Some("a client waits".to_owned());
        }
        let ends = self.sim.broker(|broker| broker.ends(UPLOADS, "scribed"));
        let behind = ends.iter().find(|(_, end, committed)| end != committed);
        let behind = behind.map(|place| format!("partition, end, committed are {place:?}"));
        self.sim.check(|checker| checker.unfinished()).or(behind)
    }

    /// Runs every host, in any order, up to an instant.
    fn step(&mut self, step: Duration) {
        let to = self.now + step;
        let mut order: Vec<usize> = (0..self.hosts.len()).collect();
        self.dice.shuffle(&mut order);
        self.outside.run(to);
        for index in order {
            if let Err(trouble) = self.hosts[index].run(&self.sim, self.now, to) {
                self.sim.check(|checker| checker.never_ends(trouble));
            }
        }
        self.now = to;
        self.pass();
        self.ask_again();
    }

    /// Lets the bus see who is alive.
    fn pass(&mut self) {
        let Self { sim, hosts, now, .. } = self;
        let is_alive = |(name, life): &(String, u32)| {
            let host = hosts.iter().find(|host| host.name == *name);
            host.is_some_and(|host| host.shows_life(*life, *now))
                && sim.reaches(Part::Bus, name, *now)
        };
        let moved = sim.roll(|dice| sim.broker(|broker| broker.pass(*now, dice, is_alive)));
        self.tell(&moved);
        // Whoever could not reach the bus looks again.
        self.sim.changed.notify_waiters();
    }

    fn tell(&self, moved: &[Moved]) {
        for Moved { topic, partition, from, to } in moved {
            self.note(format_args!("{topic}/{partition} is committed from {from} to {to}"));
            self.sim.check(|checker| checker.moved(topic, *partition, *from, *to));
        }
    }

    fn note(&self, what: std::fmt::Arguments<'_>) {
        self.sim.note(self.now, "world", what);
    }

    fn happen(&mut self, action: Action) {
        let now = self.now;
        let ms = Duration::from_millis;
        match action {
            Action::Produce(messages) => self.outside.produce(messages),
            Action::Submit { name, recording } => {
                self.submissions.push(Submission { name, recording, due: now });
            }
            Action::Cancel => self.cancel(),
            Action::Kill { host, doom, down } => {
                self.note(format_args!("kills {}, {doom:?}", self.hosts[host].name));
                self.hosts[host].kill(doom, ms(down), now);
            }
            Action::Freeze { host, still } => {
                self.note(format_args!("freezes {} for {still} ms", self.hosts[host].name));
                self.hosts[host].freeze(now + ms(still));
            }
            Action::Drain { host, down } => {
                self.note(format_args!("stops {}", self.hosts[host].name));
                self.hosts[host].drain(now, ms(down));
            }
            Action::Outage { part, host, away } => {
                let host = host.map(|host| self.hosts[host].name.clone());
                self.note(format_args!("takes {part:?} from {host:?} for {away} ms"));
                let until = millis(now) + away;
                self.sim.weather(|weather| weather.take_away(part, host, until));
            }
            Action::Jump { host, by } => {
                self.note(format_args!("moves the clock of {} by {by} us", self.hosts[host].name));
                self.hosts[host].jump(by);
            }
            Action::Storm => {
                self.note(format_args!("gives partitions to others"));
                let moved = self.sim.roll(|dice| self.sim.broker(|broker| broker.storm(dice)));
                self.tell(&moved);
            }
        }
    }

    /// Cancels any job, from any host that answers.
    fn cancel(&mut self) {
        let jobs = self.sim.check(|checker| checker.known());
        let Some(host) = self.any_host() else { return };
        let (Some((engine, _)), false) = (host.engine(self.now), jobs.is_empty()) else { return };
        let job = self.sim.roll(|dice| dice.pick(&jobs));
        host.spawn(async move {
            // Whether it worked shows in the store.
            engine.cancel(job).await.ok();
        });
    }

    /// Sends what has no answer yet again.
    fn ask_again(&mut self) {
        let Self { sim, submissions, .. } = self;
        submissions.retain(|submission| !sim.check(|checker| checker.is_told(&submission.name)));
        for index in 0..self.submissions.len() {
            if self.submissions[index].due > self.now {
                continue;
            }
            self.submissions[index].due = self.now + PATIENCE;
            let Submission { name, recording, .. } = &self.submissions[index];
            let (name, recording) = (name.clone(), recording.clone());
            if let Some(host) = self.any_host()
                && let Some((engine, life)) = host.engine(self.now)
            {
                host.spawn(submit(engine, life, name, recording));
            }
        }
    }

    fn any_host(&self) -> Option<&Host> {
        let well = self.hosts.iter().filter(|host| host.engine(self.now).is_some());
        let well: Vec<&Host> = well.collect();
        (!well.is_empty()).then(|| self.sim.roll(|dice| dice.pick(&well)))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // Who is taken down with the world has no effect on it any more.
        let now = self.now;
        self.hosts.iter_mut().for_each(|host| host.kill(None, Duration::ZERO, now));
    }
}

/// Returns the answer of a call to something in memory, which never waits.
fn at_once<T>(call: impl Future<Output = T>) -> T {
    call.now_or_never().expect("memory answers at once")
}

fn account(number: i64, name: &str) -> Account {
    Account {
        id: AccountId(number),
        username: name.to_owned(),
        password_hash: String::new(),
        role: Role::User,
        active: true,
        can_interact: true,
        holds_jobs: false,
        password_epoch: 0,
        created: Timestamp::default(),
        updated: Timestamp::default(),
    }
}
