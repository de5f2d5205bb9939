//! What a process takes of the machine, as the kernel tells it.

use std::fs;

/// What a daemon and its workers take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Memory of the daemon, in KiB.
    pub(crate) rss_kib: u64,
    /// Memory of all workers, in KiB.
    pub(crate) workers_kib: u64,
    /// Open descriptors of the daemon.
    pub(crate) descriptors: usize,
    /// Threads of the daemon.
    pub(crate) threads: u64,
    /// Workers.
    pub(crate) workers: usize,
}

impl Usage {
    /// Looks at a daemon.
    #[track_caller]
    pub(crate) fn of(pid: u32) -> Self {
        let workers = workers(pid);
        Self {
            rss_kib: status(pid, "VmRSS:").expect("the daemon runs"),
            // A worker may end at any moment.
            workers_kib: workers.iter().filter_map(|pid| status(*pid, "VmRSS:")).sum(),
            descriptors: fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count(),
            threads: status(pid, "Threads:").expect("the daemon runs"),
            workers: workers.len(),
        }
    }
}

/// Reads a number of a process; none when it has ended.
fn status(pid: u32, name: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Lists the children of a process.
fn workers(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let children = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    children
        .flat_map(|list| list.split(' ').filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
}
