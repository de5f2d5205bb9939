//! The simulation's one state: what all hosts share, what is drawn, and who checks it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use scribed_media::MemoryMedia;
use scribed_schemas::id::JobId;
use scribed_store::MemoryStore;
use tokio::sync::Notify;

use crate::bus::Broker;
use crate::checker::Checker;
use crate::dice::Dice;
use crate::planted::Planted;
use crate::trace::{Telling, Trace};
use crate::weather::{Fate, Part, Weather};

/// What all hosts of a simulation share.
#[derive(Debug)]
pub(crate) struct Sim {
    /// The promise that a part breaks, if any.
    pub(crate) planted: Option<Planted>,
    /// The rows behind the simulated store.
    pub(crate) rows: MemoryStore,
    /// The bytes behind the simulated media store.
    pub(crate) recordings: MemoryMedia,
    /// Wakes consumers: there may be something for them.
    pub(crate) changed: Notify,
    broker: Mutex<Broker>,
    dice: Mutex<Dice>,
    weather: Mutex<Weather>,
    checker: Mutex<Checker>,
    trace: Mutex<Trace>,
    /// How often stages tried a chunk; `u32::MAX` stands for the head.
    tries: Mutex<BTreeMap<(JobId, u32), u32>>,
    /// Texts that a planted store shows in the place of others.
    pub(crate) replaced: Mutex<BTreeMap<(JobId, u32), String>>,
}

impl Sim {
    /// Makes an empty world.
    pub(crate) fn new(
        seed: u64,
        weather: Weather,
        broker: Broker,
        planted: Option<Planted>,
        telling: Telling,
    ) -> Arc<Self> {
        Arc::new(Self {
            planted,
            rows: MemoryStore::new(),
            recordings: MemoryMedia::new(),
            changed: Notify::new(),
            broker: Mutex::new(broker),
            dice: Mutex::new(Dice::new(seed).fork()),
            weather: Mutex::new(weather),
            checker: Mutex::default(),
            trace: Mutex::new(Trace::new(telling)),
            tries: Mutex::default(),
            replaced: Mutex::default(),
        })
    }

    /// Returns whether a promise is broken on purpose.
    pub(crate) fn breaks(&self, promise: Planted) -> bool {
        self.planted == Some(promise)
    }

    /// Draws something.
    pub(crate) fn roll<T>(&self, draw: impl FnOnce(&mut Dice) -> T) -> T {
        draw(&mut held(&self.dice))
    }

    /// Looks at the weather, or changes it.
    pub(crate) fn weather<T>(&self, look: impl FnOnce(&mut Weather) -> T) -> T {
        look(&mut held(&self.weather))
    }

    /// Tells the checker something, or asks it.
    pub(crate) fn check<T>(&self, tell: impl FnOnce(&mut Checker) -> T) -> T {
        tell(&mut held(&self.checker))
    }

    /// Works on the messages.
    pub(crate) fn broker<T>(&self, work: impl FnOnce(&mut Broker) -> T) -> T {
        work(&mut held(&self.broker))
    }

    /// Draws what becomes of a call.
    pub(crate) fn fate(&self, part: Part, host: &str, at: Duration) -> Fate {
        self.roll(|dice| self.weather(|weather| weather.fate(dice, part, host, millis(at))))
    }

    /// Returns whether a host can reach a part now.
    pub(crate) fn reaches(&self, part: Part, host: &str, at: Duration) -> bool {
        self.weather(|weather| weather.reaches(part, host, millis(at)))
    }

    /// Counts a try of a stage and returns how many there were before.
    pub(crate) fn tried(&self, job: JobId, chunk: u32) -> u32 {
        let mut tries = held(&self.tries);
        let count = tries.entry((job, chunk)).or_insert(0);
        *count += 1;
        *count - 1
    }

    /// Adds a line to the trace.
    pub(crate) fn note(&self, at: Duration, who: &str, what: std::fmt::Arguments<'_>) {
        let line = format!("{:>10.3} {who:<9} {what}", at.as_secs_f64());
        held(&self.trace).line(&line);
    }

    /// Returns the number that stands for all that happened.
    pub(crate) fn hash(&self) -> u64 {
        held(&self.trace).hash()
    }
}

/// Returns what a mutex holds; after a panic the simulation is lost anyway.
pub(crate) fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns whole milliseconds.
pub(crate) fn millis(at: Duration) -> u64 {
    u64::try_from(at.as_millis()).expect("simulations are short")
}
