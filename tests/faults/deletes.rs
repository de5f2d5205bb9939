//! What is given up is gone: refused recordings, second copies, the work of cancelled jobs, and jobs that
//! their clients delete, wherever the daemon is killed meanwhile.
//!
//! Of a job the bytes go first and the rows last: what a kill leaves is still a job, and whoever asks again
//! completes the deletion. What is deleted by itself, after the time that its submitter named, goes the same
//! way.

use std::cell::Cell;
use std::time::Duration;

use reqwest::Method;
use scribed_schemas::job::JobState;
use scribed_tests::sound::Random;
use scribed_tests::{eventually, pass, say};

use crate::bench::{Bench, Offer};
use crate::reader::state;
use crate::tracer::{self, Point};
use crate::{ask, beside, form};

/// Chunks of a recording.
const CHUNKS: usize = 6;
/// How long a daemon may take to come to a point that its work has passed.
const STRIKES: Duration = Duration::from_millis(150);
/// How long a request may wait for its answer.
const ANSWER: Duration = Duration::from_secs(10);
/// What is given up, in turn: a refused recording, a second copy, the work of a job, a job.
const KINDS: usize = 4;

/// Steps of the deletion of a recording that became no job.
const STEPS_OF_REFUSAL: [Point; 9] = [
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

/// Steps of the deletion of a job.
const STEPS_OF_DELETION: [Point; 6] = [
    // Its recording is there, and then is not.
    Point::any("unlink", 1),
    Point::log("pwrite64", 1),
    // Its rows are about to go, in the pages of the database's log.
    Point::log("pwrite64", 4),
    Point::log("pwrite64", 9),
    Point::log("fsync", 1),
    // They are gone, and nobody is told.
    Point::any("writev", 1),
];

#[test]
fn what_is_given_up_is_gone_wherever_a_kill_comes() {
    let _beside = beside();
    let kills = form(24, 200);
    let mut killer = Killer::new();
    let mut bench = Bench::start("deletes", Duration::from_millis(20), 1);
    // One that is completed, whose recording comes again and again.
    let first = Offer::new(0, CHUNKS);
    let kept = sent(&bench, &first);
    // As many others as may be left without a job: where most are, a daemon takes the database for another
    // and removes none.
    let others = kills / 2;
    for number in kills..kills + others {
        completed(&bench, number);
    }
    let begin = kills + others;
    let doomed: Vec<i64> =
        (begin..begin + kills / KINDS).map(|number| completed(&bench, number)).collect();
    let (mut cancelled, mut deleted) = (0, 0);
    for number in 0..kills {
        let turn = number / KINDS;
        match number % KINDS {
            0 => killer.strikes(&mut bench, &STEPS_OF_REFUSAL, turn, |bench| {
                refused(bench, number);
            }),
            1 => killer.strikes(&mut bench, &STEPS_OF_REFUSAL, turn, |bench| {
                if let Some(again) = first.submit(&bench.desk, &bench.client) {
                    assert_eq!(again, kept);
                }
            }),
            2 => {
                cancelled += usize::from(cancellation_is_cut_off(&mut bench, &mut killer, number));
            }
            _ => {
                let job = doomed[turn];
                deleted += usize::from(deletion_is_cut_off(&mut bench, &mut killer, turn, job));
            }
        }
    }
    let each = kills / KINDS;
    say(&format!(
        "deletes: {cancelled} of {each} cancellations and {deleted} of {each} deletions of jobs were answered \
         before the kill"
    ));
    bench.assert_struck();
    bench.finish(1 + others + each, 1);
}

/// Who kills the daemon in the midst of its work.
#[derive(Debug)]
struct Killer {
    random: Random,
    is_traced: bool,
}

impl Killer {
    fn new() -> Self {
        Self { random: Random::printed("deletes"), is_traced: tracer::is_there() }
    }

    /// Lets the daemon come to one of some steps, each in its turn, while `work` goes on, and starts it
    /// again.
    ///
    /// Where nothing can be traced it is killed a moment after the work.
    #[track_caller]
    fn strikes(
        &mut self,
        bench: &mut Bench,
        steps: &[Point],
        turn: usize,
        work: impl FnOnce(&Bench),
    ) {
        if self.is_traced {
            bench.strike(steps[turn % steps.len()], STRIKES, work);
        } else {
            work(bench);
            pass(self.random.millis(30));
            bench.kill();
        }
    }
}

/// Sends what is no recording.
fn refused(bench: &Bench, number: usize) {
    let key = format!("bad-{number}");
    let unusable = Offer { key, bytes: vec![b'x'; 40_000], expected: None };
    if let Some((status, _)) = unusable.send(&bench.client.with_base(&bench.desk.base())) {
        assert_eq!(status, 400);
    }
}

/// Lets a kill come while a job is cancelled; returns whether the client was answered before.
#[track_caller]
fn cancellation_is_cut_off(bench: &mut Bench, killer: &mut Killer, number: usize) -> bool {
    let offer = Offer { expected: None, ..Offer::new(number, CHUNKS * 4) };
    let job = sent(bench, &offer);
    let turn = number / KINDS;
    let answered = Cell::new(false);
    let work = |bench: &Bench| answered.set(cancel(bench, job));
    if turn.is_multiple_of(2) {
        killer.strikes(bench, &STEPS_OF_CANCELLATION, turn / 2, work);
    } else {
        // The answer is there; the work is still being ended.
        work(bench);
        bench.kill();
    }
    if answered.get() {
        let there = bench.client.with_base(&bench.desk.base());
        let ended = eventually("the daemon tells of a job", || state(&there, job));
        assert!(matches!(ended, JobState::Cancelled | JobState::CompletedPartially), "{ended:?}");
    }
    answered.get()
}

/// Cancels a job; returns whether the daemon said that it did.
fn cancel(bench: &Bench, job: i64) -> bool {
    let path = format!("/transcript/cancel?transcript_id={job}");
    asked(bench, Method::POST, &path) == Some(200)
}

/// Lets a kill come while a job is deleted, repeats the deletion until it is answered, and insists that
/// nothing of the job is left; returns whether the client was answered before the kill.
#[track_caller]
fn deletion_is_cut_off(bench: &mut Bench, killer: &mut Killer, turn: usize, job: i64) -> bool {
    let of_job = format!("FROM media WHERE id = (SELECT media FROM jobs WHERE id = {job})");
    let media = ask(&bench.daemon, &format!("SELECT id {of_job}"))[0].clone();
    let key = ask(&bench.daemon, &format!("SELECT key {of_job}"))[0].clone();
    let recording = bench.daemon.state().join("media").join(key);
    assert!(recording.exists(), "{}", recording.display());
    let path = format!("/speechtotext/v1/jobs/{job}");
    let answer = Cell::new(None);
    killer.strikes(bench, &STEPS_OF_DELETION, turn, |bench| {
        answer.set(asked(bench, Method::DELETE, &path));
    });
    let answered = answer.get();
    assert!(matches!(answered, None | Some(204)), "{answered:?}");
    let again = eventually("a deletion is answered", || asked(bench, Method::DELETE, &path));
    // What was answered is durable; what was not may have happened all the same.
    let is_right = again == 404 || answered.is_none() && again == 204;
    assert!(is_right, "{answered:?} before the kill, {again} after it");
    let rows = ask(
        &bench.daemon,
        &format!(
            "SELECT 'job', id FROM jobs WHERE id = {job} \
             UNION ALL SELECT 'chunk', number FROM chunks WHERE job = {job} \
             UNION ALL SELECT 'media', id FROM media WHERE id = {media} \
             UNION ALL SELECT 'submission', key FROM submissions WHERE job = {job}"
        ),
    );
    assert!(rows.is_empty(), "of job {job} there is left: {rows:?}");
    // Before the removal of recordings without a job comes to it.
    assert!(!recording.exists(), "{} is left of job {job}", recording.display());
    for gone in [path, format!("/transcript/info?transcript_id={job}")] {
        assert_eq!(asked(bench, Method::GET, &gone), Some(404), "{gone}");
    }
    bench.desk.deleted(job);
    answered.is_some()
}

/// Makes a request as the client; returns the status of the answer, where one came.
fn asked(bench: &Bench, method: Method, path: &str) -> Option<u16> {
    let there = bench.client.with_base(&bench.desk.base());
    let answer = there.request(method, path).timeout(ANSWER).send().ok()?;
    Some(answer.status().as_u16())
}

/// Sends a recording until it is accepted, and waits for its text; returns its job.
#[track_caller]
fn completed(bench: &Bench, number: usize) -> i64 {
    let job = sent(bench, &Offer::new(number, CHUNKS));
    let there = bench.client.with_base(&bench.desk.base());
    eventually("one that is wanted is done", || {
        state(&there, job).filter(|state| *state == JobState::Completed)
    });
    job
}

/// Sends a recording until it is accepted.
#[track_caller]
fn sent(bench: &Bench, offer: &Offer) -> i64 {
    eventually("a recording is accepted", || offer.submit(&bench.desk, &bench.client))
}
