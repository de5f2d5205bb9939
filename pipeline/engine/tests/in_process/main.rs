//! The in-process runner over a real library: a pipeline in C whose output is known to the letter.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use scribed_engine::testing::Bench;
use scribed_engine::{
    InProcess, PipelineConfig, PlanError, Plans, ProbeError, RenderError, StageConfig,
};
use scribed_plugin_host::{Catalog, Search};
use scribed_schemas::id::AccountId;
use scribed_schemas::job::{FaultCode, JobState};
use tempfile::TempDir;

/// Samples of two blocks: one chunk.
const CHUNK: usize = 3_200;

/// Compiles the stages and loads them.
fn catalog() -> (Catalog, TempDir) {
    let folder = tempfile::tempdir().expect("there is space");
    let private = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder.path(), private).expect("the folder is ours");
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let library = folder.path().join("libscribed_test_stages.so");
    let output = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()))
        .args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-I"])
        .arg(here.join("../../schemas/plugin"))
        .arg("-o")
        .arg(&library)
        .arg(here.join("tests/in_process/stages.c"))
        .output()
        .expect("a C compiler is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let search = Search { folders: vec![library], ..Search::default() };
    let (catalog, refusals) = Catalog::load(&search);
    assert!(refusals.is_empty(), "{refusals:?}");
    (catalog, folder)
}

fn id(name: &str) -> String {
    format!("org.scribed.test.{name}")
}

/// The whole pipeline, its speller with a lie.
fn pipeline(lie: &str) -> PipelineConfig {
    let mut speller = StageConfig::new(id("speller"));
    if !lie.is_empty() {
        speller = speller.with("lie", lie);
    }
    let mut stages: Vec<_> = ["reader", "holder", "cutter"].map(|n| StageConfig::new(id(n))).into();
    stages.extend([speller, StageConfig::renderer(id("counter"), "txt")]);
    PipelineConfig { name: "default".to_owned(), stages }
}

/// A bench whose stages are those of the library.
fn bench(lie: &str) -> (Bench, TempDir) {
    let (catalog, folder) = catalog();
    let plans = Plans::validate(&[pipeline(lie)], &catalog).expect("the pipeline fits");
    let bench = Bench::new().with_runner(Arc::new(InProcess::new(catalog)), plans);
    (bench, folder)
}

/// A recording of chunks, each of one letter all through; the last is cut short.
fn recording(letters: &str, last: usize) -> Vec<u8> {
    let chunks: Vec<Vec<u8>> = letters.bytes().map(|letter| vec![letter; CHUNK]).collect();
    let mut bytes = chunks.concat();
    bytes.truncate(bytes.len() - CHUNK + last);
    bytes
}

#[tokio::test]
async fn a_recording_goes_through_every_stage_to_its_end() {
    let (bench, _kept) = bench("");
    let id = bench.submit(recording("abc", 2_000)).await;
    let running = bench.start();
    let job = bench.until_state(id, JobState::Completed).await;
    assert_eq!(bench.texts(id).await, ["ax3200", "bx3200", "cx2000"], "held back, not lost");
    assert_eq!(job.planned_chunks, Some(3));
    let facts = job.facts.expect("the reader told");
    assert_eq!((facts.container.as_str(), facts.frames), ("raw", Some(8_400)));
    assert_eq!(job.progress_frames, 8_400);
    assert_eq!(job.warnings.first().map(|w| w.code.as_str()), Some("raw"));
    let rendered = bench.engine.render(id, "txt").await.expect("there is text");
    assert_eq!(rendered.bytes, b"3 chunks");
    running.stop().await;
}

#[tokio::test]
async fn what_a_stage_says_of_the_recording_is_the_jobs_fault() {
    let (bench, _kept) = bench("");
    for (bytes, code, message) in [
        (&b""[..], FaultCode::NoAudio, "the file is empty"),
        (b"?", FaultCode::Undecodable, "the file begins with a question mark"),
    ] {
        let running = bench.start();
        let id = bench.submit(bytes).await;
        let job = bench.until_state(id, JobState::ProcessingFail).await;
        let fault = job.fault.expect("the job says why");
        assert_eq!((fault.code, fault.message.as_str()), (code, message));
        running.stop().await;

        let media = bench.record(AccountId(1), bytes).await;
        let probed = bench.engine.probe(&media.key, "", "").await;
        let Err(ProbeError::Refused(fault)) = probed else { panic!("not refused: {probed:?}") };
        assert_eq!((fault.code, fault.message.as_str()), (code, message));
    }
}

#[tokio::test]
async fn a_probe_reads_no_further_than_the_first_block() {
    let (bench, _kept) = bench("");
    let media = bench.record(AccountId(1), recording(&"a".repeat(2_000), CHUNK)).await;
    let facts = bench.engine.probe(&media.key, "", "").await.expect("it is of use");
    assert_eq!(facts.expect("the reader told").codec, "bytes");
}

#[tokio::test]
async fn a_chunk_that_the_recogniser_refuses_leaves_a_gap() {
    let (bench, _kept) = bench("");
    let id = bench.submit(recording("a!c", CHUNK)).await;
    let running = bench.start();
    let job = bench.until_state(id, JobState::CompletedPartially).await;
    assert_eq!(bench.texts(id).await, ["ax3200", "", "cx3200"]);
    let gap = job.warnings.iter().find(|warning| warning.code == "chunk_given_up");
    assert_eq!(gap.and_then(|warning| warning.at_frame), Some(3_200));
    running.stop().await;
}

#[tokio::test]
async fn a_cancelled_job_leaves_the_recogniser() {
    let (bench, _kept) = bench("");
    let id = bench.submit(recording("a~c", CHUNK)).await;
    let running = bench.start();
    bench.until(id, |job| job.ready_chunks == 1).await;
    bench.engine.cancel(id).await.expect("the store answers");
    // The stop waits for the stages, so it only returns once the recogniser has seen the flag.
    running.stop().await;
    assert_eq!(bench.job(id).await.state, JobState::CompletedPartially);
    assert_eq!(bench.texts(id).await, ["ax3200"]);
}

#[tokio::test]
async fn a_recogniser_that_lies_is_a_fault_that_names_it() {
    for (lie, expected) in [
        ("nothing", "it made 0 texts of a chunk, not one"),
        ("twice", "it made 2 texts of a chunk, not one"),
        ("noise", "its text is not valid: "),
        ("number", "it answered chunk 0 with scribed.segments/1 of chunk 1 at 16000 Hz"),
    ] {
        let (bench, _kept) = bench(lie);
        let id = bench.submit(recording("a", CHUNK)).await;
        let running = bench.start();
        let job = bench.until(id, |job| job.fault.is_some()).await;
        let fault = job.fault.expect("it was waited for");
        assert_eq!(fault.code, FaultCode::StageFailed);
        let message = format!("org.scribed.test.speller: {expected}");
        assert!(fault.message.starts_with(&message), "{lie}: {}", fault.message);
        running.stop().await;
        assert!(bench.texts(id).await.is_empty());
    }
}

#[tokio::test]
async fn options_that_a_stage_refuses_are_found_before_any_job() {
    let (catalog, _kept) = catalog();
    let mut wrong = pipeline("");
    wrong.stages[1] = StageConfig::new(id("holder")).with("speed", 11);
    let plans = Plans::validate(&[wrong], &catalog).expect("the kinds fit");
    let runner = InProcess::new(catalog);
    let refusals = runner.check_options(&plans);
    let sentences: Vec<String> = refusals.iter().map(|(name, e)| format!("{name}: {e}")).collect();
    assert_eq!(sentences, ["default: org.scribed.test.holder: the only option is lie"]);

    let bench = Bench::new().with_runner(Arc::new(runner), plans);
    let id = bench.submit(recording("a", CHUNK)).await;
    let running = bench.start();
    let job = bench.until_state(id, JobState::ProcessingFail).await;
    assert_eq!(job.fault.map(|fault| fault.code), Some(FaultCode::BadOptions));
    let refused = bench.engine.render(id, "txt").await;
    assert!(matches!(refused, Err(RenderError::NoText(_))));
    running.stop().await;
}

#[test]
fn a_plan_is_checked_against_what_is_loaded() {
    let (catalog, _kept) = catalog();
    let stages = vec![StageConfig::new(id("reader")), StageConfig::new(id("speller"))];
    let wrong = PipelineConfig { name: "short".to_owned(), stages };
    let misfit = Plans::validate(&[wrong], &catalog).expect_err("audio is no chunk");
    let expected = "stage 2 org.scribed.test.speller accepts CHUNK but org.scribed.test.reader \
                    emits AUDIO";
    let pipeline = "short".to_owned();
    assert_eq!(misfit, PlanError::Misfit { pipeline, misfit: expected.to_owned() });
}
