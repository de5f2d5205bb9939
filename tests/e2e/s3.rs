//! Recordings are kept in a bucket, and the bucket has its days.

use std::io::Write;
use std::net::TcpStream;

use scribed_test_s3::{Fault, Operation};
use scribed_tests::audio::{recording, silence, wav};
use scribed_tests::{Bucket, errors, eventually};

/// Ranges of bytes that are asked for to transcribe ten minutes of FLAC, 19.2 MB, at most.
///
/// The probe reads the beginning: three. Decoding reads everything once, in ranges of 256 KiB, 512
/// KiB, 1, 2 and then 4 MiB: eight. The rest is for looks at the end.
const MOST_RANGES: usize = 15;

#[test]
fn a_recording_in_a_bucket_becomes_its_text_and_nothing_is_kept_here() {
    let bucket = Bucket::new("");
    let daemon = bucket.setup().start();
    let (file, recording) = recording("01");
    let text = daemon.client().transcribe(&file);
    let errors = errors(&recording.text, &text);
    assert!(errors.within_percent(15), "{errors}: {text}");
    let keys = bucket.server().keys();
    assert_eq!(keys.len(), 1, "{keys:?}");
    assert!(keys[0].starts_with("recordings-of/"), "{keys:?}");
    assert!(daemon.stored().is_empty(), "{:?}", daemon.stored());
    assert_eq!(daemon.client().get("/readyz").status(200).body, b"ok");
}

#[test]
fn after_a_crash_the_text_goes_on_from_the_bucket() {
    let bucket = Bucket::new("");
    let mut daemon = bucket.setup().option("engine.lease_secs", 3_600).start();
    let (file, recording) = recording("11");
    let client = daemon.client();
    let job = client.submit(&file);
    let before = client.chunks_from(job, 1);
    daemon.crash_and_restart();
    let client = client.at(&daemon);
    assert_eq!(client.end_of(job), "completed");
    let whole = client.chunks(job);
    assert_eq!(whole[..before.len()], before);
    assert!(errors(&recording.text, &whole.join(" ")).within_percent(15));
}

#[test]
fn an_upload_that_was_cut_off_by_a_crash_is_swept_out_of_the_bucket() {
    let bucket = Bucket::new("abandoned_after_secs = 0");
    let mut daemon = bucket.setup().start();
    let client = daemon.client();
    let mut upload = TcpStream::connect(daemon.base().trim_start_matches("http://")).unwrap();
    upload.write_all(client.half_an_upload(11_000_000).as_slice()).unwrap();
    eventually("two parts have arrived", || {
        (bucket.server().count(Operation::Part) == 2).then_some(())
    });
    assert_eq!(bucket.server().unfinished().len(), 1);
    daemon.crash_and_restart();
    assert!(bucket.server().unfinished().is_empty());
    assert!(bucket.server().keys().is_empty());
    assert!(daemon.log().contains("removed what interrupted uploads had left"));
}

#[test]
fn an_upload_that_its_client_cuts_off_leaves_no_parts() {
    let bucket = Bucket::new("");
    let daemon = bucket.setup().start();
    let mut upload = TcpStream::connect(daemon.base().trim_start_matches("http://")).unwrap();
    upload.write_all(daemon.client().half_an_upload(6_000_000).as_slice()).unwrap();
    eventually("a part has arrived", || {
        (bucket.server().count(Operation::Part) == 1).then_some(())
    });
    drop(upload);
    eventually("it is given up", || bucket.server().unfinished().is_empty().then_some(()));
}

#[test]
fn a_job_waits_for_a_bucket_that_is_away_and_is_charged_nothing() {
    let bucket = Bucket::new("retries = 0");
    let daemon = bucket
        .setup()
        .option("engine.attempts", 1)
        .option("engine.unavailable_backoff_secs", 1)
        .start();
    let client = daemon.client();
    bucket.server().fail(Operation::Get, [Fault::SlowDown; 4]);
    let (file, recording) = recording("01");
    let job = client.submit(&file);
    assert_eq!(client.end_of(job), "completed");
    assert!(errors(&recording.text, &client.text(job)).within_percent(15));
    assert!(bucket.server().count(Operation::Get) > 4);
}

#[test]
fn while_the_bucket_is_away_uploads_are_told_to_come_back() {
    let bucket = Bucket::new("retries = 0");
    let daemon = bucket.setup().start();
    let client = daemon.client();
    bucket.server().outage(true);
    drop(client.get("/readyz").status(503));
    drop(client.get("/livez").status(200));
    drop(client.upload_bytes("a.wav", wav(&vec![0; 16_000])).status(503));
    bucket.server().outage(false);
    drop(client.get("/readyz").status(200));
    drop(client.upload_bytes("a.wav", wav(&vec![0; 16_000])).status(200));
}

#[test]
fn ten_minutes_of_flac_are_read_in_few_requests() {
    let bucket = Bucket::new("");
    let daemon = bucket.setup().start();
    let client = daemon.client();
    let flac = silence::large_flac(600);
    assert!(flac.len() > 19_000_000);
    let answer = client.upload_bytes("long.flac", flac).status(200).json();
    let job = scribed_tests::Job(answer["task_id"].as_i64().unwrap());
    assert_eq!(client.end_of(job), "completed");
    let requests = bucket.server().requests();
    println!("{requests:?}");
    assert!(requests[&Operation::Get] <= MOST_RANGES, "{requests:?}");
}

#[test]
fn a_large_upload_takes_no_memory_to_speak_of() {
    let bucket = Bucket::new("");
    let daemon = bucket.setup().start();
    let client = daemon.client();
    // The first use of everything is not of interest.
    assert_eq!(client.transcribe(&recording("12").0), "");
    let before = daemon.peak_memory_kib();
    let large = wav(&vec![0; 100_000_000]);
    assert!(large.len() > 200_000_000);
    drop(client.upload_bytes("large.wav", large).status(200));
    let more = daemon.peak_memory_kib() - before;
    println!("{more} KiB more for an upload of 200 MB");
    // Three parts of 5 MiB, and three ranges of 4 MiB for each of two readers.
    assert!(more < 64 * 1024, "{more} KiB more");
}

#[test]
fn a_check_names_what_is_wrong_with_the_bucket() {
    let fits = Bucket::new("");
    fits.program().run(["check"]).code(0).says("everything fits");
    for (variable, value, words) in [
        ("BUCKET", "no-such-bucket", "check media.s3.bucket"),
        ("ACCESS_KEY_ID", "AKIDOTHER", "check media.s3.access_key_id"),
        ("ENDPOINT", "http://127.0.0.1:1", "check media.s3.endpoint"),
        ("ALLOW_HTTP", "false", "media.s3.allow_http"),
        ("PART_MIB", "1", "media.s3.part_mib"),
    ] {
        let name = format!("SCRIBED_MEDIA__S3__{variable}");
        let program = || fits.program().env(&name, value).env("SCRIBED_MEDIA__S3__RETRIES", "0");
        program().run(["check"]).code(2).says(words).says("1 problem");
        program().run(["run"]).code(2).says(words);
    }
}

#[test]
fn the_secret_of_the_bucket_is_shown_nowhere() {
    let bucket = Bucket::new("");
    let daemon = bucket.setup().argument("--config").argument(trace(&bucket)).start();
    daemon.client().transcribe(&recording("12").0);
    let shown = bucket.program().run(["check", "--json"]).code(0);
    for text in [daemon.log(), shown.out, shown.err] {
        assert!(!text.contains(scribed_test_s3::SECRET_KEY));
    }
}

/// Writes settings that log everything.
fn trace(bucket: &Bucket) -> String {
    bucket.with_settings("trace.toml", "[telemetry]\nfilter = \"trace\"\n").display().to_string()
}
