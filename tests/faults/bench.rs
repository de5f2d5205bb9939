//! A daemon under kills: with the deterministic recogniser, clients, a reader, and the checker at the
//! end.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::Method;
use reqwest::blocking::multipart::{Form, Part};
use scribed_tests::checker::{Evidence, Finding, Kind, Log, Rules, Said, check, collect};
use scribed_tests::sound::{count_work, pipeline, recording_of};
use scribed_tests::{Client, Daemon, Setup, eventually_within, say};
use serde_json::Value;
use tempfile::TempDir;

use crate::debris::{assert_gone, workers_end};
use crate::reader::{Desk, Reader};
use crate::tracer::{Point, Tracer};
use crate::{ask, assert_whole};

/// Longest wait for all jobs after the last kill.
const ALL_DONE: Duration = Duration::from_secs(60);
/// How long an upload may wait for its answer.
const ANSWER: Duration = Duration::from_secs(10);
/// Age of recordings without a job that are removed, in seconds.
const ORPHAN_SECS: u64 = 5;
/// How long after the last start they must be gone: their age, and a busy machine.
const ORPHANS_GONE: Duration = Duration::from_secs(ORPHAN_SECS + 15);

/// A daemon under kills.
#[derive(Debug)]
pub(crate) struct Bench {
    name: &'static str,
    pub(crate) daemon: Daemon,
    pub(crate) client: Client,
    pub(crate) desk: Arc<Desk>,
    reader: Option<Reader>,
    /// Holds settings and the log of the clients.
    folder: TempDir,
    kills: usize,
    /// How often the tracer waited.
    tries: usize,
    /// How often it struck, by kind of call.
    struck: BTreeMap<String, usize>,
    /// The longest that a worker outlived its daemon.
    outlived: Duration,
}

/// A recording that somebody wants to be a job.
#[derive(Debug, Clone)]
pub(crate) struct Offer {
    /// The client's name for it.
    pub(crate) key: String,
    pub(crate) bytes: Vec<u8>,
    /// Its text; none where it will not be completed.
    pub(crate) expected: Option<Vec<String>>,
}

impl Offer {
    /// Makes a recording of its own for each number, of so many chunks.
    pub(crate) fn new(number: usize, chunks: usize) -> Self {
        let (bytes, expected) = recording_of(number as u64, chunks);
        Self { key: format!("offer-{number}"), bytes, expected: Some(expected) }
    }

    /// Sends it; none when no answer came.
    pub(crate) fn send(&self, client: &Client) -> Option<(u16, Value)> {
        let part = Part::bytes(self.bytes.clone()).file_name("a.wav");
        let form = Form::new().part("audiofile", part);
        let request = client.request(Method::POST, "/upload-audiofile").multipart(form);
        let sent = request.header("Idempotency-Key", &self.key).timeout(ANSWER).send().ok()?;
        let status = sent.status().as_u16();
        Some((status, sent.json().ok()?))
    }

    /// Sends it, and writes down when it is accepted; returns its job.
    #[track_caller]
    pub(crate) fn submit(&self, desk: &Desk, client: &Client) -> Option<i64> {
        let (status, answer) = self.send(&client.with_base(&desk.base()))?;
        // A daemon that took too long to make the job says so.
        if status == 503 {
            return None;
        }
        assert_eq!(status, 200, "{answer}");
        let job = answer["task_id"].as_i64().unwrap();
        desk.accepted(job, self.expected.clone());
        Some(job)
    }
}

impl Bench {
    /// Starts a daemon whose recogniser takes so long for a chunk.
    #[track_caller]
    pub(crate) fn start(name: &'static str, delay: Duration, slots: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let engine = format!("concurrent_jobs = 2\nslots = {slots}\norphan_secs = {ORPHAN_SECS}");
        let settings = settings(&folder, delay, &engine);
        let daemon = Setup::default()
            .argument("--config")
            .argument(settings.display().to_string())
            // So that a recording is written in several pieces.
            .option("media.write_block_kib", 16)
            .start();
        let client = daemon.client();
        let desk = Arc::new(Desk::new(Log::open(&folder.path().join(collect::LOG)).unwrap()));
        desk.listen_at(daemon.base());
        let reader = Some(Reader::start(&desk, &client));
        Self {
            name,
            daemon,
            client,
            desk,
            reader,
            folder,
            kills: 0,
            tries: 0,
            struck: BTreeMap::new(),
            outlived: Duration::ZERO,
        }
    }

    /// Kills the daemon now, and starts it again.
    #[track_caller]
    pub(crate) fn kill(&mut self) {
        let former = self.fall();
        self.daemon.start_again();
        self.stands(former);
    }

    /// Kills the daemon now, again so long after its next start began, and starts it again.
    #[track_caller]
    pub(crate) fn kill_while_it_starts(&mut self, after: Duration) {
        self.fall();
        self.daemon.begin_again();
        scribed_tests::pass(after);
        self.kill();
    }

    /// Lets the daemon come to a point while `work` goes on, and starts it again.
    ///
    /// Where it does not come there it is killed all the same.
    #[track_caller]
    pub(crate) fn strike(&mut self, point: Point, limit: Duration, work: impl FnOnce(&Self)) {
        let tracer = Tracer::attach(&self.daemon, point);
        work(self);
        let struck = tracer.strikes_within(limit);
        drop(tracer);
        self.tries += 1;
        *self.struck.entry(point.kind()).or_default() += usize::from(struck);
        self.kill();
    }

    /// Lets the next start of the daemon come to a point, and starts it again.
    #[track_caller]
    pub(crate) fn strike_while_it_starts(&mut self, point: Point, limit: Duration) {
        self.fall();
        self.daemon.begin_again();
        let tracer = Tracer::attach(&self.daemon, point);
        let struck = tracer.strikes_within(limit);
        drop(tracer);
        let kind = format!("{} at the start", point.kind());
        self.tries += 1;
        *self.struck.entry(kind).or_default() += usize::from(struck);
        self.kill();
    }

    /// Kills the daemon, waits until its workers are gone, and returns who it was.
    #[track_caller]
    fn fall(&mut self) -> u32 {
        let former = self.daemon.pid();
        self.daemon.kill();
        self.kills += 1;
        self.outlived = self.outlived.max(workers_end(former));
        former
    }

    /// Tells everybody that the daemon is there again, and looks what its former self left.
    #[track_caller]
    fn stands(&self, former: u32) {
        self.desk.listen_at(self.daemon.base());
        assert_gone(former, &self.daemon);
    }

    /// Counts the keys under which clients ever sent a recording that became a job.
    #[track_caller]
    pub(crate) fn keys(&self) -> usize {
        self.count("submissions")
    }

    #[track_caller]
    fn count(&self, rows: &str) -> usize {
        ask(&self.daemon, &format!("SELECT count(*) FROM {rows}"))[0].parse().unwrap()
    }

    /// Counts how often each text was recognised.
    pub(crate) fn worked(&self) -> BTreeMap<String, usize> {
        let mut worked = BTreeMap::new();
        count_work(&self.daemon.log(), &mut worked);
        worked
    }

    /// Insists that the daemon came to most of its points: a tracer that never strikes proves nothing.
    #[track_caller]
    pub(crate) fn assert_struck(&self) {
        let struck: usize = self.struck.values().sum();
        assert!(
            struck * 4 >= self.tries * 3,
            "{struck} of {} points: {:?}",
            self.tries,
            self.struck
        );
    }

    /// Waits until all jobs are done, lets the checker look, and prints the figures.
    ///
    /// `jobs` are all that there may be; `busy` is how many chunks a kill may waste.
    #[track_caller]
    pub(crate) fn finish(mut self, jobs: usize, busy: usize) {
        let begin = Instant::now();
        eventually_within(ALL_DONE, "all jobs are done", || {
            // Beside those that clients know there may be some whose clients were not answered.
            let is_done = || self.count("jobs WHERE finished IS NULL") == 0;
            (self.desk.open_jobs().is_empty() && is_done()).then_some(())
        });
        let done = begin.elapsed();
        let evidence = self.without_orphans(begin + ORPHANS_GONE);
        drop(self.reader.take());
        assert_whole(&self.daemon);
        let worked = self.worked();
        let again: usize = worked.values().map(|times| times - 1).sum();
        let mut findings = check(&evidence, Rules { announced: false, uncharged: true });
        findings.extend(self.left_rows());
        self.print(&evidence, (worked.len(), again), done);
        assert!(findings.is_empty(), "{}", lines(&findings));
        assert_eq!(evidence.jobs.len(), jobs, "each recording is one job");
        let most = self.kills * busy;
        assert!(again <= most, "{again} chunks were recognised again, {most} are the most");
    }

    /// Collects what can be seen once no recording without a job is left, or at last.
    fn without_orphans(&self, until: Instant) -> Evidence {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let log = self.folder.path().join(collect::LOG);
        eventually_within(ORPHANS_GONE * 2, "recordings without a job are gone", || {
            let seen = collect::collect_state(self.daemon.state(), &log);
            let evidence = runtime.block_on(seen).unwrap();
            let left = check(&evidence, Rules::default());
            let left = left.iter().any(|finding| finding.kind == Kind::OrphanedMedia);
            (!left || Instant::now() > until).then_some(evidence)
        })
    }

    /// Finds rows that belong to nothing.
    #[track_caller]
    fn left_rows(&self) -> Vec<Finding> {
        let questions = [
            ("media", "SELECT id FROM media WHERE id NOT IN (SELECT media FROM jobs)"),
            ("chunks", "SELECT DISTINCT job FROM chunks WHERE job NOT IN (SELECT id FROM jobs)"),
            ("submissions", "SELECT key FROM submissions WHERE job NOT IN (SELECT id FROM jobs)"),
        ];
        let rows = questions.into_iter().flat_map(|(table, question)| {
            let left = ask(&self.daemon, question).into_iter();
            left.map(move |row| format!("{row} in {table} belongs to no job"))
        });
        rows.map(|what| Finding { kind: Kind::OrphanedMedia, what }).collect()
    }

    fn print(&self, evidence: &Evidence, (chunks, again): (usize, usize), done: Duration) {
        let count =
            |is: fn(&Said) -> bool| evidence.said.iter().filter(|line| is(&line.said)).count();
        let mut struck = String::new();
        for (kind, times) in &self.struck {
            write!(struck, ", {kind} {times}").unwrap();
        }
        say(&format!(
            "{}: {} kills{}; {} jobs, {chunks} chunks recognised, {again} again; {} reads of text, {} looks \
             at jobs; all done {:.1} s after the last start; workers outlived their daemon by {} ms at most",
            self.name,
            self.kills,
            if struck.is_empty() { struck } else { format!(" (before{})", &struck[1..]) },
            evidence.jobs.len(),
            count(|said| matches!(said, Said::Read { .. })),
            count(|said| matches!(said, Said::Seen { .. })),
            done.as_secs_f64(),
            self.outlived.as_millis(),
        ));
    }
}

/// Writes settings with the deterministic recogniser and more of the engine's; returns their file.
pub(crate) fn settings(folder: &TempDir, delay: Duration, engine: &str) -> PathBuf {
    let file = folder.path().join("faults.toml");
    std::fs::write(&file, format!("[engine]\n{engine}\n{}", pipeline(delay))).unwrap();
    file
}

fn lines(findings: &[Finding]) -> String {
    findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
