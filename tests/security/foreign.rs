//! S3: for everybody but its owner an object does not exist, on every route that has a place for its
//! number.

use std::collections::BTreeSet;

use scribed_tests::{Answer, Client, Daemon, say};
use serde_json::json;

use crate::busy::{self, Busy, DOCUMENTS};
use crate::places::places;

/// What only the owner may read.
const TEXT: &str = "the owner has a secret that rhymes with orange";
const NAME: &str = "quarterly-figures.wav";

/// Texts that are no number, or hardly one.
const NONSENSE: [&str; 25] = [
    "",
    " ",
    "abc",
    "0",
    "-1",
    "-0",
    "1e3",
    "0x10",
    "1_000",
    "-9223372036854775808",
    "9223372036854775808",
    "NaN",
    "null",
    "true",
    "[1]",
    "{\"id\":1}",
    "' OR '1'='1",
    "1; DROP TABLE jobs",
    "../1",
    "%00",
    "1\0",
    "١٢٣",
    "１２",
    "*",
    "99999999999999999999999999999999999999",
];

/// Returns other ways to write a number, which some would read as the number.
fn disguises(id: i64) -> Vec<String> {
    vec![
        format!("000{id}"),
        format!("+{id}"),
        format!(" {id} "),
        format!("{id}.0"),
        format!("{id}\n"),
        format!("{id}&x=1"),
        format!("{id}/"),
        format!("{id}\0"),
        format!("{id}' --"),
    ]
}

#[track_caller]
fn shows_nothing(answer: &Answer, owner: &Client) {
    let body = String::from_utf8_lossy(&answer.body);
    for word in ["orange", "rhymes", "quarterly", owner.name.as_str(), TEXT, NAME] {
        assert!(!body.contains(word), "{word} is in {body}");
    }
}

#[test]
fn what_is_anothers_is_answered_like_what_does_not_exist() {
    let busy = Busy::start(DOCUMENTS);
    let (owner, other) = (&busy.owner, busy.daemon.client());
    let done = busy::submit(owner, NAME);
    busy.complete(done, TEXT);
    let waiting = busy::submit(owner, NAME);
    let foreign = [done.0, busy.endless.0, waiting.0, owner.id()];
    let missing = [1, 7, done.0 + 1, waiting.0 + 1_000_000, (1 << 53) - 1, i64::MAX];
    let places = places(&other.get("/openapi.json").status(200).json());
    let mut asked = 0;
    for place in &places {
        let none = place.ask(&other, "1");
        assert!([401, 404].contains(&none.status), "{place:?}: {none:?}");
        for id in foreign.iter().chain(&missing) {
            let answer = place.ask(&other, &id.to_string());
            let same = (answer.status, &answer.body) == (none.status, &none.body);
            assert!(same, "{id} at {place:?}: {answer:?} is not {none:?}");
            asked += 1;
        }
        let disguised = foreign.iter().flat_map(|id| disguises(*id));
        for id in NONSENSE.map(str::to_owned).into_iter().chain(disguised) {
            let answer = place.ask(&other, &id);
            let refused = (400..500).contains(&answer.status);
            assert!(
                refused && place.documented.contains(&answer.status),
                "{id:?} at {place:?}: {answer:?}"
            );
            shows_nothing(&answer, owner);
            asked += 1;
        }
    }
    let routes: BTreeSet<&str> = places.iter().map(|place| place.path.as_str()).collect();
    say(&format!("{asked} numbers at {} places of {routes:?}", places.len()));
    // Those that are there today; more are welcome.
    for known in ["/transcript", "/transcript/export", "/transcript/cancel", "/transcript/info"] {
        assert!(routes.contains(known), "{known} is not covered by {routes:?}");
    }
    shows_nothing(&other.get("/transcriptions").status(200), owner);
    // Nothing happened to them.
    assert_eq!(owner.text(done), TEXT);
    assert_eq!(owner.state(waiting), "queued");
    assert_eq!(owner.state(busy.endless), "in_progress");
}

#[test]
fn what_is_anothers_does_not_exist_for_clients_of_cielo24_either() {
    let busy = Busy::start(DOCUMENTS);
    let (owner, other) = (&busy.owner, busy.daemon.client());
    let done = busy::submit(owner, NAME);
    busy.complete(done, TEXT);
    let waiting = busy::submit(owner, NAME);
    let written = |id: i64| format!("{id:032x}");
    let foreign = [done.0, busy.endless.0, waiting.0].map(written);
    let missing = [1, 7, done.0 + 1, (1 << 53) - 1, i64::MAX].map(written);
    let places = places(&other.get("/openapi/cielo24.json").status(200).json());
    let mut asked = 0;
    for place in &places {
        let none = place.ask(&other, &written(1)).status(400);
        assert_eq!(none.json()["ErrorType"], "ITEM_NOT_FOUND", "{place:?}");
        let disguised = foreign.iter().flat_map(|id| {
            let short = id.trim_start_matches('0').to_owned();
            [short, format!(" {id}"), format!("{id}\n"), format!("0{id}"), format!("{id}\0")]
        });
        for id in foreign.iter().chain(&missing).cloned().chain(disguised) {
            let answer = place.ask(&other, &id);
            let same = (answer.status, &answer.body) == (none.status, &none.body);
            assert!(same, "{id:?} at {place:?}: {answer:?} is not {none:?}");
            asked += 1;
        }
        for id in NONSENSE {
            let answer = place.ask(&other, id).status(400);
            shows_nothing(&answer, owner);
            asked += 1;
        }
    }
    let routes: BTreeSet<&str> = places.iter().map(|place| place.path.as_str()).collect();
    say(&format!("{asked} ids at {} places of {routes:?}", places.len()));
    assert!(routes.len() >= 11, "{routes:?}");
    let list = other.get(&format!("/api/job/list?api_token={}", other.token())).status(200);
    shows_nothing(&list, owner);
    // Nothing happened to them.
    assert_eq!(owner.text(done), TEXT);
    assert_eq!(
        (owner.state(waiting), owner.state(busy.endless)),
        ("queued".into(), "in_progress".into())
    );
}

#[test]
fn what_is_anothers_does_not_exist_for_clients_of_revai_either() {
    let busy = Busy::start(DOCUMENTS);
    let (owner, other) = (&busy.owner, busy.daemon.client());
    let done = busy::submit(owner, NAME);
    busy.complete(done, TEXT);
    let waiting = busy::submit(owner, NAME);
    let foreign = [done.0, busy.endless.0, waiting.0, owner.id()];
    let missing = [7, done.0 + 1, waiting.0 + 1_000_000, (1 << 53) - 1, i64::MAX];
    let written = foreign.iter().chain(&missing).map(i64::to_string);
    // Without any number a path is another one: that of the list.
    let nonsense = NONSENSE.iter().filter(|text| !text.is_empty()).map(|text| (*text).to_owned());
    let disguised = foreign.iter().flat_map(|id| disguises(*id));
    let ids: Vec<String> = written.chain(nonsense).chain(disguised).collect();
    let places = places(&other.get("/openapi/revai.json").status(200).json());
    let routes: BTreeSet<String> = places.iter().map(|place| place.path.clone()).collect();
    assert!(routes.len() >= 6, "{routes:?}");
    for place in &places {
        let none = place.ask(&other, "1").status(404);
        assert_eq!(none.json()["title"], "could not find job", "{place:?}");
        for id in &ids {
            let answer = place.ask(&other, id);
            let same = (answer.status, &answer.body) == (none.status, &none.body);
            assert!(same, "{id:?} at {place:?}: {answer:?}");
        }
    }
    say(&format!("{} ids at {} places of {routes:?}", ids.len(), places.len()));
    for prefix in ["/revspeech/v1beta", "/speechtotext/v1"] {
        let jobs = format!("{prefix}/jobs");
        assert_eq!(other.get(&jobs).status(200).json(), json!([]));
        // Where a list begins is said by the id of a job too.
        let behind = |id: i64| other.get(&format!("{jobs}?starting_after={id}")).status(400).body;
        for id in foreign {
            assert_eq!(behind(id), behind(1), "{id}");
        }
    }
    // Nothing happened to them.
    assert_eq!(owner.text(done), TEXT);
    assert_eq!(
        (owner.state(waiting), owner.state(busy.endless)),
        ("queued".into(), "in_progress".into())
    );
}

#[test]
fn of_a_number_that_comes_twice_only_one_is_looked_at() {
    let busy = Busy::start(DOCUMENTS);
    let other = busy.daemon.client();
    let mine = busy::submit(&other, "mine.wav").0;
    let theirs = busy.endless.0;
    for path in ["/transcript?task_id=", "/transcript/info?transcript_id="] {
        let name = path.split_once('?').unwrap().1;
        for (first, second) in [(mine, theirs), (theirs, mine)] {
            let answer = other.get(&format!("{path}{first}&{name}{second}"));
            shows_nothing(&answer, &busy.owner);
            let body = String::from_utf8_lossy(&answer.body);
            assert!(!body.contains(&theirs.to_string()), "{first} and {second}: {body}");
        }
    }
}

#[test]
fn nobody_makes_himself_more_than_he_is() {
    let daemon = Daemon::shared();
    let me = Client::register(daemon.base());
    let name = format!("{}more", me.name);
    let wish = json!({
        "username": name, "password": crate::PASSWORD, "role": "admin", "can_interact": true,
        "active": true, "id": 1, "password_epoch": 9, "is_admin": true,
    });
    let made = me.post_json("/auth/register", &wish).status(201).json();
    assert_eq!((&made["role"], &made["can_interact"]), (&json!("user"), &json!(false)), "{made}");
    assert_ne!(made["id"], 1);
    // Nor does anybody change an account who has only a token, whatever is in its place.
    for secret in ["", "wrong", me.token(), "admin", "null"] {
        let path = format!("/auth/patch?user_id={}&secret_admin_token={secret}", me.id());
        let change = me.request(reqwest::Method::PATCH, &path).json(&json!({"can_interact": true}));
        let refused = scribed_tests::client::send(change).status(401);
        assert_eq!(refused.detail(), "Invalid secret admin token");
    }
    assert_eq!(me.get("/auth/info").status(200).json()["can_interact"], false);
}
