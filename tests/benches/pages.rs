//! What the API costs on a full store: 100,000 jobs and 1,000,000 chunks, over HTTP.
//!
//! ```text
//! cargo bench -p scribed-tests --bench pages [-- small]
//! ```
//!
//! Fills the state folder of a real daemon, all jobs one account's and one of them with more than
//! 1,000 pages; then asks over connections that are kept alive.
//! Page 1,000 against page 1 of a text (at most 1.5 times its cost) and of the list of jobs (for
//! information), in turns, so that a busy machine slows both; then how many questions a second are
//! answered.
//! Client and daemon share the machine. A limit that is not met ends the run with 1.
//! `small` is for trying out the benchmark itself; it reaches page 100 only.

mod seed;
mod wire;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rustix::process::Signal;
use scribed_schemas::id::AccountId;
use scribed_tests::daemon::Setup;
use scribed_tests::{Client, Daemon, Report};
use seed::{Amount, LONG};
use serde_json::Value;
use wire::{Connection, Question};

/// Entries of a page, the daemon's default.
const PAGE: u32 = 50;
/// What a page far behind may cost, as a multiple of the first one.
const LIMIT: f64 = 1.5;

/// How much is measured.
struct Size {
    amount: Amount,
    /// The page that is compared with the first.
    far: u32,
    /// Questions of each kind of a comparison.
    rounds: u32,
    /// How long answers are counted.
    window: Duration,
}

const FULL: Size = Size {
    amount: Amount { jobs: 100_000, long: 100_009, short: 9 },
    far: 1_000,
    rounds: 2_000,
    window: Duration::from_secs(5),
};

const SMALL: Size = Size {
    amount: Amount { jobs: 6_000, long: 6_009, short: 9 },
    far: 100,
    rounds: 200,
    window: Duration::from_secs(1),
};

fn main() -> Result<ExitCode> {
    // Only `cargo bench` asks for the measurement; a test run of all targets does not want to wait.
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("pages: run me by `cargo bench`");
        return Ok(ExitCode::SUCCESS);
    }
    let size = if std::env::args().any(|argument| argument == "small") { SMALL } else { FULL };
    let (daemon, client) = full_daemon(size.amount)?;
    let mut report = Report::default();
    compare(&mut report, &daemon, &client, &size)?;
    rates(&mut report, &daemon, &client, &size)?;
    Ok(report.print())
}

/// Starts a daemon whose account has all the jobs.
fn full_daemon(amount: Amount) -> Result<(Daemon, Client)> {
    // The token is made before the store is filled, which takes its time.
    let mut daemon = Setup::default().option("auth.access_ttl_secs", 86_400).start();
    let client = daemon.client();
    daemon.signal(Signal::TERM);
    ensure!(daemon.ended().success(), "the daemon does not stop: {}", daemon.log());
    let began = Instant::now();
    let path = daemon.state().join("scribed.db");
    let seeding = seed::seed(&path, AccountId(client.id()), amount);
    tokio::runtime::Runtime::new()?.block_on(seeding)?;
    let (jobs, chunks, mib) = (amount.jobs, amount.chunks(), path.metadata()?.len() >> 20);
    eprintln!("{jobs} jobs, {chunks} chunks, {mib} MiB, written in {:.0?}", began.elapsed());
    daemon.start_again();
    let client = client.at(&daemon);
    Ok((daemon, client))
}

/// Compares a page far behind with the first, of a text and of the list of jobs.
fn compare(report: &mut Report, daemon: &Daemon, client: &Client, size: &Size) -> Result<()> {
    let far = size.far;
    let (long, jobs) = (i64::from(size.amount.long), size.amount.jobs);
    for (what, path, total, is_limited) in [
        ("/transcript", format!("/transcript?task_id={LONG}&"), long, true),
        // The list is read by offset, and what lies before the page is walked in a narrow index.
        ("/transcriptions", "/transcriptions?".to_owned(), jobs, false),
    ] {
        let mut connection = Connection::open(daemon.base())?;
        let pages = [1, far].map(|page| {
            (page, Question::new(client.token(), &format!("{path}page={page}&size={PAGE}")))
        });
        for (page, question) in &pages {
            check(&serde_json::from_slice(connection.ask(question)?)?, *page, total)?;
        }
        let [(_, first), (_, last)] = &pages;
        let (mut near, mut behind) = (Vec::new(), Vec::new());
        for _ in 0..size.rounds {
            near.push(timed(&mut connection, first)?);
            behind.push(timed(&mut connection, last)?);
        }
        let what = format!("page {far} of `{what}` against page 1, {PAGE} entries each");
        if is_limited {
            report.ratio(&what, median(behind), median(near), LIMIT);
        } else {
            report.information(&what, median(behind), median(near));
        }
    }
    Ok(())
}

/// Insists that an answer is the page that was asked for, and full.
fn check(answer: &Value, page: u32, total: i64) -> Result<()> {
    let entries = answer["transcriptions"].as_array().map_or(0, Vec::len);
    let is_it = answer["page"] == page && answer["total"] == total && entries == PAGE as usize;
    ensure!(is_it, "page {page} of {total} entries is {answer}");
    let order = &answer["transcriptions"][0]["chunk_order"];
    ensure!(order.is_null() || *order == (page - 1) * PAGE, "page {page} begins with {order}");
    Ok(())
}

/// Counts the answers of a second, with one connection and with eight.
fn rates(report: &mut Report, daemon: &Daemon, client: &Client, size: &Size) -> Result<()> {
    let some = size.amount.jobs / 2;
    let info = Question::new(client.token(), &format!("/transcript/info?transcript_id={some}"));
    let page = size.far / 2;
    let text = format!("/transcript?task_id={LONG}&page={page}&size={PAGE}");
    let text = Question::new(client.token(), &text);
    for (what, question) in [
        ("`/transcript/info`".to_owned(), info),
        (format!("page {page} of `/transcript`, {PAGE} entries"), text),
    ] {
        for connections in [1, 8] {
            let rate = rate(daemon.base(), &question, connections, size.window)?;
            let what = format!("{what}, {connections} at once");
            report.figure(&what, &format!("{rate:.0}/s"));
        }
    }
    Ok(())
}

/// Returns how many answers a second come over so many connections.
fn rate(base: &str, question: &Question, connections: u32, window: Duration) -> Result<f64> {
    let began = Instant::now();
    let count = || -> Result<u32> {
        let mut connection = Connection::open(base)?;
        let mut answers = 0;
        while began.elapsed() < window {
            connection.ask(question)?;
            answers += 1;
        }
        Ok(answers)
    };
    let answers = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..connections).map(|_| scope.spawn(count)).collect();
        let counts = clients.into_iter().map(|client| client.join().expect("no client panics"));
        counts.sum::<Result<u32>>()
    })?;
    Ok(f64::from(answers) / began.elapsed().as_secs_f64())
}

/// Returns how long an answer takes.
fn timed(connection: &mut Connection, question: &Question) -> Result<Duration> {
    let began = Instant::now();
    connection.ask(question)?;
    Ok(began.elapsed())
}

/// Returns the middle of some times.
fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
