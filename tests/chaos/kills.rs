//! Hosts are killed at random, again and again, while work goes on.

use std::time::Duration;

use scribed_tests::checker::Rules;
use scribed_tests::{Services, pass};

use crate::bench::Bench;
use crate::sound::Random;
use crate::{alone, form};

#[test]
fn hosts_that_are_killed_lose_and_repeat_nothing() {
    let _alone = alone();
    let Some(services) = Services::given("chaos") else { return };
    let (jobs, kills) = form((24, 6), (200, 60));
    let mut random = Random::printed("kills");
    let mut bench = Bench::start("kills", &services, 3, Duration::from_millis(50));
    bench.send(jobs / 6);
    for kill in 0..kills {
        pass(Duration::from_millis(300 + random.next() % 1_500));
        bench.kill(random.below(3));
        // So that kills meet every step of the way: there is always something to take in.
        let due = jobs * (kill + 1) / kills;
        bench.send(due.max(jobs / 6) - bench.sent());
    }
    bench.finish(Rules::default(), &format!("{kills} kills"));
}
