//! S1: no forged token passes, neither as access token nor as refresh token.

use std::collections::BTreeSet;

use scribed_tests::{Answer, Client, Daemon, say};

use crate::forge::Parts;
use crate::forgeries::{Forged, Model};
use crate::{login, refresh, text};

/// What every refused token is told.
const REFUSED: &[u8] = br#"{"detail":"Invalid or expired token"}"#;

/// Where tokens are shown: at a route that asks for an access token, or to be exchanged.
type Door = fn(&Client, &str) -> Answer;

fn info(client: &Client, token: &str) -> Answer {
    client.with_token(token).get("/auth/info")
}

/// Shows forgeries at a door; how many different ones there were.
#[track_caller]
fn all_are_refused(client: &Client, door: Door, forged: &[Forged]) -> usize {
    for (what, token) in forged {
        let answer = door(client, token);
        assert_eq!(answer.status, 401, "{what}: {answer:?}");
        assert_eq!(answer.body, REFUSED, "{what}: {}", String::from_utf8_lossy(&answer.body));
    }
    forged.iter().map(|(_, token)| token).collect::<BTreeSet<_>>().len()
}

#[test]
fn no_forged_token_passes() {
    let (daemon, other) = (Daemon::shared(), Daemon::start());
    let client = daemon.client();
    let (pair, strangers) = (login(&client), login(&other.client()));
    let key = daemon.secret("signing-key").into_bytes();
    let doors: [(&str, &str, Door); 2] =
        [("access_token", "refresh_token", info), ("refresh_token", "access_token", refresh)];
    let mut count = 0;
    for (right, wrong, door) in doors {
        let token = text(&pair, right);
        let mut forged = Model::new(token, &key).forgeries();
        forged.push((format!("the {wrong}"), text(&pair, wrong).to_owned()));
        for kind in [right, wrong] {
            forged.push((format!("another daemon's {kind}"), text(&strangers, kind).to_owned()));
        }
        count += all_are_refused(&client, door, &forged);
        // The one that they were made after passes all the same.
        let _passes = door(&client, token).status(200);
    }
    // What is forged here is a token indeed, if only nothing is false about it.
    let honest = Parts::of(text(&pair, "access_token")).signed(&key);
    let _passes = info(&client, &honest).status(200);
    say(&format!("{count} forged tokens, none accepted"));
    assert!(count >= 400, "{count}");
    assert!(!daemon.log().contains("panicked"), "nothing panics over a token");
}
