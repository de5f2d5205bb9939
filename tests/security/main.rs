//! The daemon under attack: the real program over HTTP and bare TCP, one file for each promise.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "what helpers of a test cannot do, fails the test")]

/// A daemon whose engine is busy for good, so that external workers have every other job.
mod busy;
/// The description of the API lacks no answer.
mod described;
/// Nobody reads or touches what is another's, on any route.
mod foreign;
/// Tokens as a forger makes them.
mod forge;
/// Forgeries after a token that passes.
mod forgeries;
/// Limits hold, however a client disguises itself.
mod limits;
/// A login tells nothing, and is no weapon.
mod login;
/// Names of files are only text.
mod names;
/// No URL that a client sends is called.
mod outbound;
/// Input that is too large is cut off early.
mod oversized;
/// Where the numbers of objects stand, after the description of the API.
mod places;
/// Only plugins that somebody meant are loaded.
mod plugins;
/// How often an account or an address may ask.
mod rates;
/// HTTP as bytes: requests that no library would send.
mod raw;
/// Refresh tokens work once, and end with the password.
mod refresh;
/// Documents hold hostile text as text.
mod renderings;
/// Secrets stay out of logs and refusals, and no log line can be forged.
mod secrets;
/// Clients that take their time cost little.
mod slow;
/// No request is two requests to somebody else.
mod smuggling;
/// Times, and whether two lots of them are alike.
mod times;
/// No forged token passes.
mod tokens;

use scribed_tests::{Answer, Client, discretion};
use serde_json::{Value, json};

/// The password of every client of the harness.
const PASSWORD: &str = "Secret_123";

/// Logs in as an account of the harness; the pair of tokens.
#[track_caller]
fn login(client: &Client) -> Value {
    let credentials = json!({"username": client.name, "password": PASSWORD});
    let pair = client.post_json("/auth/login", &credentials).status(200).json();
    hide(&pair);
    pair
}

/// Exchanges a refresh token.
fn refresh(client: &Client, token: &str) -> Answer {
    let answer = client.post_json("/auth/refresh", &json!({"refresh_token": token}));
    hide(&answer.json());
    answer
}

/// Has every log looked through for the tokens of an answer.
fn hide(pair: &Value) {
    let tokens = ["access_token", "refresh_token"];
    tokens.iter().filter_map(|member| pair[member].as_str()).for_each(discretion::hide);
}

/// Returns a member of an answer that is text.
#[track_caller]
fn text<'a>(answer: &'a Value, member: &str) -> &'a str {
    answer[member].as_str().unwrap_or_else(|| panic!("no {member} in {answer}"))
}

/// Writes a text so that a query holds it as it is.
fn quoted(text: &str) -> String {
    quoted_bytes(text.as_bytes())
}

/// Writes bytes so that a query holds them as they are.
fn quoted_bytes(bytes: &[u8]) -> String {
    let quoted = |byte: &u8| {
        let letter = char::from(*byte);
        if letter.is_ascii_alphanumeric() { letter.to_string() } else { format!("%{byte:02x}") }
    };
    bytes.iter().map(quoted).collect()
}
