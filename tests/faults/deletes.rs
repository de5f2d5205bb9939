//! What is given up is gone: refused recordings, second copies, and the work of cancelled jobs, wherever
//! the daemon is killed meanwhile.
//!
//! There is no route yet that deletes a job; these are all the ways on which something is deleted.

use std::cell::Cell;
use std::time::Duration;

use reqwest::Method;
use scribed_schemas::job::JobState;
use scribed_tests::sound::Random;
use scribed_tests::{eventually, pass, say};

use crate::bench::{Bench, Offer};
use crate::reader::state;
use crate::tracer::{self, Point};
use crate::{beside, form};

/// Chunks of a recording.
const CHUNKS: usize = 6;
/// How long a daemon may take to come to a point that its work has passed.
const STRIKES: Duration = Duration::from_millis(150);

/// Steps of a deletion.
const STEPS_OF_DELETION: [Point; 9] = [
    Point::any("unlink", 1),
    Point::any("unlink", 2),
    Point::any("fsync", 2),
    Point::any("rename", 1),
    Point::any("openat", 4),
    Point::any("sendmsg", 3),
    Point::any("close", 6),
    Point::any("writev", 1),
    Point::any("fcntl", 9),
];

/// Steps of a cancellation.
const STEPS_OF_CANCELLATION: [Point; 5] = [
    Point::log("pwrite64", 1),
    Point::log("pwrite64", 4),
    Point::log("fsync", 1),
    Point::any("sendmsg", 1),
    Point::any("writev", 1),
];

#[test]
fn what_is_given_up_is_gone_wherever_a_kill_comes() {
    let _beside = beside();
    let kills = form(20, 200);
    let mut random = Random::printed("deletes");
    let mut bench = Bench::start("deletes", Duration::from_millis(20), 1);
    let is_traced = tracer::is_there();
    let mut strike = |bench: &mut Bench, steps: &[Point], number: usize, work: &dyn Fn(&Bench)| {
        if is_traced {
            bench.strike(steps[number % steps.len()], STRIKES, work);
        } else {
            work(bench);
            pass(random.millis(30));
            bench.kill();
        }
    };
    // One that is completed, whose recording comes again and again.
    let first = Offer::new(0, CHUNKS);
    let kept = sent(&bench, &first);
    // As many others as may be left without a job: where most are, a daemon takes the database for another
    // and removes none.
    let others = kills * 2 / 3 + 1;
    for number in kills..kills + others {
        let job = sent(&bench, &Offer::new(number, CHUNKS));
        let there = bench.client.with_base(&bench.desk.base());
        eventually("one that is wanted is done", || {
            state(&there, job).filter(|state| *state == JobState::Completed)
        });
    }
    let mut jobs = 1 + others;
    let mut cancelled = Vec::new();
    for number in 0..kills {
        match number % 3 {
            0 => strike(&mut bench, &STEPS_OF_DELETION, number / 3, &|bench| {
                let unusable = Offer {
                    key: format!("bad-{number}"),
                    bytes: vec![b'x'; 40_000],
                    expected: None,
                };
                if let Some((status, _)) =
                    unusable.send(&bench.client.with_base(&bench.desk.base()))
                {
                    assert_eq!(status, 400);
                }
            }),
            1 => strike(&mut bench, &STEPS_OF_DELETION, number / 3, &|bench| {
                if let Some(again) = first.submit(&bench.desk, &bench.client) {
                    assert_eq!(again, kept);
                }
            }),
            _ => {
                let offer = Offer { expected: None, ..Offer::new(number, CHUNKS * 4) };
                let job = sent(&bench, &offer);
                jobs += 1;
                let answered = Cell::new(false);
                let work = |bench: &Bench| answered.set(cancel(bench, job));
                if number % 2 == 0 {
                    strike(&mut bench, &STEPS_OF_CANCELLATION, number / 6, &work);
                } else {
                    // The answer is there; the work is still being ended.
                    work(&bench);
                    bench.kill();
                }
                if answered.get() {
                    let there = bench.client.with_base(&bench.desk.base());
                    let ended = eventually("the daemon tells of a job", || state(&there, job));
                    assert!(
                        matches!(ended, JobState::Cancelled | JobState::CompletedPartially),
                        "{ended:?}"
                    );
                    cancelled.push(job);
                }
            }
        }
    }
    say(&format!(
        "deletes: {} of {} cancellations were answered",
        cancelled.len(),
        jobs - 1 - others
    ));
    bench.assert_struck();
    bench.finish(jobs, 1);
}

/// Cancels a job; returns whether the daemon said that it did.
fn cancel(bench: &Bench, job: i64) -> bool {
    let there = bench.client.with_base(&bench.desk.base());
    let path = format!("/transcript/cancel?transcript_id={job}");
    let answer = there.request(Method::POST, &path).timeout(Duration::from_secs(10)).send();
    answer.is_ok_and(|answer| answer.status() == 200)
}

/// Sends a recording until it is accepted.
#[track_caller]
fn sent(bench: &Bench, offer: &Offer) -> i64 {
    eventually("a recording is accepted", || offer.submit(&bench.desk, &bench.client))
}
