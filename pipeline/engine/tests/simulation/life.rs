//! Lives: a host between its start and its end, as the parts that it calls see it.
//!
//! Every call of a host to a shared part passes through its life twice: on the way there, and on
//! the way back. That is where calls fail, wait, and where a host dies in the middle of one. A dead
//! life never gets an answer, so whatever its tasks still do has no effect on anybody.

use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use scribed_engine::Clock;
use scribed_engine::testing::START;
use scribed_schemas::time::Timestamp;
use tokio::time::Instant;

use crate::sim::{Sim, held};
use crate::weather::{Fate, Part, Verdict};

/// A host between its start and its end.
#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) sim: Arc<Sim>,
    /// Name of the host; the outside has one too.
    pub(crate) host: String,
    /// Which of the host's lives it is.
    pub(crate) number: u32,
    /// When it began, on the world's clock and on that of its runtime.
    born: (Duration, Instant),
    /// How far the host's clock is off, in microseconds.
    skew: Arc<AtomicI64>,
    is_dead: AtomicBool,
    doom: Mutex<Option<Doom>>,
}

/// Where in its next call that changes something a host dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doom {
    BeforeEffect,
    AfterEffect,
}

/// Whether a call may change something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

/// A call failed as planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lost;

impl Life {
    /// Begins a life. Must be called inside the host's runtime, whose clock it reads.
    pub(crate) fn new(
        sim: Arc<Sim>,
        host: &str,
        number: u32,
        at: Duration,
        skew: Arc<AtomicI64>,
    ) -> Self {
        Self {
            sim,
            host: host.to_owned(),
            number,
            born: (at, Instant::now()),
            skew,
            is_dead: AtomicBool::new(false),
            doom: Mutex::default(),
        }
    }

    /// Returns the world's time. Only inside the host's runtime.
    pub(crate) fn at(&self) -> Duration {
        self.born.0 + self.born.1.elapsed()
    }

    /// Returns the instant of the host's runtime that is a time of the world.
    pub(crate) fn instant(&self, at: Duration) -> Instant {
        self.born.1 + at.saturating_sub(self.born.0)
    }

    /// Returns name and number of this life.
    pub(crate) fn owner(&self) -> (String, u32) {
        (self.host.clone(), self.number)
    }

    /// Lets the host die in its next call that changes something.
    pub(crate) fn doom(&self, doom: Doom) {
        *held(&self.doom) = Some(doom);
    }

    /// Ends the life.
    pub(crate) fn end(&self) {
        self.is_dead.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.is_dead.load(Ordering::Relaxed)
    }

    /// Adds a line to the trace.
    pub(crate) fn note(&self, what: std::fmt::Arguments<'_>) {
        self.sim.note(self.at(), &format!("{}.{}", self.host, self.number), what);
    }

    /// Passes the way to a part.
    pub(crate) async fn go(&self, part: Part, call: &str, access: Access) -> Result<Fate, Lost> {
        self.unless_dead().await;
        let fate = self.sim.fate(part, &self.host, self.at());
        if !fate.before.is_zero() {
            tokio::time::sleep(fate.before).await;
            self.unless_dead().await;
        }
        if access == Access::Write && *held(&self.doom) == Some(Doom::BeforeEffect) {
            self.die(call, "before").await;
        }
        if fate.verdict == Verdict::FailBefore {
            self.note(format_args!("{call} fails"));
            return Err(Lost);
        }
        Ok(fate)
    }

    /// Passes the way back.
    pub(crate) async fn come_back(
        &self,
        fate: Fate,
        call: &str,
        access: Access,
    ) -> Result<(), Lost> {
        if access == Access::Write && *held(&self.doom) == Some(Doom::AfterEffect) {
            self.die(call, "after").await;
        }
        if !fate.after.is_zero() {
            tokio::time::sleep(fate.after).await;
            self.unless_dead().await;
        }
        if fate.verdict == Verdict::FailAfter {
            self.note(format_args!("the answer to {call} is lost"));
            return Err(Lost);
        }
        Ok(())
    }

    async fn die(&self, call: &str, when: &str) {
        self.note(format_args!("dies {when} {call}"));
        self.end();
        self.unless_dead().await;
    }

    async fn unless_dead(&self) {
        if self.is_dead() {
            pending::<()>().await;
        }
    }
}

impl Clock for Life {
    fn now(&self) -> Timestamp {
        let at = START.plus(self.at());
        Timestamp(at.0 + self.skew.load(Ordering::Relaxed))
    }
}
