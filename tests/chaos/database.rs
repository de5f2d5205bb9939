//! Nodes of the database are killed, paused and slowed while work goes on.

use std::time::{Duration, Instant};

use scribed_tests::checker::Rules;
use scribed_tests::{Services, pass};

use crate::bench::Bench;
use crate::services::Own;
use crate::{alone, form, only_long};

/// Events before each fault.
const BEFORE: usize = 4;
/// How long a chunk takes.
const DELAY: Duration = Duration::from_millis(100);
/// A node is slowed by being stopped for this long of twice that time.
const BEAT: Duration = Duration::from_millis(500);

#[test]
fn the_only_node_of_the_database_may_be_away() {
    let _alone = alone();
    let Some(given) = Services::given("chaos") else { return };
    let Some(cassandra) = Own::up("cassandra", 1, &[]) else { return };
    let services = Services { nodes: cassandra.addresses(), node_copies: 1, ..given };
    let mut bench = Bench::start("database", &services, 2, DELAY);
    bench.send(BEFORE);
    bench.wait_for("work goes on", |sight| (sight.ready() > 0).then_some(()));
    cassandra.kill(1);
    // Sent to hosts that cannot take them in.
    bench.send(BEFORE);
    pass(Duration::from_secs(form(5, 30)));
    let begin = Instant::now();
    cassandra.restart(1);
    let (start, back) = (begin.elapsed(), Instant::now());
    let sent = bench.sent();
    bench.wait_for("intake goes on", |sight| (sight.jobs.len() >= sent).then_some(()));
    let figures = format!(
        "the only node away for {:.0} s: intake {:.1} s after",
        (start + Duration::from_secs(form(5, 30))).as_secs_f64(),
        back.elapsed().as_secs_f64()
    );
    bench.finish(Rules { uncharged: true, ..Rules::default() }, &figures);
}

#[test]
fn one_node_of_three_may_die_and_be_silent_and_be_slow() {
    let _alone = alone();
    let Some(given) = Services::given("chaos") else { return };
    if !only_long("nodes") {
        return;
    }
    let Some(cassandra) = Own::up("cassandra", 3, &[]) else { return };
    let services = Services { nodes: cassandra.addresses(), node_copies: 3, ..given };
    let mut bench = Bench::start("nodes", &services, 2, DELAY);
    let mut figures = Vec::new();
    for (what, node) in [("killed", 1), ("paused", 2), ("slowed", 3)] {
        bench.send(BEFORE);
        let struck = Instant::now();
        match what {
            "killed" => cassandra.kill(node),
            "paused" => cassandra.pause(node),
            _ => slow(&mut bench, &cassandra, node),
        }
        bench.send(BEFORE);
        let sent = bench.sent();
        bench.wait_for("all is done meanwhile", |sight| (sight.done() >= sent).then_some(()));
        figures.push(format!("{what}: all done within {:.1} s", struck.elapsed().as_secs_f64()));
        match what {
            "killed" => cassandra.restart(node),
            _ => cassandra.resume(node),
        }
    }
    bench.finish(Rules { uncharged: true, ..Rules::default() }, &figures.join(", "));
}

/// Stops a node for half of each second, for a minute of work: what is asked of it takes up to that
/// long.
fn slow(bench: &mut Bench, cassandra: &Own, node: u32) {
    for beat in 0..60 {
        cassandra.pause(node);
        pass(BEAT);
        cassandra.resume(node);
        pass(BEAT);
        bench.send(usize::from(beat % BEFORE == 0));
    }
}
