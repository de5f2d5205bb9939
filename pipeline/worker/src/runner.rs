//! The runner: stages run in workers, and the engine does not notice.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use scribed_engine::runner::{
    Chunk, Cut, Document, Part, Reason, Recogniser, Recording, RunError, StageCall, StageRunner,
    Watch,
};
use scribed_plugin_host::{Search, StageInfo};
use scribed_schemas::id::JobId;
use scribed_schemas::transcript::Segments;
use tokio::sync::mpsc;

use crate::config::{Config, GroupConfig, MEDIA, RENDER};
use crate::group::{Group, Lent, Plan};
use crate::limits::Limits;
use crate::measure;
use crate::message::{Loaded, RecordingInfo, Setup, Work};
use crate::nursery::{Nursery, Program};
use crate::process::{Birth, Death, DeathKind, Session, StartError};
use crate::quarantine::{self, Entry, Quarantine, Rule};
use crate::room::Room;

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
    /// By name; those of [`config`](crate::config) are always there.
    groups: BTreeMap<String, Group>,
    quarantine: Quarantine,
    /// How often stages are tried while nobody needs them; 0: never.
    canary: Duration,
}

/// What workers need to begin.
#[derive(Debug, Clone)]
pub struct Start {
    /// The program that serves as a worker.
    pub program: Program,
    /// Where plugins are.
    pub search: Search,
    /// Stages that the recognising worker of a group keeps open, by its name.
    pub warm: BTreeMap<String, Vec<StageCall>>,
    /// Chunks that are recognised at once when all is well.
    pub slots: u32,
    /// Folder of the files that say what is in quarantine.
    pub quarantine: PathBuf,
    /// The stages that there are, so that those of a new plugin are released from it.
    pub stages: Vec<StageInfo>,
}

impl Workers {
    /// Makes a runner; workers start when they are needed.
    ///
    /// # Errors
    /// The thread that starts workers cannot be made.
    pub fn new(config: &Config, start: Start) -> std::io::Result<Self> {
        let Start { program, search, mut warm, slots, quarantine, stages } = start;
        let back_after = Duration::from_secs(config.room_back_secs);
        let group = |(name, settings): (String, GroupConfig)| {
            measure::count_from_zero(&name);
            let setup = Setup {
                group: name.clone(),
                folders: search.folders.clone(),
                pins: search.pins.clone(),
                warm: warm.remove(&name).unwrap_or_default(),
                limits: Limits::default(),
                level: None,
            };
            let plan = Plan {
                setup,
                program: program.clone(),
                ready_within: Duration::from_secs(config.ready_secs),
                room: Room::new(&name, slots, back_after),
            };
            (name, Group::new(settings, plan))
        };
        let groups = config.all_groups().into_iter().map(group).collect();
        let rule = Rule {
            crashes: config.quarantine_crashes,
            window: Duration::from_secs(config.quarantine_window_secs),
            trial: Duration::from_secs(config.quarantine_trial_secs),
        };
        let version = |stage: StageInfo| {
            Some((stage.id, quarantine::version(&stage.version, &stage.library)?))
        };
        let plugins = stages.into_iter().filter_map(version).collect();
        Ok(Self(Arc::new(Shared {
            nursery: Nursery::start()?,
            groups,
            quarantine: Quarantine::new(quarantine, rule, plugins),
            canary: Duration::from_secs(config.canary_secs),
        })))
    }

    /// Starts the recognising workers, so that their models are loaded before the first chunk, and has them
    /// tried from then on whenever they are idle.
    ///
    /// # Errors
    /// A stage refused, or a worker did not get ready.
    pub async fn warm_up(&self) -> Result<(), RunError> {
        let every = self.0.canary;
        for (name, group) in &self.0.groups {
            if group.warm().is_empty() {
                continue;
            }
            let started = group.share(&self.0.nursery).await;
            started.map(drop).map_err(|error| unstarted(name, error))?;
            if !every.is_zero() {
                tokio::spawn(canary::watch(Arc::downgrade(&self.0), name.clone(), every));
            }
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
        let group = self.0.group(&head, MEDIA)?;
        let mut lent = self.0.begin(group, &head, work, &recording, &watch).await?;
        let cut = cut::cut(&mut lent.session, &recording, &chunks, &watch).await;
        self.0.settle(group, lent, &head, cut)
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
        let group = self.0.group(&renderer, RENDER)?;
        let work = Work::Render { part: renderer.clone() };
        let mut lent = self.0.open(group, &renderer, work, None, &watch).await?;
        let made = render::render(&mut lent.session, text, &watch).await;
        self.0.settle(group, lent, &renderer, made)
    }

    async fn probe(&self, first: Part, recording: Recording, watch: Watch) -> Result<(), RunError> {
        let info = info(&recording);
        let work = Work::Probe { part: first.clone(), recording: info };
        let group = self.0.group(&first, MEDIA)?;
        let mut lent = self.0.begin(group, &first, work, &recording, &watch).await?;
        let probed = cut::probe(&mut lent.session, &recording, &watch).await;
        self.0.settle(group, lent, &first, probed)
    }

    fn set_aside(&self, part: &Part) -> Option<RunError> {
        self.0.quarantine.closed(ids(part)).map(set_aside)
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
    /// The same, after we failed to read its recording for it.
    Unread(RunError),
    /// We want no more; the worker may still be at it.
    Unwanted,
    /// The worker is gone.
    Death(Death),
}

impl Shared {
    /// Returns the group in which a part runs: the one that it names, or the usual one.
    fn group(&self, part: &Part, usual: &str) -> Result<&Group, RunError> {
        let name = part.group.as_deref().unwrap_or(usual);
        self.groups.get(name).ok_or_else(|| {
            let why = format!("there is no group {name:?} of workers; see [workers.groups]");
            RunError::new(last(part), Reason::InvalidConfig, why)
        })
    }

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
        self.admit(part, watch.job)?;
        let lent = group.lend(&self.nursery).await.map_err(|e| unstarted(last(part), e))?;
        let session = lent.process.open(watch.job, work, file, group.config.patience()).await;
        Ok(Serving { lent, session, job: watch.job })
    }

    /// Refuses a part with a stage that is in quarantine.
    fn admit(&self, part: &Part, job: Option<JobId>) -> Result<(), RunError> {
        self.quarantine.enter(ids(part), job).map_or(Ok(()), |entry| Err(set_aside(entry)))
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
                self.quarantine.went_well(ids(part), job);
                group.give_back(lent);
                Ok(made)
            }
            Err(Stop::Stage(error)) => {
                drop(session);
                group.give_back(lent);
                Err(believed(error, group.config.offline))
            }
            Err(Stop::Unread(error)) => {
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
            // Whoever is alone in a worker, or was found to be the cause, pays for its device as well.
            DeathKind::Crashed | DeathKind::Device | DeathKind::Memory => Reason::Crashed,
            DeathKind::Deadline => Reason::Deadline,
            DeathKind::Broken => Reason::Failed,
            DeathKind::Dismissed => Reason::Cancelled,
        };
        if death.kind != DeathKind::Dismissed {
            self.quarantine.crashed(ids(part), job, &death.why);
        }
        RunError::new(last(part), reason, format!("its worker ended: {}", death.why))
    }
}

/// Says that a stage is in quarantine.
fn set_aside(Entry { stage, why, .. }: Entry) -> RunError {
    let why = format!("it is in quarantine ({why}); `scribed plugins release {stage}` releases it");
    RunError::new(stage, Reason::SetAside, why)
}

/// Returns what a worker says of its failure, as far as it is believed.
///
/// A worker without network, files and devices needs nothing but its recording and its share of memory. So
/// what it cannot do is its own failure and counts, else one that a recording has taken over would have that
/// tried for ever. What we failed to read for it is known here, and not its word: [`Stop::Unread`].
fn believed(error: RunError, is_offline: bool) -> RunError {
    let lacks_something = matches!(
        error.reason,
        Reason::Unavailable | Reason::DeviceFault | Reason::OutOfMemory | Reason::NoDevice
    );
    if is_offline && lacks_something {
        return RunError { reason: Reason::Failed, ..error };
    }
    error
}

/// Says why a part could not begin; nothing of it is the job's fault.
fn unstarted(stage: &str, error: StartError) -> RunError {
    match error {
        StartError::Refused(error) => error,
        error => RunError::new(stage, Reason::Unavailable, error.to_string()),
    }
}

fn ids(part: &Part) -> impl Iterator<Item = &str> + Clone {
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
        level: None,
    };
    let nursery = Nursery::start();
    let nursery = nursery.map_err(|error| unstarted("worker", StartError::Spawn(error)))?;
    let birth =
        Birth { setup, keeps_environment: true, has_several: false, patience: ready_within };
    let started = crate::process::Process::start(&nursery, program, birth).await;
    let process = started.map_err(|error| unstarted("worker", error))?;
    Ok(process.loaded.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_has_nothing_to_lack_is_not_believed_that_it_does() {
        let reason = |reason, is_offline| {
            let error = RunError::new("decode", reason, "it says so");
            let believed = believed(error, is_offline);
            assert_eq!(
                (believed.stage.as_str(), believed.message.as_str()),
                ("decode", "it says so")
            );
            believed.reason
        };
        for lack in
            [Reason::Unavailable, Reason::DeviceFault, Reason::OutOfMemory, Reason::NoDevice]
        {
            assert!(!lack.code().is_charged(), "{lack:?}");
            assert!(reason(lack, true).code().is_charged(), "{lack:?}");
            assert_eq!(reason(lack, false), lack);
        }
        for other in [Reason::InvalidInput, Reason::NoAudio, Reason::Panicked, Reason::Cancelled] {
            assert_eq!(reason(other, true), other);
        }
    }

    #[test]
    fn no_worker_says_that_its_stage_is_set_aside() {
        let said = |reason: &str| {
            let error = format!(r#"{{"stage": "a", "reason": "{reason}", "message": "b"}}"#);
            serde_json::from_str::<RunError>(&error)
        };
        assert_eq!(said("unavailable").unwrap().reason, Reason::Unavailable);
        assert!(said("set_aside").is_err());
    }
}
