//! Documents of stored text.

use scribed_engine::RenderError;
use scribed_engine::testing::Bench;
use scribed_schemas::id::JobId;
use scribed_schemas::job::JobState;
use scribed_schemas::transcript::Segments;

async fn text(bench: &Bench, id: JobId) -> Result<String, RenderError> {
    let rendered = bench.engine.render(id, "txt").await?;
    assert_eq!(rendered.extension, "txt");
    Ok(String::from_utf8(rendered.bytes).expect("the script is text"))
}

#[tokio::test(start_paused = true)]
async fn an_export_has_what_is_readable_so_far() {
    let bench = Bench::new();
    let id = bench.submit("one\n!wait two").await;
    assert!(matches!(text(&bench, id).await, Err(RenderError::NoText(_))));
    let running = bench.start();
    bench.until(id, |job| job.ready_chunks == 1).await;
    assert_eq!(text(&bench, id).await.expect("there is text"), "a recording\none\n");
    bench.runner.release(1);
    bench.until_state(id, JobState::Completed).await;
    assert_eq!(text(&bench, id).await.expect("there is text"), "a recording\none\ntwo\n");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_long_text_is_rendered_whole_and_in_order() {
    let bench = Bench::new();
    let lines: Vec<String> = (0..350).map(|n| format!("line {n}")).collect();
    let id = bench.submit(&lines.join("\n")).await;
    let running = bench.start();
    bench.until_state(id, JobState::Completed).await;
    let document = text(&bench, id).await.expect("there is text");
    assert_eq!(document, format!("a recording\n{}\n", lines.join("\n")));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_completed_job_without_speech_has_an_empty_export() {
    let bench = Bench::new();
    let id = bench.submit("!silence").await;
    let running = bench.start();
    bench.until_state(id, JobState::Completed).await;
    assert_eq!(text(&bench, id).await.expect("there is a document"), "a recording\n");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_failed_job_without_text_has_no_export() {
    let bench = Bench::new();
    let id = bench.submit("!undecodable").await;
    let running = bench.start();
    bench.until_state(id, JobState::ProcessingFail).await;
    assert!(matches!(text(&bench, id).await, Err(RenderError::NoText(_))));
    running.stop().await;
}

#[tokio::test]
async fn an_unknown_format_is_answered_with_those_that_exist() {
    let bench = Bench::new();
    let id = bench.submit("one").await;
    let refused = bench.engine.render(id, "pdf").await.expect_err("there is no such format");
    let sentence = "there is no format \"pdf\"; there are docx, json, srt, txt, vtt";
    assert_eq!(refused.to_string(), sentence);
}

#[tokio::test]
async fn an_unknown_job_has_no_export() {
    let bench = Bench::new();
    let refused = bench.engine.render(JobId(7), "txt").await;
    assert!(matches!(refused, Err(RenderError::NoSuchJob(JobId(7)))));
}

#[tokio::test(start_paused = true)]
async fn a_text_can_be_changed_on_its_way_to_the_document_and_stays_as_it_is_stored() {
    let bench = Bench::new();
    let id = bench.submit("one\ntwo").await;
    let running = bench.start();
    bench.until_state(id, JobState::Completed).await;
    let shout = |chunk: &mut Segments| {
        for segment in &mut chunk.segments {
            segment.text.make_ascii_uppercase();
        }
    };
    let changed = bench.engine.render_changed(id, "txt", shout).await.expect("there is text");
    assert_eq!(String::from_utf8_lossy(&changed.bytes), "a recording\nONE\nTWO\n");
    assert_eq!(text(&bench, id).await.expect("there is text"), "a recording\none\ntwo\n");
    running.stop().await;
}
