//! What a recording that is named by a URL costs the daemon's memory while it is fetched: a file of 1 GiB.
//!
//! ```text
//! cargo build --release --workspace
//! cargo bench -p scribed-tests --bench fetch [-- small]
//! ```
//!
//! The file comes from a server of the benchmark's own on loopback, as fast as it is taken. It holds zeros,
//! so that nothing is left to do with it once it is there. The daemon is started anew before, so that
//! what it needed for other things is not there to be used again; its peak is compared with what it held
//! before, and the difference with the limit. `small` is for trying out the benchmark itself.

use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;
use scribed_tests::host::Host;
use scribed_tests::{Client, Daemon, Report, Setup, eventually_within};
use serde_json::json;

/// What the daemon may grow by, in KiB.
const LIMIT_KIB: u64 = 16 * 1024;
/// Bytes that are sent at once.
const BLOCK: usize = 1024 * 1024;
/// Longest wait for the file to be there.
const PATIENCE: Duration = Duration::from_secs(600);

fn main() -> Result<ExitCode> {
    // Only `cargo bench` asks for the measurement; a test run of all targets does not want to wait.
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("fetch: run me by `cargo bench`");
        return Ok(ExitCode::SUCCESS);
    }
    let mib = if std::env::args().any(|argument| argument == "small") { 64 } else { 1024 };
    let host = Host::start(move |stream, _| give_zeros(stream, mib));
    let mut daemon = host.allowed(Setup::default()).start();
    let client = keyed(&daemon)?;
    // Hashing a password takes 19 MiB, and what was given back is not always returned to the system.
    daemon.signal(Signal::TERM);
    ensure!(daemon.ended().success(), "the daemon does not stop: {}", daemon.log());
    daemon.start_again();
    let client = client.at(&daemon);
    let account = client.get("/speechtotext/v1/account");
    ensure!(account.status == 200, "the key is not taken: {}", account.status);

    let before = status_kib(&daemon, "VmRSS:")?;
    forget_peak(&daemon)?;
    let begin = Instant::now();
    let url = json!({ "media_url": host.url("/zeros") });
    let answer = client.post_json("/speechtotext/v1/jobs", &url);
    ensure!(answer.status == 200, "the URL is not taken: {}", answer.status);
    let size = u64::try_from(mib * BLOCK)?;
    eventually_within(PATIENCE, "the file is fetched", || {
        let sizes = daemon.stored().into_iter().filter(|file| is_finished(file));
        sizes.filter_map(|file| file.metadata().ok()).find(|file| file.len() == size)
    });
    let took = begin.elapsed();
    let peak = status_kib(&daemon, "VmHWM:")?;

    let mut report = Report::default();
    report.figure("memory of the daemon before", &shown(before));
    report.figure("its peak", &shown(peak));
    report.figure(&format!("time until {mib} MiB were fetched"), &format!("{took:.2?}"));
    let what = format!("growth of the daemon while {mib} MiB are fetched, against what is allowed");
    report.memory(&what, peak.saturating_sub(before), LIMIT_KIB, 1.0);
    Ok(report.print())
}

/// Sends a file of zeros.
fn give_zeros(stream: &mut TcpStream, mib: usize) -> std::io::Result<()> {
    let length = mib * BLOCK;
    let head = format!("HTTP/1.1 200 OK\r\nETag: \"a\"\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    let zeros = vec![0; BLOCK];
    (0..mib).try_for_each(|_| stream.write_all(&zeros))
}

/// Makes an account with an API key.
fn keyed(daemon: &Daemon) -> Result<Client> {
    let client = daemon.client();
    let made = daemon.program().run(["account", "api-key", "create", &client.username(), "--json"]);
    let made = made.code(0).json();
    Ok(client.with_token(made["key"].as_str().context("a key is made")?))
}

/// Returns whether a file of the media folder is whole: its name has no mark of one that is being written.
fn is_finished(file: &Path) -> bool {
    file.file_name().is_some_and(|name| !name.to_string_lossy().contains('#'))
}

/// Reads a size of the daemon as the kernel tells it.
fn status_kib(daemon: &Daemon, name: &str) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid()))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
    Ok(number.context("the kernel tells the size of every process")?.trim().parse()?)
}

/// Lets the peak of the daemon begin at what it holds now.
fn forget_peak(daemon: &Daemon) -> Result<()> {
    let file = format!("/proc/{}/clear_refs", daemon.pid());
    std::fs::write(&file, "5").with_context(|| format!("cannot write {file}"))
}

fn shown(kib: u64) -> String {
    format!("{}.{} MiB", kib / 1024, kib % 1024 * 10 / 1024)
}
