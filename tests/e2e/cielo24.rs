//! Clients of cielo24: a job is made, given its recording, ordered and read.

use reqwest::Method;
use scribed_tests::audio::recording;
use scribed_tests::client::send;
use scribed_tests::host::{Host, give};
use scribed_tests::wait::eventually;
use scribed_tests::{Answer, Client, Daemon, Setup, discretion, errors};
use serde_json::{Value, json};

/// Most words that may be wrong, in percent.
const WORST: usize = 15;
/// The password of every account of the harness.
const PASSWORD: &str = "Secret_123";

/// Somebody who calls with the token of a login.
struct User {
    client: Client,
    token: String,
}

impl User {
    /// Makes an account that may submit, and logs in.
    #[track_caller]
    fn of(daemon: &Daemon) -> Self {
        let client = daemon.client();
        let query = format!("username={}&password={PASSWORD}", client.name);
        let login = client.get(&format!("/api/account/login?v=1&{query}")).status(200).json();
        let token = login["ApiToken"].as_str().unwrap().to_owned();
        discretion::hide(&token);
        Self { client: client.with_token(""), token }
    }

    /// Returns this user as it talks to a daemon that was started again.
    fn at(&self, daemon: &Daemon) -> Self {
        Self { client: self.client.at(daemon), token: self.token.clone() }
    }

    fn path(&self, call: &str, query: &str) -> String {
        format!("/api/{call}?v=1&api_token={}&{query}", self.token)
    }

    fn get(&self, call: &str, query: &str) -> Answer {
        self.client.get(&self.path(call, query))
    }

    /// Makes a job; its id.
    #[track_caller]
    fn new_job(&self, body: &Value) -> String {
        let made = self.client.post_json(&self.path("job/new", ""), body).status(200).json();
        made["JobId"].as_str().unwrap().to_owned()
    }

    fn add_media(&self, id: &str, bytes: Vec<u8>) -> Answer {
        let path = self.path("job/add_media", &format!("job_id={id}"));
        let request = self.client.request(Method::POST, &path);
        send(request.header("Content-Type", "video/mp4").body(bytes))
    }

    #[track_caller]
    fn order(&self, id: &str) {
        let order = json!({
            "job_id": id, "transcription_fidelity": "MECHANICAL", "priority": "STANDARD"
        });
        let path = self.path("job/perform_transcription", "");
        let _ordered = self.client.post_json(&path, &order).status(200);
    }

    #[track_caller]
    fn info(&self, id: &str) -> Value {
        self.get("job/info", &format!("job_id={id}")).status(200).json()
    }

    #[track_caller]
    fn status(&self, id: &str) -> String {
        self.info(id)["JobStatus"].as_str().unwrap().to_owned()
    }

    /// Waits until a job has ended, and returns it.
    #[track_caller]
    fn ended(&self, id: &str) -> Value {
        eventually("the job ends", || {
            let info = self.info(id);
            ["Complete", "Media Failure"]
                .map(Value::from)
                .contains(&info["JobStatus"])
                .then_some(info)
        })
    }

    /// Reads the text of a job without times.
    #[track_caller]
    fn text(&self, id: &str) -> String {
        let plain = format!("job_id={id}&create_paragraphs=false");
        text(&self.get("job/get_transcript", &plain).status(200))
    }
}

fn text(answer: &Answer) -> String {
    String::from_utf8(answer.body.clone()).unwrap()
}

#[track_caller]
fn check_error(answer: Answer, kind: &str) {
    let body = answer.status(400).json();
    assert_eq!(body["ErrorType"], kind, "{body}");
}

#[test]
fn a_recording_becomes_transcript_captions_and_a_list_of_words() {
    let daemon = Daemon::shared();
    let user = User::of(&daemon);
    let (file, expected) = recording("02");
    let id = user.new_job(&json!({"job_name": "interview", "external_id": "desk-4"}));
    let _added = user.add_media(&id, std::fs::read(file).unwrap()).status(200);
    assert_eq!(user.status(&id), "Pending");
    user.order(&id);
    let done = user.ended(&id);
    assert_eq!((&done["JobStatus"], &done["JobName"]), (&json!("Complete"), &json!("interview")));
    assert!((7.0..8.0).contains(&done["MediaLengthSeconds"].as_f64().unwrap()), "{done}");

    let job_id = format!("job_id={id}");
    let transcript = text(&user.get("job/get_transcript", &job_id).status(200));
    assert!(transcript.starts_with("[00:00:0"), "{transcript}");
    let said = user.text(&id);
    assert!(errors(&expected.text, &said).within_percent(WORST), "{said}");

    for (format, begins) in [("SRT", "1\n00:00:0"), ("WEB_VTT", "WEBVTT"), ("DFXP", "<?xml")] {
        let query = format!("{job_id}&caption_format={format}");
        let captions = text(&user.get("job/get_caption", &query).status(200));
        assert!(captions.starts_with(begins), "{captions}");
        let first = said.split(' ').next().unwrap();
        assert!(captions.contains(first), "{first} is in {captions}");
        let is_named = captions.contains("xml:lang=\"en\"");
        assert_eq!(is_named, format == "DFXP", "{captions}");
    }
    let list = user.get("job/get_elementlist", &job_id).status(200).json();
    let segments = list["segments"].as_array().unwrap().iter();
    let sequences = segments.flat_map(|segment| segment["sequences"].as_array().unwrap());
    let tokens = sequences.flat_map(|sequence| sequence["tokens"].as_array().unwrap());
    let words = tokens.filter(|token| token["type"] == "word");
    let words: Vec<&str> = words.map(|token| token["display_as"].as_str().unwrap()).collect();
    assert!(errors(&expected.text, &words.join(" ")).within_percent(WORST), "{words:?}");

    let _gone = user.get("job/delete", &job_id).status(200);
    check_error(user.get("job/info", &job_id), "ITEM_NOT_FOUND");
    let _out = user.get("account/logout", "").status(204);
    check_error(user.get("job/list", ""), "BAD_API_TOKEN");
}

#[test]
fn a_recording_that_a_client_names_by_a_url_becomes_text() {
    let host = Host::start(|stream, asked| {
        let file = std::fs::read(recording("02").0)?;
        if asked.path == "/02.wav" {
            give(stream, &file, file.len())
        } else {
            give(stream, b"no", 2)
        }
    });
    let daemon = host.allowed(Setup::default()).start();
    let user = User::of(&daemon);
    let add = |path: &str| {
        let id = user.new_job(&json!({}));
        let url = host.url(path).replace(':', "%3A").replace('/', "%2F").replace('?', "%3F");
        let added = user.get("job/add_media", &format!("job_id={id}&media_url={url}"));
        (id, added)
    };
    let (id, added) = add("/02.wav?signature=geheim");
    let _added = added.status(200);
    user.order(&id);
    assert_eq!(user.ended(&id)["JobStatus"], "Complete");
    assert!(errors(&recording("02").1.text, &user.text(&id)).within_percent(WORST));
    let media = user.get("job/media", &format!("job_id={id}")).status(200).json();
    assert_eq!(media["MediaUrl"], host.url("/02.wav"), "the signature is shown to nobody");
    let (_, again) = add("/02.wav?signature=geheim");
    check_error(again, "INVALID_QUERY");

    let (id, added) = add("/text.wav?signature=geheim");
    let _added = added.status(200);
    user.order(&id);
    let failed = user.ended(&id);
    assert_eq!(failed["JobStatus"], "Media Failure");
    assert!(!failed.to_string().contains("geheim"), "{failed}");
    assert!(failed["ErrorComment"].is_string(), "{failed}");
    assert!(!daemon.log().contains("geheim"), "the log shows no signature");
}

#[test]
fn what_a_job_was_given_outlives_a_crash() {
    let mut daemon = Daemon::start();
    let user = User::of(&daemon);
    let (file, expected) = recording("02");
    let id = user.new_job(&json!({"external_id": "desk-4", "reference": "take 7"}));
    daemon.crash_and_restart();
    let user = user.at(&daemon);
    assert_eq!(user.status(&id), "Pending");
    let _added = user.add_media(&id, std::fs::read(file).unwrap()).status(200);
    daemon.crash_and_restart();
    let user = user.at(&daemon);
    check_error(user.add_media(&id, b"another".to_vec()), "INVALID_QUERY");
    user.order(&id);
    daemon.crash_and_restart();
    let user = user.at(&daemon);
    assert_eq!(user.ended(&id)["JobStatus"], "Complete");
    assert!(errors(&expected.text, &user.text(&id)).within_percent(WORST));
    let again = user.client.post_json(&user.path("job/new", ""), &json!({"external_id": "desk-4"}));
    check_error(again, "INVALID_QUERY");
}

#[test]
fn a_job_that_is_held_is_worked_on_once_it_is_authorized() {
    let daemon = Daemon::shared();
    let user = User::of(&daemon);
    let set = ["account", "set", &user.client.name, "--holds-jobs", "true"];
    daemon.program().run(set).code(0);
    let id = user.new_job(&json!({}));
    let _added = user.add_media(&id, std::fs::read(recording("02").0).unwrap()).status(200);
    user.order(&id);
    let job = i64::from_str_radix(&id, 16).unwrap().to_string();
    let shown = daemon.program().run(["jobs", "show", &job, "--json"]).code(0).json();
    assert_eq!(shown["state"], "awaiting_authorization");
    assert_eq!(user.status(&id), "Authorizing");
    let path = user.path("job/authorize", &format!("job_id={id}"));
    let freed = send(user.client.request(Method::POST, &path)).status(200);
    assert!(freed.body.is_empty());
    assert_eq!(user.ended(&id)["JobStatus"], "Complete");
}

#[test]
fn what_is_no_recording_is_refused_and_leaves_nothing() {
    let daemon = Daemon::start();
    let user = User::of(&daemon);
    let id = user.new_job(&json!({}));
    let bytes = std::fs::read(scribed_tests::audio::path("bad/text.mp3")).unwrap();
    let refused = user.add_media(&id, bytes).status(400).json();
    let why = refused["ErrorComment"].as_str().unwrap();
    assert!(why.starts_with("The media cannot be used: "), "{why}");
    assert!(daemon.stored().is_empty(), "{:?}", daemon.stored());
    assert_eq!(user.status(&id), "Pending");
}

#[test]
fn neither_tokens_nor_passwords_stand_in_the_log() {
    let daemon = Setup::default().variable("SCRIBED_TELEMETRY__FILTER", "trace").start();
    let user = User::of(&daemon);
    let _jobs = user.get("job/list", "").status(200);
    let wrong = format!("/api/account/login?username={}&password=Wrong_987", user.client.name);
    check_error(user.client.get(&wrong), "LOGIN_INVALID");
    check_error(user.client.get("/api/job/list?api_token=scribed_0123456"), "BAD_API_TOKEN");
    let callback = json!({
        "job_id": "x", "transcription_fidelity": "MECHANICAL", "priority": "STANDARD",
        "callback_url": "https://me:geheim@example.org/"
    });
    let path = user.path("job/perform_transcription", "");
    check_error(user.client.post_json(&path, &callback), "ITEM_NOT_FOUND");
    eventually("the last request is logged", || {
        daemon.log().contains("/api/job/perform_transcription").then_some(())
    });
    for secret in [user.token.as_str(), PASSWORD, "Wrong_987", "scribed_0123456", "geheim"] {
        assert!(!daemon.log().contains(secret), "{secret} is in the log");
    }
}
