//! Hosts: each an engine in a runtime of its own, with a clock of its own.
//!
//! A runtime is run from one instant of the world's time to the next, host after host. So a host
//! that stands still is one whose runtime is not run, and one that dies is one whose runtime is
//! dropped, all its tasks with it, wherever they wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use scribed_engine::testing::shapes;
use scribed_engine::{Config, Engine, Parts, PipelineConfig, Plans, StageConfig};
use scribed_media::Inbox;
use scribed_schemas::id::IdGenerator;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::bus::SimBus;
use crate::life::{Doom, Life};
use crate::media::SimMedia;
use crate::runner::SimRunner;
use crate::sim::Sim;
use crate::store::SimStore;

/// How long a drain may take: the stop itself and the grace of stages, a minute in which the store
/// is away, slow calls, and all that a host stands still at most.
const DRAIN: Duration = Duration::from_secs(600);

/// A host.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) name: String,
    /// Its part of identities.
    node: u8,
    slots: u32,
    /// Lives that it had so far.
    lives: u32,
    /// How far its clock is off, in microseconds.
    skew: Arc<AtomicI64>,
    /// When it starts again while it is down.
    starts: Duration,
    up: Option<Up>,
}

/// A host that runs.
#[derive(Debug)]
struct Up {
    runtime: Runtime,
    life: Arc<Life>,
    engine: Engine,
    stop: CancellationToken,
    task: JoinHandle<()>,
    /// The world's time that its runtime has come to.
    at: Duration,
    still_until: Duration,
    /// When it was told to stop, and how long it stays down then.
    drain: Option<(Duration, Duration)>,
    /// How long it stays down when it dies.
    down: Duration,
}

/// Why a host is not well, in words.
pub(crate) type Trouble = String;

impl Host {
    /// Makes a host that starts at an instant.
    pub(crate) fn new(index: usize, slots: u32, starts: Duration) -> Self {
        let node = u8::try_from(index + 1).expect("hosts are few");
        let (skew, name) = (Arc::new(AtomicI64::new(0)), format!("asr-{node}"));
        Self { name, node, slots, lives: 0, skew, starts, up: None }
    }

    /// Returns how many lives it had.
    pub(crate) fn lives(&self) -> u32 {
        self.lives
    }

    /// Returns whether a life of this host shows signs of life now.
    pub(crate) fn shows_life(&self, number: u32, at: Duration) -> bool {
        let is_it = |up: &&Up| up.life.number == number && !up.life.is_dead();
        self.up.as_ref().filter(is_it).is_some_and(|up| up.still_until <= at)
    }

    /// Returns the engine and its life, if it can be called.
    pub(crate) fn engine(&self, at: Duration) -> Option<(Engine, Arc<Life>)> {
        let up = self.up.as_ref()?;
        let is_well = up.drain.is_none() && self.shows_life(up.life.number, at);
        is_well.then(|| (up.engine.clone(), Arc::clone(&up.life)))
    }

    /// Runs something on this host, for as long as it lives.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Some(up) = &self.up {
            up.runtime.spawn(work);
        }
    }

    /// Lets the host die, at once or in its next call.
    pub(crate) fn kill(&mut self, doom: Option<Doom>, down: Duration, at: Duration) {
        let Some(up) = &mut self.up else { return };
        up.down = down;
        match doom {
            Some(doom) => up.life.doom(doom),
            None => self.die(at, down),
        }
    }

    fn die(&mut self, at: Duration, down: Duration) {
        if let Some(up) = self.up.take() {
            up.life.end();
            drop(up.runtime);
        }
        self.starts = at + down;
    }

    /// Lets the host stand still until an instant.
    pub(crate) fn freeze(&mut self, until: Duration) {
        if let Some(up) = &mut self.up {
            up.still_until = up.still_until.max(until);
        }
    }

    /// Tells the host to stop.
    pub(crate) fn drain(&mut self, at: Duration, down: Duration) {
        if let Some(up) = &mut self.up {
            up.stop.cancel();
            up.drain.get_or_insert((at, down));
        }
    }

    /// Moves the host's clock.
    pub(crate) fn jump(&self, by: i64) {
        self.skew.fetch_add(by, Ordering::Relaxed);
    }

    /// Ends what is wrong with the host: it runs, its clock is right, and it dies no more.
    pub(crate) fn recover(&mut self, at: Duration) {
        self.skew.store(0, Ordering::Relaxed);
        self.starts = self.starts.min(at);
        if let Some(up) = &mut self.up {
            up.still_until = up.still_until.min(at);
            up.down = Duration::ZERO;
        }
    }

    /// Runs the host from one instant to the next.
    pub(crate) fn run(
        &mut self,
        sim: &Arc<Sim>,
        from: Duration,
        to: Duration,
    ) -> Result<(), Trouble> {
        if self.up.is_none() && self.starts <= from {
            self.start(sim, from);
        }
        let Some(up) = &mut self.up else { return Ok(()) };
        if up.still_until > from {
            return Ok(());
        }
        let behind = from.saturating_sub(up.at);
        if !behind.is_zero() {
            // All at once, as for a process that was stopped: every timer is due now.
            up.runtime.block_on(async { tokio::time::advance(behind).await });
        }
        up.runtime.block_on(async { tokio::time::sleep_until(up.life.instant(to)).await });
        up.at = to;
        self.look(to)
    }

    /// Looks whether the host has died, or has drained.
    fn look(&mut self, at: Duration) -> Result<(), Trouble> {
        let Some(up) = &mut self.up else { return Ok(()) };
        if up.life.is_dead() {
            let down = up.down;
            self.die(at, down);
            return Ok(());
        }
        if up.task.is_finished() {
            let ended = up.runtime.block_on(&mut up.task);
            let Some((_, down)) = up.drain else {
                return Err(format!("{} ended by itself: {ended:?}", self.name));
            };
            ended.map_err(|error| format!("{} broke off: {error}", self.name))?;
            self.die(at, down);
            return Ok(());
        }
        match up.drain {
            Some((since, _)) if at.saturating_sub(since) > DRAIN => {
                Err(format!("{} was told to stop at {since:?} and goes on", self.name))
            }
            _ => Ok(()),
        }
    }

    fn start(&mut self, sim: &Arc<Sim>, at: Duration) {
        self.lives += 1;
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.expect("a runtime without I/O needs nothing");
        let inside = runtime.enter();
        let skew = Arc::clone(&self.skew);
        let life = Arc::new(Life::new(Arc::clone(sim), &self.name, self.lives, at, skew));
        let engine = self.make_engine(&life);
        life.note(format_args!("starts"));
        drop(inside);
        let stop = CancellationToken::new();
        let task = runtime.spawn(work(engine.clone(), self.name.clone(), stop.clone()));
        self.up = Some(Up {
            runtime,
            life,
            engine,
            stop,
            task,
            at,
            still_until: at,
            drain: None,
            down: Duration::ZERO,
        });
    }

    fn make_engine(&self, life: &Arc<Life>) -> Engine {
        let stages = vec![StageConfig::new("test.cut"), StageConfig::new("test.recognise")];
        let pipeline = PipelineConfig { name: "default".to_owned(), stages };
        Engine::new(Parts {
            store: Arc::new(SimStore::new(Arc::clone(life))),
            media: Arc::new(SimMedia::new(Arc::clone(life))),
            inbox: Inbox::default(),
            outbound: scribed_engine::Outbound::default(),
            calls: scribed_engine::Calls::default(),
            bus: Arc::new(SimBus::new(Arc::clone(life))),
            runner: Arc::new(SimRunner::new(Arc::clone(life))),
            plans: Plans::from_shapes(&[pipeline], &shapes()).expect("the pipeline fits"),
            clock: Arc::clone(life) as Arc<dyn scribed_engine::Clock>,
            ids: Arc::new(IdGenerator::new(self.node)),
            config: Config { slots: self.slots, publish: Some(true), ..Config::default() },
            holder: self.name.clone(),
        })
    }
}

/// What a daemon does: it takes up what its former self held, and works.
async fn work(engine: Engine, holder: String, stop: CancellationToken) {
    while engine.store().release_holder(&holder, engine.now()).await.is_err() {
        tokio::time::sleep(Duration::from_secs(1)).await;
        if stop.is_cancelled() {
            return;
        }
    }
    engine.run(stop).await;
}
