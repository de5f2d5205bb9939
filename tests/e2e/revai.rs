//! Clients of Rev.ai: a recording goes in with an API key, and transcript and captions come out.

use reqwest::Method;
use reqwest::blocking::multipart::{Form, Part};
use scribed_tests::audio::{path, recording};
use scribed_tests::client::send;
use scribed_tests::wait::eventually;
use scribed_tests::{Answer, Client, Daemon, Job, errors};
use serde_json::{Value, json};

const PREFIXES: [&str; 2] = ["/revspeech/v1beta", "/speechtotext/v1"];
const JSON: &str = "application/vnd.rev.transcript.v1.0+json";
/// Most words that may be wrong, in percent.
const WORST: usize = 15;

/// Makes an API key of a client's account, and returns the client with it and the number of the key.
pub(crate) fn with_key(daemon: &Daemon, client: &Client, more: &[&str]) -> (Client, String) {
    let create = ["account", "api-key", "create", &client.username(), "--json"];
    let made = daemon.program().run(create.iter().chain(more)).code(0).json();
    let key = made["key"].as_str().unwrap();
    assert!(key.starts_with("scribed_"), "people know it at sight");
    (client.with_token(key), made["id"].to_string())
}

/// Submits a recording as its form with options.
fn submit(client: &Client, prefix: &str, name: &str, bytes: Vec<u8>, options: &Value) -> Answer {
    let part = Part::bytes(bytes).file_name(name.to_owned());
    let form = Form::new().part("media", part).text("options", options.to_string());
    send(client.request(Method::POST, &format!("{prefix}/jobs")).multipart(form))
}

fn get(client: &Client, path: &str, accept: &str) -> Answer {
    send(client.request(Method::GET, path).header("Accept", accept))
}

/// Waits until a job has ended, and returns it.
pub(crate) fn ended(client: &Client, path: &str) -> Value {
    eventually("the job ends", || {
        let job = client.get(path).status(200).json();
        (job["status"] != "in_progress").then_some(job)
    })
}

fn text(answer: &Answer) -> String {
    String::from_utf8(answer.body.clone()).unwrap()
}

#[test]
fn a_recording_becomes_transcript_and_captions_in_both_forms() {
    let daemon = Daemon::shared();
    let (client, _) = with_key(&daemon, &daemon.client(), &[]);
    let (file, expected) = recording("02");
    for prefix in PREFIXES {
        let options = json!({"metadata": "call 7", "language": "en"});
        let bytes = std::fs::read(&file).unwrap();
        let job = submit(&client, prefix, "02.wav", bytes, &options).status(200).json();
        assert_eq!((&job["status"], &job["metadata"]), (&json!("in_progress"), &json!("call 7")));
        let path = format!("{prefix}/jobs/{}", job["id"].as_str().unwrap());
        let job = ended(&client, &path);
        assert_eq!((&job["status"], &job["name"]), (&json!("transcribed"), &json!("02.wav")));
        assert!((7.0..8.0).contains(&job["duration_seconds"].as_f64().unwrap()), "{job}");

        let transcript = get(&client, &format!("{path}/transcript"), JSON).status(200).json();
        check_transcript(&transcript, &expected.text);
        let plain = text(&get(&client, &format!("{path}/transcript"), "text/plain").status(200));
        let said: String = plain.lines().map(|line| &line[23..]).collect::<Vec<_>>().join(" ");
        assert!(plain.starts_with("Speaker 0    00:0"), "{plain}");
        assert!(errors(&expected.text, &said).within_percent(WORST), "{plain}");

        let captions = format!("{path}/captions");
        let srt = text(&get(&client, &captions, "application/x-subrip").status(200));
        assert!(srt.starts_with("1\n00:00:0"), "{srt}");
        let vtt = text(&get(&client, &captions, "text/vtt").status(200));
        assert!(vtt.starts_with("WEBVTT"), "{vtt}");
    }
}

/// Words follow each other in time, and marks stand between them.
#[track_caller]
fn check_transcript(transcript: &Value, expected: &str) {
    let monologues = transcript["monologues"].as_array().unwrap();
    let (mut said, mut last) = (String::new(), 0.0);
    for element in monologues.iter().flat_map(|m| m["elements"].as_array().unwrap()) {
        said.push_str(element["value"].as_str().unwrap());
        if element["type"] == "text" {
            let (ts, end) = (element["ts"].as_f64().unwrap(), element["end_ts"].as_f64().unwrap());
            assert!(last <= ts && ts <= end, "{element}");
            assert!((0.0..=1.0).contains(&element["confidence"].as_f64().unwrap()), "{element}");
            last = ts;
        }
    }
    assert!(errors(expected, &said).within_percent(WORST), "{said}");
}

#[test]
fn a_job_is_seen_on_both_surfaces_and_deleted_on_both() {
    let daemon = Daemon::start();
    let web = daemon.client();
    let (client, _) = with_key(&daemon, &web, &[]);
    let job = web.submit(&recording("02").0);
    assert_eq!(web.end_of(job), "completed");
    let Job(id) = job;
    let listed = client.get("/revspeech/v1beta/jobs").status(200).json();
    assert_eq!(listed[0]["id"], id.to_string());
    assert_eq!(daemon.stored().len(), 1);

    let path = format!("/revspeech/v1beta/jobs/{id}");
    let gone = send(client.request(Method::DELETE, &path)).status(204);
    assert!(gone.body.is_empty());
    let _unknown = client.get(&path).status(404);
    let _unknown = web.get(&format!("/transcript/info?transcript_id={id}")).status(404);
    assert_eq!(web.get("/transcriptions").status(200).json()["total"], 0);
    assert!(daemon.stored().is_empty(), "the recording is gone: {:?}", daemon.stored());
}

#[test]
fn a_recording_that_is_sent_in_pieces_without_its_length_is_taken() {
    let daemon = Daemon::shared();
    let (client, _) = with_key(&daemon, &daemon.client(), &[]);
    let part = Part::reader(std::fs::File::open(recording("02").0).unwrap()).file_name("a.wav");
    let form = Form::new().part("media", part);
    let answer = send(client.request(Method::POST, "/speechtotext/v1/jobs").multipart(form));
    assert_eq!(answer.status(200).json()["status"], "in_progress");
}

#[test]
fn what_is_no_recording_is_refused_by_the_name_of_its_part() {
    let daemon = Daemon::shared();
    let (client, _) = with_key(&daemon, &daemon.client(), &[]);
    let bytes = std::fs::read(path("bad/text.mp3")).unwrap();
    let refused = submit(&client, PREFIXES[1], "text.mp3", bytes, &json!({})).status(400).json();
    let why = refused["parameters"]["media"][0].as_str().unwrap();
    assert!(why.starts_with("Invalid media: "), "{why}");
}

#[test]
fn a_key_is_shown_once_listed_without_itself_and_revoked() {
    let daemon = Daemon::shared();
    let account = daemon.client();
    let name = account.username();
    let more = ["--name", "newsroom", "--scope", "read", "--expires-days", "30"];
    let (reader, id) = with_key(&daemon, &account, &more);
    let run = |arguments: &[&str]| daemon.program().run(arguments);
    let listed = run(&["account", "api-key", "list", &name, "--json"]).code(0).json();
    let row = &listed[0];
    assert_eq!((&row["id"], &row["name"]), (&id.parse().unwrap(), &json!("newsroom")));
    assert_eq!((&row["scopes"], &row["revoked"]), (&json!(["read"]), &Value::Null));
    assert!(row["expires"].is_string() && row.get("key").is_none(), "{row}");
    let table = run(&["account", "api-key", "list", &name]).code(0);
    assert!(table.out.contains("newsroom") && !table.out.contains("scribed_"), "{}", table.out);

    let _account = reader.get("/speechtotext/v1/account").status(200);
    let form = || Form::new().text("media", "x");
    let post = reader.request(Method::POST, "/speechtotext/v1/jobs").multipart(form());
    assert_eq!(
        send(post).status(403).json()["title"],
        "This API key was not made for this action."
    );

    run(&["account", "api-key", "revoke", &name, &id]).code(0);
    let denied = reader.get("/speechtotext/v1/account").status(401).json();
    assert_eq!(denied["title"], "Authorization has been denied for this request.");
    run(&["account", "api-key", "revoke", &name, "7"]).code(1).says("has no API key 7");
    run(&["account", "api-key", "create", "Nobody"]).code(1).says("no account Nobody");
    run(&["account", "api-key", "create", &name, "--scope", "all"]).code(2).says("it is one of");
}

#[test]
fn a_key_does_not_stand_in_the_log() {
    let daemon = Daemon::start();
    let (client, _) = with_key(&daemon, &daemon.client(), &[]);
    let _account = client.get("/revspeech/v1beta/account").status(200);
    let _denied = client.with_token("scribed_0123").get("/revspeech/v1beta/account").status(401);
    assert!(!daemon.log().contains("scribed_0123"), "{}", daemon.log());
    assert!(!daemon.log().contains(client.token()), "{}", daemon.log());
}
