//! What the service manager is told: ready, alive, stopping (`sd_notify(3)`, `Type=notify`).
//!
//! Without a service manager all of it does nothing.

use std::time::Duration;

use sd_notify::NotifyState;

/// How much more time to stop is asked for at once. It is asked for again well before it is over.
const MORE: Duration = Duration::from_secs(15);

/// Returns how often the watchdog wants to be fed: at half its time, as `sd_watchdog_enabled(3)` advises.
pub(super) fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|time| time / 2)
}

/// Says that the daemon serves.
pub(super) fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// Says that the daemon is alive.
pub(super) fn alive() {
    tell(&[NotifyState::Watchdog]);
}

/// Says that the daemon has begun to stop.
pub(super) fn stopping() {
    tell(&[
        NotifyState::Stopping,
        NotifyState::Status("finishing work in progress"),
        NotifyState::ExtendTimeoutUsec(micros(MORE)),
    ]);
}

/// Says that the daemon still stops in good order.
pub(super) fn still_stopping() {
    tell(&[NotifyState::Watchdog, NotifyState::ExtendTimeoutUsec(micros(MORE))]);
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager cannot be told how we are");
    }
}

fn micros(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}
