//! The example of a receiver of callbacks, run as its users run it, with the library of Standard Webhooks.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use scribed_bus::{Bus, EmbeddedBus, Message};
use scribed_schemas::event::UPLOADS;
use scribed_schemas::time::Timestamp;
use scribed_store::{SqliteConfig, SqliteStore};
use scribed_tests::cluster::skip;
use scribed_tests::{Daemon, Setup, audio, build};
use serde_json::json;

use crate::installed;

/// The example at work; it ends with its value.
struct Receiver {
    child: Child,
    said: BufReader<ChildStdout>,
    port: u16,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Receiver {
    fn start(python: &std::path::Path, secret: &str) -> Self {
        let mut command = Command::new(python);
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command.arg(build::root().join("deploy/receivers/receive.py"));
        command.args(["--port", "0", "--secret", secret]).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        let mut receiver = Self { child, said, port: 0 };
        let line = receiver.line();
        receiver.port = line.strip_prefix("listening on ").unwrap().parse().unwrap();
        receiver
    }

    /// Returns the next line that it prints.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

/// Sends an event with a short recording, at whose end a port is to be called.
fn send(daemon: &Daemon, owner: &str, port: u16) {
    let data = BASE64_STANDARD.encode(audio::wav(&[0; audio::RATE / 5]));
    let event = json!({
        "schema": "scribed.upload/1", "id": "take-1", "owner": owner, "media": {"data": data},
        "reference": "desk 7", "callback": {"url": format!("http://127.0.0.1:{port}/done")},
    });
    let file = daemon.state().join("scribed.db");
    let bus =
        EmbeddedBus::new(Arc::new(SqliteStore::open(&file, &SqliteConfig::default()).unwrap()));
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let at = Timestamp(i64::try_from(since.as_micros()).unwrap());
    let payload = event.to_string().into_bytes();
    let message = Message { key: Vec::new(), headers: Vec::new(), payload, at };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(bus.publish(UPLOADS, message)).unwrap();
}

#[test]
fn the_example_takes_what_we_say_and_nothing_else() {
    let requirements = build::root().join("deploy/receivers/requirements.txt");
    let python = match installed::python(&requirements) {
        Ok(python) => python,
        Err(why) => {
            skip("standardwebhooks 1.1.0", &format!("it cannot be installed: {}", why.trim()));
            return;
        }
    };
    let mut daemon = Setup::default()
        .variable("SCRIBED_OUTBOUND__ALLOWED_NETWORKS", "[\"127.0.0.1\"]")
        .variable("SCRIBED_OUTBOUND__PORTS", "[]")
        .start();
    let owner = daemon.client().name.clone();
    let made = daemon.program().run(["account", "callback-secret", &owner]).code(0).out;
    let mut receiver = Receiver::start(&python, made.trim());
    // Only now it is known which port may be called.
    daemon.kill();
    let mut daemon = Setup::default()
        .variable("SCRIBED_OUTBOUND__ALLOWED_NETWORKS", "[\"127.0.0.1\"]")
        .variable("SCRIBED_OUTBOUND__PORTS", format!("[{}]", receiver.port))
        .start_on(daemon.state());
    send(&daemon, &owner, receiver.port);
    let line = receiver.line();
    assert!(line.ends_with(" completed desk 7"), "{line}");

    let forged = reqwest::blocking::Client::new()
        .post(format!("http://127.0.0.1:{}/done", receiver.port))
        .header("webhook-id", "job-1")
        .header("webhook-timestamp", "1700000000")
        .header("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
        .body("{\"job\":1,\"state\":\"completed\"}");
    assert_eq!(forged.send().unwrap().status(), 401);
    daemon.kill();
}

#[test]
fn the_page_shows_the_code_of_the_example() {
    let read = |path: &str| std::fs::read_to_string(build::root().join(path)).unwrap();
    let (page, example) = (read("deploy/callbacks.md"), read("deploy/receivers/receive.py"));
    let begin = page.find("```python\n").expect("there is code") + "```python\n".len();
    let shown = &page[begin..begin + page[begin..].find("```").expect("it ends")];
    assert!(shown.lines().count() > 3 && example.contains(shown), "{shown}");
}
