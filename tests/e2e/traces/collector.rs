//! A collector of traces on this machine: it takes OTLP over HTTP and keeps what it gets.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span as Wired;
use prost::Message as _;
use scribed_tests::eventually;

/// A collector; it takes spans until the test ends.
pub(super) struct Collector {
    address: String,
    got: Arc<Mutex<Got>>,
}

/// What came so far.
#[derive(Default)]
pub(super) struct Got {
    /// Heads of requests, as text.
    pub(super) heads: Vec<String>,
    /// Bodies of requests, as they came.
    pub(super) bodies: Vec<Vec<u8>>,
    spans: Vec<Span>,
}

/// A span as it came.
#[derive(Debug, Clone)]
pub(super) struct Span {
    pub(super) name: String,
    pub(super) trace: String,
    pub(super) id: String,
    pub(super) parent: String,
    /// 1 internal, 2 server, 3 client, 4 producer, 5 consumer.
    pub(super) kind: i32,
    /// Whether it tells of an error.
    pub(super) is_bad: bool,
    pub(super) attributes: BTreeMap<String, String>,
    /// Attributes of its sender.
    pub(super) resource: BTreeMap<String, String>,
}

impl Span {
    /// Returns an attribute.
    #[track_caller]
    pub(super) fn at(&self, name: &str) -> &str {
        self.attributes.get(name).unwrap_or_else(|| panic!("{name} is missing: {self:#?}"))
    }

    /// Returns an attribute that is a number.
    #[track_caller]
    pub(super) fn number(&self, name: &str) -> f64 {
        self.at(name).parse().unwrap()
    }
}

impl Collector {
    /// Starts to listen.
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let got = Arc::<Mutex<Got>>::default();
        let kept = got.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = kept.clone();
                // A connection ends when the daemon does.
                thread::spawn(move || serve(stream, &kept));
            }
        });
        Self { address, got }
    }

    /// Returns its URL.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns what came so far.
    pub(super) fn got(&self) -> MutexGuard<'_, Got> {
        self.got.lock().unwrap()
    }

    /// Returns the spans that came so far.
    pub(super) fn spans(&self) -> Vec<Span> {
        self.got().spans.clone()
    }

    /// Waits for a span.
    #[track_caller]
    pub(super) fn wait_for(&self, what: &str, is_it: impl Fn(&Span) -> bool) -> Span {
        eventually(what, || self.spans().into_iter().find(&is_it))
    }
}

/// Answers the requests of one connection.
fn serve(mut stream: TcpStream, kept: &Mutex<Got>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).ok()? == 0 {
                return None;
            }
        }
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
        })?;
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let request = ExportTraceServiceRequest::decode(&body[..]).expect("it is OTLP");
        let mut kept = kept.lock().unwrap();
        kept.heads.push(head);
        kept.bodies.push(body);
        kept.spans.extend(read(request));
        drop(kept);
        let answer = "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0";
        stream.write_all(format!("{answer}\r\n\r\n").as_bytes()).ok()?;
    }
}

fn read(request: ExportTraceServiceRequest) -> Vec<Span> {
    let mut spans = Vec::new();
    for sender in request.resource_spans {
        let resource = attributes(&sender.resource.unwrap_or_default().attributes);
        let wired = sender.scope_spans.into_iter().flat_map(|scope| scope.spans);
        spans.extend(wired.map(|span| of(&span, &resource)));
    }
    spans
}

fn of(span: &Wired, resource: &BTreeMap<String, String>) -> Span {
    assert!(span.events.is_empty(), "log lines are no part of a trace: {span:?}");
    assert!(span.end_time_unix_nano >= span.start_time_unix_nano, "{span:?}");
    Span {
        name: span.name.clone(),
        trace: hex::encode(&span.trace_id),
        id: hex::encode(&span.span_id),
        parent: hex::encode(&span.parent_span_id),
        kind: span.kind,
        is_bad: span.status.as_ref().is_some_and(|status| status.code == 2),
        attributes: attributes(&span.attributes),
        resource: resource.clone(),
    }
}

fn attributes(list: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |value: &Option<AnyValue>| match value.as_ref().and_then(|v| v.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::DoubleValue(number)) => number.to_string(),
        Some(Value::BoolValue(truth)) => truth.to_string(),
        other => format!("{other:?}"),
    };
    list.iter().map(|one| (one.key.clone(), text(&one.value))).collect()
}
