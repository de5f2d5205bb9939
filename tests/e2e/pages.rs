//! Text is read while the work goes on.

use scribed_tests::audio::recording;
use scribed_tests::{Daemon, errors};
use serde_json::json;

#[test]
fn text_is_readable_before_the_end_and_never_changes() {
    let daemon = Daemon::shared();
    let client = daemon.client();
    let (file, recording) = recording("11");
    let job = client.submit(&file);
    let early = client.chunks_from(job, 1);
    // The job was not done after the text had been read, so it was not done before.
    assert_eq!(client.state(job), "in_progress");
    assert_eq!(client.end_of(job), "completed");
    let whole = client.chunks(job);
    assert!(whole.len() > early.len());
    assert_eq!(whole[..early.len()], early);
    let errors = errors(&recording.text, &whole.join(" "));
    println!("{}: {errors}", recording.file);
    assert!(errors.within_percent(15), "{errors}");

    let scribed_tests::Job(id) = job;
    let count = whole.len();
    for (number, text) in whole.iter().enumerate() {
        let path = format!("/transcript?task_id={id}&page={}&size=1", number + 1);
        let page = client.get(&path).status(200).json();
        assert_eq!((&page["total"], &page["pages"]), (&json!(count), &json!(count)));
        assert_eq!(page["transcriptions"][0]["transcription"], json!(text));
    }
    let beyond = client.get(&format!("/transcript?task_id={id}&page={}&size=1", count + 1));
    assert_eq!(beyond.status(200).json()["transcriptions"], json!([]));
}
