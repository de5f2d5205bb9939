//! Spans of what the engine does. Names and attributes follow the conventions of OpenTelemetry; what is
//! ours alone begins with `scribed.`.
//!
//! Nothing here says what is spoken, who speaks, or what a file is called.

use std::time::Duration;

use scribed_bus::{Bus, Delivery};
use scribed_schemas::audio::MODEL_RATE;
use scribed_schemas::id::JobId;
use scribed_schemas::job::{Fault, Job};
use scribed_schemas::time::Timestamp;
use scribed_schemas::transcript::Segments;
use scribed_store::Outcome;
use tracing::field::Empty;
use tracing::{Instrument as _, Span, info_span};

use crate::burial::word;
use crate::render::Rendered;
use crate::runner::{Chunk, Cut, RunError};
use crate::trace::{self, HEADER, TARGET};

/// One attempt at a job, from the claim to the outcome.
pub(crate) fn attempt(job: &Job, now: Timestamp) -> Span {
    let span = info_span!(
        target: TARGET,
        parent: None,
        "job",
        scribed.job.id = job.id.0,
        scribed.job.attempt = i64::from(job.error_count) + 1,
        scribed.job.pass = job.fence,
        scribed.job.pipeline = job.pipeline,
        scribed.job.owner = job.owner.0,
        scribed.job.waited_seconds = now.since(job.created).as_secs_f64(),
        scribed.job.state = Empty,
        "error.type" = Empty,
        otel.status_code = Empty,
    );
    trace::adopt(&span, job.options.trace.as_deref());
    span
}

/// Says of the present attempt what it came to.
pub(crate) fn outcome(outcome: &Outcome) {
    let (Outcome::Partially(fault) | Outcome::Failed(fault) | Outcome::Retry { fault, .. }) =
        outcome
    else {
        return;
    };
    faulted(&Span::current(), fault);
}

/// Says of the present attempt where it left the job.
pub(crate) fn settled(job: &Job) {
    Span::current().record("scribed.job.state", job.state.as_str());
}

/// Follows the cutting of a recording into chunks.
pub(crate) async fn cutting(
    work: impl Future<Output = Result<Cut, RunError>>,
) -> Result<Cut, RunError> {
    let span = info_span!(
        target: TARGET,
        "cut",
        scribed.chunks = Empty,
        "error.type" = Empty,
        otel.status_code = Empty,
    );
    let came_of_it = work.instrument(span.clone()).await;
    match &came_of_it {
        Ok(cut) => {
            span.record("scribed.chunks", i64::from(cut.chunks));
        }
        Err(error) => faulted(&span, &error.fault()),
    }
    came_of_it
}

/// One chunk in the recogniser.
pub(crate) fn recognition(chunk: &Chunk) -> Span {
    info_span!(
        target: TARGET,
        "recognise",
        scribed.chunk.index = i64::from(chunk.number),
        scribed.chunk.audio_seconds = audio(chunk),
        scribed.chunk.times_real_time = Empty,
        "error.type" = Empty,
        otel.status_code = Empty,
    )
}

/// Says what came of a chunk, and how fast: seconds of speech in a second.
pub(crate) fn recognised(
    span: &Span,
    chunk: &Chunk,
    text: &Result<Segments, RunError>,
    took: Duration,
) {
    match text {
        Ok(_) => {
            let speed = audio(chunk) / took.as_secs_f64().max(1e-6);
            span.record("scribed.chunk.times_real_time", speed);
        }
        Err(error) => faulted(span, &error.fault()),
    }
}

/// The making of a document.
pub(crate) fn rendering(job: JobId, format: &str) -> Span {
    info_span!(
        target: TARGET,
        "render",
        scribed.job.id = job.0,
        scribed.document.format = format,
        scribed.document.bytes = Empty,
    )
}

/// Says how large a document became.
pub(crate) fn rendered(span: &Span, document: &Rendered) {
    let bytes = i64::try_from(document.bytes.len()).unwrap_or(i64::MAX);
    span.record("scribed.document.bytes", bytes);
}

/// A look at the beginning of a recording.
pub(crate) fn probe() -> Span {
    info_span!(target: TARGET, "probe")
}

/// The taking of an upload event, a child of what its producer was at.
pub(crate) fn intake(bus: &dyn Bus, delivery: &Delivery, group: &str) -> Span {
    let Delivery { topic, partition, offset, message } = delivery;
    let span = info_span!(
        target: TARGET,
        parent: None,
        "intake",
        otel.name = format!("process {topic}"),
        otel.kind = "consumer",
        messaging.system = bus.system(),
        messaging.operation.name = "process",
        "messaging.operation.type" = "process",
        messaging.destination.name = topic,
        messaging.destination.partition.id = partition.to_string(),
        messaging.kafka.offset = offset,
        messaging.consumer.group.name = group,
        messaging.message.body.size = i64::try_from(message.payload.len()).unwrap_or(i64::MAX),
        scribed.job.id = Empty,
        "error.type" = Empty,
        otel.status_code = Empty,
    );
    let named = |known: &str| known.eq_ignore_ascii_case(HEADER) || known == "ce_traceparent";
    let parent = message.headers.iter().find(|(name, _)| named(name));
    let parent = parent.and_then(|(_, value)| std::str::from_utf8(value).ok());
    trace::adopt(&span, parent);
    span
}

/// The publishing of an event about a job.
pub(crate) fn publishing(bus: &dyn Bus, topic: &str, job: &Job) -> Span {
    let span = info_span!(
        target: TARGET,
        parent: None,
        "publish",
        otel.name = format!("send {topic}"),
        otel.kind = "producer",
        messaging.system = bus.system(),
        messaging.operation.name = "send",
        "messaging.operation.type" = "send",
        messaging.destination.name = topic,
        scribed.job.id = job.id.0,
        "error.type" = Empty,
        otel.status_code = Empty,
    );
    trace::adopt(&span, job.options.trace.as_deref());
    span
}

/// A try at calling whoever is to be told of the end of a job. It says nothing of whom.
pub(crate) fn calling(job: &Job, attempt: u32) -> Span {
    let span = info_span!(
        target: TARGET,
        parent: None,
        "callback",
        otel.kind = "client",
        scribed.job.id = job.id.0,
        scribed.callback.attempt = i64::from(attempt),
        scribed.callback.outcome = Empty,
        "error.type" = Empty,
        otel.status_code = Empty,
    );
    trace::adopt(&span, job.options.trace.as_deref());
    span
}

/// Says what came of a try at calling somebody.
pub(crate) fn called(span: &Span, outcome: &'static str, is_failure: bool) {
    span.record("scribed.callback.outcome", outcome);
    if is_failure && !span.is_none() {
        trace::failed(span, outcome);
    }
}

/// Says of the present span which job it is about.
pub(crate) fn about(job: JobId) {
    Span::current().record("scribed.job.id", job.0);
}

fn faulted(span: &Span, fault: &Fault) {
    if !span.is_none() {
        trace::failed(span, &word(fault.code));
    }
}

fn audio(chunk: &Chunk) -> f64 {
    let samples = u32::try_from(chunk.samples.len()).unwrap_or(u32::MAX);
    f64::from(samples) / f64::from(MODEL_RATE)
}
