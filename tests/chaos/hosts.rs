//! Hosts come and go: in storms, silently, and one after the other in good order.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use scribed_tests::checker::Rules;
use scribed_tests::{Services, pass};

use crate::bench::Bench;
use crate::sound::{CHUNKS, Random};
use crate::{alone, form};

/// Time from one change of the group to the next.
const BEAT: Duration = Duration::from_secs(2);
/// Most members.
const MOST: usize = 6;

#[test]
fn members_that_come_and_go_all_the_time_lose_and_repeat_nothing() {
    let _alone = alone();
    let Some(services) = Services::given("chaos") else { return };
    let (jobs, length) = form((24, Duration::from_secs(20)), (300, Duration::from_secs(120)));
    let mut random = Random::printed("storm");
    let mut bench = Bench::start("storm", &services, 1, Duration::from_millis(50));
    let (begin, mut joined, mut left, mut killed) = (Instant::now(), 0, 0, 0);
    while begin.elapsed() < length {
        let next = Instant::now() + BEAT;
        let due = jobs as u128 * begin.elapsed().as_millis() / length.as_millis();
        let due = usize::try_from(due).unwrap();
        bench.send(due.max(4).saturating_sub(bench.sent()));
        let members = bench.hosts.len();
        if members == 1 || members < MOST && random.below(2) == 0 {
            bench.hosts.push(bench.cluster.start());
            bench.tell_addresses();
            joined += 1;
        } else {
            let host = random.below(members);
            if (left + killed) % 2 == 0 {
                bench.hosts[host].signal(Signal::KILL);
                killed += 1;
            } else {
                bench.hosts[host].signal(Signal::TERM);
                left += 1;
            }
            bench.hosts[host].ended();
            bench.retire(host);
        }
        pass(next.saturating_duration_since(Instant::now()));
    }
    bench.send(jobs - bench.sent());
    let figures = format!("{joined} joined, {left} left, {killed} killed");
    bench.finish(Rules { uncharged: true, ..Rules::default() }, &figures);
}

#[test]
fn a_host_that_sleeps_longer_than_its_lease_writes_nothing_when_it_wakes() {
    let _alone = alone();
    let Some(services) = Services::given("chaos") else { return };
    let mut bench = Bench::start("sleeper", &services, 2, Duration::from_millis(150));
    let rounds = form(2, 10);
    for _ in 0..rounds {
        bench.send(4);
        let sleeper = bench.wait_for("the first host works", |sight| {
            let works = |host: usize| {
                let name = host_name(&bench, host);
                sight
                    .jobs
                    .values()
                    .any(|seen| seen.holder.as_ref() == Some(&name) && seen.ready > 0)
            };
            (0..2).find(|host| works(*host))
        });
        let name = host_name(&bench, sleeper);
        bench.hosts[sleeper].signal(Signal::STOP);
        // Its leases are 4 s long; the other host takes what it held.
        bench.wait_for("the other host takes over", |sight| {
            let asleep = |seen: &crate::observer::Seen| {
                !seen.state.is_terminal() && seen.holder.as_ref() == Some(&name)
            };
            (!sight.jobs.values().any(asleep)).then_some(())
        });
        bench.hosts[sleeper].signal(Signal::CONT);
    }
    let refused: usize =
        bench.hosts.iter().map(|host| host.log().matches("taken away").count()).sum();
    let figures = format!("{rounds} times asleep, {refused} jobs taken away from a sleeper");
    bench.finish(Rules { uncharged: true, ..Rules::default() }, &figures);
}

/// Returns the name of a host in leases.
fn host_name(bench: &Bench, host: usize) -> String {
    std::fs::read_to_string(bench.hosts[host].state().join("host")).unwrap().trim().to_owned()
}

#[test]
fn hosts_that_are_restarted_in_turn_work_nothing_twice() {
    let _alone = alone();
    let Some(services) = Services::given("chaos") else { return };
    let mut bench = Bench::start("rolling", &services, 3, Duration::from_millis(100));
    let rounds = form(1, 5);
    let mut slowest = Duration::ZERO;
    for round in 0..rounds * 3 {
        bench.send(form(6, 12));
        bench.wait_for("work goes on", |sight| {
            let busy = sight.jobs.values().filter(|seen| seen.holder.is_some()).count();
            (busy >= 3).then_some(())
        });
        let host = &mut bench.hosts[round % 3];
        let begin = Instant::now();
        host.signal(Signal::TERM);
        let status = host.ended();
        slowest = slowest.max(begin.elapsed());
        assert!(status.success(), "{status}: {}", host.log());
        host.start_again();
        bench.tell_addresses();
    }
    let sent = bench.sent();
    bench.wait_for("all is done", |sight| (sight.done() >= sent).then_some(()));
    let worked = bench.worked();
    assert_eq!(worked.len(), sent * CHUNKS, "every chunk was worked on");
    let again: Vec<_> = worked.iter().filter(|(_, times)| **times > 1).collect();
    assert!(again.is_empty(), "worked on twice: {again:?}");
    let figures = format!(
        "{} restarts in good order, the slowest stop took {:.1} s",
        rounds * 3,
        slowest.as_secs_f64()
    );
    bench.finish(Rules { uncharged: true, ..Rules::default() }, &figures);
}
