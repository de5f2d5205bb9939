//! Cancellation, lost leases, drains and crashes.

use scribed_engine::testing::Bench;
use scribed_schemas::id::JobId;
use scribed_schemas::job::JobState;

/// Starts a job that has one chunk stored and waits inside the recogniser with the next.
async fn waiting(bench: &Bench) -> JobId {
    let id = bench.submit("one\n!wait two\nthree").await;
    bench.until(id, |job| job.ready_chunks == 1 && bench.runner.inside() == 1).await;
    id
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_job_stops_inside_the_recogniser() {
    let bench = Bench::new();
    let running = bench.start();
    let id = waiting(&bench).await;
    let before = bench.engine.now();
    let cancelled = bench.engine.cancel(id).await.expect("the store answers");
    let job = cancelled.expect("the job was not terminal");
    assert_eq!(job.state, JobState::CompletedPartially, "there is text already");
    bench.until(id, |_| bench.runner.inside() == 0).await;
    let took = bench.engine.now().since(before);
    assert!(took.as_millis() < 100, "the flag did it, not the next renewal: {took:?}");
    assert_eq!(bench.texts(id).await, ["one"]);
    assert!(bench.engine.cancel(id).await.expect("the store answers").is_none());
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_job_cancelled_before_it_has_text_is_cancelled() {
    let bench = Bench::new();
    let id = bench.submit("!wait one").await;
    let running = bench.start();
    bench.until(id, |_| bench.runner.inside() == 1).await;
    let cancelled = bench.engine.cancel(id).await.expect("the store answers");
    assert_eq!(cancelled.map(|job| job.state), Some(JobState::Cancelled));
    let next = bench.submit("next").await;
    bench.until_state(next, JobState::Completed).await;
    assert_eq!(bench.job(id).await.state, JobState::Cancelled);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_job_that_another_host_cancelled_stops_within_two_seconds() {
    let bench = Bench::new();
    let running = bench.start();
    let id = waiting(&bench).await;
    let before = bench.engine.now();
    bench.store.cancel(id, before).await.expect("the store answers");
    bench.until(id, |_| bench.runner.inside() == 0).await;
    let took = bench.engine.now().since(before);
    assert!(took.as_millis() <= 2_000, "it took {took:?}");
    bench.runner.release(5);
    running.stop().await;
    assert_eq!(bench.store.stored_chunks(id).await.expect("the store answers"), [0]);
}

#[tokio::test(start_paused = true)]
async fn a_stop_finishes_the_chunk_in_hand_and_hands_the_job_back() {
    let bench = Bench::new();
    let running = bench.start();
    let id = waiting(&bench).await;
    running.begin_stop();
    bench.runner.release(1);
    running.stop().await;
    let job = bench.job(id).await;
    assert_eq!((job.state, job.error_count), (JobState::Queued, 0));
    assert!(job.lease.is_none());
    assert_eq!(bench.texts(id).await, ["one", "two"]);

    let bench = bench.restarted();
    let running = bench.start();
    bench.until_state(id, JobState::Completed).await;
    assert_eq!(bench.texts(id).await, ["one", "two", "three"]);
    assert_eq!(bench.runner.heard(), ["one", "!wait two", "three"], "no chunk twice");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_completes_a_job_whose_last_chunk_is_in_hand() {
    let bench = Bench::new();
    let id = bench.submit("one\n!wait two").await;
    let running = bench.start();
    bench.until(id, |job| job.ready_chunks == 1 && bench.runner.inside() == 1).await;
    running.begin_stop();
    bench.runner.release(1);
    running.stop().await;
    assert_eq!(bench.job(id).await.state, JobState::Completed);
}

#[tokio::test(start_paused = true)]
async fn a_chunk_that_outlasts_the_drain_time_is_stopped_and_done_again() {
    let bench = Bench::new();
    let running = bench.start();
    let id = waiting(&bench).await;
    running.stop().await;
    let job = bench.job(id).await;
    assert_eq!((job.state, job.error_count, job.ready_chunks), (JobState::Queued, 0, 1));
    assert_eq!(bench.runner.inside(), 0);

    let bench = bench.restarted();
    let running = bench.start();
    bench.runner.release(1);
    bench.until_state(id, JobState::Completed).await;
    assert_eq!(bench.texts(id).await, ["one", "two", "three"]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_claimed_after_a_stop() {
    let bench = Bench::new();
    let running = bench.start();
    let held = waiting(&bench).await;
    running.begin_stop();
    let late = bench.submit("late").await;
    bench.runner.release(1);
    running.stop().await;
    assert_eq!(bench.job(late).await.state, JobState::Queued);
    assert_eq!(bench.job(held).await.state, JobState::Queued);
}

#[tokio::test(start_paused = true)]
async fn after_a_crash_another_attempt_goes_on_when_the_lease_is_over() {
    let bench = Bench::new();
    let running = bench.start();
    let id = waiting(&bench).await;
    let lease = bench.job(id).await.lease.expect("the job is leased");
    running.crash().await;

    let bench = bench.restarted();
    let running = bench.start();
    bench.runner.release(1);
    let job = bench.until_state(id, JobState::Completed).await;
    assert!(job.finished.is_some_and(|at| at >= lease.until), "the lease is respected");
    assert_eq!(bench.texts(id).await, ["one", "two", "three"]);
    let again = bench.runner.heard().iter().filter(|line| *line == "one").count();
    assert_eq!(again, 1, "a stored chunk is not recognised again");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_long_chunk_keeps_its_lease() {
    let bench = Bench::new();
    let running = bench.start();
    let id = waiting(&bench).await;
    let first = bench.job(id).await;
    let later = first.lease.expect("the job is leased").until.0 + 300_000_000;
    bench.until(id, |job| job.lease.as_ref().is_some_and(|l| l.until.0 > later)).await;
    bench.runner.release(1);
    let job = bench.until_state(id, JobState::Completed).await;
    assert_eq!(job.fence, first.fence, "it is the same attempt");
    running.stop().await;
}
