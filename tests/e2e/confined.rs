//! What a worker is kept from, and what ends it: tried by a recogniser that does what a recording tells it.

use std::fs;
use std::path::Path;
use std::process::Command;

use scribed_tests::{Client, Daemon, Program, Setup, eventually};
use tempfile::TempDir;

use crate::poison::{config, flat, shown, start, start_with, submit};

/// Levels of recordings that have a recogniser do these things; see the plugin.
const SPIN: i16 = 5_000;
const ESCAPE: i16 = 12_000;
const BABBLE: i16 = 13_000;
const FORGE: i16 = 14_000;

/// A daemon whose recogniser is confined as one that reads recordings, with more about its group; a job
/// is tried once.
fn confined(more: &str) -> (Daemon, TempDir) {
    let more = format!("[workers.groups.confined]\n{more}");
    let (file, folder) = config(&more, ", group = \"confined\"");
    let setup = Setup::default().option("engine.attempts", 1);
    (setup.argument("--config").argument(file.display().to_string()).start(), folder)
}

/// Insists that a recording fails, and returns what its operator reads.
#[track_caller]
fn fault(daemon: &Daemon, client: &Client, level: i16) -> String {
    let job = submit(client, "poison.wav", flat(level));
    assert_eq!(client.end_of(job), "processing_fail");
    shown(daemon, job)["fault"].to_string()
}

#[test]
fn a_stage_that_is_locked_in_reaches_nothing_beside_its_work() {
    let (daemon, _folder) = start_with("[workers.groups.confined]\n", ", group = \"confined\"");
    let client = daemon.client();
    let job = submit(&client, "escape.wav", flat(ESCAPE));
    assert_eq!(client.end_of(job), "completed");
    assert_eq!(
        client.text(job),
        "socket refused, file refused, mode refused, owner refused, look refused, signal refused, \
         limit refused, process refused, clone3 unknown, thread allowed"
    );
}

#[test]
fn processor_time_that_is_used_up_ends_a_stage() {
    let (daemon, _folder) = confined("cpu_secs = 1\n");
    let fault = fault(&daemon, &daemon.client(), SPIN);
    assert!(fault.contains("SIGXCPU, its processor time was used up"), "{fault}");
}

#[test]
fn a_stage_that_logs_without_end_stands_still_all_the_same() {
    let (daemon, _folder) = confined("stall_secs = 2\n");
    let fault = fault(&daemon, &daemon.client(), BABBLE);
    assert!(fault.contains("nothing moved for 2 s"), "{fault}");
}

#[test]
fn what_a_worker_writes_can_be_told_from_what_its_daemon_says() {
    let (daemon, _folder) = confined("");
    let client = daemon.client();
    let job = submit(&client, "forge.wav", flat(FORGE));
    assert_eq!(client.end_of(job), "completed");
    for words in ["forged by a message", "forged by a write"] {
        let line = eventually("it is in the log", || {
            let log = daemon.log();
            // Lines are written in pieces; the last one may not be whole.
            let mut whole = log.split_inclusive('\n').filter(|line| line.ends_with('\n'));
            whole.find(|line| line.contains(words)).map(str::to_owned)
        });
        assert!(line.contains(" WARN ") && line.contains("group=\"confined\""), "{line}");
    }
}

#[test]
fn a_worker_is_replaced_after_as_many_sessions_as_it_may_serve() {
    let (daemon, _folder) = start("[workers.render]\nrecycle_after = 2\n");
    let client = daemon.client();
    let job = submit(&client, "good.wav", flat(50));
    assert_eq!(client.end_of(job), "completed");
    let workers = || {
        let log = daemon.log();
        let ready = log.lines().filter(|line| line.contains("ready group=\"render\""));
        let pid = |line: &str| line.split("pid=").nth(1)?.trim().parse::<u32>().ok();
        ready.filter_map(pid).collect::<Vec<_>>()
    };
    let mut seen = Vec::new();
    for _ in 0..5 {
        drop(client.export(job, "txt").status(200));
        seen.push(workers().len());
    }
    assert_eq!(seen, [1, 1, 2, 2, 3], "each serves two");
    let [first, second, _] = workers()[..] else { panic!("three were ready") };
    assert_ne!(first, second);
    for worker in [first, second] {
        let place = format!("/proc/{worker}");
        eventually("who was replaced is gone", || (!Path::new(&place).exists()).then_some(()));
    }
}

#[test]
fn a_plugin_that_takes_its_worker_down_while_it_is_loaded_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (source, library) = (folder.path().join("falls.c"), folder.path().join("falls.so"));
    let text = "void abort(void);\n\
                static void __attribute__((constructor)) fall(void) { abort(); }\n";
    fs::write(&source, text).unwrap();
    let mut cc = Command::new("cc");
    let compiled = cc.args(["-shared", "-fPIC", "-o"]).args([&library, &source]).status();
    assert!(compiled.unwrap().success());
    let ran = Program::new(&folder.path().join("state"))
        .env("SCRIBED_HTTP__LISTEN", "127.0.0.1:0")
        .env("SCRIBED_PLUGINS__FOLDERS", format!("[\"{}\"]", library.display()))
        .run(["run"])
        .code(2);
    ran.says("SIGABRT while it loaded").says("falls.so");
}
