//! A full store: finished jobs and their text, written as workers write them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use anyhow::{Context, Result, bail};
use scribed_schemas::id::{AccountId, JobId, MediaId};
use scribed_schemas::job::{Awaits, Job, JobOptions, Priority};
use scribed_schemas::media::Media;
use scribed_schemas::time::Timestamp;
use scribed_schemas::transcript::{Segment, Segments, Word};
use scribed_store::{
    ClaimRequest, NewJob, Outcome, PutChunk, SqliteConfig, SqliteStore, Store, Submitted,
};
use tokio::task::JoinSet;

/// The job with many pages, the oldest one.
pub(crate) const LONG: JobId = JobId(1);

/// Workers on short jobs, one job each. Some more write than share a commit, so that the next group
/// is there when one is done.
const WORKERS: u32 = 120;
/// Writers of the long job, so many that it ends about when the short ones do and its chunks lie
/// among theirs.
const WRITERS: u32 = 14;

/// When the first job was made: November 2023, so that no clock takes a job for a future one.
const BEGIN: Timestamp = Timestamp(1_700_000_000_000_000);

/// How much is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Amount {
    /// Jobs in all.
    pub(crate) jobs: i64,
    /// Chunks of the long job.
    pub(crate) long: u32,
    /// Chunks of every other job.
    pub(crate) short: u32,
}

impl Amount {
    /// Returns the chunks of all jobs together.
    pub(crate) fn chunks(&self) -> i64 {
        i64::from(self.long) + (self.jobs - 1) * i64::from(self.short)
    }
}

/// Who writes what, shared by all who write.
#[derive(Debug)]
struct Seeding {
    store: Arc<SqliteStore>,
    owner: AccountId,
    amount: Amount,
    next_job: AtomicI64,
    next_chunk: AtomicU32,
}

/// Writes completed jobs of one owner, whose numbers are 1 and up, into a database that exists.
pub(crate) async fn seed(path: &Path, owner: AccountId, amount: Amount) -> Result<()> {
    let store = Arc::new(SqliteStore::open(path, &SqliteConfig::default())?);
    let seeding = Arc::new(Seeding {
        store: Arc::clone(&store),
        owner,
        amount,
        next_job: AtomicI64::new(LONG.0 + 1),
        next_chunk: AtomicU32::new(0),
    });
    let long = seeding.begin(LONG).await?;
    let mut tasks = JoinSet::new();
    for _ in 0..WORKERS {
        let seeding = Arc::clone(&seeding);
        tasks.spawn(async move { seeding.work().await });
    }
    for _ in 0..WRITERS {
        let (seeding, long) = (Arc::clone(&seeding), long.clone());
        tasks.spawn(async move { seeding.write(&long).await });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    seeding.end(&long).await?;
    drop(seeding);
    store.close().await;
    Ok(())
}

impl Seeding {
    /// Does short jobs until all are done.
    async fn work(&self) -> Result<()> {
        loop {
            let number = self.next_job.fetch_add(1, Ordering::Relaxed);
            if number > self.amount.jobs {
                return Ok(());
            }
            let job = self.begin(JobId(number)).await?;
            for number in 0..self.amount.short {
                self.put(&job, number).await?;
            }
            self.end(&job).await?;
        }
    }

    /// Writes chunks of the long job until all are written.
    async fn write(&self, job: &Job) -> Result<()> {
        loop {
            let number = self.next_chunk.fetch_add(1, Ordering::Relaxed);
            if number >= self.amount.long {
                return Ok(());
            }
            self.put(job, number).await?;
        }
    }

    /// Submits a job and claims it.
    async fn begin(&self, id: JobId) -> Result<Job> {
        let submitted = self.store.submit(new_job(id, self.owner)).await?;
        if !matches!(submitted, Submitted::Created(_)) {
            bail!("job {id} is not new: {submitted:?}");
        }
        let now = moment(id);
        let until = Timestamp(now.0 + 3_600_000_000);
        let claim = ClaimRequest { holder: "seed".to_owned(), now, until };
        self.store.claim_job(id, claim).await?.context("a new job can be claimed")
    }

    async fn put(&self, job: &Job, number: u32) -> Result<()> {
        let chunk = chunk(number);
        let put = self.store.put_chunk(job.id, job.fence, chunk, moment(job.id)).await?;
        if put != PutChunk::Stored {
            bail!("chunk {number} of job {} is not new: {put:?}", job.id);
        }
        Ok(())
    }

    async fn end(&self, job: &Job) -> Result<()> {
        self.store.finish(job.id, job.fence, Outcome::Completed, moment(job.id)).await?;
        Ok(())
    }
}

/// Returns when a job was made, begun and ended; one a second.
fn moment(id: JobId) -> Timestamp {
    Timestamp(BEGIN.0 + id.0 * 1_000_000)
}

fn new_job(id: JobId, owner: AccountId) -> NewJob {
    NewJob {
        id,
        owner,
        name: format!("recording-{id}.wav"),
        media: Some(Media {
            id: MediaId(id.0),
            owner,
            key: format!("{owner}/{id}"),
            file_name: format!("recording-{id}.wav"),
            content_type: "audio/wav".to_owned(),
            size: 960_044,
            created: moment(id),
        }),
        awaits: Awaits::default(),
        pipeline: "default".to_owned(),
        options: JobOptions::default(),
        priority: Priority::Standard,
        facts: None,
        chunk_limit_secs: 30,
        idempotency: None,
        one_active: false,
        announced: false,
        now: moment(id),
    }
}

/// Makes a chunk of few words: the less a chunk itself costs, the more its place would show.
fn chunk(number: u32) -> Segments {
    const TEXT: &str = "the quick brown fox jumps over the lazy dog and runs";
    const RATE: i64 = 16_000;
    let start = i64::from(number) * 30 * RATE;
    let mut chunk = Segments::empty(number, 16_000, start, start + 30 * RATE);
    let words = TEXT.split_whitespace().zip(0..).map(|(word, nth)| Word {
        text: word.to_owned(),
        start: start + nth * RATE,
        end: start + (nth + 1) * RATE,
        probability: 0.875,
    });
    chunk.segments.push(Segment {
        start,
        end: start + 30 * RATE,
        text: TEXT.to_owned(),
        words: words.collect(),
        avg_log_prob: -0.125,
        no_speech_prob: 0.0,
        temperature: 0.0,
        flags: Vec::new(),
    });
    chunk
}
