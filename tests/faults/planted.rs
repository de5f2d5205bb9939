//! The checks are checked: each planted fault is found.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Stdio};
use std::time::Duration;

use scribed_tests::{Daemon, eventually};

use crate::bench::{Bench, Offer};
use crate::debris::{assert_gone, is_alive, workers_end, workers_of};
use crate::tracer::{self, Point, Tracer};
use crate::{assert_whole, beside, python};

/// A process id that nobody has: above what the kernel gives out.
const NOBODY: u32 = 1 << 30;

/// Returns what a check says when it fails.
#[track_caller]
fn complaint(check: impl FnOnce()) -> String {
    let failed = catch_unwind(AssertUnwindSafe(check)).expect_err("the check fails");
    let text = failed.downcast_ref::<String>().cloned();
    text.or_else(|| failed.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap()
}

#[test]
fn what_a_kill_leaves_is_found() {
    let _beside = beside();
    let daemon = Daemon::start();
    assert_gone(NOBODY, &daemon);
    let recordings = daemon.state().join("media/recordings");
    fs::create_dir_all(&recordings).unwrap();
    for (file, words) in [
        (recordings.join("7#1"), "was left by a write"),
        (daemon.state().join("half"), "left in the state folder"),
    ] {
        fs::write(&file, "x").unwrap();
        let said = complaint(|| assert_gone(NOBODY, &daemon));
        assert!(said.contains(words), "{said}");
        fs::remove_file(&file).unwrap();
    }
    let said = complaint(|| assert_gone(daemon.pid(), &daemon));
    assert!(!said.is_empty(), "the daemon lives");
}

#[test]
fn a_worker_that_outlives_its_daemon_is_found() {
    let _beside = beside();
    let parent = NOBODY.to_string();
    let mut worker = Command::new("sh")
        .args(["-c", "read line", "scribed", "worker", "--parent", &parent])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    eventually("it has begun", || (!workers_of(NOBODY).is_empty()).then_some(()));
    let said = complaint(|| {
        workers_end(NOBODY);
    });
    assert!(said.contains("outlive their daemon"), "{said}");
    worker.kill().unwrap();
    worker.wait().unwrap();
    workers_end(NOBODY);
    assert!(!is_alive(worker.id()));
}

#[test]
fn a_job_that_is_lost_a_recording_without_one_and_a_row_without_one_are_found() {
    let _beside = beside();
    let plants: [(&str, &str); 4] = [
        (
            "DELETE FROM chunks; DELETE FROM submissions; DELETE FROM jobs; DELETE FROM media",
            "LostEvent",
        ),
        ("DELETE FROM chunks WHERE number = 1", "MissingChunk"),
        ("UPDATE chunks SET segments = replace(segments, 'alfa', 'beta')", "ChangedText"),
        ("INSERT INTO media VALUES (7, 1, 'recordings/7', '', '', 0, 0)", "belongs to no job"),
    ];
    for (plant, words) in plants {
        let mut bench = Bench::start("planted", Duration::ZERO, 1);
        let offer = Offer::new(3, 30);
        let job = offer.submit(&bench.desk, &bench.client).unwrap();
        assert_eq!(bench.client.end_of(scribed_tests::Job(job)), "completed");
        tamper(&bench.daemon, plant);
        bench.kill();
        let said = complaint(|| bench.finish(1, 1));
        assert!(said.contains(words), "{plant}: {said}");
    }
}

#[test]
fn a_tracer_strikes_before_the_call() {
    let _beside = beside();
    if !tracer::is_there() {
        return;
    }
    let bench = Bench::start("planted", Duration::ZERO, 1);
    let tracer = Tracer::attach(&bench.daemon, Point::any("rename", 1));
    assert!(!tracer.strikes_within(Duration::from_millis(50)));
    assert!(Offer::new(1, 1).submit(&bench.desk, &bench.client).is_none());
    assert!(tracer.strikes_within(Duration::from_secs(5)));
    let stored = bench.daemon.stored();
    let names: Vec<String> = stored.iter().map(|path| path.display().to_string()).collect();
    assert!(
        names.len() == 1 && names[0].ends_with("#1"),
        "written and not in its place: {names:?}"
    );
}

/// Changes the database of a daemon behind its back.
#[track_caller]
fn tamper(daemon: &Daemon, change: &str) {
    assert_whole(daemon);
    let program = "import sqlite3, sys\n\
         db = sqlite3.connect(sys.argv[1], timeout=60)\n\
         db.executescript(sys.argv[2])\n\
         db.commit()\n";
    let done = python(daemon, program, change).status().unwrap();
    assert!(done.success(), "{change}");
}
