//! The same thing is asked for again and again, at once, by every way there is: it is done once.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use reqwest::Method;
use reqwest::blocking::multipart::{Form, Part};
use scribed_tests::checker::Rules;
use scribed_tests::{Client, Services};

use crate::alone;
use crate::bench::Bench;
use crate::sound::recording;

/// Those who ask at once.
const THREADS: usize = 10;
/// How often each of them asks.
const TIMES: usize = 10;

#[test]
fn what_is_asked_for_a_hundred_times_is_done_once() {
    let _alone = alone();
    let Some(services) = Services::given("chaos") else { return };
    let mut bench = Bench::start("repeats", &services, 2, Duration::from_millis(20));
    let clients: Vec<Client> = bench.hosts.iter().map(|host| bench.client.at(host)).collect();

    let (wav, expected) = recording(1);
    at_once(|_| bench.producer().send("event", &wav));
    bench.note_sent("event", expected);

    let (wav, expected) = recording(2);
    let answers = at_once(|number| upload(&clients[number % 2], "posted", &wav));
    bench.note_upload("posted", only(answers), Some(expected));

    // The first who comes makes the job, and the others get it, each in its way.
    let (wav, expected) = recording(3);
    let answers = at_once(|number| {
        if number % 2 == 0 {
            return Some(upload(&clients[number / 2 % 2], "mixed", &wav));
        }
        bench.producer().send("mixed", &wav);
        None
    });
    bench.note_sent("mixed", expected);
    bench.note_upload("mixed", only(answers.into_iter().flatten()), None);

    bench.expect_jobs(3);
    bench.finish(Rules { uncharged: true, ..Rules::default() }, "300 requests for 3 jobs");
}

/// Returns the one job that all were told.
#[track_caller]
fn only(answers: impl IntoIterator<Item = (u16, Option<i64>)>) -> i64 {
    let answers: BTreeSet<_> = answers.into_iter().collect();
    assert_eq!(answers.len(), 1, "every answer is the same: {answers:?}");
    match answers.first() {
        Some((200, Some(job))) => *job,
        other => panic!("refused: {other:?}"),
    }
}

/// Lets all ask at once; returns what each was answered.
fn at_once<T: Send>(ask: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let ask = &ask;
    thread::scope(|scope| {
        let asks = (0..THREADS).map(|thread| {
            scope.spawn(move || {
                (0..TIMES).map(|time| ask(thread * TIMES + time)).collect::<Vec<_>>()
            })
        });
        let asks: Vec<_> = asks.collect();
        asks.into_iter().flat_map(|asked| asked.join().unwrap()).collect()
    })
}

/// Uploads a recording under a key; returns the status and the job.
fn upload(client: &Client, key: &str, wav: &[u8]) -> (u16, Option<i64>) {
    let part = Part::bytes(wav.to_vec()).file_name("noise.wav");
    let request = client.request(Method::POST, "/upload-audiofile").header("Idempotency-Key", key);
    let answer =
        scribed_tests::client::send(request.multipart(Form::new().part("audiofile", part)));
    (answer.status, answer.json()["task_id"].as_i64())
}
