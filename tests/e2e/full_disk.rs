//! The disk runs full under a daemon, and empty again.

use scribed_tests::audio::recording;
use scribed_tests::{Setup, errors, eventually};

#[test]
fn a_full_disk_holds_up_what_needs_space_and_nothing_else() {
    let daemon = Setup::default().disk_mib(48).option("engine.unavailable_backoff_secs", 1).start();
    let client = daemon.client();
    let (file, spoken) = recording("11");
    let job = client.submit(&file);
    let before = client.chunks_from(job, 1);
    let filler = daemon.fill_disk();

    let refused = client.upload_bytes("more.wav", vec![0; 200_000]).status(507);
    assert!(!refused.detail().is_empty());
    eventually("the job waits for space", || daemon.log().contains("is full").then_some(()));
    assert_eq!(client.chunks(job)[..before.len()], before, "what is stored stays readable");

    std::fs::remove_file(filler).unwrap();
    assert_eq!(client.end_of(job), "completed");
    let whole = client.chunks(job);
    assert_eq!(whole[..before.len()], before);
    let errors = errors(&spoken.text, &whole.join(" "));
    assert!(errors.within_percent(15), "{errors}: {whole:?}");
    assert_eq!(client.info(job)["error_count"], 0, "the job is not to blame");
    let next = client.submit(&recording("05").0);
    assert_eq!(client.end_of(next), "completed");
}
