//! The log of a worker: its lines go to the daemon, which writes them into its own.

use std::fmt;

use scribed_plugin_host::{HostContext, Level};
use scribed_schemas::id::JobId;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::{Outgoing, say};
use crate::message::{FromWorker, LogLevel};

/// Sends each line that the daemon wants to it.
///
/// A recogniser may have a line to say for each token; on its way to a log that does not hold it, each would
/// wake this process and the daemon.
#[derive(Debug)]
pub(super) struct Forward {
    outgoing: Outgoing,
    level: LevelFilter,
}

impl Forward {
    /// `level` is the least severe that is wanted.
    pub(super) fn new(outgoing: Outgoing, level: Option<LogLevel>) -> Self {
        Self { outgoing, level: level.map_or(LevelFilter::OFF, LevelFilter::from) }
    }
}

impl<S: Subscriber> Layer<S> for Forward {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        // What the runtime tells of itself is nobody's business.
        *metadata.level() <= self.level && metadata.target().starts_with("scribed")
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line::default();
        event.record(&mut line);
        let level = LogLevel::from(*event.metadata().level());
        let Line { job, stage, message, rest } = line;
        say(&self.outgoing, FromWorker::Log { job, stage, level, message: message + &rest });
    }
}

/// The fields of a line.
#[derive(Debug, Default)]
struct Line {
    job: Option<JobId>,
    stage: String,
    message: String,
    /// Fields that have no place of their own.
    rest: String,
}

impl Visit for Line {
    fn record_i64(&mut self, field: &Field, value: i64) {
        if field.name() == "job" {
            self.job = Some(JobId(value));
        } else {
            self.record_debug(field, &value);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "stage" {
            value.clone_into(&mut self.stage);
        } else {
            self.record_debug(field, &value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            name => self.rest.extend([" ", name, "=", &format!("{value:?}")]),
        }
    }
}

/// What a stage that is only kept warm may ask and tell.
#[derive(Debug)]
pub(super) struct Stage {
    stage: String,
}

impl Stage {
    pub(super) fn new(stage: &str) -> Self {
        Self { stage: stage.to_owned() }
    }
}

impl HostContext for Stage {
    fn log(&self, level: Level, message: &str) {
        let stage = &self.stage;
        match level {
            Level::Error => tracing::error!(stage, "{message}"),
            Level::Warn => tracing::warn!(stage, "{message}"),
            Level::Info => tracing::info!(stage, "{message}"),
            Level::Debug => tracing::debug!(stage, "{message}"),
            Level::Trace => tracing::trace!(stage, "{message}"),
        }
    }

    fn cancelled(&self) -> bool {
        false
    }

    fn report(&self, _topic: &str, _json: &str) {}
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;
    use tracing_subscriber::prelude::*;

    use super::*;

    #[track_caller]
    fn sent(level: Option<LogLevel>) -> Vec<String> {
        let (outgoing, mut to_send) = mpsc::unbounded_channel();
        let log = tracing_subscriber::registry().with(Forward::new(outgoing, level));
        tracing::subscriber::with_default(log, || {
            tracing::error!("broken");
            tracing::info!(count = 2, "ready");
            tracing::trace!("a token");
        });
        let lines = std::iter::from_fn(|| to_send.try_recv().ok());
        let message = |packet: crate::packet::Packet<FromWorker>| match packet.message {
            FromWorker::Log { message, .. } => message,
            other => panic!("{other:?}"),
        };
        lines.map(message).collect()
    }

    #[test]
    fn only_lines_that_are_wanted_are_sent() {
        assert_eq!(sent(Some(LogLevel::Trace)), ["broken", "ready count=2", "a token"]);
        assert_eq!(sent(Some(LogLevel::Info)), ["broken", "ready count=2"]);
        assert!(sent(None).is_empty());
    }
}
