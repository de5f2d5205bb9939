//! Requests that are not in order, and how they are answered.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use reqwest::Method;
use reqwest::blocking::multipart::{Form, Part};
use scribed_tests::audio::recording;
use scribed_tests::client::send;
use scribed_tests::{Answer, Client, Daemon, Job, Setup, eventually};
use serde_json::json;

/// A form as bytes.
fn form(recording: &[u8]) -> Vec<u8> {
    let head =
        "--b\r\nContent-Disposition: form-data; name=\"audiofile\"; filename=\"a.wav\"\r\n\r\n";
    [head.as_bytes(), recording, b"\r\n--b--\r\n"].concat()
}

/// Uploads bytes as they are, with a content type.
fn upload(client: &Client, content_type: &str, bytes: Vec<u8>) -> Answer {
    let request = client.request(Method::POST, "/upload-audiofile");
    send(request.header("Content-Type", content_type).body(bytes))
}

#[test]
fn an_upload_over_the_limit_is_refused_and_leaves_nothing() {
    let daemon = Setup::default().option("http.max_upload_bytes", 100_000).start();
    let client = daemon.client();
    let answer = upload(&client, "multipart/form-data; boundary=b", form(&vec![0; 200_000]));
    assert!(!answer.status(413).detail().is_empty());
    let answer = client.upload_unmeasured(&form(&vec![0; 200_000]));
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    eventually("the refused upload is removed", || daemon.stored().is_empty().then_some(()));
}

#[test]
fn an_upload_without_a_stated_length_is_counted_and_taken() {
    let daemon = Daemon::shared();
    let client = daemon.client();
    let recording = std::fs::read(recording("05").0).unwrap();
    let answer = client.upload_unmeasured(&form(&recording));
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let mine = client.get("/transcriptions").status(200).json();
    let job = Job(mine["transcriptions"][0]["id"].as_i64().unwrap());
    assert_eq!(client.end_of(job), "completed");
}

#[test]
fn a_form_that_is_not_in_order_is_refused_in_the_documented_shape_and_leaves_nothing() {
    let daemon = Daemon::start();
    let client = daemon.client();
    let part = || Part::bytes(vec![0; 1_000]).file_name("a.wav");
    let at = |answer: Answer| answer.status(422).json()["detail"][0]["loc"].clone();
    let place = json!(["body", "audiofile"]);
    assert_eq!(at(client.upload_form(Form::new().part("file", part()))), place);
    assert_eq!(at(client.upload_form(Form::new().text("audiofile", "words"))), place);
    let two = Form::new().part("audiofile", part()).part("audiofile", part());
    assert_eq!(at(client.upload_form(two)), place);
    assert_eq!(at(upload(&client, "application/json", b"{}".to_vec())), place);
    let torn = upload(&client, "multipart/form-data; boundary=b", b"--b\r\nContent".to_vec());
    assert!((400..500).contains(&torn.status), "{torn:?}");
    eventually("nothing is left", || daemon.stored().is_empty().then_some(()));
}

#[test]
fn an_upload_whose_sender_goes_away_leaves_nothing() {
    let daemon = Daemon::start();
    let client = daemon.client();
    let mut upload = TcpStream::connect(daemon.base().trim_start_matches("http://")).unwrap();
    upload.write_all(&client.half_an_upload(1_000_000)).unwrap();
    eventually("the upload has begun", || (!daemon.stored().is_empty()).then_some(()));
    upload.shutdown(Shutdown::Both).unwrap();
    eventually("nothing is left", || daemon.stored().is_empty().then_some(()));
    assert_eq!(client.get("/transcriptions").status(200).json()["total"], 0);
}

#[test]
fn who_is_not_known_is_told_so() {
    let daemon = Daemon::shared();
    let stranger = daemon.client().with_token("nonsense");
    let refused = stranger.get("/auth/info").status(401);
    assert_eq!(refused.detail(), "Invalid or expired token");
    let nobody = daemon.client().with_token("");
    assert_eq!(nobody.get("/auth/info").status(401).detail(), "Invalid Authorization Header");
}

#[test]
fn who_may_not_submit_is_told_so() {
    let daemon = Daemon::shared();
    let client = Client::register(daemon.base());
    let refused = client.upload_bytes("a.wav", vec![0; 100]).status(403);
    assert!(refused.detail().starts_with("Access restricted."), "{}", refused.detail());
}

#[test]
fn a_job_of_somebody_else_does_not_exist() {
    let daemon = Daemon::shared();
    let (owner, other) = (daemon.client(), daemon.client());
    let job = owner.submit(&recording("05").0);
    for id in [job.0, 1] {
        for path in ["/transcript?task_id=", "/transcript/info?transcript_id="] {
            let _refused = other.get(&format!("{path}{id}")).status(404);
        }
        let _refused = other.export(Job(id), "txt").status(404);
        let _refused = other.cancel(Job(id)).status(404);
    }
    assert_eq!(owner.end_of(job), "completed");
}

#[test]
fn what_comes_too_late_or_too_early_is_refused() {
    let daemon = Daemon::shared();
    let client = daemon.client();
    let job = client.submit(&recording("05").0);
    assert_eq!(client.end_of(job), "completed");
    assert_eq!(client.cancel(job).status(409).detail(), "You can't cancel a finished job");
    let format = client.export(job, "pdf").status(422);
    assert_eq!(format.json()["detail"][0]["loc"], json!(["query", "format"]));
}

#[test]
fn a_head_that_never_ends_is_cut_off() {
    let daemon = Setup::default().option("http.header_timeout_secs", 1).start();
    let mut slow = TcpStream::connect(daemon.base().trim_start_matches("http://")).unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ").unwrap();
    // Whatever is answered, the connection ends.
    slow.read_to_end(&mut Vec::new()).ok();
    assert_eq!(daemon.client().get("/").status(200).json()["api"], true);
}

/// Uploads `size` bytes in every way that clients know, again and again over the same connections,
/// and insists that none of them misses the answer.
#[track_caller]
fn every_upload_sees(client: &Client, part: &'static str, size: usize, status: u16) {
    let name = |file: Part| Form::new().part(part, file.file_name("big.wav"));
    let whole = name(Part::bytes(vec![0; size]));
    let kind = format!("multipart/form-data; boundary={}", whole.boundary());
    let mut bytes = Vec::new();
    whole.into_reader().read_to_end(&mut bytes).unwrap();
    for _ in 0..10 {
        let streamed = client.upload_form(name(Part::bytes(vec![0; size])));
        assert!(!streamed.status(status).detail().is_empty());
        let zeros = std::io::repeat(0).take(size as u64);
        let unmeasured = client.upload_form(name(Part::reader(zeros)));
        assert!(!unmeasured.status(status).detail().is_empty());
        let in_memory = upload(client, &kind, bytes.clone());
        assert!(!in_memory.status(status).detail().is_empty());
    }
}

#[test]
fn no_client_misses_an_answer_that_comes_before_its_upload_is_sent() {
    let daemon = Daemon::shared();
    every_upload_sees(&daemon.client().with_token("nonsense"), "audiofile", 4_000_000, 401);
    every_upload_sees(&Client::register(daemon.base()), "audiofile", 4_000_000, 403);
    every_upload_sees(&daemon.client(), "file", 4_000_000, 422);
    let daemon = Setup::default().option("http.max_upload_bytes", 100_000).start();
    every_upload_sees(&daemon.client(), "audiofile", 4_000_000, 413);
}

#[test]
fn an_upload_for_which_there_is_no_space_is_refused_and_the_daemon_goes_on() {
    let daemon = Setup::default().largest_file_kib(2_000).start();
    let client = daemon.client();
    every_upload_sees(&client, "audiofile", 4_000_000, 507);
    eventually("the refused uploads are removed", || daemon.stored().is_empty().then_some(()));
    let job = client.submit(&recording("05").0);
    assert_eq!(client.end_of(job), "completed");
    assert_eq!(client.get("/transcriptions").status(200).json()["total"], 1);
}
