//! The scheduler: claims jobs while there is room, and drains at a stop.
//!
//! It wakes when a job is submitted here, when one ends, and at an interval, which finds what other
//! hosts submitted, jobs whose pause is over, and jobs whose lease has run out.

use std::time::Duration;

use scribed_schemas::job::Job;
use scribed_store::ClaimRequest;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::engine::Engine;
use crate::job::{self, Ended};
use crate::measure;
use crate::pulse::Loop;

/// How long stages may take to notice their flag after the drain time is over.
const GRACE: Duration = Duration::from_secs(5);

/// Works on jobs until `stop`, then drains.
pub(crate) async fn run(engine: &Engine, stop: &CancellationToken) {
    let mut running = JoinSet::new();
    while !stop.is_cancelled() {
        engine.shared.pulse.beat(Loop::Scheduler);
        let pause = fill(engine, stop, &mut running).await;
        // Every arm only waits, or takes what is kept until it is taken.
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(ended) = running.join_next() => after(engine, stop, &ended).await,
            () = engine.shared.work.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
    drain(engine, running).await;
}

/// Claims jobs until there is no room or no job, and returns when to look again.
async fn fill(engine: &Engine, stop: &CancellationToken, running: &mut JoinSet<Ended>) -> Duration {
    measure::running(running.len(), engine.config().slots());
    let places = Config::at_least_one(engine.config().concurrent_jobs);
    while at_work(engine, running) < places && !stop.is_cancelled() {
        match claim(engine).await {
            Ok(Some(job)) => {
                engine.shared.pulse.beat(Loop::Scheduler);
                running.spawn(job::attempt(engine.clone(), job, stop.clone()));
                measure::running(running.len(), engine.config().slots());
            }
            Ok(None) => break,
            Err(error) => {
                tracing::warn!(%error, "cannot look for work");
                return pause(engine);
            }
        }
    }
    engine.config().poll_interval()
}

/// Returns how many jobs have a place: those whose recording is being fetched need none.
fn at_work(engine: &Engine, running: &JoinSet<Ended>) -> usize {
    running.len().saturating_sub(engine.shared.fetches.under_way())
}

async fn claim(engine: &Engine) -> scribed_store::Result<Option<Job>> {
    let now = engine.now();
    let holder = engine.shared.parts.holder.clone();
    engine
        .store()
        .claim(ClaimRequest { holder, now, until: now.plus(engine.config().lease()) })
        .await
}

/// Looks at how an attempt ended: what other jobs need too, and is away, holds up everything.
async fn after(
    engine: &Engine,
    stop: &CancellationToken,
    ended: &Result<Ended, tokio::task::JoinError>,
) {
    match ended {
        Ok(Ended::Settled) => {}
        Ok(Ended::Away) => {
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = tokio::time::sleep(pause(engine)) => {}
            }
        }
        Err(error) => tracing::error!(%error, "an attempt broke off; its lease runs out"),
    }
}

fn pause(engine: &Engine) -> Duration {
    Duration::from_secs(engine.config().unavailable_backoff_secs.max(1))
}

/// Waits for the attempts, which have seen the stop; trips them when they take too long.
async fn drain(engine: &Engine, mut running: JoinSet<Ended>) {
    if running.is_empty() {
        return;
    }
    let limit = engine.config().drain_timeout();
    tracing::info!(jobs = running.len(), ?limit, "finishing the chunks in the recogniser");
    if tokio::time::timeout(limit, all(&mut running)).await.is_ok() {
        return;
    }
    engine.shared.attempts.trip_all();
    if tokio::time::timeout(GRACE, all(&mut running)).await.is_err() {
        tracing::warn!(jobs = running.len(), "stages do not stop; their leases run out");
    }
}

async fn all(running: &mut JoinSet<Ended>) {
    while let Some(ended) = running.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "an attempt broke off; its lease runs out");
        }
    }
}
