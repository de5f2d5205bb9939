//! An answer to an upload means that it is durable: the daemon is killed between any two steps of
//! uploads, one at a time.

use std::time::Duration;

use scribed_tests::pass;
use scribed_tests::sound::Random;

use crate::bench::{Bench, Offer};
use crate::tracer::{self, Point};
use crate::{beside, form};

/// Chunks of a recording: few, since it is the way in that matters.
const CHUNKS: usize = 8;
/// How long a daemon may take to come to a point that its upload has passed.
const STRIKES: Duration = Duration::from_millis(150);

/// The steps of an upload, as its system calls, and how many of each a thread makes at most.
const STEPS: [Point; 18] = [
    // The request is read, and its account looked up.
    Point::any("recvfrom", 4),
    Point::any("pread64", 2),
    // The recording is written, piece by piece, beside its place.
    Point::any("openat", 5),
    Point::any("write", 10),
    Point::any("statx", 2),
    // It is made durable, put into its place, and so is its name.
    Point::any("fsync", 2),
    Point::any("close", 6),
    Point::any("rename", 1),
    // A worker looks at it.
    Point::any("sendmsg", 8),
    Point::any("recvmsg", 12),
    Point::any("memfd_create", 4),
    Point::any("unlink", 1),
    // The job is made, in the pages of the database's log.
    Point::any("fcntl", 12),
    Point::log("pwrite64", 24),
    Point::log("fsync", 3),
    Point::any("pwrite64", 30),
    // The client is answered; the work begins.
    Point::any("writev", 2),
    Point::any("futex", 30),
];

#[test]
fn an_upload_that_was_answered_is_durable_and_any_other_leaves_nothing() {
    let _beside = beside();
    let kills = form(40, 500);
    let mut random = Random::printed("uploads");
    let mut bench = Bench::start("uploads", Duration::ZERO, 1);
    let points = tracer::is_there().then(|| steps(&mut random, kills));
    for number in 0..kills {
        let offer = Offer::new(number, CHUNKS);
        let upload = |bench: &Bench| {
            offer.submit(&bench.desk, &bench.client);
        };
        match &points {
            Some(points) => bench.strike(points[number], STRIKES, upload),
            None => kill_at_random(&mut bench, &offer, random.millis(40)),
        }
        // What was not answered is sent again, under the same key. Some are not: what the kill left of
        // them must go by itself.
        if number % 4 > 0 {
            while offer.submit(&bench.desk, &bench.client).is_none() {}
        }
    }
    bench.assert_struck();
    let keys = bench.keys();
    bench.finish(keys, 1);
}

/// Chooses a step for each kill, every kind in turn.
fn steps(random: &mut Random, kills: usize) -> Vec<Point> {
    let step = |kill: usize| {
        let step = STEPS[kill % STEPS.len()];
        let turn = 1 + u32::try_from(random.below(step.turn as usize)).unwrap();
        Point { turn, ..step }
    };
    (0..kills).map(step).collect()
}

/// Kills the daemon so long after an upload began.
fn kill_at_random(bench: &mut Bench, offer: &Offer, after: Duration) {
    let (desk, client, offer) = (bench.desk.clone(), bench.client.clone(), offer.clone());
    let upload = std::thread::spawn(move || {
        offer.submit(&desk, &client);
    });
    pass(after);
    bench.kill();
    upload.join().unwrap();
}
