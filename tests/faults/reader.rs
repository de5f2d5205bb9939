//! Somebody who reads texts and states all the time, as clients do, and writes down all that is seen. A
//! daemon that is away tells nothing.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use reqwest::Method;
use scribed_schemas::job::JobState;
use scribed_tests::checker::{Log, Said};
use scribed_tests::{Client, pass};
use serde_json::Value;

/// Pause between two readings.
const READ: Duration = Duration::from_millis(30);
/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the reader shares with those who make jobs.
#[derive(Debug)]
pub(crate) struct Desk {
    /// Where all is written down.
    pub(crate) log: Log,
    seen: Mutex<Seen>,
    stop: AtomicBool,
}

#[derive(Debug, Default)]
struct Seen {
    /// Where the daemon listens.
    base: String,
    /// Jobs that were accepted, and how they were seen last.
    jobs: BTreeMap<i64, Option<JobState>>,
}

impl Desk {
    pub(crate) fn new(log: Log) -> Self {
        Self { log, seen: Mutex::default(), stop: AtomicBool::new(false) }
    }

    /// Tells where the daemon listens now.
    pub(crate) fn listen_at(&self, base: &str) {
        base.clone_into(&mut self.seen().base);
    }

    /// Returns where the daemon listens, as far as is known.
    pub(crate) fn base(&self) -> String {
        self.seen().base.clone()
    }

    /// Writes down that a job was promised.
    pub(crate) fn accepted(&self, job: i64, expected: Option<Vec<String>>) {
        self.log.say(Said::Accepted { job, under: None, expected });
        self.seen().jobs.entry(job).or_default();
    }

    /// Writes down that a job is deleted; nobody looks at it any more.
    pub(crate) fn deleted(&self, job: i64) {
        self.log.say(Said::Deleted { job });
        self.seen().jobs.remove(&job);
    }

    /// Lists the jobs that were not yet seen at their end.
    pub(crate) fn open_jobs(&self) -> Vec<i64> {
        let seen = self.seen();
        let is_open = |state: &Option<JobState>| !state.is_some_and(JobState::is_terminal);
        seen.jobs.iter().filter(|(_, state)| is_open(state)).map(|(job, _)| *job).collect()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The reader; it stops when this is dropped.
#[derive(Debug)]
pub(crate) struct Reader {
    desk: Arc<Desk>,
    thread: Option<JoinHandle<()>>,
}

impl Reader {
    /// Begins to read.
    pub(crate) fn start(desk: &Arc<Desk>, client: &Client) -> Self {
        let (shared, client) = (Arc::clone(desk), client.clone());
        let thread = std::thread::spawn(move || read(&shared, &client));
        Self { desk: Arc::clone(desk), thread: Some(thread) }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.desk.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let read = thread.join();
            assert!(read.is_ok() || std::thread::panicking(), "the reader broke off");
        }
    }
}

/// Reads one job after the other.
fn read(desk: &Desk, client: &Client) {
    let mut written: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    let mut last = 0;
    while !desk.stop.load(Ordering::Relaxed) {
        pass(READ);
        // Those at their end are read too, now and then: nothing may change there any more.
        let next = {
            let seen = desk.seen();
            let behind = seen.jobs.range(last + 1..).next().or_else(|| seen.jobs.iter().next());
            behind.map(|(job, _)| *job)
        };
        let Some(job) = next else { continue };
        last = job;
        let there = client.with_base(&desk.base());
        if let Some(state) = state(&there, job) {
            desk.log.say(Said::Seen { job, state, fence: 0 });
            // Where it was deleted meanwhile it stays forgotten.
            if let Some(known) = desk.seen().jobs.get_mut(&job) {
                *known = Some(state);
            }
        }
        let Some(texts) = texts(&there, job) else { continue };
        let before = written.entry(job).or_default();
        for (chunk, text) in (0..).zip(&texts) {
            if before.get(chunk as usize) != Some(text) {
                desk.log.say(Said::Read { job, chunk, text: text.clone() });
            }
        }
        *before = texts;
    }
}

/// Asks for the state of a job.
pub(crate) fn state(client: &Client, job: i64) -> Option<JobState> {
    let info = json(client, &format!("/transcript/info?transcript_id={job}"))?;
    serde_json::from_value(info["current_state"].clone()).ok()
}

fn texts(client: &Client, job: i64) -> Option<Vec<String>> {
    let page = json(client, &format!("/transcript?task_id={job}"))?;
    let chunks = page["transcriptions"].as_array()?;
    Some(chunks.iter().map(|chunk| chunk["transcription"].as_str().unwrap().to_owned()).collect())
}

fn json(client: &Client, path: &str) -> Option<Value> {
    let answer = client.request(Method::GET, path).timeout(PATIENCE).send().ok()?;
    answer.error_for_status().ok()?.json().ok()
}
