//! What a page costs, wherever it lies: 100,000 jobs, 1,000,000 chunks, page 1 against page 1,000.
//!
//! `cargo bench -p scribed-store --bench pages` fills a database in the temporary folder (about 1
//! GiB, half a minute) and prints medians and their ratios.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::Criterion;
use scribed_schemas::id::{AccountId, JobId};
use scribed_store::conformance::{at, chunk, claim_at, message, new_job};
use scribed_store::{NewJob, SqliteConfig, SqliteStore, Store};
use tokio::runtime::Runtime;

const JOBS: i64 = 100_000;
/// Chunks of job 1, which has 1,000 pages and a little more.
const LONG: i64 = 110_000;
/// Chunks of every other job, so that all have a million.
const SHORT: i64 = 9;
/// Chunks of a page.
const PAGE: u32 = 100;
/// Jobs of a page of the list.
const LIST_PAGE: u32 = 50;
/// Samples of each median; the two sides take turns, so that a busy machine slows both.
const ROUNDS: u32 = 400;

fn main() {
    // Only `cargo bench` asks for the measurement; a test run of all targets does not want to wait.
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("pages: run me by `cargo bench`");
        return;
    }
    let runtime = Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("scribed.db");
    let began = Instant::now();
    runtime.block_on(begin(&path));
    fill(&path);
    let chunks = LONG + (JOBS - 1) * SHORT;
    println!("{JOBS} jobs and {chunks} chunks after {:.0?}", began.elapsed());

    let store = Arc::new(SqliteStore::open(&path, &SqliteConfig::default()).expect("the database"));
    let mut criterion = Criterion::default().configure_from_args();
    let page = |number: u32| {
        let from = (number - 1) * PAGE;
        let read = runtime.block_on(store.chunks(JobId(1), from, PAGE)).expect("a page");
        assert_eq!(read.len(), PAGE as usize);
    };
    let list = |number: u32| {
        let offset = u64::from((number - 1) * LIST_PAGE);
        let jobs = runtime.block_on(store.jobs(Some(AccountId(1)), offset, LIST_PAGE));
        assert_eq!(jobs.expect("a page").jobs.len(), LIST_PAGE as usize);
    };
    for number in [1, 1_000] {
        criterion.bench_function(&format!("chunks, page {number}"), |b| b.iter(|| page(number)));
        criterion.bench_function(&format!("jobs, page {number}"), |b| b.iter(|| list(number)));
    }
    let info = || {
        runtime.block_on(store.job(JobId(JOBS / 2))).expect("a job");
    };
    criterion.bench_function("one job", |b| b.iter(info));
    compare("text, page 1,000 against page 1", || page(1), || page(1_000));
    compare("list, page 1,000 against page 1", || list(1), || list(1_000));
    let claim = || {
        runtime.block_on(store.claim(claim_at(10))).expect("a claim").expect("a queued job");
    };
    println!("a claim out of {JOBS} queued jobs, durable: {:.2?}", median(100, claim));
    for callers in [1, 64] {
        let rate = runtime.block_on(durable_writes(&store, callers));
        println!("durable writes by {callers} callers at once: {rate:.0}/s");
    }
    let began = Instant::now();
    let db = rusqlite::Connection::open(&path).expect("the database");
    let whole: String = db.query_row("PRAGMA quick_check", [], |row| row.get(0)).expect("a check");
    let length = std::fs::metadata(&path).expect("the file").len() >> 20;
    println!("check after an unclean stop, {length} MiB: {:.2?}, {whole}", began.elapsed());
}

/// Returns how many writes a second become durable when so many callers write one after another.
async fn durable_writes(store: &Arc<SqliteStore>, callers: u32) -> f64 {
    const WRITES: u32 = 640;
    let began = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..callers {
        let store = Arc::clone(store);
        tasks.spawn(async move {
            for _ in 0..WRITES / callers {
                store.append("bench", message(1)).await.expect("a durable message");
            }
        });
    }
    tasks.join_all().await;
    f64::from(WRITES) / began.elapsed().as_secs_f64()
}

/// Makes the schema and the long job, in progress.
async fn begin(path: &Path) {
    let store = Arc::new(SqliteStore::open(path, &SqliteConfig::default()).expect("a database"));
    store.submit(NewJob { now: at(-1), ..new_job(1) }).await.expect("a job");
    let job = store.claim(claim_at(0)).await.expect("a claim").expect("the job");
    store.put_chunk(job.id, job.fence, pattern(), at(0)).await.expect("a chunk");
    store.close().await;
}

/// Returns the chunk that every other one is a copy of.
fn pattern() -> scribed_schemas::transcript::Segments {
    chunk(0, "the quick brown fox jumps over the lazy dog and runs")
}

/// Copies the job and its chunk by plain SQL.
fn fill(path: &Path) {
    let db = rusqlite::Connection::open(path).expect("the database");
    let copy = format!(
        "PRAGMA synchronous = OFF;
         BEGIN;
         CREATE TEMP TABLE numbers (n INTEGER PRIMARY KEY);
         WITH RECURSIVE up (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM up WHERE n < {LONG})
            INSERT INTO numbers SELECT n FROM up;
         CREATE TEMP TABLE pattern AS SELECT * FROM jobs WHERE id = 1;
         UPDATE pattern SET state = 'queued', lease_holder = NULL, lease_until = NULL,
            ready_chunks = {SHORT};
         CREATE TEMP TABLE text AS SELECT segments FROM chunks;
         INSERT INTO chunks SELECT 1, n, replace(segments, '\"chunk\":0', '\"chunk\":' || n)
            FROM text CROSS JOIN numbers WHERE n < {LONG};
         UPDATE jobs SET ready_chunks = {LONG} WHERE id = 1;"
    );
    db.execute_batch(&copy).expect("the long job");
    let columns =
        "owner, name, media, pipeline, options, priority, state, error_count, fault, facts,
        warnings, progress_frames, ready_chunks, planned_chunks, chunk_limit_secs, description,
        lease_holder, lease_until, fence, not_before";
    let copy = format!(
        "INSERT INTO jobs (id, {columns}, created, updated, finished)
            SELECT n, {columns}, created + n, updated + n, NULL
            FROM pattern CROSS JOIN numbers WHERE n BETWEEN 2 AND {JOBS};
         INSERT INTO chunks SELECT jobs.n, low.n - 1, segments
            FROM numbers AS jobs CROSS JOIN numbers AS low CROSS JOIN text
            WHERE jobs.n BETWEEN 2 AND {JOBS} AND low.n <= {SHORT};
         COMMIT;"
    );
    db.execute_batch(&copy).expect("the other jobs");
}

/// Prints the medians of two pieces of work and their ratio.
fn compare(what: &str, near: impl Fn(), far: impl Fn()) {
    let (mut near_times, mut far_times) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        near_times.push(timed(&near));
        far_times.push(timed(&far));
    }
    let (near, far) = (middle(near_times), middle(far_times));
    let ratio = far.as_secs_f64() / near.as_secs_f64();
    println!("{what}: {far:.2?} against {near:.2?}, ratio {ratio:.2}");
}

/// Returns the median time of a piece of work.
fn median(rounds: u32, work: impl Fn()) -> Duration {
    middle((0..rounds).map(|_| timed(&work)).collect())
}

/// Returns the middle of some times.
fn middle(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Returns how long a piece of work takes.
fn timed(work: &impl Fn()) -> Duration {
    let began = Instant::now();
    work();
    began.elapsed()
}
