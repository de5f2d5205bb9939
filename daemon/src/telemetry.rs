//! Logs and metrics. Logs are structured lines on standard error.
//!
//! Messages are constant, values are fields; a job's lines carry its id. Secrets have types that do not
//! print themselves.

use std::io::IsTerminal;

use anyhow::anyhow;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{LogFormat, Telemetry};
use crate::failure::Failure;

mod metrics;

pub use metrics::Metrics;

/// Sends log lines of this process to standard error.
///
/// # Errors
/// When the filter cannot be read, or logs were set up before.
pub fn start(telemetry: &Telemetry) -> Result<(), Failure> {
    let filter = EnvFilter::builder().parse(&telemetry.filter).map_err(|error| {
        let filter = &telemetry.filter;
        Failure::refused(anyhow!("`telemetry.filter` is {filter:?}, which is no filter: {error}"))
            .hint("examples: `info`, or `warn,scribed_engine=debug`")
    })?;
    let lines = fmt::layer().with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry().with(filter);
    let started = match telemetry.format {
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init(),
        LogFormat::Text => {
            let colours = std::io::stderr().is_terminal();
            registry.with(lines.with_ansi(colours).with_target(false)).try_init()
        }
    };
    started.map_err(|error| Failure::failed(anyhow!("cannot set up logs: {error}")))
}
