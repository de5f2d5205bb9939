//! One event, many times and in several ways, is one job.

use std::thread;

use reqwest::Method;
use reqwest::blocking::multipart::{Form, Part};
use scribed_tests::client::send;
use scribed_tests::{Answer, Client, Cluster, Daemon, audio, eventually, say};

use crate::wire::{Wire, event};

/// How often the event comes over Kafka.
const EVENTS: usize = 100;
/// How often the same comes over HTTP, at each of two hosts.
const UPLOADS: usize = 8;
/// Events behind all others, with so many keys that every partition gets one.
const LAST: usize = 60;
/// Levels of recordings that differ from each other and from silence.
const OTHERS: std::ops::RangeInclusive<i16> = 1..=100;
/// What a key that stands for another recording is told.
const TAKEN: &str = "Idempotency-Key was used for another recording";

/// Uploads a recording under a key of the caller's.
#[track_caller]
fn try_upload(client: &Client, key: &str, recording: &[u8]) -> Answer {
    let part = Part::bytes(recording.to_vec()).file_name("talk.wav");
    let request = client
        .request(Method::POST, "/upload-audiofile")
        .header("Idempotency-Key", key)
        .multipart(Form::new().part("audiofile", part));
    send(request)
}

/// Uploads a recording under a key of the caller's, and returns the number of its job.
#[track_caller]
fn upload(client: &Client, key: &str, recording: &[u8]) -> i64 {
    try_upload(client, key, recording).status(200).json()["task_id"].as_i64().unwrap()
}

/// Makes a recording that is flat.
fn flat(level: i16) -> Vec<u8> {
    audio::wav(&[level; audio::RATE / 5])
}

/// Uploads recordings under the same key at once, at one client after the other.
#[track_caller]
fn all_at_once(clients: &[Client], key: &str, recordings: &[Vec<u8>]) -> Vec<Answer> {
    thread::scope(|scope| {
        let pairs = recordings.iter().zip(clients.iter().cycle());
        let uploads: Vec<_> = pairs
            .map(|(recording, client)| scope.spawn(move || try_upload(client, key, recording)))
            .collect();
        uploads.into_iter().map(|upload| upload.join().unwrap()).collect()
    })
}

/// Uploads a hundred other recordings under a key that is taken, at once: all are refused.
#[track_caller]
fn others_are_refused(clients: &[Client], key: &str) {
    let others: Vec<_> = OTHERS.map(flat).collect();
    for answer in all_at_once(clients, key, &others) {
        let answer = answer.status(422);
        assert!(answer.detail().contains(TAKEN), "{}", answer.detail());
    }
}

#[test]
fn one_id_is_one_job_however_often_and_whichever_way_it_comes() {
    let Some(cluster) = Cluster::new("once") else { return };
    let hosts = [cluster.start(), cluster.start()];
    let client = hosts[0].client();
    let clients = hosts.each_ref().map(|host| client.at(host));
    let recording = flat(0);
    let payload = event("take-1", &client.name, &recording).to_string();
    let wire = Wire::of_cluster(&cluster);
    let mut jobs: Vec<i64> = thread::scope(|scope| {
        let uploads: Vec<_> = clients
            .iter()
            .flat_map(|client| [client; UPLOADS])
            .map(|client| scope.spawn(|| upload(client, "take-1", &recording)))
            .collect();
        // Keys differ, so the events reach both hosts.
        for number in 0..EVENTS {
            wire.send(format!("key-{number}"), payload.as_str());
        }
        uploads.into_iter().map(|upload| upload.join().unwrap()).collect()
    });
    for number in 0..LAST {
        let event = event(&format!("last-{number}"), &client.name, &recording);
        wire.send(format!("last-{number}"), event.to_string());
    }
    let last = (0..LAST).map(|number| format!("last-{number}"));
    let last = last.collect::<std::collections::BTreeSet<_>>();
    eventually("what came behind has ended", || wire.ended().is_superset(&last).then_some(()));

    jobs.sort_unstable();
    jobs.dedup();
    assert_eq!(jobs.len(), 1, "uploads were answered with several jobs");
    let listed = client.get("/transcriptions?size=1").status(200).json();
    assert_eq!(listed["total"], 1 + LAST);
    let letters = wire.letters();
    assert!(letters.is_empty(), "{letters:?}");
    // The other way round: the id of an event is taken for other recordings.
    others_are_refused(&clients, "take-1");
    let listed = client.get("/transcriptions?size=1").status(200).json();
    assert_eq!(listed["total"], 1 + LAST, "what was refused became no job");
    say(&format!(
        "the same event {EVENTS} times over Kafka and {} times over HTTP: 1 job; {} other recordings \
         under its id at once: all refused",
        2 * UPLOADS,
        OTHERS.count()
    ));
}

#[test]
fn one_key_is_one_job_on_one_machine_when_all_come_at_once() {
    let daemon = Daemon::start();
    let client = daemon.client();
    let same: Vec<_> = OTHERS.map(|_| flat(0)).collect();
    let answers = all_at_once(std::slice::from_ref(&client), "take-1", &same);
    let first = answers[0].json();
    assert!(first["task_id"].is_i64(), "{first}");
    for answer in answers {
        assert_eq!(answer.status(200).json(), first, "all are told of the same job");
    }
    others_are_refused(std::slice::from_ref(&client), "take-1");
    let listed = client.get("/transcriptions?size=1").status(200).json();
    assert_eq!(listed["total"], 1);
    eventually("one recording is kept", || (daemon.stored().len() == 1).then_some(()));
    say(&format!(
        "the same upload {} times at once: 1 job; as many other recordings under its key: all refused",
        same.len()
    ));
}
