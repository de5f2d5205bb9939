//! The thread that answers probes and feeds the watchdog, beside everything else.

use std::net::SocketAddr;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, anyhow};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::door::{self, Door};
use super::{Health, Phase, systemd};
use crate::failure::Failure;
use crate::telemetry::Metrics;

/// How often the service manager is told that we still stop in good order.
const STOPPING: Duration = Duration::from_secs(5);
/// How often metrics are tidied.
const TIDY: Duration = Duration::from_secs(5);

/// Watches over the daemon from a thread of its own. Dropping it ends the thread.
#[derive(Debug)]
pub struct Guardian {
    health: Health,
    phase: watch::Sender<Phase>,
    /// How long the daemon may take to stop; afterwards nobody is told that it still does.
    drain: Duration,
    measures: bool,
    thread: Option<JoinHandle<()>>,
}

impl Guardian {
    /// Begins to watch, and to answer where an address is given.
    ///
    /// # Errors
    /// The address cannot be used, or the thread cannot be started.
    pub fn start(
        health: Health,
        metrics: Option<Metrics>,
        listen: Option<SocketAddr>,
        drain: Duration,
    ) -> Result<Self, Failure> {
        let listener = listen.map(bind).transpose()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot make the runtime that answers probes")?;
        let (phase, phases) = watch::channel(Phase::Starting);
        let measures = metrics.is_some();
        let door = Door { health: health.clone(), metrics };
        let work = move || runtime.block_on(watch_over(door, listener, phases, drain));
        let thread = std::thread::Builder::new().name("health".to_owned()).spawn(work);
        let thread = Some(thread.context("cannot start the thread that answers probes")?);
        Ok(Self { health, phase, drain, measures, thread })
    }

    /// Returns whether anybody may ask for metrics.
    pub fn measures(&self) -> bool {
        self.measures
    }

    /// Notes that requests are answered, and tells the service manager.
    pub fn serving(&self, address: SocketAddr) {
        self.enter(Phase::Serving);
        systemd::ready(&format!("serving on {address}"));
    }

    /// Notes that the daemon was asked to stop, and tells the service manager.
    pub fn draining(&self) {
        self.enter(Phase::Draining);
        systemd::stopping();
        tracing::debug!(at_most = ?self.drain, "draining");
    }

    fn enter(&self, phase: Phase) {
        self.health.enter(phase);
        self.phase.send_replace(phase);
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        // The thread ends with the sender of phases.
        drop(std::mem::replace(&mut self.phase, watch::channel(Phase::Draining).0));
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that answers probes broke off");
        }
    }
}

fn bind(listen: SocketAddr) -> Result<std::net::TcpListener, Failure> {
    let bind = || {
        let listener = std::net::TcpListener::bind(listen)?;
        listener.set_nonblocking(true)?;
        tracing::info!(address = %listener.local_addr()?, "answers probes");
        Ok(listener)
    };
    bind().map_err(|error: std::io::Error| {
        Failure::refused(anyhow!("cannot listen on {listen} for probes: {error}"))
            .hint("name another address by `health.listen`; port 0 takes a free one")
    })
}

/// Answers and feeds until the daemon is gone.
async fn watch_over(
    door: Door,
    listener: Option<std::net::TcpListener>,
    mut phases: watch::Receiver<Phase>,
    drain: Duration,
) {
    let (health, metrics) = (door.health.clone(), door.metrics.clone());
    match listener.map(TcpListener::from_std).transpose() {
        Ok(Some(listener)) => drop(tokio::spawn(door::serve(listener, door))),
        Ok(None) => {}
        Err(error) => tracing::error!(%error, "probes are not answered"),
    }
    if let Some(metrics) = metrics {
        tokio::spawn(async move {
            let mut turns = tokio::time::interval(TIDY);
            loop {
                turns.tick().await;
                metrics.tidy();
            }
        });
    }
    tokio::select! {
        biased;
        // Only at the end, when the sender is gone.
        () = async { while phases.changed().await.is_ok() {} } => {}
        () = feed(health, drain) => {}
    }
}

/// Feeds the watchdog as long as the daemon is live, and asks for time while it stops.
async fn feed(health: Health, drain: Duration) {
    let every = systemd::watchdog();
    let pause = every.unwrap_or(STOPPING).min(STOPPING);
    let mut turns = tokio::time::interval(pause);
    let mut stops_since = None;
    loop {
        turns.tick().await;
        if health.phase() == Phase::Draining {
            let since = *stops_since.get_or_insert_with(std::time::Instant::now);
            if since.elapsed() < drain {
                systemd::still_stopping();
            }
        } else if every.is_some() {
            let report = health.report();
            if report.live {
                systemd::alive();
            } else {
                tracing::error!(?report, "stuck: the watchdog is not fed");
            }
        }
    }
}
