//! The lease of an attempt: renewal, and store calls that are repeated while it lasts.

use std::sync::atomic::Ordering;
use std::time::Duration;

use scribed_schemas::job::{Job, JobState};
use scribed_store::{ErrorKind, Outcome};
use tokio::time::Instant;

use super::{Attempt, Stopped};

/// First pause before a store call is repeated; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Longest pause.
const LAST_PAUSE: Duration = Duration::from_secs(5);

impl Attempt {
    /// Renews the lease until it is lost; returns then.
    ///
    /// Between renewals it looks whether the job was cancelled elsewhere: on another host, or by an
    /// operator.
    pub(super) async fn keep_lease(&self) {
        let config = self.engine.config();
        let mut renewed = Instant::now();
        loop {
            let due = config.renewal().saturating_sub(renewed.elapsed());
            if due > config.watch_interval() {
                tokio::time::sleep(config.watch_interval()).await;
                if self.is_taken_away().await {
                    return;
                }
                continue;
            }
            tokio::time::sleep(due).await;
            if self.renew().await.is_err() {
                return;
            }
            renewed = Instant::now();
        }
    }

    /// Looks whether the job is somebody else's or has ended; a store that is away tells nothing.
    async fn is_taken_away(&self) -> bool {
        let Ok(Some(job)) = self.engine.store().job(self.id()).await else {
            return false;
        };
        let is_ours = job.fence == self.job.fence && job.state == JobState::InProgress;
        if !is_ours {
            tracing::info!(job = %self.id(), fence = self.job.fence, "the job was taken away");
            self.flag.trip();
        }
        !is_ours
    }

    /// Renews the lease, however long the store takes, as long as the lease lasts.
    pub(super) async fn renew(&self) -> Result<(), Stopped> {
        let mut pause = FIRST_PAUSE;
        loop {
            let now = self.engine.now();
            let until = now.plus(self.engine.config().lease());
            let progress = self.progress.load(Ordering::Relaxed);
            match self.engine.store().renew(self.id(), self.job.fence, until, progress).await {
                Ok(()) => {
                    self.until.store(until.0, Ordering::Relaxed);
                    return Ok(());
                }
                Err(error) if is_lost(error.kind) => {
                    tracing::info!(job = %self.id(), fence = self.job.fence, "the job was taken away");
                    self.flag.trip();
                    return Err(Stopped);
                }
                Err(error) if self.engine.now() >= self.lease_end() => {
                    tracing::warn!(job = %self.id(), %error, "the lease ran out");
                    return Err(Stopped);
                }
                Err(error) => self.complain(&error, &mut pause).await,
            }
        }
    }

    /// Repeats a store call until it succeeds or the attempt is stopped; it is made at least once.
    ///
    /// A store that is away or full costs nothing while the lease can be renewed: the finished chunk
    /// waits here. When the lease runs out, its keeper trips the flag.
    pub(super) async fn persist<T, F>(&self, mut call: impl FnMut() -> F) -> Result<T, Stopped>
    where
        F: Future<Output = scribed_store::Result<T>> + Send,
    {
        let mut pause = FIRST_PAUSE;
        loop {
            match call().await {
                Ok(answer) => return Ok(answer),
                Err(error) if is_lost(error.kind) => {
                    self.flag.trip();
                    return Err(Stopped);
                }
                Err(_) if self.flag.is_tripped() => return Err(Stopped),
                Err(error) => self.complain(&error, &mut pause).await,
            }
        }
    }

    /// Ends the attempt; `None` when the job is somebody else's, or the store is away for too long.
    pub(super) async fn finish(&self, outcome: Outcome) -> Option<Job> {
        let mut pause = FIRST_PAUSE;
        let mut is_repeat = false;
        loop {
            let now = self.engine.now();
            let store = self.engine.store();
            match store.finish(self.id(), self.job.fence, outcome.clone(), now).await {
                Ok(job) => return Some(job),
                Err(error) if is_lost(error.kind) && is_repeat => {
                    return self.settled_before().await;
                }
                Err(error) if is_lost(error.kind) => {
                    tracing::debug!(job = %self.id(), "the job was settled by somebody else");
                    return None;
                }
                Err(error) if now >= self.lease_end() => {
                    tracing::warn!(job = %self.id(), %error, "cannot settle; the lease runs out");
                    return None;
                }
                Err(error) => {
                    tracing::warn!(job = %self.id(), %error, "cannot settle yet");
                    tokio::time::sleep(pause).await;
                    pause = longer(pause);
                    is_repeat = true;
                }
            }
        }
    }

    /// Returns the job if it is this attempt that ended it, in a call whose answer was lost.
    async fn settled_before(&self) -> Option<Job> {
        let job = self.engine.store().job(self.id()).await.ok().flatten();
        job.filter(|job| job.fence == self.job.fence)
    }

    /// Logs trouble with the store and waits a little, or until the attempt is stopped.
    async fn complain(&self, error: &scribed_store::Error, pause: &mut Duration) {
        tracing::warn!(job = %self.id(), %error, "the store does not take it; trying again");
        tokio::select! {
            biased;
            () = self.flag.tripped() => {}
            () = tokio::time::sleep(*pause) => {}
        }
        *pause = longer(*pause);
    }
}

fn longer(pause: Duration) -> Duration {
    (pause * 2).min(LAST_PAUSE)
}

/// Returns whether an answer means that the job is not ours any more.
fn is_lost(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Fenced | ErrorKind::NotFound)
}
