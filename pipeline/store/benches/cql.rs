//! What the CQL store costs on a real database: pages of a long job, chunks a second, claims.
//!
//! `SCRIBED_TEST_CASSANDRA=host:port cargo bench -p scribed-store --bench cql` fills a keyspace of its
//! own (some minutes), prints medians and ratios, and removes it again. Both sides of a ratio take
//! turns, so that a busy machine slows both.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use scribed_schemas::id::JobId;
use scribed_store::conformance::{at, chunk, claim_at, new_job};
use scribed_store::{ClaimRequest, CqlConfig, CqlStore, Store};
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::statement::batch::{Batch, BatchStatement, BatchType};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use uuid::Uuid;

const KEYSPACE: &str = "scribed_bench";
/// Chunks of the long job: 1,000 pages.
const LONG: u32 = 100_000;
/// Chunks of a page.
const PAGE: u32 = 100;
/// Samples of each median of pages.
const ROUNDS: u32 = 100;
/// Jobs that are worked on at once, and chunks that each of them stores in a round.
const WORKERS: i32 = 8;
const CHUNKS: u32 = 40;
/// Jobs that wait.
const FEW: i64 = 100;
const MANY: i64 = 10_000;
/// Claims that are measured.
const CLAIMS: u32 = 100;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> Result<()> {
    // Only `cargo bench` asks for the measurement; a test run of all targets does not want to wait.
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("cql: run me by `cargo bench`");
        return Ok(());
    }
    let Ok(nodes) = std::env::var("SCRIBED_TEST_CASSANDRA") else {
        println!("SKIPPED bench cql: SCRIBED_TEST_CASSANDRA is not set");
        return Ok(());
    };
    let contact_points: Vec<String> = nodes.split(',').map(str::to_owned).collect();
    Runtime::new()?.block_on(measure(contact_points))
}

/// Measures everything in a fresh keyspace.
async fn measure(contact_points: Vec<String>) -> Result<()> {
    let session = Arc::new(SessionBuilder::new().known_nodes(&contact_points).build().await?);
    session.query_unpaged(format!("DROP KEYSPACE IF EXISTS {KEYSPACE}"), ()).await?;
    let config = CqlConfig {
        replication_factor: u32::try_from(contact_points.len().min(3))?,
        contact_points,
        keyspace: KEYSPACE.to_owned(),
        ..CqlConfig::default()
    };
    let store = Arc::new(CqlStore::open(&config).await?);
    session.use_keyspace(KEYSPACE, false).await?;
    pages(&store, &session).await?;
    chunk_rate(&store, &session).await?;
    claims(&store).await?;
    session.query_unpaged(format!("DROP KEYSPACE {KEYSPACE}"), ()).await?;
    Ok(())
}

/// Returns a chunk of usual length.
fn text(number: u32) -> scribed_schemas::transcript::Segments {
    chunk(number, "the quick brown fox jumps over the lazy dog and runs")
}

/// Compares the last page of a long job with its first.
async fn pages(store: &CqlStore, session: &Session) -> Result<()> {
    store.submit(new_job(1)).await?;
    let began = Instant::now();
    let mut insert =
        session.prepare("INSERT INTO jobs (id, number, segments) VALUES (1, ?, ?)").await?;
    insert.set_is_idempotent(true);
    let insert = &insert;
    stream::iter(0..LONG)
        .map(async |number| {
            let segments = serde_json::to_string(&text(number))?;
            session.execute_unpaged(insert, (i64::from(number), segments)).await?;
            Result::Ok(())
        })
        .buffer_unordered(64)
        .try_for_each(async |()| Ok(()))
        .await?;
    let ready = format!("UPDATE jobs SET ready_chunks = {LONG}, stored_end = {LONG} WHERE id = 1");
    session.query_unpaged(ready, ()).await?;
    println!("a job with {LONG} chunks after {:.0?}", began.elapsed());
    let page = async |number: u32| -> Result<Duration> {
        let began = Instant::now();
        let read = store.chunks(JobId(1), (number - 1) * PAGE, PAGE).await?;
        assert_eq!(read.len(), PAGE as usize);
        Ok(began.elapsed())
    };
    let (mut near, mut far) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        near.push(page(1).await?);
        far.push(page(LONG / PAGE).await?);
    }
    let (near, far) = (middle(near), middle(far));
    let ratio = far.as_secs_f64() / near.as_secs_f64();
    println!(
        "text, page {} against page 1: {far:.2?} against {near:.2?}, ratio {ratio:.2}",
        LONG / PAGE
    );
    let began = Instant::now();
    let numbers = store.stored_chunks(JobId(1)).await?.len();
    println!("numbers of all {numbers} chunks: {:.2?}", began.elapsed());
    Ok(())
}

/// Compares chunks stored a second with the bare driver sending the same conditional batch.
async fn chunk_rate(store: &Arc<CqlStore>, session: &Arc<Session>) -> Result<()> {
    let mut batch = Batch::new(BatchType::Unlogged);
    for half in [
        "UPDATE jobs SET ready_chunks = :ready, stored_end = :ready_too, updated = :updated, \
         op = :op WHERE id = :id IF op = :expected",
        "INSERT INTO jobs (id, number, segments) VALUES (?, ?, ?)",
    ] {
        batch.append_statement(BatchStatement::PreparedStatement(session.prepare(half).await?));
    }
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for round in 0..8 {
        let first = 1_000 + round * 100;
        bare.push(bare_loop(session, &batch, first + 50).await?);
        ours.push(our_loop(store, first).await?);
    }
    let chunks = f64::from(CHUNKS) * f64::from(WORKERS);
    let (ours, bare) = (middle(ours).as_secs_f64(), middle(bare).as_secs_f64());
    println!(
        "chunks by {WORKERS} workers: {:.0}/s against {:.0}/s of the bare driver, ratio {:.2}",
        chunks / ours,
        chunks / bare,
        bare / ours
    );
    Ok(())
}

/// Stores chunks of several jobs at once; returns how long that took.
async fn our_loop(store: &Arc<CqlStore>, first: i64) -> Result<Duration> {
    let mut jobs = Vec::new();
    for number in first..first + i64::from(WORKERS) {
        store.submit(new_job(number)).await?;
        jobs.push(store.claim_job(JobId(number), claim_at(10)).await?.ok_or("no job")?);
    }
    let mut workers = JoinSet::new();
    let began = Instant::now();
    for job in jobs {
        let store = Arc::clone(store);
        workers.spawn(async move {
            for number in 0..CHUNKS {
                store.put_chunk(job.id, job.fence, text(number), at(11)).await?;
            }
            Result::Ok(())
        });
    }
    while let Some(worker) = workers.join_next().await {
        worker??;
    }
    Ok(began.elapsed())
}

/// Stores as many chunks by the driver alone, each under the token of the one before; returns how long
/// that took.
async fn bare_loop(session: &Arc<Session>, batch: &Batch, first: i64) -> Result<Duration> {
    let mut jobs = Vec::new();
    for id in first..first + i64::from(WORKERS) {
        let op = Uuid::new_v4();
        let begin = format!("UPDATE jobs SET op = {op} WHERE id = {id} IF op = NULL");
        session.query_unpaged(begin, ()).await?;
        jobs.push((id, op));
    }
    let mut workers = JoinSet::new();
    let began = Instant::now();
    for (id, mut op) in jobs {
        let (session, batch) = (Arc::clone(session), batch.clone());
        workers.spawn(async move {
            for number in 0..CHUNKS {
                let next = Uuid::new_v4();
                let ready = i64::from(number) + 1;
                let segments = serde_json::to_string(&text(number))?;
                let count = (ready, ready, at(11).0, next, id, op);
                session.batch(&batch, (count, (id, i64::from(number), segments))).await?;
                op = next;
            }
            Result::Ok(())
        });
    }
    while let Some(worker) = workers.join_next().await {
        worker??;
    }
    Ok(began.elapsed())
}

/// Measures claims out of few and out of many waiting jobs.
async fn claims(store: &Arc<CqlStore>) -> Result<()> {
    submit(store, 10_000, FEW).await?;
    let few = claim_times(store).await?;
    submit(store, 20_000, MANY).await?;
    let many = claim_times(store).await?;
    for (waiting, times) in [(FEW, &few), (MANY, &many)] {
        let late = times[times.len() * 99 / 100];
        let half = times[times.len() / 2];
        println!("a claim out of {waiting} waiting jobs: median {half:.1?}, p99 {late:.1?}");
    }
    let ratio = many[many.len() / 2].as_secs_f64() / few[few.len() / 2].as_secs_f64();
    println!("claims, {MANY} waiting against {FEW}: ratio of medians {ratio:.2}");
    Ok(())
}

/// Submits jobs, several at a time.
async fn submit(store: &Arc<CqlStore>, first: i64, number: i64) -> Result<()> {
    let began = Instant::now();
    stream::iter(first..first + number)
        .map(async |number| store.submit(new_job(number)).await)
        .buffer_unordered(32)
        .try_for_each(async |_| Ok(()))
        .await?;
    println!("{number} jobs submitted in {:.1?}", began.elapsed());
    Ok(())
}

/// Claims one job after another; returns the times in order of length.
async fn claim_times(store: &CqlStore) -> Result<Vec<Duration>> {
    let mut times = Vec::new();
    for _ in 0..CLAIMS {
        let began = Instant::now();
        let claim = ClaimRequest { until: at(100_000), ..claim_at(10) };
        store.claim(claim).await?.ok_or("nothing to claim")?;
        times.push(began.elapsed());
    }
    times.sort_unstable();
    Ok(times)
}

/// Returns the middle of some times.
fn middle(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
