//! The customer's own host: it has the recording, is called when a job has ended, and tells the programs
//! here what it heard.

use std::sync::Mutex;

use scribed_tests::audio;
use scribed_tests::host::{Asked, Host, give, say};
use serde_json::json;

/// Where the recording is.
pub(crate) const RECORDING: &str = "/02.wav";
/// What is called; the programs put it in the recording's place.
const DONE: &str = "/done";
/// Where programs ask for all calls so far.
const HEARD: &str = "/heard";

/// Starts the host.
pub(crate) fn start() -> Host {
    let heard = Mutex::new(Vec::new());
    Host::start(move |stream, asked| match asked.path.as_str() {
        RECORDING => {
            let file = std::fs::read(audio::recording("02").0)?;
            give(stream, &file, file.len())
        }
        DONE => {
            heard.lock().unwrap().push(told(asked));
            say(stream, 200)
        }
        HEARD => {
            let all = json!(*heard.lock().unwrap()).to_string();
            give(stream, all.as_bytes(), all.len())
        }
        _ => say(stream, 404),
    })
}

fn told(asked: &Asked) -> serde_json::Value {
    let body = String::from_utf8_lossy(&asked.body);
    json!({"method": asked.method, "query": asked.query, "headers": asked.headers, "body": body})
}
