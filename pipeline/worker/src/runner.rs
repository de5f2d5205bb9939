//! The runner: stages run in workers, and the engine does not notice.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use scribed_engine::runner::{
    Chunk, Cut, Document, Part, Reason, Recogniser, Recording, RunError, StageCall, StageRunner,
    Watch,
};
use scribed_plugin_host::Search;
use scribed_schemas::id::JobId;
use scribed_schemas::transcript::Segments;
use tokio::sync::mpsc;

use crate::config::Config;
use crate::group::{Group, Lent};
use crate::limits::Limits;
use crate::message::{Loaded, RecordingInfo, Setup, Work};
use crate::nursery::{Nursery, Program};
use crate::process::{Death, DeathKind, Session, StartError};
use crate::quarantine::{Quarantine, Rule};

mod canary;
mod cut;
mod recognise;
mod render;

/// Runs stages in worker processes.
#[derive(Debug, Clone)]
pub struct Workers(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    nursery: Nursery,
    media: Group,
    asr: Group,
    render: Group,
    quarantine: Quarantine,
    /// Stages that are tried while nobody needs them, and how often.
    canary: (Vec<StageCall>, Duration),
}

/// What workers need to begin.
#[derive(Debug, Clone)]
pub struct Start {
    /// The program that serves as a worker.
    pub program: Program,
    /// Where plugins are.
    pub search: Search,
    /// Stages that the recognising worker keeps open.
    pub warm: Vec<StageCall>,
    /// Folder of the files that say what is in quarantine.
    pub quarantine: PathBuf,
}

impl Workers {
    /// Makes a runner; workers start when they are needed.
    ///
    /// # Errors
    /// The thread that starts workers cannot be made.
    pub fn new(config: &Config, start: Start) -> std::io::Result<Self> {
        let Start { program, search, warm, quarantine } = start;
        let setup = |group: &str, warm: Vec<StageCall>| Setup {
            group: group.to_owned(),
            folders: search.folders.clone(),
            pins: search.pins.clone(),
            warm,
            limits: Limits::default(),
        };
        let ready = Duration::from_secs(config.ready_secs);
        let group = |config, setup| Group::new(config, setup, program.clone(), ready);
        let rule = Rule {
            crashes: config.quarantine_crashes,
            window: Duration::from_secs(config.quarantine_window_secs),
            trial: Duration::from_secs(config.quarantine_trial_secs),
        };
        Ok(Self(Arc::new(Shared {
            nursery: Nursery::start()?,
            media: group(config.media, setup("media", Vec::new())),
            canary: (warm.clone(), Duration::from_secs(config.canary_secs)),
            asr: group(config.asr, setup("asr", warm)),
            render: group(config.render, setup("render", Vec::new())),
            quarantine: Quarantine::new(quarantine, rule),
        })))
    }

    /// Starts the recognising worker, so that its model is loaded before the first chunk, and has it tried
    /// from then on whenever it is idle.
    ///
    /// # Errors
    /// A stage refused, or the worker did not get ready.
    pub async fn warm_up(&self) -> Result<(), RunError> {
        let started = self.0.asr.share(&self.0.nursery).await;
        started.map(drop).map_err(|error| unstarted("asr", error))?;
        let (stages, every) = self.0.canary.clone();
        if !every.is_zero() && !stages.is_empty() {
            tokio::spawn(canary::watch(Arc::downgrade(&self.0), stages, every));
        }
        Ok(())
    }
}

#[async_trait]
impl StageRunner for Workers {
    async fn cut(
        &self,
        head: Part,
        recording: Recording,
        chunks: mpsc::Sender<Chunk>,
        watch: Watch,
    ) -> Result<Cut, RunError> {
        let info = info(&recording);
        let work = Work::Cut { part: head.clone(), recording: info };
        let mut lent = self.0.begin(&self.0.media, &head, work, &recording, &watch).await?;
        let cut = cut::cut(&mut lent.session, &recording, &chunks, &watch).await;
        self.0.settle(&self.0.media, lent, &head, cut)
    }

    async fn recogniser(&self, part: Part, watch: Watch) -> Result<Box<dyn Recogniser>, RunError> {
        recognise::open(self.clone(), part, watch).await
    }

    async fn render(
        &self,
        renderer: Part,
        text: mpsc::Receiver<Segments>,
        watch: Watch,
    ) -> Result<Document, RunError> {
        let group = &self.0.render;
        let work = Work::Render { part: renderer.clone() };
        let mut lent = self.0.open(group, &renderer, work, None, &watch).await?;
        let made = render::render(&mut lent.session, text, &watch).await;
        self.0.settle(group, lent, &renderer, made)
    }

    async fn probe(&self, first: Part, recording: Recording, watch: Watch) -> Result<(), RunError> {
        let info = info(&recording);
        let work = Work::Probe { part: first.clone(), recording: info };
        let mut lent = self.0.begin(&self.0.media, &first, work, &recording, &watch).await?;
        let probed = cut::probe(&mut lent.session, &recording, &watch).await;
        self.0.settle(&self.0.media, lent, &first, probed)
    }
}

/// A worker with the session that it serves.
struct Serving {
    lent: Lent,
    session: Session,
    job: Option<JobId>,
}

/// How a session ended without its result.
#[derive(Debug)]
enum Stop {
    /// A stage said so; its worker is fine.
    Stage(RunError),
    /// We want no more; the worker may still be at it.
    Unwanted,
    /// The worker is gone.
    Death(Death),
}

impl Shared {
    /// Begins a session over a recording.
    async fn begin(
        &self,
        group: &Group,
        part: &Part,
        work: Work,
        recording: &Recording,
        watch: &Watch,
    ) -> Result<Serving, RunError> {
        // A file is handed over; anything else is asked for.
        let file = recording.reader.file().and_then(|file| file.try_clone().ok());
        self.open(group, part, work, file.map(Into::into), watch).await
    }

    async fn open(
        &self,
        group: &Group,
        part: &Part,
        work: Work,
        file: Option<std::os::fd::OwnedFd>,
        watch: &Watch,
    ) -> Result<Serving, RunError> {
        self.admit(part)?;
        let lent = group.lend(&self.nursery).await.map_err(|e| unstarted(last(part), e))?;
        let session = lent.process.open(watch.job, work, file, group.config.patience()).await;
        Ok(Serving { lent, session, job: watch.job })
    }

    /// Refuses a part with a stage that is in quarantine.
    fn admit(&self, part: &Part) -> Result<(), RunError> {
        let Some(entry) = self.quarantine.closed(ids(part)) else { return Ok(()) };
        let why = format!(
            "it is in quarantine ({}); `scribed plugins release {}` releases it",
            entry.why, entry.stage
        );
        Err(RunError::new(entry.stage, Reason::Unavailable, why))
    }

    /// Ends a session: its worker goes back, or is let go.
    fn settle<T>(
        &self,
        group: &Group,
        serving: Serving,
        part: &Part,
        ended: Result<T, Stop>,
    ) -> Result<T, RunError> {
        let Serving { lent, session, job } = serving;
        match ended {
            Ok(made) => {
                drop(session);
                self.quarantine.went_well(ids(part));
                group.give_back(lent);
                Ok(made)
            }
            Err(Stop::Stage(error)) => {
                drop(session);
                group.give_back(lent);
                Err(error)
            }
            Err(Stop::Unwanted) => {
                lent.process.dismiss();
                Err(RunError::new(last(part), Reason::Cancelled, "cancelled"))
            }
            Err(Stop::Death(death)) => Err(self.blame(part, job, &death)),
        }
    }

    /// Blames a part for the end of its worker.
    fn blame(&self, part: &Part, job: Option<JobId>, death: &Death) -> RunError {
        let reason = match death.kind {
            DeathKind::Crashed => Reason::Crashed,
            DeathKind::Deadline => Reason::Deadline,
            DeathKind::Broken => Reason::Failed,
            DeathKind::Dismissed => Reason::Cancelled,
        };
        // The attempt at what a probe crashed on counts by itself.
        if let Some(job) = job
            && death.kind != DeathKind::Dismissed
        {
            self.quarantine.crashed(ids(part), job, &death.why);
        }
        RunError::new(last(part), reason, format!("its worker ended: {}", death.why))
    }
}

/// Says why a part could not begin; nothing of it is the job's fault.
fn unstarted(stage: &str, error: StartError) -> RunError {
    match error {
        StartError::Refused(error) => error,
        error => RunError::new(stage, Reason::Unavailable, error.to_string()),
    }
}

fn ids(part: &Part) -> impl Iterator<Item = &str> {
    part.stages.iter().map(|call| call.stage.as_str())
}

fn last(part: &Part) -> &str {
    ids(part).last().unwrap_or_default()
}

fn info(recording: &Recording) -> RecordingInfo {
    RecordingInfo {
        length: recording.reader.len(),
        file_name: recording.file_name.clone(),
        media_type: recording.media_type.clone(),
    }
}

/// Loads all plugins of a search in a worker, to learn what they offer, and opens stages there once, to
/// see whether they take their options. This process loads nothing.
///
/// # Errors
/// The refusal of a stage; or the worker cannot be started, or a plugin takes it down.
pub async fn describe(
    program: &Program,
    search: &Search,
    opened: Vec<StageCall>,
    ready_within: Duration,
) -> Result<Loaded, RunError> {
    let setup = Setup {
        group: "describe".to_owned(),
        folders: search.folders.clone(),
        pins: search.pins.clone(),
        warm: opened,
        limits: Limits::default(),
    };
    let nursery = Nursery::start();
    let nursery = nursery.map_err(|error| unstarted("worker", StartError::Spawn(error)))?;
    let started =
        crate::process::Process::start(&nursery, program, setup, true, ready_within).await;
    let process = started.map_err(|error| unstarted("worker", error))?;
    Ok(process.loaded.clone())
}
