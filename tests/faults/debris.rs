//! Debris: what a killed daemon must not leave behind, looked for in `/proc` and in its state folder.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use scribed_tests::{Daemon, pass};

/// How long a worker may outlive its daemon.
const WORKERS_END: Duration = Duration::from_secs(2);
/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(5);
/// All that may lie in a state folder; the last is the test's own.
const KNOWN: [&str; 12] = [
    "host",
    "listen",
    "lock",
    "media",
    "quarantine",
    "scribed.db",
    "scribed.db-shm",
    "scribed.db-users",
    "scribed.db-wal",
    "secrets",
    "spool",
    "test.log",
];

/// Returns whether a process runs; one that nobody has waited for yet does not.
pub(crate) fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name before it may hold anything, also a parenthesis.
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    state.is_some_and(|state| state != 'Z' && state != 'X')
}

/// Waits until the workers of a killed daemon are gone, and returns how long it took.
#[track_caller]
pub(crate) fn workers_end(parent: u32) -> Duration {
    let begin = Instant::now();
    loop {
        let left = workers_of(parent);
        if left.is_empty() {
            return begin.elapsed();
        }
        assert!(begin.elapsed() < WORKERS_END, "workers {left:?} outlive their daemon {parent}");
        pass(PAUSE);
    }
}

/// Insists that nothing is left of a former daemon where a new one runs: no half written recording, no
/// file that nobody knows, no memory that is shared by name, nobody else who holds memory of ours.
#[track_caller]
pub(crate) fn assert_gone(former: u32, daemon: &Daemon) {
    for path in daemon.stored() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(!name.contains('#'), "{} was left by a write", path.display());
    }
    let unknown: Vec<String> =
        names(daemon.state()).into_iter().filter(|name| !KNOWN.contains(&&**name)).collect();
    assert!(unknown.is_empty(), "{unknown:?} were left in the state folder");
    let spooled = names(&daemon.state().join("spool"));
    assert!(spooled.is_empty(), "{spooled:?} were left of answers");
    let shared = names(Path::new("/dev/shm"));
    assert!(shared.iter().all(|name| !name.contains("scribed")), "{shared:?}");
    let segments = fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default();
    let maker = former.to_string();
    let of_former = |line: &&str| line.split_whitespace().nth(4) == Some(&*maker);
    let segments: Vec<&str> = segments.lines().filter(of_former).collect();
    assert!(segments.is_empty(), "{segments:?}");
    // Memory without a name lives as long as somebody has it open.
    assert!(workers_of(former).is_empty() && !is_alive(former));
}

/// Lists the processes that were started as workers of a daemon.
pub(crate) fn workers_of(parent: u32) -> Vec<u32> {
    let wanted = format!("\0worker\0--parent\0{parent}\0");
    let pids = names(Path::new("/proc")).into_iter().filter_map(|name| name.parse().ok());
    let is_worker = |pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(&wanted)
    };
    pids.filter(is_worker).collect()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}
