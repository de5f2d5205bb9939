//! An engine over memory parts, for tests here and of other crates.
//!
//! The runner is scripted by the recording itself: each line of it is one chunk, and the recognised text
//! of the chunk is the line, so what comes out can be compared with what went in. Lines that begin with
//! `!` make a stage behave in a certain way; see [`ScriptedRunner`].
#![expect(clippy::missing_panics_doc, reason = "in a test, what must not happen is a panic")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use scribed_bus::MemoryBus;
use scribed_media::{Inbox, MediaStore, MemoryMedia};
use scribed_outbound::Outbound;
use scribed_schemas::account::{Account, Role};
use scribed_schemas::id::{AccountId, IdGenerator, JobId, MediaId};
use scribed_schemas::job::{Job, JobOptions, JobState, Priority};
use scribed_schemas::media::Media;
use scribed_schemas::time::Timestamp;
use scribed_store::{MemoryStore, Store, Submitted};

use crate::config::Config;
use crate::engine::{Engine, Parts, Submission};
use crate::plan::{PipelineConfig, Plans, StageConfig};

mod clock;
mod running;
mod scripted;
mod shapes;

pub use clock::{ManualClock, TokioClock};
pub use running::Running;
pub use scripted::ScriptedRunner;
pub use shapes::shapes;

/// Noon of 2 January 2027: when the clocks of tests begin.
pub const START: Timestamp = Timestamp(1_798_891_200_000_000);

/// Returns an engine over memory parts; nothing runs before [`Engine::run`].
///
/// It has one pipeline, `default`, with the formats `txt`, `docx`, `srt`, `vtt` and `json`, and no
/// account.
pub fn engine_for_tests() -> Engine {
    Bench::new().engine
}

/// Returns a way out to public addresses, with default settings.
pub fn outbound() -> Outbound {
    Outbound::new(&scribed_outbound::Config::default()).expect("the settings fit")
}

/// An engine with its parts at hand.
#[derive(Debug, Clone)]
pub struct Bench {
    /// The engine.
    pub engine: Engine,
    /// Its store.
    pub store: Arc<dyn Store>,
    /// Its media store.
    pub media: Arc<MemoryMedia>,
    /// Its bus.
    pub bus: Arc<MemoryBus>,
    /// Its runner.
    pub runner: Arc<ScriptedRunner>,
}

impl Default for Bench {
    fn default() -> Self {
        Self::new()
    }
}

impl Bench {
    /// Makes an engine with default settings.
    pub fn new() -> Self {
        Self::with(Config::default(), Arc::new(MemoryStore::new()))
    }

    /// Makes an engine with other settings, or over another store.
    pub fn with(config: Config, store: Arc<dyn Store>) -> Self {
        // What is published is looked at; who wants it otherwise says so. Nothing depends on the machine.
        let publish = config.publish.or(Some(true));
        let config = Config { publish, slots: config.slots.max(1), ..config };
        let media = Arc::new(MemoryMedia::new());
        let bus = Arc::new(MemoryBus::new());
        let runner = Arc::new(ScriptedRunner::default());
        let engine = Engine::new(Parts {
            store: Arc::clone(&store),
            media: Arc::clone(&media) as Arc<dyn MediaStore>,
            inbox: Inbox::default(),
            outbound: Outbound::default(),
            bus: Arc::clone(&bus) as Arc<dyn scribed_bus::Bus>,
            runner: Arc::clone(&runner) as Arc<dyn crate::StageRunner>,
            plans: plans(),
            clock: Arc::new(TokioClock::default()),
            ids: Arc::new(IdGenerator::new(0)),
            config,
            holder: "bench".to_owned(),
        });
        Self { engine, store, media, bus, runner }
    }

    /// Makes another engine over the same parts, as after a restart.
    #[must_use]
    pub fn restarted(&self) -> Self {
        let engine = Engine::new(self.engine.shared.parts.clone());
        Self { engine, ..self.clone() }
    }

    /// Makes another engine over the same parts, with another runner and its pipelines.
    #[must_use]
    pub fn with_runner(&self, runner: Arc<dyn crate::StageRunner>, plans: Plans) -> Self {
        let parts = Parts { runner, plans, ..self.engine.shared.parts.clone() };
        Self { engine: Engine::new(parts), ..self.clone() }
    }

    /// Makes another engine over the same parts, with another bus.
    #[must_use]
    pub fn with_bus(&self, bus: Arc<dyn scribed_bus::Bus>) -> Self {
        let parts = Parts { bus, ..self.engine.shared.parts.clone() };
        Self { engine: Engine::new(parts), ..self.clone() }
    }

    /// Makes another engine over the same parts that takes files from a folder.
    #[must_use]
    pub fn with_inbox(&self, folder: std::path::PathBuf) -> Self {
        let config = scribed_media::Config { inbox: vec![folder], ..Default::default() };
        let parts = Parts { inbox: Inbox::new(&config), ..self.engine.shared.parts.clone() };
        Self { engine: Engine::new(parts), ..self.clone() }
    }

    /// Makes another engine over the same parts that fetches by these settings.
    #[must_use]
    pub fn with_outbound(&self, config: &scribed_outbound::Config) -> Self {
        let outbound = Outbound::new(config).expect("the settings fit");
        let parts = Parts { outbound, ..self.engine.shared.parts.clone() };
        Self { engine: Engine::new(parts), ..self.clone() }
    }

    /// Lets the engine work.
    pub fn start(&self) -> Running {
        Running::new(self.engine.clone())
    }

    /// Makes an account and returns its id.
    pub async fn account(&self, username: &str) -> AccountId {
        let id = AccountId(self.engine.new_id());
        let now = self.engine.now();
        let account = Account {
            id,
            username: username.to_owned(),
            password_hash: String::new(),
            role: Role::User,
            active: true,
            can_interact: true,
            holds_jobs: false,
            password_epoch: 0,
            created: now,
            updated: now,
        };
        self.store.create_account(account).await.expect("the store takes the account");
        id
    }

    /// Stores a recording and returns its row.
    pub async fn record(&self, owner: AccountId, recording: impl AsRef<[u8]>) -> Media {
        let id = MediaId(self.engine.new_id());
        let key = format!("recordings/{id}");
        let mut writer = self.media.create(&key).await.expect("the media store takes it");
        writer
            .write(Bytes::copy_from_slice(recording.as_ref()))
            .await
            .expect("the media store takes it");
        let size = writer.finish().await.expect("the media store takes it");
        Media {
            id,
            owner,
            key,
            file_name: "script.txt".to_owned(),
            content_type: "text/plain".to_owned(),
            size,
            created: self.engine.now(),
        }
    }

    /// Stores a recording and submits it.
    pub async fn submit(&self, recording: impl AsRef<[u8]>) -> JobId {
        let owner = AccountId(1);
        let media = self.record(owner, recording).await;
        match self.engine.submit(submission(owner, media)).await.expect("the store takes the job") {
            Submitted::Created(job) => job.id,
            other => panic!("the job must be new, not {other:?}"),
        }
    }

    /// Returns a job as it stands.
    pub async fn job(&self, id: JobId) -> Job {
        self.store.job(id).await.expect("the store answers").expect("the job is there")
    }

    /// Waits until a job meets a condition, and returns it.
    ///
    /// Under paused time this costs no time; it gives up after an hour on tokio's clock.
    pub async fn until(&self, id: JobId, is_met: impl Fn(&Job) -> bool) -> Job {
        for _ in 0..360_000 {
            let job = self.job(id).await;
            if is_met(&job) {
                return job;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the job never got there: {:?}", self.job(id).await);
    }

    /// Waits until a job is in a state, and returns it.
    pub async fn until_state(&self, id: JobId, state: JobState) -> Job {
        self.until(id, |job| job.state == state).await
    }

    /// Returns the readable texts of a job's chunks in order.
    pub async fn texts(&self, id: JobId) -> Vec<String> {
        let chunks = self.store.chunks(id, 0, 1_000).await.expect("the store answers");
        chunks.iter().map(scribed_schemas::transcript::Segments::text).collect()
    }
}

/// Makes a plain submission.
pub fn submission(owner: AccountId, media: Media) -> Submission {
    Submission {
        owner,
        name: "a recording".to_owned(),
        media,
        pipeline: None,
        options: JobOptions::default(),
        priority: Priority::Standard,
        facts: None,
        idempotency: None,
        one_active: false,
    }
}

/// The pipeline of the bench.
fn plans() -> Plans {
    let mut stages = vec![StageConfig::new("test.cut"), StageConfig::new("test.recognise")];
    let renderer =
        |format: &str| StageConfig::renderer("test.render", format).with("format", format);
    stages.extend(["txt", "docx", "srt", "vtt", "json"].map(renderer));
    let pipeline = PipelineConfig { name: "default".to_owned(), stages };
    Plans::from_shapes(&[pipeline], &shapes()).expect("the pipeline fits")
}

/// Returns a job that was just claimed.
#[cfg(test)]
pub(crate) fn a_job() -> Job {
    Job {
        id: JobId(1),
        owner: AccountId(1),
        name: "a recording".to_owned(),
        media: None,
        pipeline: "default".to_owned(),
        options: JobOptions::default(),
        priority: Priority::Standard,
        state: JobState::InProgress,
        error_count: 0,
        fault: None,
        facts: None,
        warnings: Vec::new(),
        progress_frames: 0,
        ready_chunks: 0,
        planned_chunks: None,
        chunk_limit_secs: 30,
        description: String::new(),
        lease: None,
        fence: 1,
        not_before: START,
        created: START,
        updated: START,
        finished: None,
        outbox: None,
        awaits: scribed_schemas::job::Awaits::default(),
        follow_up: None,
    }
}
