//! S4: no text that a client sends makes the daemon connect anywhere.
//!
//! `hostile-urls.json` lists URLs that lead to this machine, to private networks, or nowhere, in every
//! spelling; `{port}` stands for the port of a canary, which listens on all addresses, IPv4 and IPv6, and
//! must stay alone.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use scribed_bus::{Bus, EmbeddedBus, Message};
use scribed_schemas::event::{DEAD_LETTERS, UPLOADS};
use scribed_schemas::time::Timestamp;
use scribed_store::{SqliteConfig, SqliteStore};
use scribed_tests::{Answer, Client, Daemon, Job, Setup, build, eventually, say};
use serde_json::{Value, json};

use crate::busy::recording;
use crate::quoted;

const URLS: &str = include_str!("hostile-urls.json");
/// URLs that there must be.
const LEAST: usize = 80;

/// A listener that nobody has reason to call.
struct Canary(TcpListener);

impl Canary {
    /// Listens on every address of this machine.
    fn new() -> Self {
        let listener = TcpListener::bind("[::]:0").or_else(|_| TcpListener::bind("0.0.0.0:0"));
        let listener = listener.unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    /// Returns the hostile URLs, which lead here where they lead anywhere.
    fn urls(&self) -> Vec<String> {
        let port = self.0.local_addr().unwrap().port().to_string();
        let listed: Vec<BTreeMap<String, String>> = serde_json::from_str(URLS).unwrap();
        let urls: Vec<_> =
            listed.iter().map(|entry| entry["url"].replace("{port}", &port)).collect();
        assert!(urls.len() >= LEAST, "{} URLs", urls.len());
        urls
    }

    /// Returns the settings of a daemon that the port does not save: only the address of the canary does.
    fn within_reach(&self) -> Setup {
        let port = self.0.local_addr().unwrap().port();
        Setup::default()
            .variable("SCRIBED_OUTBOUND__PORTS", format!("[80, 443, {port}]"))
            .variable("SCRIBED_ENGINE__BACKOFF_SECS", "[0]")
    }

    /// Returns how many connections there were: each is kept by the kernel until it is taken.
    fn calls(&self) -> usize {
        std::iter::from_fn(|| self.0.accept().ok()).count()
    }
}

/// The queue of a daemon, as producers and operators have it.
struct Queue {
    runtime: tokio::runtime::Runtime,
    bus: EmbeddedBus,
}

impl Queue {
    fn of(daemon: &Daemon) -> Self {
        let file = daemon.state().join("scribed.db");
        let store = SqliteStore::open(&file, &SqliteConfig::default()).unwrap();
        let bus = EmbeddedBus::new(Arc::new(store));
        Self { runtime: tokio::runtime::Runtime::new().unwrap(), bus }
    }

    fn send(&self, event: &Value) {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let at = Timestamp(i64::try_from(since.as_micros()).unwrap());
        let payload = event.to_string().into_bytes();
        let message = Message { key: Vec::new(), headers: Vec::new(), payload, at };
        self.runtime.block_on(self.bus.publish(UPLOADS, message)).unwrap();
    }

    /// Returns the reason and the event of each dead letter of an event, by the event's id.
    fn letters(&self) -> BTreeMap<String, (String, Value)> {
        self.runtime.block_on(async {
            let mut browser = self.bus.browse(DEAD_LETTERS).await.unwrap();
            let mut letters = BTreeMap::new();
            while let Some(delivery) = browser.next().await.unwrap() {
                let Message { headers, payload, .. } = delivery.message;
                let reason = headers.iter().find(|(name, _)| name == "scribed.dlq.reason");
                let reason = String::from_utf8(reason.unwrap().1.clone()).unwrap();
                let event: Value = serde_json::from_slice(&payload).unwrap();
                // Of a job whose URL leads to nobody, after its attempts.
                if event["schema"] == "scribed.dead-job/1" {
                    continue;
                }
                let id = event["id"].as_str().unwrap().to_owned();
                assert!(letters.insert(id.clone(), (reason, event)).is_none(), "{id} came twice");
            }
            letters
        })
    }
}

#[test]
fn no_url_in_an_event_is_called() {
    let canary = Canary::new();
    let daemon = canary.within_reach().start();
    let (client, queue) = (daemon.client(), Queue::of(&daemon));
    let data = BASE64_STANDARD.encode(recording());
    let event = |id: String, media: Value| json!({"schema": "scribed.upload/1", "id": id, "owner": client.name, "media": media});
    // Each event with the reasons for which it may be refused.
    let mut sent: BTreeMap<String, (Value, &[&str])> = BTreeMap::new();
    for (number, url) in canary.urls().iter().enumerate() {
        let fetched = event(format!("fetched {number}"), json!({"url": url}));
        let read = event(format!("read {number}"), json!({"file": url}));
        let mut called = event(format!("called {number}"), json!({"data": data}));
        called["callback"] = json!({"url": url});
        let each: [(Value, &[&str]); 3] = [
            (fetched, &["unsupported_url", "forbidden_address"]),
            (read, &["malformed", "not_allowed"]),
            (called, &["unsupported_callback", "forbidden_callback"]),
        ];
        for (event, reasons) in each {
            queue.send(&event);
            sent.insert(event["id"].as_str().unwrap().to_owned(), (event, reasons));
        }
    }
    // What is good goes on behind them.
    queue.send(&event("good".to_owned(), json!({"data": data})));
    let list = || client.get("/transcriptions?page=1&size=200").status(200).json();
    let jobs = |state: &str| {
        let jobs = list()["transcriptions"].as_array().unwrap().clone();
        jobs.into_iter().filter(|job| job["current_state"] == state).collect::<Vec<_>>()
    };
    // A name says only where it is resolved that it leads nowhere good. One of those that are completed is
    // the good one.
    let letters = eventually("every other one is a dead letter or a job that ended", || {
        let letters = queue.letters();
        let ended = jobs("processing_fail").len() + jobs("completed").len();
        Some(letters).filter(|letters| letters.len() + ended > sent.len())
    });
    let (failed, completed) = (jobs("processing_fail").len(), jobs("completed").len());
    assert_eq!(letters.len() + failed + completed, sent.len() + 1, "and nothing else is");
    let mut reasons = BTreeMap::new();
    for (id, (event, expected)) in &sent {
        let Some((reason, kept)) = letters.get(id) else {
            assert!(!id.starts_with("read "), "{event} is a job");
            continue;
        };
        assert!(expected.contains(&reason.as_str()), "{reason} for {event}");
        assert_eq!(kept, event, "what came is kept");
        *reasons.entry(reason.as_str()).or_insert(0) += 1;
    }
    let called = called_in_vain(&daemon, completed - 1);
    let calls = canary.calls();
    say(&format!(
        "{} events: {calls} connections, {failed} jobs failed, {called} called in vain, {reasons:?}",
        sent.len()
    ));
    assert_eq!(calls, 0);
    assert_eq!(list()["total"], failed + completed, "those that were refused are no jobs");
}

/// Waits until so many callbacks were tried, each in vain, and returns how many there are.
fn called_in_vain(daemon: &Daemon, expected: usize) -> usize {
    let line = ["callbacks", "list", "--limit", "1000", "--json"];
    let open = eventually("every call was tried", || {
        let open = daemon.program().run(line).code(0).json();
        let open = open.as_array().unwrap().clone();
        open.iter().all(|call| call["failure"].is_string()).then_some(open)
    });
    assert_eq!(open.len(), expected, "none was answered: {open:?}");
    open.len()
}

#[test]
fn no_url_in_a_request_is_called() {
    let canary = Canary::new();
    let daemon = canary.within_reach().start();
    let client = daemon.client();
    let urls = canary.urls();
    let key = ["account", "api-key", "create", &client.username()];
    let with_key = client.with_token(daemon.program().run(key).code(0).out.trim());
    let failed = named_for_fetching(&with_key, &client, &urls);
    let called = called_in_vain(&daemon, named_for_calling(&with_key, &client, &urls));
    for url in &urls {
        let names = ["media_url", "callback_url", "url", "callback", "audiofile"];
        let parameters = names.map(|name| format!("&{name}={}", quoted(url))).concat();
        let _page = client.get(&format!("/transcriptions?page=1{parameters}")).status(200);
        let _none =
            client.get(&format!("/transcript/info?transcript_id=1{parameters}")).status(404);
        let body = json!({
            "refresh_token": "none", "url": url, "media_url": url, "callback_url": url,
            "jku": url, "callback": {"url": url},
        });
        let _none = client.post_json(&format!("/auth/refresh?{parameters}"), &body).status(401);
    }
    for url in urls.iter().filter(|url| !url.contains(['\r', '\n', '\0'])) {
        // A URL is no recording, as a text, as the name of one, or as its bytes.
        let field = reqwest::blocking::multipart::Form::new().text("audiofile", url.clone());
        let _text = client.upload_form(field).status(422);
        let file = client.upload_bytes(url, url.clone().into_bytes());
        let _none = file.status(400);
    }
    let parameters = format!("?callback_url={}&media_url={0}", quoted(&urls[0]));
    let part = reqwest::blocking::multipart::Part::bytes(recording()).file_name("a.wav");
    let form = reqwest::blocking::multipart::Form::new().part("audiofile", part);
    let form = form.text("callback_url", urls[0].clone()).text("media_url", urls[0].clone());
    let path = format!("/upload-audiofile{parameters}");
    let upload = client.request(reqwest::Method::POST, &path).multipart(form);
    let taken = scribed_tests::client::send(upload).status(200).json();
    client.end_of(Job(taken["task_id"].as_i64().unwrap()));
    let calls = canary.calls();
    say(&format!(
        "{} hostile URLs in requests: {calls} connections, {failed} jobs failed, {called} called in \
         vain",
        urls.len()
    ));
    assert_eq!(calls, 0);
}

/// Submits recordings that lie at URLs: each is refused by its name, or a job that fails. Returns how many
/// are jobs.
#[track_caller]
fn named_for_fetching(with_key: &Client, client: &Client, urls: &[String]) -> usize {
    let mut jobs = Vec::new();
    for (number, url) in urls.iter().enumerate() {
        let (name, value) = match number % 2 {
            0 => ("media_url", json!(url)),
            _ => ("source_config", json!({ "url": url })),
        };
        let answer = with_key.post_json("/speechtotext/v1/jobs", &json!({ (name): value }));
        if answer.status == 200 {
            jobs.push(Job(answer.json()["id"].as_str().unwrap().parse().unwrap()));
        } else {
            let refused = answer.status(400).json();
            let all = refused["parameters"].as_object().unwrap();
            assert!(all.keys().all(|key| key.starts_with(name)), "{url}: {refused}");
        }
    }
    for job in &jobs {
        assert_eq!(client.end_of(*job), "processing_fail");
    }
    jobs.len()
}

/// Submits recordings whose end is to be told to URLs, in both ways that clients of Rev.ai say it: each
/// is refused by its name, or a job that ends well. Returns how many are to be called.
#[track_caller]
fn named_for_calling(with_key: &Client, client: &Client, urls: &[String]) -> usize {
    let mut jobs = Vec::new();
    for (number, url) in urls.iter().enumerate() {
        let path = ["/speechtotext/v1/jobs", "/revspeech/v1beta/jobs"][number % 2];
        let ways = [
            ("callback_url", json!({ "callback_url": url })),
            ("notification_config.url", json!({"notification_config": {"url": url}})),
        ];
        // An empty address in the first way asks for nobody.
        for (name, options) in
            ways.into_iter().filter(|(name, _)| !url.is_empty() || name.contains('.'))
        {
            let part = reqwest::blocking::multipart::Part::bytes(recording()).file_name("a.wav");
            let form = reqwest::blocking::multipart::Form::new().part("media", part);
            let form = form.text("options", options.to_string());
            let request = with_key.request(reqwest::Method::POST, path).multipart(form);
            let answer = scribed_tests::client::send(request);
            if answer.status == 200 {
                jobs.push(Job(answer.json()["id"].as_str().unwrap().parse().unwrap()));
            } else {
                let refused = answer.status(400).json();
                let all = refused["parameters"].as_object().unwrap();
                assert!(all.keys().eq([name]), "{url}: {refused}");
            }
        }
    }
    for job in &jobs {
        assert_eq!(client.end_of(*job), "completed");
    }
    jobs.len()
}

#[test]
fn no_url_in_a_call_of_cielo24_is_called() {
    let canary = Canary::new();
    let daemon = canary.within_reach().start();
    let client = daemon.client();
    let call = |name: &str, query: &str| {
        let token = client.token();
        client.get(&format!("/api/job/{name}?api_token={token}&{query}"))
    };
    let new_job = || {
        let made = call("new", "").status(200).json();
        made["JobId"].as_str().unwrap().to_owned()
    };
    let order = |job: &str, more: &str| {
        let query = format!("job_id={job}&transcription_fidelity=MECHANICAL&{more}");
        call("perform_transcription", &query)
    };
    // Only where it is resolved it shows that a name leads nowhere good.
    let is_taken = |answer: &Answer, url: &str| {
        let kind = &answer.json()["ErrorType"];
        let expected = if url.is_empty() { "MISSING_PARAMETER" } else { "INVALID_URL" };
        assert!(answer.status == 200 || kind == expected, "{url}: {answer:?}");
        answer.status == 200
    };
    let mut jobs = Vec::new();
    for url in canary.urls() {
        let job = new_job();
        let added = call("add_media", &format!("job_id={job}&media_url={}", quoted(&url)));
        if is_taken(&added, &url) {
            let _ordered = order(&job, "").status(200);
            jobs.push((job, "Media Failure"));
        }
        let job = new_job();
        let path = format!("/api/job/add_media?api_token={}&job_id={job}", client.token());
        let sent = client.request(reqwest::Method::POST, &path).body(recording());
        let _added = scribed_tests::client::send(sent).status(200);
        if is_taken(&order(&job, &format!("callback_url={}", quoted(&url))), &url) {
            jobs.push((job, "Complete"));
        }
    }
    for (job, expected) in &jobs {
        let status = eventually("the job ends", || {
            let info = call("info", &format!("job_id={job}")).status(200).json();
            Some(info["JobStatus"].clone()).filter(|status| status != "In Process")
        });
        assert_eq!(status, *expected, "{job}");
    }
    let calls = canary.calls();
    say(&format!("hostile URLs in calls of cielo24: {calls} connections, {} jobs", jobs.len()));
    assert_eq!(calls, 0);
}

/// The requests above are those of these fields; a surface that has another needs its own.
const FIELDS: [&str; 6] =
    ["UrlOptions", "media_url", "url", "callback_url", "build_url", "MediaUrl"];

#[test]
fn every_documented_field_that_is_a_url_is_known() {
    for file in std::fs::read_dir(build::root().join("schemas/openapi")).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let description: Value = serde_yaml_ng::from_str(&text).unwrap();
        let mut found = Vec::new();
        fields(&description, "", &mut found);
        found.retain(|place| !FIELDS.iter().any(|known| place.ends_with(&format!("/{known}"))));
        assert!(found.is_empty(), "{}: {found:?}", path.display());
    }
}

/// Collects the members of a description that may be URLs.
fn fields(node: &Value, place: &str, found: &mut Vec<String>) {
    let format = node["format"].as_str().unwrap_or_default();
    let name = node["name"].as_str().unwrap_or_default();
    if format.starts_with("uri") || name.to_lowercase().contains("url") {
        found.push(format!("{place}/{name}"));
    }
    match node {
        Value::Object(members) => {
            for (name, member) in members {
                let place = format!("{place}/{name}");
                // The servers of a description are URLs, and not a client's.
                if name.to_lowercase().contains("url") && !place.starts_with("/servers") {
                    found.push(place.clone());
                }
                fields(member, &place, found);
            }
        }
        Value::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                fields(item, &format!("{place}/{number}"), found);
            }
        }
        _ => {}
    }
}
