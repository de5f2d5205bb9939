//! The queue of spans and who carries them away: bounded, and every span that is lost is counted.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use opentelemetry::Context;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{BatchSpanProcessor, Span, SpanData, SpanExporter, SpanProcessor};
use scribed_schemas::metric;

use super::collector::Collector;

/// How often at most it is told that spans are lost.
const REMINDER: Duration = Duration::from_secs(60);

/// What waits, and what was lost.
#[derive(Debug, Default)]
pub(super) struct Lost {
    /// Spans that are in the queue or on their way.
    waiting: AtomicUsize,
    /// Spans that nobody was told of yet.
    untold: AtomicUsize,
    /// When somebody was told last; none while all is well.
    told: Mutex<Option<Instant>>,
}

impl Lost {
    /// Counts a span in, unless there are so many already.
    fn enter(&self, most: usize) -> bool {
        let next = |waiting| (waiting < most).then_some(waiting + 1);
        self.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok()
    }

    /// Counts spans out.
    fn leave(&self, spans: usize) {
        self.waiting.fetch_sub(spans, Ordering::Relaxed);
    }

    fn count(&self, spans: usize, reason: &'static str) {
        self.untold.fetch_add(spans, Ordering::Relaxed);
        let spans = u64::try_from(spans).unwrap_or(u64::MAX);
        metrics::counter!(metric::SPANS_LOST, "reason" => reason).increment(spans);
    }

    /// Tells why spans are lost, unless somebody was told just now.
    fn complain(&self, why: &str) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none_or(|told| told.elapsed() >= REMINDER) {
            *told = Some(Instant::now());
            let lost = self.untold.swap(0, Ordering::Relaxed);
            tracing::warn!(lost, why, "traces are lost: the collector does not take them");
        }
    }

    /// Tells that all is well again, if it was not.
    fn relax(&self) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.take().is_some() {
            let lost = self.untold.swap(0, Ordering::Relaxed);
            tracing::info!(lost, "the collector takes traces again");
        }
    }
}

/// Lets so many spans wait, and no more.
#[derive(Debug)]
pub(super) struct Queue {
    sender: BatchSpanProcessor,
    most: usize,
    lost: Arc<Lost>,
}

impl Queue {
    /// Makes the door of a sender, whose own queue is as long.
    pub(super) fn new(sender: BatchSpanProcessor, most: usize, lost: Arc<Lost>) -> Self {
        Self { sender, most, lost }
    }
}

impl SpanProcessor for Queue {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.sender.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        if !span.span_context.is_sampled() {
            return;
        }
        if self.lost.enter(self.most) {
            self.sender.on_end(span);
        } else {
            self.lost.count(1, "queue_full");
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.sender.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.sender.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.sender.set_resource(resource);
    }
}

/// Carries batches of spans to the collector.
#[derive(Debug)]
pub(super) struct Courier<E> {
    exporter: E,
    collector: Arc<Collector>,
    lost: Arc<Lost>,
}

impl<E> Courier<E> {
    /// Makes a courier of what writes spans and posts them.
    pub(super) fn new(exporter: E, collector: Arc<Collector>, lost: Arc<Lost>) -> Self {
        Self { exporter, collector, lost }
    }
}

impl<E: SpanExporter> SpanExporter for Courier<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let taken = self.exporter.export(batch).await;
        self.lost.leave(spans);
        if taken.is_ok() {
            self.lost.relax();
        } else {
            self.lost.count(spans, "not_taken");
            self.lost.complain(&self.collector.trouble());
        }
        taken
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn shutdown(&self) -> OTelSdkResult {
        self.exporter.shutdown()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
