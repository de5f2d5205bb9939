//! Recordings that an event names by a URL.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use scribed_tests::audio::recording;
use scribed_tests::{Cluster, Daemon, Setup, errors, eventually};
use serde_json::{Value, json};

use crate::wire::Wire;

/// What is in the query of every URL, and nowhere else.
const SIGNATURE: &str = "signature=geheim";

/// A server of recordings on loopback; it ends with the test.
struct Host {
    port: u16,
}

impl Host {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let mut asked = 0;
            for stream in listener.incoming() {
                asked += 1;
                // Who goes while it is answered has what it wanted.
                answer(stream.unwrap(), asked).ok();
            }
        });
        Self { port }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}?{SIGNATURE}", self.port)
    }

    /// Lets a daemon ask this server and nobody else that is not public.
    fn allowed(&self, setup: Setup) -> Setup {
        setup
            .variable("SCRIBED_OUTBOUND__ALLOWED_NETWORKS", "[\"127.0.0.1\"]")
            .variable("SCRIBED_OUTBOUND__PORTS", format!("[80, 443, {}]", self.port))
            .variable("SCRIBED_OUTBOUND__RESUME_PAUSE_MS", "1")
            .variable("SCRIBED_ENGINE__BACKOFF_SECS", "[0]")
            .option("outbound.max_bytes", 1_000_000)
    }
}

/// Answers one request.
fn answer(mut stream: TcpStream, asked: usize) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head);
    let path = head.split([' ', '?']).nth(1).unwrap_or_default();
    let from = head.lines().find_map(|line| line.strip_prefix("range: bytes=")?.strip_suffix('-'));
    let from = from.map(|from| from.parse::<usize>().unwrap());
    let file = std::fs::read(recording("01").0)?;
    match (path, from) {
        ("/good.wav", _) => whole(&mut stream, &file, file.len()),
        ("/elsewhere.wav", _) => {
            stream.write_all(b"HTTP/1.1 302 Found\r\nLocation: http://10.0.0.1/a.wav\r\n\r\n")
        }
        ("/large.wav", _) => whole(&mut stream, &vec![0; 1_000_001], 1_000_001),
        // Each connection brings a part.
        ("/broken.wav", None) => whole(&mut stream, &file, file.len() / 3),
        ("/broken.wav", Some(from)) => {
            let range = format!("bytes {from}-{}/{}", file.len() - 1, file.len());
            let rest = &file[from..];
            let head = format!(
                "HTTP/1.1 206 Partial Content\r\nETag: \"a\"\r\nContent-Range: {range}\r\n\
                 Content-Length: {}\r\n\r\n",
                rest.len()
            );
            stream.write_all(head.as_bytes())?;
            stream.write_all(&rest[..rest.len().div_ceil(2).max(rest.len().min(20_000))])
        }
        _ => {
            let status = format!("HTTP/1.1 404 Not Found\r\nX-Asked: {asked}\r\n");
            stream.write_all(format!("{status}Content-Length: 0\r\n\r\n").as_bytes())
        }
    }
}

/// Sends a recording, or its beginning.
fn whole(stream: &mut TcpStream, file: &[u8], most: usize) -> std::io::Result<()> {
    let head = format!("HTTP/1.1 200 OK\r\nETag: \"a\"\r\nContent-Length: {}\r\n\r\n", file.len());
    stream.write_all(head.as_bytes())?;
    stream.write_all(&file[..most])
}

/// A daemon that may ask a host, and the bus before it.
struct Place {
    host: Host,
    daemon: Daemon,
    wire: Wire,
}

impl Place {
    fn alone() -> Self {
        let host = Host::start();
        let daemon = host.allowed(Setup::default()).start();
        Self { wire: Wire::of_daemon(&daemon), host, daemon }
    }

    /// Sends an event and returns its job once it has ended.
    #[track_caller]
    fn ended(&self, id: &str, url: &str) -> Value {
        let owner = self.daemon.client().name.clone();
        let event = json!({
            "schema": "scribed.upload/1", "id": id, "owner": owner, "name": id, "media": {"url": url},
        });
        self.wire.send(id, event.to_string());
        eventually("its job has ended", || {
            let jobs = self.daemon.program().run(["jobs", "list", "--json"]).code(0).json();
            let job = jobs.as_array().unwrap().iter().find(|job| job["name"] == id).cloned()?;
            let ended = ["completed", "processing_fail"].map(Value::from);
            Some(job).filter(|job| ended.contains(&job["state"]))
        })
    }

    /// Checks that a job failed for a reason, and that nobody is shown the signature.
    #[track_caller]
    fn fails(&self, id: &str, url: &str, word: &str) {
        let job = self.ended(id, url);
        let id = job["id"].to_string();
        let shown = self.daemon.program().run(["jobs", "show", &id]).code(0).out;
        assert!(shown.contains(&format!("{word}: cannot fetch http://")), "{word}: {shown}");
        assert!(!shown.contains("geheim") && !job.to_string().contains("geheim"), "{shown}");
    }
}

#[test]
fn a_recording_that_an_event_names_becomes_text() {
    let place = Place::alone();
    let job = place.ended("take-1", &place.host.url("/good.wav"));
    let spoken = recording("01").1.text;
    let errors = errors(&spoken, job["description"].as_str().unwrap());
    assert!(errors.within_percent(15), "{errors}: {job}");
    assert!(!place.daemon.log().contains("geheim"), "the log shows no signature");
}

#[test]
fn a_server_that_breaks_off_is_asked_for_the_rest() {
    let place = Place::alone();
    let job = place.ended("take-1", &place.host.url("/broken.wav"));
    let spoken = recording("01").1.text;
    let errors = errors(&spoken, job["description"].as_str().unwrap());
    assert!(errors.within_percent(15), "{errors}: {job}");
}

#[test]
fn what_cannot_be_fetched_fails_with_its_word() {
    let place = Place::alone();
    place.fails("gone", &place.host.url("/none.wav"), "not_found");
    place.fails("large", &place.host.url("/large.wav"), "too_large");
    place.fails("led astray", &place.host.url("/elsewhere.wav"), "forbidden_address");
    assert!(!place.daemon.log().contains("geheim"), "the log shows no signature");
}

#[test]
fn a_private_address_is_refused_at_the_door() {
    let place = Place::alone();
    let owner = place.daemon.client().name.clone();
    let event = json!({
        "schema": "scribed.upload/1", "id": "inside", "owner": owner,
        "media": {"url": "http://192.168.0.1/a.wav"},
    });
    place.wire.send("", event.to_string());
    let letter = eventually("it is a dead letter", || place.wire.letters().pop());
    assert_eq!(crate::wire::header(&letter.message, "scribed.dlq.reason"), "forbidden_address");
}

#[test]
fn a_recording_is_fetched_by_a_host_of_a_cluster() {
    let Some(cluster) = Cluster::new("by_url") else { return };
    let host = Host::start();
    let daemon = host.allowed(cluster.setup()).start();
    let place = Place { wire: Wire::of_cluster(&cluster), host, daemon };
    let job = place.ended("take-1", &place.host.url("/broken.wav"));
    assert_eq!(job["state"], "completed", "{job}");
}
