//! Parents of spans that are elsewhere: another program's, or another host's, by W3C Trace Context.

use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use scribed_engine::trace::{HEADER, Tracer};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// Reads and writes `traceparent`.
#[derive(Debug, Default)]
pub(super) struct Parents {
    format: TraceContextPropagator,
}

impl Tracer for Parents {
    fn adopt(&self, span: &Span, traceparent: &str) {
        let parent = self.format.extract_with_context(&Context::new(), &Header(traceparent));
        if !parent.span().span_context().is_valid() {
            return;
        }
        if let Err(error) = span.set_parent(parent) {
            tracing::debug!(%error, "a span has no parent");
        }
    }

    fn traceparent(&self, span: &Span) -> Option<String> {
        let context = span.context();
        let span = context.span();
        let ids = span.span_context();
        ids.is_valid().then(|| {
            let (trace, span, flags) = (ids.trace_id(), ids.span_id(), ids.trace_flags().to_u8());
            format!("00-{trace}-{span}-{flags:02x}")
        })
    }
}

/// The one header that there is.
struct Header<'a>(&'a str);

impl Extractor for Header<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        (key == HEADER).then_some(self.0)
    }

    fn keys(&self) -> Vec<&str> {
        vec![HEADER]
    }
}
