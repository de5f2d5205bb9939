//! One event, many times and in several ways, is one job.

use std::thread;

use reqwest::Method;
use reqwest::blocking::multipart::{Form, Part};
use scribed_tests::client::send;
use scribed_tests::{Client, Cluster, audio, eventually, say};

use crate::wire::{Wire, event};

/// How often the event comes over Kafka.
const EVENTS: usize = 100;
/// How often the same comes over HTTP, at each of two hosts.
const UPLOADS: usize = 8;
/// Events behind all others, with so many keys that every partition gets one.
const LAST: usize = 60;

/// Uploads a recording under a key of the caller's, and returns the number of its job.
#[track_caller]
fn upload(client: &Client, key: &str, recording: &[u8]) -> i64 {
    let part = Part::bytes(recording.to_vec()).file_name("talk.wav");
    let request = client
        .request(Method::POST, "/upload-audiofile")
        .header("Idempotency-Key", key)
        .multipart(Form::new().part("audiofile", part));
    send(request).status(200).json()["task_id"].as_i64().unwrap()
}

#[test]
fn one_id_is_one_job_however_often_and_whichever_way_it_comes() {
    let Some(cluster) = Cluster::new("once") else { return };
    let hosts = [cluster.start(), cluster.start()];
    let client = hosts[0].client();
    let clients = hosts.each_ref().map(|host| client.at(host));
    let recording = audio::wav(&[0; audio::RATE / 5]);
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
    // The other way round: the id of an event is taken for another recording.
    let other = audio::wav(&[1; audio::RATE / 5]);
    let part = Part::bytes(other).file_name("talk.wav");
    let request = client
        .request(Method::POST, "/upload-audiofile")
        .header("Idempotency-Key", "take-1")
        .multipart(Form::new().part("audiofile", part));
    assert_eq!(send(request).status, 422);
    say(&format!(
        "the same event {EVENTS} times over Kafka and {} times over HTTP: 1 job",
        2 * UPLOADS
    ));
}
