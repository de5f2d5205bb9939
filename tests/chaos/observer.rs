//! Observers: one reads texts over HTTP as clients do, one looks at jobs and offsets; both write down
//! all that they see, and neither minds when something is away.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use reqwest::Method;
use scribed_bus::KafkaBus;
use scribed_schemas::event::UPLOADS;
use scribed_schemas::job::{Job, JobState};
use scribed_store::CqlStore;
use scribed_tests::checker::collect::{GROUP, Place, all_jobs};
use scribed_tests::checker::{Log, Said};
use scribed_tests::{Client, pass};
use serde_json::Value;

/// Pause between two looks at jobs and offsets.
const LOOK: Duration = Duration::from_millis(500);
/// Pause between two readings.
const READ: Duration = Duration::from_millis(100);
/// Longest wait for an answer over HTTP.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was seen last.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sight {
    /// Jobs by number.
    pub(crate) jobs: BTreeMap<i64, Seen>,
    /// Events that are not committed; none before the first look.
    pub(crate) open: Option<i64>,
}

/// A job as it was seen last.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) state: JobState,
    pub(crate) ready: u32,
    pub(crate) holder: Option<String>,
}

impl Sight {
    /// Counts the jobs that are done.
    pub(crate) fn done(&self) -> usize {
        self.jobs.values().filter(|seen| seen.state.is_terminal()).count()
    }

    /// Counts the chunks that can be read.
    pub(crate) fn ready(&self) -> u32 {
        self.jobs.values().map(|seen| seen.ready).sum()
    }
}

/// What observers share with those who look at what they saw.
#[derive(Debug, Clone)]
pub(crate) struct Desk {
    /// Where all is written down.
    pub(crate) log: Arc<Log>,
    sight: Arc<Mutex<Sight>>,
    /// Where daemons listen.
    addresses: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
}

impl Desk {
    pub(crate) fn new(log: Log) -> Self {
        Self {
            log: Arc::new(log),
            sight: Arc::default(),
            addresses: Arc::default(),
            stop: Arc::default(),
        }
    }

    /// Returns what was seen last.
    pub(crate) fn sight(&self) -> Sight {
        self.sight.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells the reader where daemons listen.
    pub(crate) fn listen_at(&self, addresses: Vec<String>) {
        *self.addresses.lock().unwrap_or_else(PoisonError::into_inner) = addresses;
    }

    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    fn see(&self, change: impl FnOnce(&mut Sight)) {
        change(&mut self.sight.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// The observers of a cluster; they stop when this is dropped.
#[derive(Debug)]
pub(crate) struct Observers {
    desk: Desk,
    threads: Vec<JoinHandle<()>>,
}

impl Observers {
    /// Starts them.
    pub(crate) fn start(desk: &Desk, folder: &Path, client: &Client) -> Self {
        let place = Place::read(folder).unwrap();
        let runtime = || tokio::runtime::Runtime::new().unwrap();
        let (bus, looker) = (place.bus().unwrap(), desk.clone());
        let offsets = move || runtime().block_on(look_at_offsets(&looker, &bus));
        let looker = desk.clone();
        let jobs = move || {
            runtime().block_on(async {
                let store = place.store().await.unwrap();
                look_at_jobs(&looker, &store).await;
            });
        };
        let (reader, client) = (desk.clone(), client.clone());
        let threads = vec![
            std::thread::spawn(offsets),
            std::thread::spawn(jobs),
            std::thread::spawn(move || read(&reader, &client)),
        ];
        Self { desk: desk.clone(), threads }
    }

    /// Stops them.
    pub(crate) fn stop(mut self) {
        self.desk.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().unwrap();
        }
    }
}

impl Drop for Observers {
    fn drop(&mut self) {
        self.desk.stop.store(true, Ordering::Relaxed);
    }
}

async fn look_at_offsets(desk: &Desk, bus: &KafkaBus) {
    while desk.goes_on() {
        // A broker that is away tells nothing.
        if let Ok(positions) = bus.positions(UPLOADS, GROUP).await {
            let mut open = 0;
            for position in positions {
                let (partition, committed) = (position.partition, position.committed);
                desk.log.say(Said::Offset { partition, committed });
                open += position.end - committed.unwrap_or(position.begin);
            }
            desk.see(|sight| sight.open = Some(open));
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn look_at_jobs(desk: &Desk, store: &CqlStore) {
    let mut known: BTreeMap<i64, (JobState, i64)> = BTreeMap::new();
    while desk.goes_on() {
        if let Ok(jobs) = all_jobs(store).await {
            for job in &jobs {
                let now = (job.state, job.fence);
                if known.insert(job.id.0, now) != Some(now) {
                    let (job, state, fence) = (job.id.0, job.state, job.fence);
                    desk.log.say(Said::Seen { job, state, fence });
                }
            }
            let jobs = jobs.into_iter().map(|job| (job.id.0, seen(job))).collect();
            desk.see(|sight| sight.jobs = jobs);
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn seen(job: Job) -> Seen {
    Seen { state: job.state, ready: job.ready_chunks, holder: job.lease.map(|lease| lease.holder) }
}

/// Reads the texts of one job after the other, each from another daemon.
fn read(desk: &Desk, client: &Client) {
    let mut written: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    let (mut turn, mut last) = (0, 0);
    while desk.goes_on() {
        pass(READ);
        turn += 1;
        let sight = desk.sight();
        let readable = || sight.jobs.iter().filter(|(_, seen)| seen.ready > 0);
        let next = readable().find(|(job, _)| **job > last).or_else(|| readable().next());
        let addresses = desk.addresses.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (Some((job, _)), false) = (next, addresses.is_empty()) else { continue };
        last = *job;
        let there = client.with_base(&addresses[turn % addresses.len()]);
        // A daemon that is away tells nothing.
        let Some(texts) = texts(&there, *job) else { continue };
        let before = written.entry(*job).or_default();
        for (chunk, text) in (0..).zip(&texts) {
            if before.get(chunk as usize) != Some(text) {
                desk.log.say(Said::Read { job: *job, chunk, text: text.clone() });
            }
        }
        *before = texts;
    }
}

fn texts(client: &Client, job: i64) -> Option<Vec<String>> {
    let asked = client.request(Method::GET, &format!("/transcript?task_id={job}"));
    let answer = asked.timeout(PATIENCE).send().ok()?;
    let page: Value = answer.error_for_status().ok()?.json().ok()?;
    let chunks = page["transcriptions"].as_array()?;
    Some(chunks.iter().map(|chunk| chunk["transcription"].as_str().unwrap().to_owned()).collect())
}
