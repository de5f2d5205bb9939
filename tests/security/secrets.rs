//! S12: secrets stay out of logs and refusals, and nobody writes a log line but the daemon.

use reqwest::Method;
use scribed_tests::client::send;
use scribed_tests::{Answer, Client, Daemon, Setup, eventually, say};
use serde_json::{Value, json};

use crate::busy::recording;
use crate::raw::{ask, bearer, request};
use crate::{login, quoted, refresh, text};

/// The files of secrets of a daemon.
const KEPT: [&str; 5] =
    ["signing-key", "admin-token", "worker-token", "admin-password", "callback-key"];
/// What is wrong, but perhaps only by a letter.
const NEARLY: &str = "Secret_1234";
const NEXT_PASSWORD: &str = "Another_456";

/// Collects what must not be seen, and every refusal.
#[derive(Debug, Default)]
struct Watch {
    secrets: Vec<String>,
    refusals: Vec<Answer>,
}

impl Watch {
    fn hide(&mut self, secret: &str) {
        self.secrets.push(secret.to_owned());
    }

    fn see(&mut self, answer: Answer) {
        assert!((400..500).contains(&answer.status), "it is a refusal: {answer:?}");
        self.refusals.push(answer);
    }

    /// Insists that no secret is in a log, nor in any refusal.
    #[track_caller]
    fn insist(&self, log: &str) {
        for secret in &self.secrets {
            assert!(!log.contains(secret.as_str()), "{secret} is in the log");
            for answer in &self.refusals {
                let body = String::from_utf8_lossy(&answer.body);
                assert!(!body.contains(secret.as_str()), "{secret} is in {body}");
            }
        }
        for answer in &self.refusals {
            let body = String::from_utf8_lossy(&answer.body);
            for trace in [".rs:", "panicked", "backtrace", "/src/", "sqlite", "SELECT "] {
                assert!(!body.contains(trace), "{trace} is in {body}");
            }
        }
    }
}

/// Shows a token and a password where they do not belong, and in ways that are refused.
fn misuse(client: &Client, watch: &mut Watch, access: &str, renewal: &str) {
    for path in ["/auth/info", "/transcriptions", "/transcript", "/nowhere", "/livez/x"] {
        for token in [access, renewal] {
            let target = format!("{path}?token={token}&access_token={token}");
            watch.see(client.with_token("").get(&target));
            watch.see(client.with_token("").get(&format!("{path}?task_id={token}")));
        }
    }
    watch.see(client.get(&format!("/transcript?task_id={access}")));
    watch.see(client.post(&format!("/transcript/export?task_id=1&format={access}")));
    watch.see(client.get(&format!("/transcriptions?page={renewal}&size={access}")));
    watch.see(client.with_token(&format!("{access}x")).get("/auth/info"));
    watch.see(client.with_token(renewal).get("/auth/info"));
    watch.see(refresh(client, access));
    watch.see(refresh(client, &format!("{renewal}x")));
    watch.see(client.post_json("/auth/refresh", &json!({"refresh_token": [renewal]})));
    let basic = client.with_token("").request(Method::GET, "/auth/info");
    watch.see(send(basic.header("Authorization", format!("Basic {access}"))));
    for body in [
        json!({"username": client.name, "password": NEARLY}),
        json!({"username": crate::PASSWORD, "password": client.name}),
        json!({"username": client.name, "password": [crate::PASSWORD]}),
        json!({"username": client.name, "password": {"is": crate::PASSWORD}}),
        json!({"username": [], "password": crate::PASSWORD}),
        json!([client.name, crate::PASSWORD]),
    ] {
        watch.see(client.post_json("/auth/login", &body));
        watch.see(client.post_json("/auth/register", &body));
    }
    let broken =
        format!("{{\"username\": \"{}\", \"password\": \"{}\"", client.name, crate::PASSWORD);
    for kind in ["application/json", "text/plain", "application/x-www-form-urlencoded"] {
        let login = client.request(Method::POST, "/auth/login").header("Content-Type", kind);
        watch.see(send(login.body(broken.clone())));
    }
}

/// Shows the secrets of the operator where they are right, nearly right, and in the wrong place.
fn administer(daemon: &Daemon, client: &Client, watch: &mut Watch) {
    let [key, admin, worker, password, callbacks] = KEPT.map(|name| daemon.secret(name));
    let patch = |secret: &str, body: &Value| {
        let path = format!("/auth/patch?user_id={}&secret_admin_token={secret}", client.id());
        send(client.request(Method::PATCH, &path).json(body))
    };
    for secret in
        [&key, &worker, &password, &callbacks, &format!("{admin}x"), &admin[1..].to_owned()]
    {
        watch.see(patch(&quoted(secret), &json!({"password": NEXT_PASSWORD})));
    }
    watch.see(patch(&admin, &json!({"password": "weakweak"})));
    watch.see(patch(&admin, &json!({"password": [NEXT_PASSWORD]})));
    for secret in [&key, &worker, &admin] {
        let status = format!("/worker/transcription_status?secret_worker_token={secret}");
        watch.see(client.get(&format!("{status}&transcription_id=1")));
        watch.see(client.post_json(&status, &json!({"transcription_id": 1})));
        watch.see(client.post_json(&status, &json!({"transcription_id": secret})));
    }
    let _changed = patch(&admin, &json!({"password": NEXT_PASSWORD})).status(200);
}

#[test]
fn no_secret_is_in_a_log_or_a_refusal() {
    let daemon = Setup::default().variable("SCRIBED_TELEMETRY__FILTER", "trace").start();
    let mut watch = Watch::default();
    for name in KEPT {
        watch.hide(&daemon.secret(name));
    }
    for word in [crate::PASSWORD, NEARLY, NEXT_PASSWORD, "weakweak"] {
        watch.hide(word);
    }
    let client = daemon.client();
    watch.hide(client.token());
    let pair = login(&client);
    let (access, renewal) = (text(&pair, "access_token"), text(&pair, "refresh_token"));
    let next = refresh(&client, renewal).status(200).json();
    for token in [access, renewal, text(&next, "access_token"), text(&next, "refresh_token")] {
        watch.hide(token);
        watch.hide(token.rsplit_once('.').unwrap().1);
    }
    misuse(&client, &mut watch, access, renewal);
    // It comes twice.
    watch.see(refresh(&client, renewal));
    watch.see(client.upload_bytes(&format!("{access}.wav"), b"no recording".to_vec()));
    let _job = client.upload_bytes("a.wav", recording()).status(200);
    administer(&daemon, &client, &mut watch);
    eventually("the last request is logged", || daemon.log().contains("/auth/patch").then_some(()));
    say(&format!(
        "{} secrets in {} refusals and {} bytes of log: none",
        watch.secrets.len(),
        watch.refusals.len(),
        daemon.log().len()
    ));
    watch.insist(&daemon.log());
}

/// Texts that look like a line of their own, or that speak to a terminal.
const LINES: [&str; 8] = [
    "x\r\n2030-01-01T00:00:00.000000Z  INFO forged",
    "x\n2030-01-01T00:00:00.000000Z  INFO forged",
    "x\r2030-01-01T00:00:00.000000Z  INFO forged",
    "x\u{85}2030-01-01T00:00:00.000000Z  INFO forged",
    "x\u{2028}2030-01-01T00:00:00.000000Z  INFO forged",
    "x\u{1b}[2K\u{1b}[1A INFO forged",
    "x\u{9b}2K INFO forged",
    "x\u{202e}degrof OFNI\u{8}\u{7}\0",
];

/// Says each of the lines wherever a client can say something.
fn say_everywhere(daemon: &Daemon, client: &Client) {
    let base = daemon.base();
    for line in LINES {
        let escaped = quoted(line);
        let token = bearer(client.token());
        let get = |target: &str, lines: &[String]| request("GET", target, lines, b"");
        let requests = [
            get(&format!("/{escaped}"), &[]),
            get(&format!("/{line}"), &[]),
            get(&format!("/{}", line.replace(['\r', '\n', ' ', '\0'], "")), &[]),
            get(&format!("/livez?{escaped}"), &[]),
            get("/livez", &[format!("User-Agent: {line}"), format!("Referer: {line}")]),
            get("/livez", &[format!("X-Forwarded-For: {line}"), "X-Forwarded-For: x".to_owned()]),
            get("/livez", &[format!("Host: {line}")]),
            get("/livez", &[format!("Authorization: Bearer {line}")]),
            request(line, "/livez", &[], b""),
            request("FORGED", "/livez", &[], b""),
            request(
                "POST",
                "/transcript/cancel?transcript_id=1",
                &[token, format!("Idempotency-Key: {line}")],
                b"",
            ),
        ];
        for bytes in requests {
            let answer = ask(base, &bytes);
            assert!(answer.status < 500, "{answer:?}");
        }
        let name = line.replace('"', "");
        for bytes in [recording(), b"no recording".to_vec()] {
            let answer = client.upload_bytes(&name, bytes);
            assert!([200, 400, 422].contains(&answer.status), "{answer:?}");
        }
        let answer = client.post_json("/auth/login", &json!({"username": line, "password": line}));
        let _invalid = answer.status(422);
    }
}

#[test]
fn nobody_writes_a_line_into_the_log_but_the_daemon() {
    let trusting = || {
        let setup = Setup::default().variable("SCRIBED_TELEMETRY__FILTER", "debug");
        setup.variable("SCRIBED_HTTP__TRUSTED_PROXIES", "[\"127.0.0.1\"]")
    };
    let daemon = trusting().start();
    say_everywhere(&daemon, &daemon.client());
    let log = daemon.log();
    for line in log.lines() {
        let time = line.split(' ').next().unwrap_or_default();
        assert!(time.starts_with("20") && time.ends_with('Z'), "not a line of ours: {line:?}");
        assert!(!time.starts_with("2030"), "a forged line: {line:?}");
    }
    let bad = |c: char| {
        (c.is_control() && c != '\n') || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202e}')
    };
    let found = log.lines().find(|line| line.contains(bad));
    assert!(found.is_none(), "raw in the log: {found:?}");

    let daemon = trusting().argument("--log-format").argument("json").start();
    say_everywhere(&daemon, &daemon.client());
    for line in daemon.log().lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        assert!(entry["timestamp"].is_string(), "{entry}");
    }
}
