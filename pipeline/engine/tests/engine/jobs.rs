//! Jobs that go well.

use std::sync::Arc;

use scribed_engine::Config;
use scribed_engine::testing::{Bench, submission};
use scribed_schemas::id::AccountId;
use scribed_schemas::job::JobState;
use scribed_store::{MemoryStore, Submitted};

fn bench(config: Config) -> Bench {
    Bench::with(config, Arc::new(MemoryStore::new()))
}

#[tokio::test(start_paused = true)]
async fn each_chunk_is_stored_and_the_job_completes() {
    let bench = Bench::new();
    let id = bench.submit("the first\nthe second\nthe third").await;
    let running = bench.start();
    let job = bench.until_state(id, JobState::Completed).await;
    assert_eq!(bench.texts(id).await, ["the first", "the second", "the third"]);
    assert_eq!((job.planned_chunks, job.ready_chunks), (Some(3), 3));
    assert_eq!(job.facts.expect("the head told").frames, Some(28 * 1_600));
    assert_eq!(job.progress_frames, 28 * 1_600);
    assert!(job.lease.is_none() && job.fault.is_none() && job.finished.is_some());
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn text_is_readable_while_the_job_runs() {
    let bench = Bench::new();
    let id = bench.submit("early\n!wait late").await;
    let running = bench.start();
    let job = bench.until(id, |job| job.ready_chunks == 1).await;
    assert_eq!(job.state, JobState::InProgress);
    assert_eq!(bench.texts(id).await, ["early"]);
    bench.runner.release(1);
    bench.until_state(id, JobState::Completed).await;
    assert_eq!(bench.texts(id).await, ["early", "late"]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_recording_without_speech_completes_without_text() {
    let bench = Bench::new();
    let id = bench.submit("!silence").await;
    let running = bench.start();
    let job = bench.until_state(id, JobState::Completed).await;
    assert_eq!((job.planned_chunks, job.ready_chunks), (Some(0), 0));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn warnings_of_stages_are_kept_with_the_job() {
    let bench = Bench::new();
    let id = bench.submit("!damaged\nwhat could be read").await;
    let running = bench.start();
    let job = bench.until_state(id, JobState::Completed).await;
    let codes: Vec<&str> = job.warnings.iter().map(|w| w.code.as_str()).collect();
    assert_eq!(codes, ["damaged"]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_submitters_language_reaches_the_recogniser() {
    let bench = Bench::new();
    let media = bench.record(AccountId(1), "guten Tag").await;
    let mut german = submission(AccountId(1), media);
    german.options.language = Some("de".to_owned());
    let submitted = bench.engine.submit(german).await.expect("the store takes the job");
    let Submitted::Created(job) = submitted else { panic!("the job is new: {submitted:?}") };
    let running = bench.start();
    bench.until_state(job.id, JobState::Completed).await;
    let chunks = bench.store.chunks(job.id, 0, 1).await.expect("the store answers");
    assert_eq!(chunks[0].language.as_deref(), Some("de"));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_long_recording_is_not_cut_far_ahead_of_the_recogniser() {
    let bench = bench(Config { slots: 2, ..Config::default() });
    let id = bench.submit(&"!wait for it\n".repeat(50)).await;
    let running = bench.start();
    bench.until(id, |_| bench.runner.inside() == 2).await;
    // Two in the recogniser, two in the channel, one in the head's hand.
    bench.until(id, |_| bench.runner.cut_so_far() == 5).await;
    bench.runner.release(10);
    bench.until(id, |job| job.ready_chunks == 10).await;
    assert!(bench.runner.cut_so_far() <= 15, "{} chunks are cut", bench.runner.cut_so_far());
    bench.runner.release(40);
    bench.until_state(id, JobState::Completed).await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn jobs_share_the_slots() {
    let bench = bench(Config { slots: 2, concurrent_jobs: 3, ..Config::default() });
    let mut jobs = Vec::new();
    for _ in 0..3 {
        jobs.push(bench.submit(&"!wait for it\n".repeat(4)).await);
    }
    let running = bench.start();
    bench.until(jobs[0], |_| bench.runner.inside() == 2).await;
    bench.runner.release(12);
    for id in jobs {
        bench.until_state(id, JobState::Completed).await;
    }
    assert_eq!(bench.runner.most_inside(), 2);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn no_more_jobs_are_claimed_than_are_allowed() {
    let bench = bench(Config { concurrent_jobs: 1, ..Config::default() });
    let first = bench.submit("!wait one").await;
    let second = bench.submit("two").await;
    let running = bench.start();
    bench.until(first, |_| bench.runner.inside() == 1).await;
    assert_eq!(bench.job(second).await.state, JobState::Queued);
    bench.runner.release(1);
    bench.until_state(second, JobState::Completed).await;
    running.stop().await;
}

#[tokio::test]
async fn a_pipeline_that_does_not_exist_is_refused_at_submission() {
    let bench = Bench::new();
    let media = bench.record(AccountId(1), "a line").await;
    let mut wrong = submission(AccountId(1), media);
    wrong.pipeline = Some("quick".to_owned());
    let refused = bench.engine.submit(wrong).await.expect_err("there is no such pipeline");
    assert_eq!(refused.to_string(), "there is no pipeline \"quick\"; there are default");
}
