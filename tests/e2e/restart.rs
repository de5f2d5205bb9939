//! The daemon is stopped or killed in the middle, and goes on.

use std::io::Write;
use std::net::TcpStream;

use rustix::process::Signal;
use scribed_tests::audio::recording;
use scribed_tests::{Daemon, Setup, errors, eventually};

#[test]
fn after_a_crash_the_text_goes_on_without_a_gap_a_repeat_or_a_change() {
    // The former daemon's lease would outlast the test: the next one must not wait for it.
    let mut daemon = Setup::default().option("engine.lease_secs", 3_600).start();
    let (file, recording) = recording("11");
    let client = daemon.client();
    let job = client.submit(&file);
    let before = client.chunks_from(job, 2);
    daemon.crash_and_restart();

    // The account, its token and what could be read are all still there.
    let client = client.at(&daemon);
    let after = client.chunks(job);
    assert_eq!(after[..before.len()], before);
    assert_eq!(client.end_of(job), "completed");
    let whole = client.chunks(job);
    assert_eq!(whole[..after.len()], after);
    let errors = errors(&recording.text, &whole.join(" "));
    assert!(errors.within_percent(15), "{errors}: {whole:?}");

    let shown = daemon.program().run(["jobs", "show", &job.0.to_string(), "--json"]).code(0).json();
    assert_eq!(shown["ready_chunks"], whole.len());
    assert_eq!(shown["planned_chunks"], whole.len());
}

#[test]
fn a_stopped_daemon_hands_its_job_back_and_the_next_one_finishes_it() {
    let mut daemon = Daemon::start();
    let client = daemon.client();
    let (file, recording) = recording("11");
    let job = client.submit(&file);
    let before = client.chunks_from(job, 1);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.ended().code(), Some(0));
    assert!(!daemon.state().join("listen").exists(), "nobody listens any more");
    let shown = daemon.program().run(["jobs", "show", &job.0.to_string(), "--json"]).code(0).json();
    assert_eq!(shown["state"], "queued");

    daemon.start_again();
    let client = client.at(&daemon);
    assert_eq!(client.end_of(job), "completed");
    let whole = client.chunks(job);
    assert_eq!(whole[..before.len()], before);
    assert!(errors(&recording.text, &whole.join(" ")).within_percent(15));
}

#[test]
fn a_second_signal_ends_the_daemon_at_once() {
    let mut daemon = Daemon::start();
    // A request that never ends holds up the drain.
    let mut request = TcpStream::connect(daemon.base().trim_start_matches("http://")).unwrap();
    let head = "POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{";
    request.write_all(head.as_bytes()).unwrap();
    daemon.client();
    daemon.signal(Signal::TERM);
    eventually("the daemon drains", || daemon.log().contains("stopping").then_some(()));
    daemon.signal(Signal::INT);
    assert_eq!(daemon.ended().code(), Some(1));
    assert!(daemon.log().contains("ending at once"));
}

#[test]
fn an_upload_that_was_cut_off_by_a_crash_leaves_nothing() {
    let mut daemon = Daemon::start();
    let client = daemon.client();
    let mut upload = TcpStream::connect(daemon.base().trim_start_matches("http://")).unwrap();
    upload.write_all(client.half_an_upload(1_000_000).as_slice()).unwrap();
    eventually("the upload has begun", || (!daemon.stored().is_empty()).then_some(()));
    daemon.crash_and_restart();
    assert!(daemon.stored().is_empty(), "{:?}", daemon.stored());
}
