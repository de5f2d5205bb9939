//! S9 and S10: a login tells nothing about who has an account, and hashing is no weapon.
//!
//! Each try costs a hash, some tens of milliseconds on an idle core, so the long form of the first proof
//! takes minutes. The configuration of the tests has no limits on tries; with the defaults the 31st of an
//! account would be answered 429.

use std::time::{Duration, Instant};

use scribed_tests::{Client, Daemon, Setup, is_long, say};
use serde_json::json;

use crate::PASSWORD;
use crate::raw::{Held, ask, request};
use crate::times::Times;

/// Tries of each kind whose times are compared, and so many in the long form.
const TRIES: (usize, usize) = (30, 1_000);
/// How far apart the medians may be in the long form: a part of them, or so much, whichever is more.
const APART: (u32, Duration) = (50, Duration::from_millis(1));
/// Two lots of times that are less likely to be of one distribution are not.
const LEAST_CHANCE: f64 = 0.01;
/// A password that keeps the rules, and that nobody has.
const WRONG: &str = "Wrong_Secret_1";

/// Logins at the same time.
const AT_ONCE: u32 = 200;
/// How often they come, and so often in the long form.
const STORMS: (usize, usize) = (1, 10);
/// Requests whose times are taken while nobody logs in.
const CALM: usize = 200;
/// Hashes at the same time.
const SLOTS: u32 = 2;
/// What each of them takes, in KiB.
const HASH_KIB: u64 = 19 * 1024;
/// What everything else about so many logins may take, in KiB: less than one hash, so that one too many
/// is seen.
const REST_KIB: u64 = 18 * 1024;
/// How long a login waits for its turn (`auth/password.rs`), and how long it may be under way beside.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_millis(500));
/// How much longer others may wait meanwhile: a part of what they wait otherwise, and so much.
const SLOWER: (u32, Duration) = (10, Duration::from_millis(20));

/// Makes the request of a login.
pub(crate) fn login_request(name: &str, password: &str, lines: &[String]) -> Vec<u8> {
    credentials_request("/auth/login", name, password, lines)
}

fn credentials_request(path: &str, name: &str, password: &str, lines: &[String]) -> Vec<u8> {
    let body = json!({"username": name, "password": password}).to_string();
    request("POST", path, lines, body.as_bytes())
}

/// Returns how much more memory, in KiB, a daemon may have held at its worst with so many hashes at the
/// same time than before, when it had made one: that one's memory is kept.
pub(crate) fn most_growth_kib(slots: u32) -> u64 {
    u64::from(slots - 1) * HASH_KIB + REST_KIB
}

#[test]
fn who_has_an_account_is_not_told() {
    // Nobody else's logins wait for a turn here.
    let daemon = Daemon::start();
    let client = Client::register(daemon.base());
    let unknown = format!("{}unknown", client.name);
    let kinds = [login_request(&client.name, WRONG, &[]), login_request(&unknown, WRONG, &[])];
    let mut times = [const { Vec::new() }; 2];
    let mut seen = Vec::new();
    let tries = if is_long() { TRIES.1 } else { TRIES.0 };
    for number in 0..tries {
        // Each goes first as often as the other.
        for kind in if number.is_multiple_of(2) { [0, 1] } else { [1, 0] } {
            let begin = Instant::now();
            let answer = ask(daemon.base(), &kinds[kind]);
            times[kind].push(begin.elapsed());
            seen.push(answer.without_date());
        }
    }
    let first = &seen[0];
    assert_eq!(first.status, 401, "{first:?}");
    assert_eq!(first.body, r#"{"detail":"Incorrect username or password"}"#);
    for answer in &seen {
        assert_eq!(answer, first, "byte for byte the same");
    }
    let [known, unknown] = times.map(Times::new);
    let (of_known, of_unknown) = (known.median(), unknown.median());
    let chance = known.chance_of_likeness(&unknown);
    say(&format!(
        "median of {tries} logins: {of_known:?} for a known name, {of_unknown:?} for an unknown one; \
         chance that they are alike: {chance:.3}"
    ));
    let apart = of_known.abs_diff(of_unknown);
    if is_long() {
        let (part, least) = APART;
        assert!(apart <= (of_known / part).max(least), "{apart:?}");
        assert!(chance > LEAST_CHANCE, "{chance}");
    } else {
        // Whoever left the hash out would be faster many times over.
        assert!(apart <= of_known.min(of_unknown), "{of_known:?} and {of_unknown:?}");
    }
}

#[test]
fn a_registration_tells_of_a_name_what_is_documented_and_no_more() {
    let daemon = Daemon::shared();
    let client = Client::register(daemon.base());
    let register = |name: &str, password: &str| {
        ask(daemon.base(), &credentials_request("/auth/register", name, password, &[]))
    };
    let document = client.get("/openapi.json").status(200).json();
    let documented = &document["paths"]["/auth/register"]["post"]["responses"];
    let taken = register(&client.name, WRONG);
    assert_eq!((taken.status, documented["409"].is_object()), (409, true), "{taken:?}");
    assert_eq!(taken.body, format!(r#"{{"detail":"User '{}' already exists"}}"#, client.name));
    let with_its_own = register(&client.name, PASSWORD);
    assert_eq!(with_its_own.without_date(), taken.without_date(), "nor is a password tried out");
    let free = register(&format!("{}unknown", client.name), WRONG);
    assert_eq!((free.status, documented["201"].is_object()), (201, true), "{free:?}");
}

/// Asks for two things that need no hash, and returns how long each took.
#[track_caller]
fn others(client: &Client) -> [Duration; 2] {
    ["/auth/info", "/transcriptions"].map(|path| {
        let begin = Instant::now();
        let _answer = client.get(path).status(200);
        begin.elapsed()
    })
}

/// Does some work, and returns what came of it and how long others waited meanwhile.
#[track_caller]
fn while_others_ask<T: Send>(
    client: &Client,
    work: impl FnOnce() -> T + Send,
) -> (T, Vec<Duration>) {
    std::thread::scope(|scope| {
        let working = scope.spawn(work);
        let mut times = Vec::new();
        while !working.is_finished() {
            times.extend(others(client));
        }
        (working.join().unwrap(), times)
    })
}

#[test]
fn many_logins_at_once_take_no_more_memory_than_a_few() {
    let daemon = Setup::default().option("auth.hash_concurrency", SLOTS).start();
    let client = daemon.client();
    let calm = Times::new((0..CALM).flat_map(|_| others(&client)).collect());
    let (mut before, mut answers, mut meanwhile) = (None, Vec::new(), Vec::new());
    for _ in 0..if is_long() { STORMS.1 } else { STORMS.0 } {
        let logins = (0..AT_ONCE).map(|number| {
            let known = number.is_multiple_of(2);
            login_request(if known { &client.name } else { "nobodyatall" }, PASSWORD, &[])
        });
        let held = Held::begin(&daemon, logins);
        before.get_or_insert_with(|| daemon.peak_memory_kib());
        let (came, times) = while_others_ask(&client, || held.finish());
        answers.extend(came);
        meanwhile.extend(times);
    }
    for (answer, took) in &answers {
        match answer.status {
            200 | 401 => {}
            429 => {
                assert_eq!(answer.header("retry-after"), "1", "{answer:?}");
                let most = PATIENCE.0 + PATIENCE.1;
                assert!(!is_long() || *took <= most, "sent away after {took:?}");
            }
            other => panic!("{other}: {answer:?}"),
        }
    }
    let count = |status: u16| answers.iter().filter(|(answer, _)| answer.status == status).count();
    let sent_away = answers.iter().filter(|(answer, _)| answer.status == 429);
    let latest = sent_away.map(|(_, took)| *took).max().unwrap_or_default();
    let growth = daemon.peak_memory_kib() - before.unwrap();
    let (served, meanwhile) = (meanwhile.len(), Times::new(meanwhile));
    let (calm, meanwhile) = (calm.percentile(99), meanwhile.percentile(99));
    say(&format!(
        "{AT_ONCE} logins at once: {} let in, {} refused, {} sent away within {latest:?}; {growth} KiB \
         more memory; {served} other requests meanwhile, 99 % within {meanwhile:?}, {calm:?} before",
        count(200),
        count(401),
        count(429)
    ));
    assert!(count(200) + count(401) > 0, "some have their turn");
    assert!(growth < most_growth_kib(SLOTS), "{growth} KiB");
    let most = calm + calm / SLOWER.0 + SLOWER.1;
    assert!(!is_long() || meanwhile <= most, "others wait {meanwhile:?} instead of {calm:?}");
}
