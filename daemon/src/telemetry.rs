//! Logs, metrics and traces. Logs are structured lines on standard error.
//!
//! Messages are constant, values are fields; a job's lines carry its id. Secrets have types that do not
//! print themselves.

use std::io::IsTerminal;

use anyhow::anyhow;
use scribed_engine::trace::TARGET;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer as _, Registry, fmt};

use crate::config::{LogFormat, Telemetry};
use crate::failure::Failure;

mod metrics;
pub mod traces;

pub use metrics::Metrics;
pub use traces::Traces;

/// Sends log lines of this process to standard error, and spans to where they are traced.
///
/// # Errors
/// When the filter cannot be read, or logs were set up before.
pub fn start(telemetry: &Telemetry, traces: Option<&Traces>) -> Result<(), Failure> {
    let filter = EnvFilter::builder().parse(&telemetry.filter).map_err(|error| {
        let filter = &telemetry.filter;
        Failure::refused(anyhow!("`telemetry.filter` is {filter:?}, which is no filter: {error}"))
            .hint("examples: `info`, or `warn,scribed_engine=debug`")
    })?;
    // Spans of traces would stand in every line; where nobody traces, they are not even made.
    let is_no_trace = filter_fn(|seen| !(seen.is_span() && seen.target() == TARGET));
    let shown = filter.and(is_no_trace.with_max_level_hint(LevelFilter::TRACE));
    let lines = fmt::layer::<Registry>().with_writer(std::io::stderr);
    let lines = match telemetry.format {
        LogFormat::Json => lines.json().flatten_event(true).with_filter(shown).boxed(),
        LogFormat::Text => {
            let colours = std::io::stderr().is_terminal();
            lines.with_ansi(colours).with_target(false).with_filter(shown).boxed()
        }
    };
    let spans = traces.map(|traces| traces.layer().boxed());
    let layers: Vec<_> = [lines].into_iter().chain(spans).collect();
    let started = tracing_subscriber::registry().with(layers).try_init();
    started.map_err(|error| Failure::failed(anyhow!("cannot set up logs: {error}")))
}
