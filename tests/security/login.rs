//! S9 and S10: a login tells nothing about who has an account, and hashing is no weapon.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use scribed_tests::{Client, Daemon, Setup, say};
use serde_json::json;

use crate::raw::{Raw, ask, request};

/// Tries of each kind whose times are printed.
const TRIES: usize = 30;
/// Logins at the same time.
const AT_ONCE: u32 = 200;
/// Hashes at the same time.
const SLOTS: u32 = 2;
/// What each of them takes, in KiB.
pub(crate) const HASH_KIB: u64 = 19 * 1024;
/// What everything else about so many requests may take, in KiB.
pub(crate) const REST_KIB: u64 = 60 * 1024;

/// Tries to log in on a connection of its own.
#[track_caller]
pub(crate) fn try_login(base: &str, name: &str, password: &str, lines: &[String]) -> Raw {
    let body = json!({"username": name, "password": password}).to_string();
    ask(base, &request("POST", "/auth/login", lines, body.as_bytes()))
}

#[test]
fn who_has_an_account_is_not_told() {
    let daemon = Daemon::shared();
    let client = Client::register(daemon.base());
    let unknown = format!("{}unknown", client.name);
    let wrong = "Wrong_Secret_1";
    let mut times = [const { Vec::new() }; 2];
    let mut seen = Vec::new();
    for _ in 0..TRIES {
        for (name, times) in [&client.name, &unknown].into_iter().zip(&mut times) {
            let begin = Instant::now();
            let answer = try_login(daemon.base(), name, wrong, &[]);
            times.push(begin.elapsed());
            seen.push(answer.without_date());
        }
    }
    let first = &seen[0];
    assert_eq!(first.status, 401, "{first:?}");
    assert_eq!(first.body, r#"{"detail":"Incorrect username or password"}"#);
    for answer in &seen {
        assert_eq!(answer, first, "byte for byte the same");
    }
    let [known, unknown] = times.map(median);
    say(&format!("median of a login: {known:?} for a known name, {unknown:?} for an unknown one"));
    let _right = Client::register(daemon.base());
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

#[test]
fn many_logins_at_once_take_no_more_memory_than_a_few() {
    let daemon = Setup::default().option("auth.hash_concurrency", SLOTS).start();
    let client = daemon.client();
    let before = daemon.peak_memory_kib();
    let is_over = AtomicBool::new(false);
    let mut served = 0;
    let answers: Vec<Raw> = std::thread::scope(|scope| {
        let logins: Vec<_> = (0..AT_ONCE)
            .map(|number| {
                let known = number.is_multiple_of(2);
                let name = if known { client.name.clone() } else { "nobodyatall".to_owned() };
                let base = daemon.base();
                scope.spawn(move || try_login(base, &name, crate::PASSWORD, &[]))
            })
            .collect();
        let meanwhile = scope.spawn(|| {
            let mut served = 0;
            while !is_over.load(Ordering::Relaxed) {
                let _mine = client.get("/auth/info").status(200);
                let _all = client.get("/transcriptions").status(200);
                served += 2;
            }
            served
        });
        let answers = logins.into_iter().map(|login| login.join().unwrap()).collect();
        is_over.store(true, Ordering::Relaxed);
        served = meanwhile.join().unwrap();
        answers
    });
    let count = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
    for answer in &answers {
        match answer.status {
            200 | 401 => {}
            429 => assert_eq!(answer.header("retry-after"), "1", "{answer:?}"),
            other => panic!("{other}: {answer:?}"),
        }
    }
    let growth = daemon.peak_memory_kib() - before;
    say(&format!(
        "{AT_ONCE} logins at once: {} let in, {} refused, {} sent away; {growth} KiB more memory; \
         {served} other requests answered meanwhile",
        count(200),
        count(401),
        count(429)
    ));
    assert!(count(200) + count(401) > 0, "some have their turn");
    assert!(growth < u64::from(SLOTS) * HASH_KIB + REST_KIB, "{growth} KiB");
    assert!(served > 0, "others are served");
}
