//! Recordings that an event names by a URL.

use std::io::Write as _;
use std::net::TcpStream;

use scribed_tests::audio::recording;
use scribed_tests::host::{Asked, Host, give};
use scribed_tests::{Cluster, Daemon, Setup, errors, eventually};
use serde_json::{Value, json};

use crate::revai::{ended, with_key};
use crate::wire::Wire;

/// What is in the query of every URL, and nowhere else.
const SIGNATURE: &str = "signature=geheim";

/// Starts a server of recordings.
fn host() -> Host {
    Host::start(answer)
}

/// Returns a URL of its that is signed.
fn signed(host: &Host, path: &str) -> String {
    host.url(&format!("{path}?{SIGNATURE}"))
}

/// Lets a daemon ask a server, with short patience.
fn allowed(host: &Host, setup: Setup) -> Setup {
    host.allowed(setup)
        .variable("SCRIBED_OUTBOUND__RESUME_PAUSE_MS", "1")
        .variable("SCRIBED_ENGINE__BACKOFF_SECS", "[0]")
        .option("outbound.max_bytes", 1_000_000)
}

/// Answers one request.
fn answer(stream: &mut TcpStream, asked: &Asked) -> std::io::Result<()> {
    let file = std::fs::read(recording("01").0)?;
    match (asked.path.as_str(), asked.from) {
        ("/good.wav", _) => give(stream, &file, file.len()),
        ("/elsewhere.wav", _) => {
            stream.write_all(b"HTTP/1.1 302 Found\r\nLocation: http://10.0.0.1/a.wav\r\n\r\n")
        }
        ("/large.wav", _) => give(stream, &vec![0; 1_000_001], 1_000_001),
        // Each connection brings a part.
        ("/broken.wav", None) => give(stream, &file, file.len() / 3),
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
            let status = format!("HTTP/1.1 404 Not Found\r\nX-Asked: {}\r\n", asked.number);
            stream.write_all(format!("{status}Content-Length: 0\r\n\r\n").as_bytes())
        }
    }
}

/// A daemon that may ask a host, and the bus before it.
struct Place {
    host: Host,
    daemon: Daemon,
    wire: Wire,
}

impl Place {
    fn alone() -> Self {
        let host = host();
        let daemon = allowed(&host, Setup::default()).start();
        Self { wire: Wire::of_daemon(&daemon), host, daemon }
    }

    /// Sends an event of an account.
    fn send(&self, owner: &str, id: &str, url: &str) {
        let event = json!({
            "schema": "scribed.upload/1", "id": id, "owner": owner, "name": id, "media": {"url": url},
        });
        self.wire.send(id, event.to_string());
    }

    /// Sends an event and returns its job once it has ended.
    #[track_caller]
    fn ended(&self, id: &str, url: &str) -> Value {
        self.send(&self.daemon.client().name, id, url);
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
    let job = place.ended("take-1", &signed(&place.host, "/good.wav"));
    let spoken = recording("01").1.text;
    let errors = errors(&spoken, job["description"].as_str().unwrap());
    assert!(errors.within_percent(15), "{errors}: {job}");
    assert!(!place.daemon.log().contains("geheim"), "the log shows no signature");
}

#[test]
fn a_server_that_breaks_off_is_asked_for_the_rest() {
    let place = Place::alone();
    let job = place.ended("take-1", &signed(&place.host, "/broken.wav"));
    let spoken = recording("01").1.text;
    let errors = errors(&spoken, job["description"].as_str().unwrap());
    assert!(errors.within_percent(15), "{errors}: {job}");
}

#[test]
fn what_cannot_be_fetched_fails_with_its_word() {
    let place = Place::alone();
    place.fails("gone", &signed(&place.host, "/none.wav"), "not_found");
    place.fails("large", &signed(&place.host, "/large.wav"), "too_large");
    place.fails("led astray", &signed(&place.host, "/elsewhere.wav"), "forbidden_address");
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
    let Some(cluster) = Cluster::new("byurl") else { return };
    let host = host();
    let daemon = allowed(&host, cluster.setup()).start();
    let place = Place { wire: Wire::of_cluster(&cluster), host, daemon };
    let client = place.daemon.client();
    place.send(&client.name, "take-1", &signed(&place.host, "/broken.wav"));
    let job = eventually("its job has ended", || {
        let jobs = client.get("/transcriptions").status(200).json();
        let job = jobs["transcriptions"].get(0)?.clone();
        (job["current_state"] == "completed").then_some(job)
    });
    let errors = errors(&recording("01").1.text, job["description"].as_str().unwrap());
    assert!(errors.within_percent(15), "{errors}: {job}");
}

#[test]
fn a_recording_that_a_client_of_rev_ai_names_becomes_text() {
    let place = Place::alone();
    let (client, _) = with_key(&place.daemon, &place.daemon.client(), &[]);
    let url = signed(&place.host, "/good.wav");
    for (jobs, source) in [
        ("/revspeech/v1beta/jobs", json!({ "media_url": url, "metadata": "" })),
        ("/speechtotext/v1/jobs", json!({ "source_config": { "url": url } })),
    ] {
        let job = client.post_json(jobs, &source).status(200).json();
        assert_eq!(job["status"], "in_progress");
        let path = format!("{jobs}/{}", job["id"].as_str().unwrap());
        let job = ended(&client, &path);
        assert_eq!((&job["status"], &job["name"]), (&json!("transcribed"), &json!("good.wav")));
        let shown = url.split('?').next().unwrap();
        assert_eq!(job["media_url"], shown, "the signature is shown to nobody");
    }
    let none = json!({ "media_url": signed(&place.host, "/none.wav") });
    let job = client.post_json("/revspeech/v1beta/jobs", &none).status(200).json();
    let job = ended(&client, &format!("/revspeech/v1beta/jobs/{}", job["id"].as_str().unwrap()));
    assert_eq!((&job["status"], &job["failure"]), (&json!("failed"), &json!("download_failure")));
    let detail = job["failure_detail"].as_str().unwrap();
    assert!(detail.contains("not_found") && !detail.contains("geheim"), "{detail}");
    assert!(!place.daemon.log().contains("geheim"), "the log shows no signature");
}
