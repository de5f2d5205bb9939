//! What a backlog costs a daemon: its peak memory with a million events waiting against a thousand, on a
//! real Kafka and a real Cassandra, and how many events a second become finished jobs.
//!
//! ```text
//! cargo build --release --workspace
//! SCRIBED_TEST_KAFKA=host:port SCRIBED_TEST_CASSANDRA=host:port \
//!     cargo bench -p scribed-tests --bench cluster [-- small]
//! ```
//!
//! The events name one recording of 100 ms in the media store, and the recogniser is the deterministic
//! one of the tests, so what is measured is the way from the topic to the finished job and nothing else.
//! Both daemons work for the same time.
//! `small` is for trying out the benchmark itself.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use scribed_bus::{Bus as _, KafkaBus, Message};
use scribed_schemas::event::{MediaSource, UPLOAD_SCHEMA, UPLOADS, UploadEvent};
use scribed_schemas::job::Priority;
use scribed_schemas::time::Timestamp;
use scribed_tests::checker::collect::{GROUP, Place};
use scribed_tests::{Cluster, Daemon, Report, Services, audio, build};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

/// Events of the short backlog.
const FEW: usize = 1_000;
/// Events that are on their way to the brokers at once.
const SENDING: usize = 5_000;
/// What the long backlog may cost, as a multiple of the short one.
const LIMIT: f64 = 1.1;
/// Key of the recording.
const KEY: &str = "incoming/noise.wav";
/// Longest wait for the short backlog to be worked off.
const PATIENCE: Duration = Duration::from_secs(600);
/// Pause between two looks at the group.
const LOOK: Duration = Duration::from_millis(500);

fn main() -> Result<ExitCode> {
    // Only `cargo bench` asks for the measurement; a test run of all targets does not want to wait.
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("cluster: run me by `cargo bench`");
        return Ok(ExitCode::SUCCESS);
    }
    let Some(services) = Services::given("bench cluster") else {
        return Ok(ExitCode::SUCCESS);
    };
    let many =
        if std::env::args().any(|argument| argument == "small") { 20_000 } else { 1_000_000 };
    let runtime = Runtime::new()?;
    let mut report = Report::default();

    let few = Backlog::new(&services, "benchfew", FEW, &runtime)?;
    let (daemon, begin) = (few.daemon(), Instant::now());
    while few.done(&runtime)? < FEW {
        ensure!(begin.elapsed() < PATIENCE, "the events are not worked off: {}", daemon.log());
        std::thread::sleep(LOOK);
    }
    let worked = begin.elapsed();
    let small = daemon.peak_memory_kib();
    drop(daemon);

    let backlog = Backlog::new(&services, "benchmany", many, &runtime)?;
    let daemon = backlog.daemon();
    std::thread::sleep(worked);
    let done = backlog.done(&runtime)?;
    ensure!(done > FEW / 4, "only {done} events were worked off: {}", daemon.log());
    let what = format!("peak memory of the daemon, {many} events waiting against {FEW}");
    report.memory(&what, daemon.peak_memory_kib(), small, LIMIT);
    let rate = FEW as u128 * 1_000 / worked.as_millis();
    report.figure("events a second from the topic to the finished job", &rate.to_string());
    Ok(report.print())
}

/// A cluster whose topic of uploads is full before its daemon starts.
struct Backlog {
    cluster: Cluster,
    bus: KafkaBus,
}

impl Backlog {
    fn new(services: &Services, name: &str, events: usize, runtime: &Runtime) -> Result<Self> {
        let library = build::library("deterministic");
        let settings = format!(
            r#"
[plugins]
folders = ["{}"]
[[pipelines]]
name = "default"
stages = [
    {{ use = "org.scribed.decode" }},
    {{ use = "org.scribed.resample" }},
    {{ use = "org.scribed.test.cutter", config = {{ window_ms = 100 }} }},
    {{ use = "org.scribed.test.recogniser", config = {{ delay_ms = 0 }} }},
    {{ use = "org.scribed.render-text", format = "txt" }},
]
"#,
            library.display()
        );
        let cluster = Cluster::over(services, name, 12, &settings);
        let media = cluster.folder().join("media").join(KEY);
        std::fs::create_dir_all(media.parent().context("a key has a folder")?)?;
        std::fs::write(&media, audio::wav(&vec![0; audio::RATE / 10]))?;
        // An account for the events; its daemon ends before there are any.
        let owner = cluster.start().client().username();
        let bus = runtime.block_on(async { Place::read(cluster.folder())?.bus() })?;
        let backlog = Self { cluster, bus };
        let begin = Instant::now();
        runtime.block_on(backlog.fill(&owner, events))?;
        eprintln!("{events} events sent in {:.0?}", begin.elapsed());
        Ok(backlog)
    }

    /// Starts the daemon.
    fn daemon(&self) -> Daemon {
        self.cluster.start()
    }

    /// Sends the events.
    async fn fill(&self, owner: &str, events: usize) -> Result<()> {
        let bus = std::sync::Arc::new(Place::read(self.cluster.folder())?.bus()?);
        let mut sending = JoinSet::new();
        for number in 0..events {
            let message = message(owner, number)?;
            let bus = std::sync::Arc::clone(&bus);
            sending.spawn(async move { bus.publish(UPLOADS, message).await });
            if sending.len() >= SENDING {
                sending.join_next().await.context("one is on its way")???;
            }
        }
        while let Some(sent) = sending.join_next().await {
            sent??;
        }
        Ok(())
    }

    /// Returns how many events are done: their jobs have ended, and they are committed.
    fn done(&self, runtime: &Runtime) -> Result<usize> {
        let positions = runtime.block_on(self.bus.positions(UPLOADS, GROUP))?;
        let done = |committed: Option<i64>| usize::try_from(committed.unwrap_or(0)).unwrap_or(0);
        Ok(positions.iter().map(|position| done(position.committed)).sum())
    }
}

/// Makes an event.
fn message(owner: &str, number: usize) -> Result<Message> {
    let event = UploadEvent {
        schema: UPLOAD_SCHEMA.to_owned(),
        id: format!("event-{number}"),
        owner: owner.to_owned(),
        media: MediaSource::Key(KEY.to_owned()),
        name: Some(format!("Recording {number}")),
        language: Some("en".to_owned()),
        pipeline: None,
        priority: Priority::Standard,
        reference: None,
        callback: None,
    };
    Ok(Message {
        key: event.id.clone().into_bytes(),
        headers: vec![("content-type".to_owned(), b"application/json".to_vec())],
        payload: serde_json::to_vec(&event)?,
        at: Timestamp(0),
    })
}
