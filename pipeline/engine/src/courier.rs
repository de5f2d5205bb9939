//! The courier: what follows jobs that are done. Whoever their submitters named is called, at least once,
//! and what is to be deleted afterwards is deleted.
//!
//! What is to follow stands in the job itself (see [`scribed_schemas::callback`]), so nothing is lost with
//! a host:
//!
//! ```text
//! whoever ends a job ─► its number here ─► read job ─► note the try ─► call ─► note what came of it
//!                           ▲
//! every 2 s ─ jobs with something due: pauses that are over, calls that were lost, ends elsewhere
//! ```
//!
//! A try is noted before it is made, with an instant before which nobody else makes one; of several hosts
//! that note the same step one succeeds. A call that is lost with its host is made again after that
//! instant, and costs the receiver no try. Nor does a store that is away.
//!
//! One receiver has only some calls at once; those beyond wait for a place, and hold up nobody else.

use std::time::Duration;

use scribed_schemas::callback::FollowUp;
use scribed_schemas::id::JobId;
use scribed_schemas::job::Job;
use scribed_schemas::time::Timestamp;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::engine::Engine;
use crate::pulse::Loop;

mod census;
mod delivery;
mod errand;
mod known;

use census::Census;
pub(crate) use known::Errands;

/// Jobs of one page of a look.
const PAGE: u32 = 100;
/// Pages of one look; the next one goes on behind.
const PAGES: u32 = 10;
/// How long calls under way may take to end at a stop; the others are handed back.
const FAREWELL: Duration = Duration::from_secs(5);
/// How long handing back may take.
const HANDING_BACK: Duration = Duration::from_secs(3);

/// Asks errands to end.
#[derive(Debug, Clone, Default)]
struct Stops {
    /// Nothing new is begun.
    soft: CancellationToken,
    /// What was begun is handed back.
    hard: CancellationToken,
}

impl Engine {
    /// Says that a job may have ended. Whoever ends one calls this.
    pub(crate) fn may_have_ended(&self, job: &Job) {
        if due(job).is_some() {
            self.shared.errands.add(job.id);
        }
    }
}

/// Returns when something is next to follow a job.
fn due(job: &Job) -> Option<Timestamp> {
    job.follow_up.as_ref().and_then(FollowUp::due)
}

/// Runs errands until `stop`; what is under way then ends soon or is handed back.
pub(crate) async fn run(engine: &Engine, stop: &CancellationToken) {
    let stops = Stops { soft: stop.clone(), hard: CancellationToken::new() };
    let mut errands = JoinSet::new();
    let mut round = Round::default();
    let mut look = interval(engine.config().callbacks.look_interval());
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !stop.is_cancelled() {
        engine.shared.pulse.beat(Loop::Courier);
        fill(engine, &stops, &mut errands);
        // Every arm only waits, or takes what is kept until it is taken, but for the look, which may be
        // broken off and made again.
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            _ = look.tick() => tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = round.look(engine) => {}
            },
            () = engine.shared.errands.wake.notified() => {}
            Some(_) = errands.join_next() => {}
        }
    }
    if timeout(FAREWELL, all(&mut errands)).await.is_err() {
        stops.hard.cancel();
        if timeout(HANDING_BACK, all(&mut errands)).await.is_err() {
            tracing::info!("some calls are left to be made again later");
        }
    }
}

/// Begins as many errands as may be run at once.
fn fill(engine: &Engine, stops: &Stops, errands: &mut JoinSet<()>) {
    while errands.len() < engine.config().callbacks.at_once()
        && let Some(job) = engine.shared.errands.take()
    {
        let (engine, stops) = (engine.clone(), stops.clone());
        errands.spawn(async move {
            let _at_work = AtWork { engine: &engine, job };
            if let Err(error) = errand::run(&engine, job, &stops).await {
                tracing::warn!(%job, %error, "what follows a job waits");
                let pause = Duration::from_secs(engine.config().unavailable_backoff_secs.max(1));
                tokio::select! {
                    biased;
                    () = stops.soft.cancelled() => {}
                    () = tokio::time::sleep(pause) => {}
                }
            }
        });
    }
}

/// Notes at its end, whichever it is, that a job is looked after no more.
struct AtWork<'a> {
    engine: &'a Engine,
    job: JobId,
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.engine.shared.errands.done(self.job);
    }
}

async fn all(errands: &mut JoinSet<()>) {
    while let Some(ended) = errands.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "an errand broke off; it is run again");
        }
    }
}

/// Looks again and again, each time behind where the last look ended.
#[derive(Debug, Default)]
struct Round {
    after: Option<JobId>,
    census: Census,
}

impl Round {
    /// Finds jobs with something due, and counts some of all that are open.
    async fn look(&mut self, engine: &Engine) {
        if let Err(error) = self.find(engine).await {
            tracing::warn!(%error, "cannot look for calls that are due");
            return;
        }
        if let Err(error) = self.census.go_on(engine).await {
            tracing::warn!(%error, "cannot count the calls that are open");
        }
    }

    async fn find(&mut self, engine: &Engine) -> scribed_store::Result<()> {
        for _ in 0..PAGES {
            engine.shared.pulse.beat(Loop::Courier);
            let found = engine.store().follow_ups(Some(engine.now()), self.after, PAGE).await?;
            self.after = found.last().copied();
            for job in &found {
                engine.shared.errands.add(*job);
            }
            if found.len() < PAGE as usize {
                self.after = None;
                return Ok(());
            }
        }
        Ok(())
    }
}
