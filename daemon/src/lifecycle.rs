//! The end of the daemon: the first signal drains it, the second ends it at once.

use std::future::Future;

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How the daemon ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It was asked to stop, and finished what it had begun.
    Drained,
    /// It was asked twice.
    Cut,
    /// A part of it ended although nobody had asked.
    Broken,
}

/// The parts of the daemon that run until they are stopped.
#[derive(Debug, Default)]
pub struct Lifecycle {
    /// Asks every part to finish what it has begun.
    soft: CancellationToken,
    parts: TaskTracker,
}

impl Lifecycle {
    /// Starts a part; it gets the token that asks it to stop.
    ///
    /// A part that ends before it is asked takes all others down: half a daemon serves nobody.
    pub fn start<F>(&self, name: &'static str, part: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (soft, part) = (self.soft.clone(), part(self.soft.clone()));
        self.parts.spawn(async move {
            let pull = PullOnDrop { name, soft: &soft };
            part.await;
            drop(pull);
        });
    }

    /// Waits for the end: a signal, or a part that broke; then, after `begins`, for all parts.
    ///
    /// # Errors
    /// When signals cannot be received.
    pub async fn run(self, begins: impl FnOnce()) -> anyhow::Result<Ending> {
        let mut signals = Signals::new()?;
        // Both arms are cancel safe: a signal that is not taken stays pending.
        let asked = tokio::select! {
            name = signals.next() => {
                tracing::info!(signal = name, "stopping: work in progress is finished first");
                true
            }
            () = self.soft.cancelled() => false,
        };
        begins();
        self.soft.cancel();
        self.parts.close();
        tokio::select! {
            () = self.parts.wait() => Ok(if asked { Ending::Drained } else { Ending::Broken }),
            name = signals.next() => {
                tracing::warn!(signal = name, "ending at once: work in progress is lost");
                Ok(Ending::Cut)
            }
        }
    }
}

/// Asks all parts to stop when one of them ends, also by a panic.
struct PullOnDrop<'a> {
    name: &'static str,
    soft: &'a CancellationToken,
}

impl Drop for PullOnDrop<'_> {
    fn drop(&mut self) {
        if !self.soft.is_cancelled() {
            tracing::error!(part = self.name, "a part of the daemon ended unexpectedly");
            self.soft.cancel();
        }
    }
}

/// The signals that end the daemon.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        let receive = |kind| signal(kind).context("cannot receive signals");
        Ok(Self {
            terminate: receive(SignalKind::terminate())?,
            interrupt: receive(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        // Both arms are cancel safe: a signal that is not taken stays pending.
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_part_that_ends_by_itself_takes_the_others_down() {
        let lifecycle = Lifecycle::default();
        lifecycle.start("waits", |stop| async move { stop.cancelled().await });
        lifecycle.start("breaks", |_| async {});
        assert_eq!(lifecycle.run(|| {}).await.unwrap(), Ending::Broken);
    }

    #[tokio::test]
    async fn a_part_that_panics_takes_the_others_down() {
        let lifecycle = Lifecycle::default();
        lifecycle.start("waits", |stop| async move { stop.cancelled().await });
        lifecycle.start("panics", |_| async { panic!("on purpose") });
        assert_eq!(lifecycle.run(|| {}).await.unwrap(), Ending::Broken);
    }
}
