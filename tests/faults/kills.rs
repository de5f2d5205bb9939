//! The daemon is killed while recordings come in and are worked on: at random times, before each kind of
//! system call that changes something outside the process, and while it starts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use scribed_tests::pass;
use scribed_tests::sound::Random;

use crate::bench::{Bench, Offer};
use crate::tracer::{self, Point};
use crate::{beside, form};

/// Chunks that are recognised at the same time.
const SLOTS: u32 = 2;
/// How long a daemon at work may take to come to a point.
const STRIKES: Duration = Duration::from_secs(4);
/// How long a daemon that starts may take.
const STRIKES_START: Duration = Duration::from_millis(600);
/// Pause between two tries at an upload.
const TRY: Duration = Duration::from_millis(40);

/// Calls before which a daemon at work is killed, each at any of its first turns.
const POINTS: [Point; 13] = [
    // A recording comes in.
    Point::any("openat", 3),
    Point::any("write", 12),
    Point::any("fsync", 2),
    Point::any("close", 12),
    Point::any("rename", 1),
    Point::any("unlink", 1),
    Point::any("writev", 2),
    // A chunk goes to a worker, and its text comes back.
    Point::any("memfd_create", 12),
    Point::any("sendmsg", 24),
    Point::any("recvmsg", 24),
    // It is stored.
    Point::log("pwrite64", 40),
    Point::log("fsync", 4),
    // A lock of the database.
    Point::any("fcntl", 40),
];

/// Calls before which a daemon that starts is killed.
const POINTS_OF_START: [Point; 4] = [
    Point::any("openat", 20),
    Point::any("pwrite64", 4),
    Point::any("unlink", 2),
    Point::any("recvmsg", 6),
];

/// What is done to the daemon.
#[derive(Debug, Clone, Copy)]
enum Kill {
    AtRandom,
    At(Point),
    AtStart(Point),
}

#[test]
fn a_daemon_that_is_killed_loses_and_repeats_nothing() {
    let _beside = beside();
    let (recordings, chunks, at_random, each) = form((40, 10, 15, 2), (200, 20, 500, 5));
    let mut random = Random::printed("kills");
    // So much that there is always work, and so little that it can be done after the last kill.
    let delay = Duration::from_millis(form(60, 20));
    let mut bench = Bench::start("kills", delay, SLOTS);
    let kills = plan(&mut random, at_random, each);
    let uploads = Uploads::start(&bench, recordings, chunks);
    let at_points = kills.iter().filter(|kill| matches!(kill, Kill::At(_))).count();
    let (spare, mut so_far) = (recordings - at_points, 0);
    for kill in kills {
        match kill {
            Kill::AtRandom => {
                // So that kills meet every step of the way: there is always something that comes in.
                uploads.let_in(spare * (so_far + 1) / at_random - spare * so_far / at_random);
                so_far += 1;
                if so_far.is_multiple_of(4) {
                    bench.kill_while_it_starts(random.millis(400));
                } else {
                    pass(random.millis(500));
                    bench.kill();
                }
            }
            Kill::At(point) => bench.strike(point, STRIKES, |_| uploads.let_in(1)),
            Kill::AtStart(point) => bench.strike_while_it_starts(point, STRIKES_START),
        }
    }
    uploads.finish();
    bench.assert_struck();
    bench.finish(recordings, SLOTS as usize);
}

/// Somebody who uploads recordings, one after the other, as they are let in.
struct Uploads {
    let_in: Arc<AtomicUsize>,
    thread: JoinHandle<()>,
}

impl Uploads {
    fn start(bench: &Bench, recordings: usize, chunks: usize) -> Self {
        let (desk, client) = (Arc::clone(&bench.desk), bench.client.clone());
        let let_in = Arc::new(AtomicUsize::new(0));
        let told = Arc::clone(&let_in);
        let thread = std::thread::spawn(move || {
            for number in 0..recordings {
                let offer = Offer::new(number, chunks);
                let may = || number < told.load(Ordering::Relaxed);
                // The same key makes it one job, however often it is sent.
                while !may() || offer.submit(&desk, &client).is_none() {
                    pass(TRY);
                }
            }
        });
        Self { let_in, thread }
    }

    fn let_in(&self, more: usize) {
        self.let_in.fetch_add(more, Ordering::Relaxed);
    }

    /// Waits until all are accepted.
    #[track_caller]
    fn finish(self) {
        self.let_in.store(usize::MAX, Ordering::Relaxed);
        self.thread.join().unwrap();
    }
}

/// Plans all kills in an order of chance.
fn plan(random: &mut Random, at_random: usize, each: u32) -> Vec<Kill> {
    let mut kills = vec![Kill::AtRandom; at_random];
    if tracer::is_there() {
        for _ in 0..each {
            kills.extend(POINTS.map(|point| Kill::At(some_turn(random, point))));
            kills.extend(POINTS_OF_START.map(|point| Kill::AtStart(some_turn(random, point))));
        }
    }
    for place in (1..kills.len()).rev() {
        kills.swap(place, random.below(place + 1));
    }
    kills
}

/// Chooses a turn up to that of a point.
fn some_turn(random: &mut Random, point: Point) -> Point {
    let turn = 1 + u32::try_from(random.below(point.turn as usize)).unwrap();
    Point { turn, ..point }
}
