//! Traces: a collector of the test's own gets what became of a request, and nothing that is secret.

use std::net::TcpListener;
use std::time::Instant;

use reqwest::Method;
use reqwest::blocking::multipart::Form;
use rustix::process::Signal;
use scribed_schemas::event::STATES;
use scribed_tests::audio::recording;
use scribed_tests::client::send;
use scribed_tests::{Cluster, Daemon, Job, Setup, eventually};
use serde_json::Value;

use crate::wire::{Wire, event, header};

mod collector;

use collector::{Collector, Span};

/// The trace and the span of a client that traces, too.
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

/// A key that the collector asks for.
const KEY: &str = "key-of-the-collector";

fn traceparent() -> String {
    format!("00-{TRACE}-{CALLER}-01")
}

/// A daemon that sends its spans at once.
fn setup(endpoint: &str) -> Setup {
    traced(Setup::default(), endpoint)
}

fn traced(setup: Setup, endpoint: &str) -> Setup {
    setup
        .variable("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        .variable("OTEL_EXPORTER_OTLP_HEADERS", format!("x-api-key={KEY}"))
        .variable("OTEL_SERVICE_NAME", "newsroom")
        .variable("SCRIBED_HEALTH__LISTEN", "127.0.0.1:0")
        .option("telemetry.traces.interval_ms", 50)
}

/// Asks for what is measured.
#[track_caller]
fn metrics(daemon: &Daemon) -> String {
    let log = daemon.log();
    let line = log.lines().find(|line| line.contains("answers probes")).unwrap();
    let address = line.split("address=").nth(1).unwrap().split_whitespace().next().unwrap();
    reqwest::blocking::get(format!("http://{address}/metrics")).unwrap().text().unwrap()
}

/// Returns a count of lost spans.
fn lost(daemon: &Daemon, reason: &str) -> u64 {
    let name = format!("scribed_spans_lost_total{{reason=\"{reason}\"}} ");
    let metrics = metrics(daemon);
    let count = metrics.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok());
    count.unwrap_or(0)
}

/// Waits for a span of a trace.
#[track_caller]
fn find(collector: &Collector, trace: &str, name: &str) -> Span {
    collector.wait_for(name, |span| span.trace == trace && span.name == name)
}

#[test]
fn a_recording_is_one_trace_from_its_client_to_its_last_chunk() {
    let collector = Collector::start();
    let daemon = setup(&collector.url()).variable("SCRIBED_TELEMETRY__FORMAT", "json").start();
    let client = daemon.client();
    let (file, spoken) = recording("07");
    let upload = client
        .request(Method::POST, "/upload-audiofile")
        .header("traceparent", traceparent())
        .multipart(Form::new().file("audiofile", &file).unwrap());
    let job = Job(send(upload).status(200).json()["task_id"].as_i64().unwrap());
    assert_eq!(client.end_of(job), "completed");
    let chunks = client.chunks(job).len();
    drop(client.export(job, "doc").status(200));
    assert_eq!(client.get("/no/route?of=ours").status, 404);

    let request = find(&collector, TRACE, "POST /upload-audiofile");
    assert_eq!((request.kind, request.parent.as_str()), (2, CALLER), "{request:#?}");
    assert_eq!(request.at("http.request.method"), "POST");
    assert_eq!(request.at("http.route"), "/upload-audiofile");
    assert_eq!(request.at("http.response.status_code"), "200");
    assert_eq!(request.at("scribed.job.id"), job.0.to_string());
    assert_eq!(request.resource["service.name"], "newsroom");
    assert_eq!(request.resource["service.version"], env!("CARGO_PKG_VERSION"));
    for name in ["account", "probe", "submit"] {
        assert_eq!(find(&collector, TRACE, name).parent, request.id, "{name}");
    }
    let submit = find(&collector, TRACE, "submit");
    assert_eq!((submit.at("db.system.name"), submit.kind), ("sqlite", 3));

    let work = find(&collector, TRACE, "job");
    assert_eq!(work.parent, request.id, "{work:#?}");
    for (name, expected) in [
        ("scribed.job.id", job.0.to_string().as_str()),
        ("scribed.job.attempt", "1"),
        ("scribed.job.pass", "1"),
        ("scribed.job.pipeline", "default"),
        ("scribed.job.owner", client.id().to_string().as_str()),
        ("scribed.job.state", "completed"),
    ] {
        assert_eq!(work.at(name), expected, "{name}");
    }
    let cut = find(&collector, TRACE, "cut");
    assert_eq!((cut.at("scribed.chunks"), &cut.parent), (chunks.to_string().as_str(), &work.id));
    for number in 0..chunks {
        let chunk = collector.wait_for("each chunk", |span| {
            span.name == "recognise" && span.at("scribed.chunk.index") == number.to_string()
        });
        assert_eq!((&chunk.trace[..], &chunk.parent), (TRACE, &work.id), "{chunk:#?}");
        let seconds = chunk.number("scribed.chunk.audio_seconds");
        assert!((1.0..=30.0).contains(&seconds), "{chunk:#?}");
        assert!(chunk.number("scribed.chunk.times_real_time") > 0.0, "{chunk:#?}");
    }
    for name in ["stored_chunks", "put_chunk", "finish"] {
        assert_eq!(find(&collector, TRACE, name).parent, work.id, "{name}");
    }
    // Where a client does not trace, a trace begins at the request.
    let render = collector.wait_for("the export", |span| span.name == "render");
    let asked = find(&collector, &render.trace, "POST /transcript/export");
    assert_eq!((&render.parent, asked.parent.as_str()), (&asked.id, ""));
    assert_eq!(render.at("scribed.document.format"), "docx");
    let unknown = collector.wait_for("what is no route", |span| span.name == "GET");
    assert_eq!(unknown.at("http.response.status_code"), "404");
    assert!(!unknown.attributes.contains_key("http.route"), "{unknown:#?}");

    let words: Vec<&str> = spoken.text.split_whitespace().take(3).collect();
    let hidden = [words.join(" "), file.file_name().unwrap().to_str().unwrap().to_owned()];
    nothing_secret(&collector, &daemon, client.token(), &client.name, &hidden);
    lines_are_as_ever(&daemon.log());
}

/// Insists that nothing went to the collector that is none of its business.
#[track_caller]
fn nothing_secret(
    collector: &Collector,
    daemon: &Daemon,
    token: &str,
    name: &str,
    hidden: &[String],
) {
    let got = collector.got();
    for head in &got.heads {
        let head = head.to_ascii_lowercase();
        assert!(head.starts_with("post /v1/traces http/1.1\r\n"), "{head}");
        assert!(head.contains(&format!("x-api-key: {KEY}")), "{head}");
        assert!(head.contains("content-type: application/x-protobuf"), "{head}");
    }
    let secrets = ["admin-token", "admin-password", "worker-token", "signing-key", "callback-key"];
    let secrets = secrets.map(|secret| daemon.secret(secret));
    let own = [token, name, "Secret_123", "/no/route", "of=ours", "127.0.0.1"];
    let all = secrets.iter().map(String::as_str).chain(own);
    for secret in all.chain(hidden.iter().map(String::as_str)) {
        let is_in = |body: &Vec<u8>| body.windows(secret.len()).any(|at| at == secret.as_bytes());
        assert!(!got.bodies.iter().any(is_in), "{secret} went to the collector");
    }
    println!("traces: {} batches, {} bytes", got.bodies.len(), got.bodies.concat().len());
    drop(got);
    assert!(!daemon.log().contains(KEY), "the collector's key is logged");
    let program = daemon.program().env("OTEL_EXPORTER_OTLP_HEADERS", format!("x-api-key={KEY}"));
    let shown = program.run(["check"]);
    assert!(!(shown.out.contains(KEY) || shown.err.contains(KEY)), "{shown:?}");
    assert!(shown.out.contains("(hidden)"), "{shown:?}");
}

/// Insists that log lines know nothing of spans.
#[track_caller]
fn lines_are_as_ever(log: &str) {
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut requests = 0;
    for line in lines {
        assert!(line.get("span").is_none() && line.get("spans").is_none(), "{line}");
        if line["message"] == "request" {
            let known = line["method"].is_string() && line["status"].is_u64();
            assert!(known && line["millis"].is_u64(), "{line}");
            requests += 1;
        }
    }
    assert!(requests > 0, "{log}");
}

#[test]
fn an_event_and_all_that_is_published_of_it_are_in_the_trace_of_its_producer() {
    let collector = Collector::start();
    let daemon = setup(&collector.url()).variable("SCRIBED_ENGINE__PUBLISH", "true").start();
    follow_an_event(&collector, &daemon, &Wire::of_daemon(&daemon), "scribed", "sqlite");
}

#[test]
fn so_are_they_over_kafka() {
    let Some(cluster) = Cluster::new("traced") else { return };
    let collector = Collector::start();
    let daemon = traced(cluster.setup(), &collector.url()).start();
    follow_an_event(&collector, &daemon, &Wire::of_cluster(&cluster), "kafka", "cassandra");
}

/// Follows an event from its producer to what is published of it.
#[track_caller]
fn follow_an_event(
    collector: &Collector,
    daemon: &Daemon,
    wire: &Wire,
    system: &str,
    database: &str,
) {
    let client = daemon.client();
    let sound = std::fs::read(recording("02").0).unwrap();
    let uploaded = event("take-1", &client.username(), &sound).to_string();
    wire.send_within(&traceparent(), "", uploaded);
    eventually("the event has ended", || wire.ended().contains("take-1").then_some(()));

    let intake = find(collector, TRACE, "process scribed.uploads");
    assert_eq!((intake.kind, intake.parent.as_str()), (5, CALLER), "{intake:#?}");
    assert_eq!(intake.at("messaging.system"), system);
    assert_eq!(find(collector, TRACE, "submit").at("db.system.name"), database);
    assert_eq!(intake.at("messaging.destination.name"), "scribed.uploads");
    assert_eq!(intake.at("messaging.operation.type"), "process");
    let work = find(collector, TRACE, "job");
    assert_eq!(work.parent, intake.id, "{work:#?}");
    assert_eq!(intake.at("scribed.job.id"), work.at("scribed.job.id"));
    for topic in ["send scribed.states", "send scribed.transcripts"] {
        let sent = find(collector, TRACE, topic);
        assert_eq!((sent.kind, &sent.parent), (4, &intake.id), "{sent:#?}");
    }
    let states = wire.all(STATES);
    assert!(!states.is_empty());
    for state in &states {
        let carried = header(&state.message, "traceparent");
        assert!(carried.starts_with(&format!("00-{TRACE}-")), "{carried}");
    }
    // An event that is refused says so, and not in its own words.
    let stranger = event("take-2", "a stranger", &sound).to_string();
    wire.send_within(&traceparent(), "", stranger);
    let refused = collector
        .wait_for("the refusal", |span| span.name == "process scribed.uploads" && span.is_bad);
    assert_eq!(refused.at("error.type"), "no_such_owner");
    let bodies = collector.got().bodies.concat();
    assert!(!bodies.windows(10).any(|at| at == b"a stranger"));
}

#[test]
fn work_that_goes_on_after_a_crash_stays_in_its_trace() {
    let collector = Collector::start();
    let mut daemon = setup(&collector.url()).start();
    let client = daemon.client();
    let upload = client
        .request(Method::POST, "/upload-audiofile")
        .header("traceparent", traceparent())
        .multipart(Form::new().file("audiofile", recording("11").0).unwrap());
    let job = Job(send(upload).status(200).json()["task_id"].as_i64().unwrap());
    client.chunks_from(job, 1);
    let request = find(&collector, TRACE, "POST /upload-audiofile");
    daemon.crash_and_restart();
    let client = client.at(&daemon);
    client.chunks_from(job, 2);
    drop(client.cancel(job).status(200));
    let work = find(&collector, TRACE, "job");
    assert_eq!((work.at("scribed.job.pass"), &work.parent), ("2", &request.id), "{work:#?}");
}

#[test]
fn a_collector_that_is_away_costs_a_warning_and_nothing_else() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let begun = Instant::now();
    let mut daemon = setup(&format!("http://{nobody}")).start();
    let client = daemon.client();
    let job = client.submit(&recording("02").0);
    assert_eq!(client.end_of(job), "completed");
    eventually("lost spans are counted", || (lost(&daemon, "not_taken") > 0).then_some(()));
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.ended().code(), Some(0), "{}", daemon.log());
    let log = daemon.log();
    let warnings = u64::try_from(log.matches("traces are lost").count()).unwrap();
    let minutes = begun.elapsed().as_secs() / 60;
    assert!((1..=1 + minutes).contains(&warnings), "{warnings} in {minutes} min: {log}");
    assert!(log.contains("Connection refused"), "{log}");
}

/// How long a daemon may take to end whose collector does not answer: what it grants the collector, and
/// plenty for everything else on a busy machine.
const END_SECS: u64 = 30;

#[test]
fn a_collector_that_does_not_answer_holds_up_nobody() {
    // Connections are taken by the system, and nobody ever reads.
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut daemon = setup(&format!("http://{}", mute.local_addr().unwrap()))
        .option("telemetry.traces.timeout_secs", 600)
        .option("telemetry.traces.close_secs", 1)
        .option("telemetry.traces.queue", 4)
        .start();
    let client = daemon.client();
    let job = client.submit(&recording("02").0);
    assert_eq!(client.end_of(job), "completed");
    eventually("the queue is full", || {
        drop(client.get("/auth/info").status(200));
        (lost(&daemon, "queue_full") > 0).then_some(())
    });
    let asked = Instant::now();
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.ended().code(), Some(0), "{}", daemon.log());
    let took = asked.elapsed();
    assert!(took.as_secs() < END_SECS, "{took:?}");
    println!("traces: the daemon ended in {took:.1?} while its collector did not answer");
    drop(mute);
}
