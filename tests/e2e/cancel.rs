//! A job is stopped by its owner.

use scribed_tests::audio::recording;
use scribed_tests::{Daemon, Setup};

#[test]
fn a_cancelled_job_keeps_its_text_and_gets_no_more() {
    let daemon = Daemon::shared();
    let client = daemon.client();
    let job = client.submit(&recording("11").0);
    let before = client.chunks_from(job, 1);
    assert_eq!(client.cancel(job).status(200).body, b"OK");
    let info = client.info(job);
    assert_eq!(info["current_state"], "completed_partially");
    let kept = client.chunks(job);
    assert_eq!(kept[..before.len()], before);
    let again = client.cancel(job).status(409);
    assert_eq!(again.detail(), "You can't cancel a finished job");
    // Another recording goes through, so the recogniser is free, and nothing came from the first.
    client.transcribe(&recording("05").0);
    assert_eq!(client.chunks(job), kept);
}

#[test]
fn a_job_that_is_cancelled_while_it_waits_has_no_text() {
    let daemon = Setup::default().option("engine.concurrent_jobs", 1).start();
    let client = daemon.client();
    let long = client.submit(&recording("11").0);
    let waiting = client.submit(&recording("01").0);
    assert_eq!(client.cancel(waiting).status(200).body, b"OK");
    assert_eq!(client.state(waiting), "cancelled");
    let refused = client.export(waiting, "txt").status(409);
    assert!(refused.detail().starts_with("No transcription chunks"), "{}", refused.detail());
    assert_eq!(client.cancel(long).status(200).body, b"OK");
}
