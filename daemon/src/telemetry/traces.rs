//! Traces: spans go to a collector by OTLP, where one is configured.
//!
//! ```text
//! span under TARGET ─► layer ─► sampled? ─► queue, bounded ─► a thread of its own ─► POST /v1/traces
//!                                             └ full: counted, and dropped              └ not taken: the same
//! ```
//!
//! Nobody ever waits for a collector: what it does not take in time is lost, counted and, at most once a
//! minute, told. Log lines are no part of a trace, and spans are no part of a log line.

use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider,
};
use scribed_engine::trace::{self, TARGET};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use crate::failure::Failure;

mod collector;
mod config;
mod parents;
mod queue;
mod store;

pub use config::Config;
pub use store::Traced;

use collector::Collector;
use parents::Parents;
use queue::{Courier, Lost, Queue};

/// Traces that are sent. Dropping this sends what is left, for a short time.
#[derive(Debug)]
pub struct Traces {
    provider: SdkTracerProvider,
    close: Duration,
}

impl Traces {
    /// Begins to send traces, where a collector is configured.
    ///
    /// # Errors
    /// Names the option that is wrong.
    pub fn start(config: &Config) -> Result<Option<Self>, Failure> {
        let Some(endpoint) = config.endpoint()? else { return Ok(None) };
        let timeout = Duration::from_secs(config.timeout_secs.max(1));
        let collector = Arc::new(Collector::new(&endpoint, config.header_map()?, timeout)?);
        let exporter = SpanExporter::builder()
            .with_http()
            .with_shared_http_client(collector.clone())
            .with_endpoint(endpoint.as_str())
            .with_protocol(Protocol::HttpBinary)
            .with_timeout(timeout)
            .build()
            .map_err(|error| Failure::refused(anyhow!("cannot send traces: {error}")))?;
        let lost = Arc::new(Lost::default());
        let batch = BatchConfigBuilder::default()
            .with_max_queue_size(config.queue())
            .with_max_export_batch_size(config.batch())
            .with_scheduled_delay(Duration::from_millis(config.interval_ms.max(1)))
            .build();
        let courier = Courier::new(exporter, collector, lost.clone());
        let sender = BatchSpanProcessor::builder(courier).with_batch_config(batch).build();
        let provider = SdkTracerProvider::builder()
            .with_span_processor(Queue::new(sender, config.queue(), lost))
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(
                config.sample_ratio()?,
            ))))
            .with_resource(resource(config))
            .build();
        trace::install(Box::new(Parents::default()));
        Ok(Some(Self { provider, close: Duration::from_secs(config.close_secs) }))
    }

    /// Returns what takes spans out of the stream of everything that is recorded.
    pub fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: tracing::Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer("scribed"))
            .with_context_activation(false)
            .with_tracked_inactivity(false)
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_filter(
                filter_fn(|seen| seen.is_span() && seen.target() == TARGET)
                    .with_max_level_hint(LevelFilter::INFO),
            )
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        if self.provider.shutdown_with_timeout(self.close).is_err() {
            tracing::warn!(within = ?self.close, "some traces were not sent before the end");
        }
    }
}

/// Returns who sends: what `OTEL_RESOURCE_ATTRIBUTES` says is kept, but for our name and version.
fn resource(config: &Config) -> Resource {
    let mut about = vec![
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("service.instance.id", hex::encode(rand::random::<[u8; 16]>())),
    ];
    if let Ok(host) = std::fs::read_to_string("/proc/sys/kernel/hostname") {
        about.push(KeyValue::new("host.name", host.trim().to_owned()));
    }
    Resource::builder()
        .with_service_name(config.service_name.clone())
        .with_attributes(about)
        .build()
}
