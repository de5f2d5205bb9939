//! Metrics: recorded wherever something happens, read here.

use anyhow::{Context, anyhow};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use scribed_schemas::metric::{self, Kind, Metric};

use crate::failure::Failure;

/// Upper ends of the buckets of all histograms, in seconds: from a request to a slow chunk.
const BUCKETS: [f64; 16] =
    [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0];

/// What was measured so far.
#[derive(Debug, Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
}

impl Metrics {
    /// Begins to measure; without this call nothing that is recorded is kept.
    ///
    /// # Errors
    /// Somebody measures already.
    pub fn start() -> Result<Self, Failure> {
        let mut builder = PrometheusBuilder::new();
        for metric in metric::ALL.iter().filter(|metric| metric.kind == Kind::Histogram) {
            let name = Matcher::Full(metric.name.to_owned());
            builder = builder.set_buckets_for_metric(name, &BUCKETS).context("no buckets")?;
        }
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder)
            .map_err(|error| Failure::failed(anyhow!("cannot measure: {error}")))?;
        for Metric { name, kind, help, .. } in metric::ALL {
            match kind {
                Kind::Counter => metrics::describe_counter!(*name, *help),
                Kind::Gauge => metrics::describe_gauge!(*name, *help),
                Kind::Histogram => metrics::describe_histogram!(*name, *help),
            }
        }
        // What a process counts only once it happens has not grown then, and alerts miss the first one.
        scribed_store::error::count_from_zero();
        scribed_bus::count_from_zero();
        scribed_engine::count_from_zero();
        scribed_api::count_from_zero();
        metrics::gauge!(metric::BUILD, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        Ok(Self { handle })
    }

    /// Returns everything in the text format of Prometheus.
    pub fn render(&self) -> String {
        self.handle.render()
    }

    /// Sorts observations into their buckets; without it memory grows until somebody reads.
    pub fn tidy(&self) {
        self.handle.run_upkeep();
    }
}
