//! The log of a worker: its lines go to the daemon, which writes them into its own.

use std::fmt;

use scribed_plugin_host::{HostContext, Level};
use scribed_schemas::id::JobId;
use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::{Outgoing, say};
use crate::message::{FromWorker, LogLevel};

/// Sends each line to the daemon.
#[derive(Debug)]
pub(super) struct Forward {
    outgoing: Outgoing,
}

impl Forward {
    pub(super) const fn new(outgoing: Outgoing) -> Self {
        Self { outgoing }
    }
}

impl<S: Subscriber> Layer<S> for Forward {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        // What the runtime tells of itself is nobody's business.
        metadata.target().starts_with("scribed")
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line::default();
        event.record(&mut line);
        let level = match *event.metadata().level() {
            tracing::Level::ERROR => LogLevel::Error,
            tracing::Level::WARN => LogLevel::Warn,
            tracing::Level::INFO => LogLevel::Info,
            tracing::Level::DEBUG => LogLevel::Debug,
            tracing::Level::TRACE => LogLevel::Trace,
        };
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
