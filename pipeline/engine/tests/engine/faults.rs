//! Faults of recordings and stages, and what follows them.

use std::sync::Arc;

use scribed_bus::{Bus, Message};
use scribed_engine::Config;
use scribed_engine::dead_letter::{ATTEMPTS, DETAIL, JOB, REASON};
use scribed_engine::testing::Bench;
use scribed_schemas::event::DEAD_LETTERS;
use scribed_schemas::id::JobId;
use scribed_schemas::job::{FaultCode, Job, JobState};
use scribed_store::MemoryStore;

/// Runs a recording to its end.
async fn run(script: &str) -> (Bench, Job) {
    let bench = Bench::new();
    let id = bench.submit(script).await;
    let running = bench.start();
    let job = bench.until(id, |job| job.state.is_terminal()).await;
    running.stop().await;
    (bench, job)
}

/// Returns the dead letters so far.
async fn dead_letters(bench: &Bench) -> Vec<Message> {
    let joined = bench.bus.subscribe(DEAD_LETTERS, "the test").await;
    let mut consumer = joined.expect("the bus is there");
    let mut letters = Vec::new();
    let patience = std::time::Duration::from_secs(1);
    while let Ok(delivery) = tokio::time::timeout(patience, consumer.next()).await {
        letters.push(delivery.expect("the bus delivers").message);
    }
    letters
}

#[track_caller]
fn code(job: &Job) -> FaultCode {
    job.fault.as_ref().expect("the job has a fault").code
}

fn heard(bench: &Bench, line: &str) -> usize {
    bench.runner.heard().iter().filter(|heard| *heard == line).count()
}

#[tokio::test(start_paused = true)]
async fn a_recording_that_cannot_be_used_fails_at_once() {
    for (script, expected) in [
        ("!undecodable", FaultCode::Undecodable),
        ("!no-audio", FaultCode::NoAudio),
        ("!encrypted", FaultCode::Encrypted),
        ("!over-limit", FaultCode::OverLimit),
        ("", FaultCode::NoAudio),
    ] {
        let (bench, job) = run(script).await;
        assert_eq!((job.state, code(&job)), (JobState::ProcessingFail, expected), "{script}");
        assert!(dead_letters(&bench).await.is_empty(), "nobody can do anything about {script}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_recording_that_is_gone_fails_the_job() {
    use scribed_media::MediaStore;

    let bench = Bench::new();
    let id = bench.submit("a line").await;
    for key in bench.media.keys() {
        bench.media.delete(&key).await.expect("the media store deletes");
    }
    let running = bench.start();
    let job = bench.until_state(id, JobState::ProcessingFail).await;
    assert_eq!(code(&job), FaultCode::MediaGone);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn another_attempt_goes_on_after_the_last_stored_chunk() {
    let (bench, job) = run("one\n!fail 2 two\nthree").await;
    assert_eq!((job.state, job.error_count), (JobState::Completed, 2));
    assert_eq!(bench.texts(job.id).await, ["one", "two", "three"]);
    assert_eq!(heard(&bench, "one"), 1, "a stored chunk is not recognised again");
    assert_eq!(heard(&bench, "!fail 2 two"), 3);
}

#[tokio::test(start_paused = true)]
async fn the_pause_before_another_attempt_grows() {
    let bench = Bench::new();
    let id = bench.submit("!fail 2 text").await;
    let running = bench.start();
    let pause = |job: &Job| job.not_before.since(job.updated).as_secs_f64();
    let once = bench.until(id, |job| job.error_count == 1).await;
    assert!((0.79..1.21).contains(&pause(&once)), "{} s after the first", pause(&once));
    let twice = bench.until(id, |job| job.error_count == 2).await;
    assert!((7.99..12.01).contains(&pause(&twice)), "{} s after the second", pause(&twice));
    assert_eq!(twice.state, JobState::ProcessingError);
    let job = bench.until_state(id, JobState::Completed).await;
    assert!(job.updated >= twice.not_before, "no attempt begins before its time");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_attempts_are_used_up_fails_and_leaves_a_dead_letter() {
    let (bench, job) = run("one\n!head-fails").await;
    assert_eq!((job.state, job.error_count), (JobState::ProcessingFail, 3));
    assert_eq!(bench.texts(job.id).await, ["one"], "text that was there stays readable");
    let letters = dead_letters(&bench).await;
    assert_eq!(letters.len(), 1);
    let header = |name: &str| {
        let named = letters[0].headers.iter().find(|(header, _)| header == name);
        named.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).unwrap_or_default()
    };
    assert_eq!(header(REASON), "stage_failed");
    assert_eq!(header(DETAIL), "test.cut: the script says so");
    assert_eq!(header(JOB), job.id.to_string());
    assert_eq!(header(ATTEMPTS), "3");
}

#[tokio::test(start_paused = true)]
async fn a_stage_that_panics_gets_one_more_attempt() {
    let (bench, job) = run("!panic 1 text").await;
    assert_eq!((job.state, job.error_count), (JobState::Completed, 1));
    assert_eq!(bench.texts(job.id).await, ["text"]);

    let (bench, job) = run("!panic 9 text").await;
    assert_eq!((job.state, code(&job)), (JobState::ProcessingFail, FaultCode::StagePanicked));
    assert_eq!(heard(&bench, "!panic 9 text"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_device_that_is_away_costs_no_attempt() {
    let (bench, job) = run("!away 5 text").await;
    assert_eq!((job.state, job.error_count), (JobState::Completed, 0));
    assert_eq!(heard(&bench, "!away 5 text"), 6);
}

#[tokio::test(start_paused = true)]
async fn jobs_of_a_stage_that_is_set_aside_wait_and_hold_up_no_others() {
    // As long would all wait if they were taken for jobs that lack what others need as well.
    let config = Config { unavailable_backoff_secs: 3_600, ..Config::default() };
    let bench = Bench::with(config, Arc::new(MemoryStore::new()));
    let mut aside = Vec::new();
    for number in 0..10 {
        aside.push(bench.submit(format!("!aside 3 text {number}")).await);
    }
    let good = bench.submit("good").await;
    let running = bench.start();
    let waits = bench.until(aside[0], |job| job.fault.is_some()).await;
    assert_eq!((waits.state, code(&waits)), (JobState::ProcessingError, FaultCode::Unavailable));
    let pause = waits.not_before.since(waits.updated).as_secs_f64();
    assert!((15.99..24.01).contains(&pause), "{pause} s");
    bench.until_state(good, JobState::Completed).await;
    for (number, id) in aside.into_iter().enumerate() {
        let job = bench.until_state(id, JobState::Completed).await;
        assert_eq!(job.error_count, 0, "waiting costs nothing");
        assert_eq!(heard(&bench, &format!("!aside 3 text {number}")), 4);
    }
    running.stop().await;
}

/// Checks that the second of three chunks was given up and the others are there.
async fn has_a_gap(bench: &Bench, id: JobId) {
    let job = bench.job(id).await;
    assert_eq!(job.state, JobState::CompletedPartially);
    assert_eq!(bench.texts(id).await, ["one", "", "three"], "what follows a gap is readable");
    let warning = job.warnings.first().expect("the gap is told");
    assert_eq!((warning.code.as_str(), warning.at_frame), ("chunk_given_up", Some(3 * 1_600)));
    assert!(warning.message.starts_with("chunk 1 was given up: "), "{}", warning.message);
    let message = job.fault.expect("the job says why").message;
    assert_eq!(message, "1 chunk could not be recognised; the warnings say which");
}

#[tokio::test(start_paused = true)]
async fn a_chunk_that_the_recogniser_refuses_is_a_gap() {
    let (bench, job) = run("one\n!refuse two\nthree").await;
    has_a_gap(&bench, job.id).await;
    assert_eq!(heard(&bench, "!refuse two"), 2, "it is tried twice");
    assert_eq!(job.error_count, 0, "the job is not charged");
}

#[tokio::test(start_paused = true)]
async fn a_chunk_that_fails_to_the_last_attempt_is_a_gap() {
    let (bench, job) = run("one\n!fail 9 two\nthree").await;
    has_a_gap(&bench, job.id).await;
    assert_eq!(heard(&bench, "!fail 9 two"), 3);
}

#[tokio::test(start_paused = true)]
async fn a_gap_at_the_end_is_told_as_well() {
    let (bench, job) = run("one\n!refuse two").await;
    assert_eq!(job.state, JobState::CompletedPartially);
    assert_eq!(bench.texts(job.id).await, ["one", ""]);
}

#[tokio::test(start_paused = true)]
async fn a_gap_of_an_earlier_attempt_is_not_forgotten() {
    let (bench, job) = run("one\n!refuse two\nthree\n!fail 1 four").await;
    assert_eq!((job.state, job.error_count), (JobState::CompletedPartially, 1));
    assert_eq!(bench.texts(job.id).await, ["one", "", "three", "four"]);
    assert_eq!(job.warnings.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_recogniser_that_refuses_everything_fails_the_job() {
    let (bench, job) = run("!refuse one\n!refuse two").await;
    assert_eq!((job.state, code(&job)), (JobState::ProcessingFail, FaultCode::StageFailed));
    assert!(bench.texts(job.id).await.is_empty(), "nothing stands for what was not recognised");
    assert_eq!(dead_letters(&bench).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_recogniser_that_breaks_in_the_middle_leaves_no_row_of_gaps() {
    let script = format!("one\n{}", "!refuse more\n".repeat(10));
    let (bench, job) = run(&script).await;
    assert_eq!((job.state, job.error_count), (JobState::ProcessingFail, 3));
    assert_eq!(bench.texts(job.id).await, ["one"]);
}
