//! Jobs whose recording is fetched first. Time is real here: there are sockets.

use std::sync::Arc;

use scribed_bus::{Bus, Message};
use scribed_engine::Config;
use scribed_engine::dead_letter::{DETAIL, REASON};
use scribed_engine::testing::Bench;
use scribed_schemas::event::{DEAD_LETTERS, UPLOADS};
use scribed_schemas::job::{FaultCode, Job, JobState};
use scribed_store::MemoryStore;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// What is in the query of every URL, and nowhere else.
const SIGNATURE: &str = "geheim";

/// A server that gives each connection the next answer; the last one stays. After an answer that breaks
/// off within its body it is silent.
struct Server {
    port: u16,
    /// Told when a silent connection was left.
    left: Arc<Notify>,
    /// Told when somebody asked.
    asked: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Answers with a recording.
fn recording(script: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{script}", script.len())
}

/// Answers with less than is announced, and is silent then.
const SILENT: &str = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\none";

impl Server {
    async fn start(answers: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let (left, asked) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let told = (Arc::clone(&left), Arc::clone(&asked));
        let answers: Vec<String> = answers.iter().map(|answer| (*answer).to_owned()).collect();
        let task = tokio::spawn(async move {
            for number in 0.. {
                let Ok((mut stream, _)) = listener.accept().await else { return };
                let answer = answers[number.min(answers.len() - 1)].clone();
                let (left, asked) = told.clone();
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        let Ok(byte) = stream.read_u8().await else { return };
                        head.push(byte);
                    }
                    asked.notify_one();
                    stream.write_all(answer.as_bytes()).await.ok();
                    if answer == SILENT {
                        drop(stream.read_u8().await);
                        left.notify_one();
                    }
                });
            }
        });
        Self { port, left, asked, task }
    }

    /// Makes an engine that may ask this server.
    async fn bench(&self, config: Config) -> Bench {
        let outbound = scribed_outbound::Config {
            allowed_networks: vec!["127.0.0.1".parse().expect("an address")],
            ports: vec![self.port],
            ..scribed_outbound::Config::default()
        };
        let config = Config { backoff_secs: vec![0], lease_secs: 1, ..config };
        let bench = Bench::with(config, Arc::new(MemoryStore::new())).with_outbound(&outbound);
        bench.account("ada").await;
        bench
    }
}

/// Sends an event that names a URL of a server.
async fn send(bench: &Bench, id: &str, url: &str) {
    let event =
        json!({"schema": "scribed.upload/1", "id": id, "owner": "ada", "media": {"url": url}});
    let payload = event.to_string().into_bytes();
    let message = Message { key: Vec::new(), headers: Vec::new(), payload, at: bench.engine.now() };
    bench.bus.publish(UPLOADS, message).await.expect("the bus takes it");
}

/// Sends an event for a server, and returns its job.
async fn submitted(bench: &Bench, server: &Server) -> Job {
    let url = format!("http://127.0.0.1:{}/a.wav?{SIGNATURE}", server.port);
    send(bench, "take-1", &url).await;
    loop {
        let page = bench.store.jobs(None, 0, 1).await.expect("the store answers");
        if let Some(job) = page.jobs.into_iter().next() {
            return job;
        }
        tokio::task::yield_now().await;
    }
}

/// Runs a job to its end.
async fn run(answers: &[&str]) -> (Bench, Job) {
    let server = Server::start(answers).await;
    let bench = server.bench(Config::default()).await;
    let running = bench.start();
    let id = submitted(&bench, &server).await.id;
    let job = bench.until(id, |job| job.state.is_terminal()).await;
    running.stop().await;
    let shown = serde_json::to_string(&job).expect("it is plain data");
    assert!(!shown.contains(SIGNATURE), "{shown}");
    (bench, job)
}

/// Returns reason and detail of the one dead letter.
async fn letter(bench: &Bench) -> Option<(String, String)> {
    let browser = bench.bus.browse(DEAD_LETTERS).await;
    let letter = browser.expect("the bus is there").next().await.expect("the bus delivers")?;
    let header = |name: &str| {
        let found = letter.message.headers.iter().find(|(known, _)| known == name);
        String::from_utf8(found.expect("it says why").1.clone()).expect("it is text")
    };
    Some((header(REASON), header(DETAIL)))
}

#[tokio::test]
async fn a_recording_is_fetched_and_becomes_text() {
    let (bench, job) = run(&[&recording("one\ntwo")]).await;
    assert_eq!((job.state, job.error_count), (JobState::Completed, 0));
    assert_eq!(bench.texts(job.id).await, ["one", "two"]);
    let id = job.media.expect("it has a recording");
    let media = bench.store.media(id).await.expect("the store answers").expect("it is there");
    assert_eq!((media.size, media.key.as_str(), media.url()), (7, id.key().as_str(), None));
    assert_eq!(bench.media.keys(), [media.key]);
    assert_eq!(letter(&bench).await, None);
}

#[tokio::test]
async fn what_cannot_be_fetched_fails_the_job_with_its_word() {
    let (bench, job) = run(&["HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"]).await;
    let fault = job.fault.expect("it says why");
    assert_eq!((job.state, fault.code), (JobState::ProcessingFail, FaultCode::Unfetchable));
    assert!(fault.message.starts_with("not_found: cannot fetch http://127.0.0.1:"), "{fault:?}");
    assert!(fault.message.contains("/a.wav") && !fault.message.contains(SIGNATURE), "{fault:?}");
    assert_eq!(letter(&bench).await, None, "as with any recording that is of no use");
    assert!(bench.media.keys().is_empty());
}

#[tokio::test]
async fn trouble_of_the_server_is_tried_again_as_any_fault() {
    let trouble = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
    let (bench, job) = run(&[trouble, &recording("one")]).await;
    assert_eq!((job.state, job.error_count), (JobState::Completed, 1));
    assert_eq!(bench.texts(job.id).await, ["one"]);

    let (bench, job) = run(&[trouble]).await;
    let fault = job.fault.expect("it says why");
    assert_eq!((job.error_count, fault.code), (3, FaultCode::FetchFailed));
    let (reason, detail) = letter(&bench).await.expect("somebody may look into it");
    assert_eq!((reason.as_str(), &detail), ("fetch_failed", &fault.message));
    assert!(detail.starts_with("server_trouble: ") && !detail.contains(SIGNATURE), "{detail}");
}

#[tokio::test]
async fn a_recording_that_breaks_off_is_none() {
    let cut = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\none";
    let (bench, job) = run(&[cut]).await;
    let fault = job.fault.expect("it says why");
    assert!(fault.message.starts_with("broken_off: "), "{fault:?}");
    assert!(bench.media.keys().is_empty() && bench.texts(job.id).await.is_empty());
}

#[tokio::test]
async fn a_crash_in_the_middle_loses_nothing() {
    let server = Server::start(&[SILENT, &recording("one\ntwo")]).await;
    let bench = server.bench(Config::default()).await;
    let running = bench.start();
    let id = submitted(&bench, &server).await.id;
    server.asked.notified().await;
    assert_eq!(bench.until(id, |job| job.fence > 0).await.state, JobState::InProgress);
    running.crash().await;
    let running = bench.restarted().start();
    let job = bench.until_state(id, JobState::Completed).await;
    running.stop().await;
    assert_eq!((bench.texts(id).await, job.error_count), (vec!["one".into(), "two".into()], 0));
    assert_eq!(bench.media.keys().len(), 1);
}

#[tokio::test]
async fn a_cancelled_job_fetches_no_more() {
    let server = Server::start(&[SILENT]).await;
    let bench = server.bench(Config::default()).await;
    let running = bench.start();
    let id = submitted(&bench, &server).await.id;
    server.asked.notified().await;
    bench.engine.cancel(id).await.expect("the store answers");
    server.left.notified().await;
    assert_eq!(bench.job(id).await.state, JobState::Cancelled);
    running.stop().await;
    assert!(bench.media.keys().is_empty());
}

#[tokio::test]
async fn a_stop_hands_the_job_back() {
    let server = Server::start(&[SILENT]).await;
    let bench = server.bench(Config::default()).await;
    let running = bench.start();
    let id = submitted(&bench, &server).await.id;
    server.asked.notified().await;
    running.stop().await;
    let job = bench.job(id).await;
    assert_eq!((job.state, job.error_count, job.fault), (JobState::Queued, 0, None));
    server.left.notified().await;
}

#[tokio::test]
async fn a_slow_server_holds_up_nobody() {
    let server = Server::start(&[SILENT]).await;
    let bench = server.bench(Config { concurrent_jobs: 1, ..Config::default() }).await;
    let running = bench.start();
    let slow = submitted(&bench, &server).await.id;
    server.asked.notified().await;
    let other = bench.submit("another").await;
    bench.until_state(other, JobState::Completed).await;
    assert_eq!(bench.job(slow).await.state, JobState::InProgress);
    running.stop().await;
}
