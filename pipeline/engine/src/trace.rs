//! Traces: the way of a recording through every part and host, for whoever collects it.
//!
//! The engine makes spans with `tracing` alone, all under [`TARGET`], which no log line shows. A daemon that
//! sends them to a collector installs a [`Tracer`]; without one a span costs a look at a flag.
//!
//! One trace goes from the request or event that submits a recording over every attempt, on whichever
//! host, to its last chunk and what is published of it: the W3C `traceparent` of the submission stands in
//! the job's options, and the spans of its work are children of that.

use std::fmt::Debug;
use std::sync::OnceLock;

use tracing::Span;

/// The target of every span that belongs to a trace.
pub const TARGET: &str = "scribed::trace";

/// The name of the header that carries a trace, in HTTP and in records.
pub const HEADER: &str = "traceparent";

/// Joins spans of this process with spans elsewhere.
pub trait Tracer: Send + Sync + Debug {
    /// Makes a new span the child of one elsewhere, which a W3C `traceparent` names; one that cannot be
    /// read changes nothing.
    fn adopt(&self, span: &Span, traceparent: &str);

    /// Returns the W3C `traceparent` that names a span; `None` when it belongs to no trace.
    fn traceparent(&self, span: &Span) -> Option<String>;
}

static TRACER: OnceLock<Box<dyn Tracer>> = OnceLock::new();

/// Installs the tracer of this process, once; returns whether it was the first.
pub fn install(tracer: Box<dyn Tracer>) -> bool {
    TRACER.set(tracer).is_ok()
}

/// Makes a new span the child of one elsewhere, where both are known.
pub fn adopt(span: &Span, traceparent: Option<&str>) {
    if let (Some(tracer), Some(traceparent)) = (TRACER.get(), traceparent)
        && !span.is_none()
    {
        tracer.adopt(span, traceparent);
    }
}

/// Returns the W3C `traceparent` that names a span; `None` when it belongs to no trace.
pub fn traceparent(span: &Span) -> Option<String> {
    TRACER.get().filter(|_| !span.is_none())?.traceparent(span)
}

/// Says of a span why what it is about failed.
pub fn failed(span: &Span, why: &str) {
    span.record("error.type", why);
    span.record("otel.status_code", "error");
}
