//! Health: what a probe may ask, and what systemd is told.
//!
//! A daemon is *live* while its loops come round and the store answers, be it with an error: what is
//! away is waited for, and a restart would not bring it back. It is *ready* while it is live, serves, and
//! what every request needs is there.
//!
//! ```text
//! main runtime:   loops beat ─┐     store and media are asked every 5 s ─┐
//!                             ▼                                          ▼
//! thread "health":  /livez /readyz /metrics, the watchdog of systemd: answered from what is noted here
//! ```
//!
//! The thread has a runtime of its own: it answers while everything else is busy.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::anyhow;
use scribed_engine::{Engine, Loop};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::failure::Failure;

mod door;
mod systemd;
mod thread;

pub use thread::Guardian;

/// How often what requests need is asked whether it is there.
const LOOK: Duration = Duration::from_secs(5);
/// How often what waits is counted.
const COUNT: Duration = Duration::from_secs(15);

/// Who may ask how the daemon is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Address for `/livez`, `/readyz` and `/metrics`; empty: nowhere.
    pub listen: String,
    /// How long a loop, or the store, may be silent before the daemon counts as stuck, in seconds.
    pub silence_secs: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self { listen: String::new(), silence_secs: 30 }
    }
}

impl Config {
    /// Returns the address to listen on.
    ///
    /// # Errors
    /// It is no address.
    pub fn address(&self) -> Result<Option<SocketAddr>, Failure> {
        if self.listen.is_empty() {
            return Ok(None);
        }
        self.listen.parse().map(Some).map_err(|_| {
            let listen = &self.listen;
            Failure::refused(anyhow!("`health.listen` is {listen:?}, which is no address"))
                .hint("an address and a port, such as 127.0.0.1:8001")
        })
    }
}

/// What the daemon knows of its own health. Clones share it.
#[derive(Debug, Clone)]
pub struct Health {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    engine: Engine,
    silence: Duration,
    noted: Mutex<Noted>,
}

#[derive(Debug)]
struct Noted {
    phase: Phase,
    store: Seen,
    media: Seen,
}

/// What the daemon is doing with its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It does not answer yet.
    Starting,
    /// It answers.
    Serving,
    /// It was asked to stop, and finishes what it has begun.
    Draining,
}

/// What was last heard of something that requests need.
#[derive(Debug)]
struct Seen {
    when: Instant,
    trouble: Option<String>,
}

/// How the daemon is, as it is told to whoever asks.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Whether a restart is of no use.
    pub live: bool,
    /// Whether requests are welcome.
    pub ready: bool,
    phase: Phase,
    parts: Vec<Part>,
}

/// How one part is.
#[derive(Debug, Clone, Serialize)]
struct Part {
    name: &'static str,
    /// Seconds since it was last heard of.
    silent_secs: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<String>,
}

impl Health {
    /// Begins to keep an eye on an engine.
    pub fn new(engine: Engine, config: &Config) -> Self {
        let seen = || Seen { when: Instant::now(), trouble: None };
        let noted = Noted { phase: Phase::Starting, store: seen(), media: seen() };
        let silence = Duration::from_secs(config.silence_secs.max(1));
        Self { shared: Arc::new(Shared { engine, silence, noted: Mutex::new(noted) }) }
    }

    /// Asks store and media again and again whether they are there, until `stop`; where it is measured,
    /// how much work waits too.
    pub async fn look(self, measures: bool, stop: CancellationToken) {
        let backlog = async {
            if measures {
                self.look_at_backlog().await;
            }
        };
        let looks = async { tokio::join!(self.look_at_store(), self.look_at_media(), backlog) };
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            _ = looks => {}
        }
    }

    async fn look_at_store(&self) {
        let mut turns = tokio::time::interval(LOOK);
        loop {
            turns.tick().await;
            // However long it takes: a store that does not answer at all is what is looked for.
            let answer = self.shared.engine.store().ping().await;
            let trouble = answer.err().map(|error| error.kind.to_string());
            self.noted().store = Seen { when: Instant::now(), trouble };
        }
    }

    async fn look_at_media(&self) {
        let mut turns = tokio::time::interval(LOOK);
        loop {
            turns.tick().await;
            let answer = self.shared.engine.media().ping().await;
            let trouble = answer.err().map(|error| error.to_string());
            self.noted().media = Seen { when: Instant::now(), trouble };
        }
    }

    async fn look_at_backlog(&self) {
        let mut turns = tokio::time::interval(COUNT);
        turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            turns.tick().await;
            if let Err(error) = self.shared.engine.measure_backlog().await {
                tracing::debug!(%error, "what waits cannot be counted now");
            }
        }
    }

    /// Notes what the daemon does now.
    pub fn enter(&self, phase: Phase) {
        self.noted().phase = phase;
    }

    /// Returns what the daemon does now.
    pub fn phase(&self) -> Phase {
        self.noted().phase
    }

    /// Says how the daemon is.
    pub fn report(&self) -> Report {
        let Shared { engine, silence, .. } = self.shared.as_ref();
        self.noted().report(engine.silences(), *silence)
    }

    /// Returns what is noted; a panic elsewhere cannot have left it half changed.
    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.shared.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Noted {
    /// Says how a daemon is whose loops have been silent for so long, where `silence` is how long a part
    /// may be.
    fn report(&self, loops: Vec<(Loop, Duration)>, silence: Duration) -> Report {
        let loops = loops.into_iter().map(|(of, silent)| Part {
            name: of.name(),
            silent_secs: silent.as_secs(),
            trouble: (silent > silence).then(|| "it does not come round".to_owned()),
        });
        let mut parts: Vec<Part> = loops.collect();
        let is_draining = self.phase == Phase::Draining;
        // Loops end while the daemon drains; how long that may take is bounded elsewhere.
        let loops_live = is_draining || parts.iter().all(|part| part.trouble.is_none());
        let is_silent = |seen: &Seen| seen.when.elapsed() > silence;
        let part = |name, seen: &Seen| Part {
            name,
            silent_secs: seen.when.elapsed().as_secs(),
            trouble: if is_silent(seen) {
                Some("it does not answer".to_owned())
            } else {
                seen.trouble.clone()
            },
        };
        let (store, media) = (part("store", &self.store), part("media", &self.media));
        let live = loops_live && (is_draining || !is_silent(&self.store));
        let is_there = store.trouble.is_none() && media.trouble.is_none();
        let ready = live && is_there && self.phase == Phase::Serving;
        parts.extend([store, media]);
        Report { live, ready, phase: self.phase, parts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SILENCE: Duration = Duration::from_secs(3_600);
    const LOOPS: [Loop; 3] = [Loop::Intake, Loop::Scheduler, Loop::Courier];

    /// A daemon of which only a loop, if any, has been silent for too long.
    fn report(phase: Phase, silent: Option<Loop>) -> Report {
        let seen = || Seen { when: Instant::now(), trouble: None };
        let too_long = SILENCE + Duration::from_secs(1);
        let silence = |of| if Some(of) == silent { too_long } else { Duration::ZERO };
        let loops = LOOPS.map(|of| (of, silence(of))).to_vec();
        Noted { phase, store: seen(), media: seen() }.report(loops, SILENCE)
    }

    #[test]
    fn a_loop_that_stands_still_is_named_and_the_watchdog_is_not_fed() {
        let well = report(Phase::Serving, None);
        assert!(well.live && well.ready, "{well:?}");
        for of in LOOPS {
            let report = report(Phase::Serving, Some(of));
            // The watchdog is fed while the daemon is live.
            assert!(!report.live && !report.ready, "{report:?}");
            let troubled = report.parts.iter().filter(|part| part.trouble.is_some());
            let troubled: Vec<_> = troubled.map(|part| (part.name, part.silent_secs)).collect();
            assert_eq!(troubled, [(of.name(), 3_601)]);
            let body = serde_json::to_value(&report).unwrap();
            assert!(body.to_string().contains("it does not come round"), "{body}");
        }
    }

    #[test]
    fn loops_may_end_while_the_daemon_drains() {
        let report = report(Phase::Draining, Some(Loop::Scheduler));
        assert!(report.live && !report.ready, "{report:?}");
    }
}
