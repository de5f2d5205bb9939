//! S11: limits hold, however a client disguises itself: by other names, other addresses, many
//! connections, or all at once.

use std::collections::BTreeMap;
use std::fs;

use scribed_tests::{Client, Setup, eventually, say};

use crate::busy::{Busy, DOCUMENTS, recording};
use crate::login::{login_request, most_growth_kib};
use crate::rates::{disguise, in_other_case};
use crate::raw::{Held, connect};

/// Tries at the same time.
const AT_ONCE: u32 = 100;

#[test]
fn one_hash_at_a_time_is_one_whoever_asks() {
    let daemon = Setup::default().option("auth.hash_concurrency", 1).start();
    let client = Client::register(daemon.base());
    let tries = (0..AT_ONCE).map(|number| {
        let name = in_other_case(&client.name, number);
        login_request(&name, "Wrong_Secret_1", &disguise(number))
    });
    let held = Held::begin(&daemon, tries);
    let before = daemon.peak_memory_kib();
    let mut counts = BTreeMap::new();
    for (answer, _) in held.finish() {
        *counts.entry(answer.status).or_insert(0) += 1;
    }
    let growth = daemon.peak_memory_kib() - before;
    say(&format!("{AT_ONCE} tries in disguise: {counts:?}, {growth} KiB more memory"));
    assert!(counts.keys().all(|status| [401, 429].contains(status)), "{counts:?}");
    assert!(growth < most_growth_kib(1), "{growth} KiB");
}

#[test]
fn one_active_job_is_one_however_often_it_is_asked_for() {
    let name = "SCRIBED_SURFACE__TRANSCRIPTIONS__ONE_ACTIVE_JOB";
    // Nothing that comes after the endless job is ever done.
    let busy = Busy::start_with(Setup::default().variable(name, "true"), DOCUMENTS);
    let client = busy.daemon.client();
    let answers: Vec<_> = std::thread::scope(|scope| {
        let tries = (0..50).map(|number| {
            let client = &client;
            scope.spawn(move || {
                let path = if number % 2 == 0 { "/upload-audiofile" } else { "/upload-audiofile/" };
                let part = reqwest::blocking::multipart::Part::bytes(recording());
                let part = part.file_name(format!("{number}.wav"));
                let form = reqwest::blocking::multipart::Form::new().part("audiofile", part);
                let request = client.request(reqwest::Method::POST, path).multipart(form);
                let request = request.header("Idempotency-Key", number.to_string());
                let address = format!("203.0.113.{number}");
                scribed_tests::client::send(request.header("X-Forwarded-For", address))
            })
        });
        let tries: Vec<_> = tries.collect();
        tries.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let (taken, refused): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!(taken.len(), 1, "one upload is taken");
    for answer in refused {
        assert!(answer.status(409).detail().ends_with("is not finished yet"));
    }
    assert_eq!(client.get("/transcriptions").status(200).json()["total"], 1);
}

#[test]
fn only_a_trusted_proxy_says_who_calls() {
    let asked = |setup: Setup| {
        let daemon = setup.start();
        let client = Client::register(daemon.base());
        let request = client.request(reqwest::Method::GET, "/auth/info");
        let request = request.header("X-Forwarded-For", "203.0.113.9");
        let request =
            request.header("Forwarded", "for=203.0.113.8").header("X-Real-IP", "203.0.113.7");
        let _info = scribed_tests::client::send(request).status(200);
        daemon.log()
    };
    let log = asked(Setup::default());
    assert!(log.contains("client=127.0.0.1") && !log.contains("203.0.113."), "{log}");
    let trusting = Setup::default().variable("SCRIBED_HTTP__TRUSTED_PROXIES", "[\"127.0.0.1\"]");
    let log = asked(trusting);
    assert!(log.contains("client=203.0.113.9"), "{log}");
    assert!(!log.contains("203.0.113.8") && !log.contains("203.0.113.7"), "{log}");
}

#[test]
fn more_connections_than_there_are_places_wait_outside() {
    let setup = Setup::default().option("http.max_connections", 10);
    let daemon = setup.option("http.header_timeout_secs", 1).start();
    let client = Client::register(daemon.base());
    let sockets = || {
        let open = fs::read_dir(format!("/proc/{}/fd", daemon.pid())).unwrap().flatten();
        let links = open.filter_map(|entry| fs::read_link(entry.path()).ok());
        links.filter(|link| link.to_string_lossy().starts_with("socket:")).count()
    };
    let before = sockets();
    let idle: Vec<_> = (0..AT_ONCE).map(|_| connect(daemon.base())).collect();
    let mut most = 0;
    // They say nothing, so they are let go, ten at a time, until it is our turn.
    eventually("a client has its turn", || {
        let answered = std::thread::scope(|scope| {
            let asking = scope.spawn(|| client.get("/auth/info").status(200));
            while !asking.is_finished() {
                most = most.max(sockets());
                std::thread::yield_now();
            }
            asking.join().is_ok()
        });
        answered.then_some(())
    });
    say(&format!("{} connections, {most} sockets at most", idle.len()));
    assert!(most <= before + 10, "{most} sockets, {before} before");
}
