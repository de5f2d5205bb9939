//! A store that fails while jobs run.

use std::sync::Arc;
use std::time::Duration;

use scribed_engine::Config;
use scribed_engine::testing::Bench;
use scribed_schemas::job::JobState;
use scribed_store::faulty::{Calls, PlannedFault, When};
use scribed_store::{ErrorKind, FaultyStore, MemoryStore, Store};

fn bench() -> (Bench, Arc<FaultyStore>) {
    let store = Arc::new(FaultyStore::new(Arc::new(MemoryStore::new())));
    (Bench::with(Config::default(), Arc::clone(&store) as Arc<dyn Store>), store)
}

fn fault(method: &'static str, calls: Calls, kind: ErrorKind) -> PlannedFault {
    PlannedFault { method, calls, when: When::Before, kind }
}

#[tokio::test(start_paused = true)]
async fn a_finished_chunk_waits_for_a_store_that_is_full_or_away() {
    for kind in [ErrorKind::Full, ErrorKind::Unavailable] {
        let (bench, store) = bench();
        store.fail(fault("put_chunk", Calls::From(2), kind));
        let id = bench.submit("one\ntwo\nthree").await;
        let running = bench.start();
        bench.until(id, |_| store.calls("put_chunk") >= 20).await;
        assert_eq!(bench.job(id).await.ready_chunks, 1);
        store.heal();
        let job = bench.until_state(id, JobState::Completed).await;
        assert_eq!((job.error_count, job.fence), (0, 1), "{kind}: the attempt goes on");
        assert_eq!(bench.runner.heard(), ["one", "two", "three"], "{kind}: no chunk twice");
        running.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_warning_outlives_an_older_note_that_the_store_took_late() {
    let (bench, store) = bench();
    // The first note tells what the recording is, and is made again after a while.
    store.fail(fault("note_facts", Calls::Nth(1), ErrorKind::Unavailable));
    let id = bench.submit("!refuse one\ntwo\n!wait three").await;
    let running = bench.start();
    bench.until(id, |job| job.ready_chunks == 2).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    bench.runner.release(1);
    let job = bench.until_state(id, JobState::CompletedPartially).await;
    let told: Vec<_> = job.warnings.iter().map(|warning| warning.code.as_str()).collect();
    assert_eq!(told, ["chunk_given_up"]);
    assert!(job.facts.is_some());
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_chunk_whose_answer_was_lost_is_stored_once() {
    let (bench, store) = bench();
    store.fail(PlannedFault {
        method: "put_chunk",
        calls: Calls::Nth(1),
        when: When::BeforeReply,
        kind: ErrorKind::Unavailable,
    });
    let id = bench.submit("one\ntwo").await;
    let running = bench.start();
    bench.until_state(id, JobState::Completed).await;
    assert_eq!(bench.texts(id).await, ["one", "two"]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_job_outlives_a_store_that_is_away_for_longer_than_the_lease() {
    let (bench, store) = bench();
    for method in ["put_chunk", "renew", "finish", "claim"] {
        store.fail(fault(method, Calls::From(2), ErrorKind::Unavailable));
    }
    let id = bench.submit("one\ntwo\nthree").await;
    let running = bench.start();
    bench.until(id, |_| store.calls("finish") >= 1).await;
    tokio::time::sleep(Duration::from_secs(120)).await;
    store.heal();
    let job = bench.until_state(id, JobState::Completed).await;
    assert_eq!(job.error_count, 0);
    assert_eq!(bench.texts(id).await, ["one", "two", "three"]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_end_whose_answer_was_lost_is_still_announced() {
    use scribed_bus::Bus;

    let (bench, store) = bench();
    store.fail(PlannedFault {
        method: "finish",
        calls: Calls::Nth(1),
        when: When::BeforeReply,
        kind: ErrorKind::Unavailable,
    });
    let id = bench.submit("one").await;
    let running = bench.start();
    bench.until_state(id, JobState::Completed).await;
    let joined = bench.bus.subscribe("scribed.states", "the test").await;
    let state = joined.expect("the bus is there").next().await.expect("the state comes");
    assert_eq!(state.message.key, id.to_string().into_bytes());
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn work_begins_again_when_claims_succeed_again() {
    let (bench, store) = bench();
    store.fail(fault("claim", Calls::From(1), ErrorKind::Unavailable));
    let id = bench.submit("one").await;
    let running = bench.start();
    bench.until(id, |_| store.calls("claim") >= 3).await;
    store.heal();
    bench.until_state(id, JobState::Completed).await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_at_the_beginning_of_an_attempt_costs_nothing() {
    let (bench, store) = bench();
    store.fail(fault("stored_chunks", Calls::Nth(1), ErrorKind::Unavailable));
    let id = bench.submit("one").await;
    let running = bench.start();
    let job = bench.until_state(id, JobState::Completed).await;
    assert_eq!((job.error_count, job.fence), (0, 2));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_store_whose_calls_wait_for_each_other_is_never_waited_for_in_vain() {
    let store = FaultyStore::new(Arc::new(MemoryStore::new())).one_by_one();
    let config = Config { slots: 3, concurrent_jobs: 2, ..Config::default() };
    let bench = Bench::with(config, Arc::new(store));
    let mut jobs = Vec::new();
    for _ in 0..4 {
        jobs.push(bench.submit("one\n!refuse two\nthree\nfour").await);
    }
    let running = bench.start();
    let done = async {
        for id in jobs {
            bench.until_state(id, JobState::CompletedPartially).await;
        }
    };
    // Of the paused clock, which runs while nothing else does.
    let done = tokio::time::timeout(Duration::from_secs(3_600), done).await;
    done.expect("nobody waits in vain");
    running.stop().await;
}
