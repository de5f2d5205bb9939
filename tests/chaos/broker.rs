//! Brokers are killed, paused and cut off while work goes on.

use std::time::{Duration, Instant};

use scribed_tests::checker::Rules;
use scribed_tests::{Services, pass};

use crate::bench::Bench;
use crate::proxy::Proxy;
use crate::services::Own;
use crate::{alone, form, only_long};

/// Events before each fault.
const BEFORE: usize = 4;
/// How long a chunk takes: jobs outlast the shortest outage.
const DELAY: Duration = Duration::from_millis(100);

/// What happens to a broker.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Killed,
    Paused,
    HalfOpen,
}

#[test]
fn a_broker_that_is_away_is_waited_out() {
    let _alone = alone();
    let Some(given) = Services::given("chaos") else { return };
    let proxy = Proxy::new();
    let advertise = proxy.port().to_string();
    let Some(kafka) = Own::up("kafka", 1, &["--advertise", &advertise]) else { return };
    proxy.lead_to(&kafka.addresses()[0]);
    let services = Services { brokers: vec![proxy.address()], broker_copies: 1, ..given };
    let mut bench = Bench::start("broker", &services, 2, DELAY);
    let mut figures = Vec::new();
    let lengths = form(&[5][..], &[5, 30, 120][..]);
    for seconds in lengths {
        for fault in [Fault::Killed, Fault::Paused, Fault::HalfOpen] {
            let outage = Duration::from_secs(*seconds);
            figures.push(strike(&mut bench, &kafka, &proxy, fault, outage));
        }
    }
    bench.finish(Rules { uncharged: true, ..Rules::default() }, &figures.join(", "));
}

/// Takes the broker away for a while in the middle of work; says how soon work was taken in again.
fn strike(bench: &mut Bench, kafka: &Own, proxy: &Proxy, fault: Fault, outage: Duration) -> String {
    bench.send(BEFORE);
    let sent = bench.sent();
    bench.wait_for("the events are taken in", |sight| (sight.jobs.len() >= sent).then_some(()));
    let before = bench.desk.sight().ready();
    match fault {
        Fault::Killed => kafka.kill(1),
        Fault::Paused => kafka.pause(1),
        Fault::HalfOpen => proxy.swallow(true),
    }
    let begin = Instant::now();
    // What runs goes on without a broker.
    bench.wait_for("running jobs go on", |sight| (sight.ready() > before).then_some(()));
    pass(outage.saturating_sub(begin.elapsed()));
    match fault {
        Fault::Killed => kafka.restart(1),
        Fault::Paused => kafka.resume(1),
        Fault::HalfOpen => proxy.swallow(false),
    }
    let back = Instant::now();
    bench.send(1);
    let sent = bench.sent();
    bench.wait_for("intake goes on", |sight| (sight.jobs.len() >= sent).then_some(()));
    format!("{fault:?} {} s: intake after {:.1} s", outage.as_secs(), back.elapsed().as_secs_f64())
}

#[test]
fn one_broker_of_three_may_die() {
    let _alone = alone();
    let Some(given) = Services::given("chaos") else { return };
    if !only_long("brokers") {
        return;
    }
    let Some(kafka) = Own::up("kafka", 3, &[]) else { return };
    let services = Services { brokers: kafka.addresses(), broker_copies: 3, ..given };
    let mut bench = Bench::start("brokers", &services, 2, DELAY);
    let mut figures = Vec::new();
    for broker in 1..=3 {
        bench.send(BEFORE);
        kafka.kill(broker);
        let killed = Instant::now();
        bench.send(BEFORE);
        let sent = bench.sent();
        bench.wait_for("intake goes on", |sight| (sight.jobs.len() >= sent).then_some(()));
        figures
            .push(format!("broker {broker}: intake after {:.1} s", killed.elapsed().as_secs_f64()));
        kafka.restart(broker);
    }
    bench.finish(Rules { uncharged: true, ..Rules::default() }, &figures.join(", "));
}
