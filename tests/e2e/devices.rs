//! Devices that fail: nobody pays for it but the recording that makes them fail, and nothing is lost.

use std::fs;

use scribed_tests::{Program, eventually};

use crate::poison::{self, flat, shown, start, submit};

#[test]
fn a_recording_on_which_the_device_fails_is_given_up_and_no_other() {
    let (daemon, _folder) = start("[workers]\nquarantine_crashes = 1000\n");
    let client = daemon.client();
    let poisons = [
        (submit(&client, "fault.wav", flat(9_000)), "an illegal address"),
        (submit(&client, "exit.wav", flat(10_000)), "code 81, its device failed"),
    ];
    let good: Vec<_> = (0..8).map(|number| flat(number * 100 + 50)).collect();
    let good: Vec<_> = good.into_iter().map(|file| submit(&client, "good.wav", file)).collect();
    for job in good {
        assert_eq!(client.end_of(job), "completed");
        assert_eq!(shown(&daemon, job)["error_count"], 0, "a neighbour pays for nothing");
    }
    for (job, reason) in poisons {
        assert_eq!(client.end_of(job), "processing_fail");
        let shown = shown(&daemon, job);
        assert!(shown["fault"].to_string().contains(reason), "{shown}");
        assert_eq!(shown["error_count"], 3, "{shown}");
    }
}

#[test]
fn a_broken_device_costs_no_attempt_and_the_job_goes_on_when_it_works() {
    let broken = tempfile::NamedTempFile::new().unwrap();
    let (daemon, _folder) =
        poison::start_with("", &format!(", config = {{ broken_while = {:?} }}", broken.path()));
    let client = daemon.client();
    let job = submit(&client, "good.wav", flat(50));
    let told = eventually("the job says what it waits for", || {
        let fault = shown(&daemon, job)["fault"].to_string();
        fault.contains("a new one fails as well").then_some(fault)
    });
    assert!(told.contains("unavailable") && told.contains("it is broken"), "{told}");
    assert_eq!(shown(&daemon, job)["error_count"], 0, "waiting costs nothing");
    fs::remove_file(broken.path()).unwrap();
    assert_eq!(client.end_of(job), "completed");
    assert_eq!(shown(&daemon, job)["error_count"], 0);
}

#[test]
fn a_device_whose_memory_is_used_up_gets_fewer_chunks_at_once() {
    let (daemon, _folder) = start("");
    let client = daemon.client();
    let jobs: Vec<_> = (0..6).map(|_| submit(&client, "hungry.wav", flat(11_000))).collect();
    for job in jobs {
        assert_eq!(client.end_of(job), "completed");
        assert_eq!(shown(&daemon, job)["error_count"], 0);
    }
    let log = daemon.log();
    assert!(
        log.contains("the device has no memory left") && log.contains("chunks=1 of=3"),
        "{log}"
    );
}

#[test]
fn a_pipeline_names_the_group_in_which_a_stage_runs() {
    let more = "[workers.groups.loud]\naddress_space_mib = 1024\noffline = false\n";
    let (daemon, _folder) = poison::start_with(more, ", group = \"loud\"");
    let client = daemon.client();
    let job = submit(&client, "good.wav", flat(50));
    assert_eq!(client.end_of(job), "completed");
    let log = daemon.log();
    let ready = |group: &str| log.contains(&format!("a worker is ready group={group:?}"));
    assert!(ready("loud") && !ready("asr"), "{log}");

    let (file, folder) = poison::config("", ", group = \"lound\"");
    let check = Program::new(folder.path()).config(&file).run(["check"]);
    check.code(2).says("stage 4 org.scribed.test.poison names the group \"lound\", which");
}
