//! Where stages run: in workers, or in this process.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use scribed_engine::StageRunner;
use scribed_engine::runner::{InProcess, StageCall};
use scribed_worker::config::ASR;
use scribed_worker::{Program, Start, Workers};
use serde_json::Value;

use crate::config::Config;
use crate::failure::Failure;
use crate::stages::{Stages, Warm, model_property};
use crate::state_folder::StateFolder;

/// What runs stages.
#[derive(Debug)]
pub struct Running {
    /// The engine's side.
    pub runner: Arc<dyn StageRunner>,
    /// Keeps models loaded, where that is this process's business.
    pub warm: Option<Warm>,
}

/// Returns this very program, as a worker.
///
/// By its link in `/proc`: an upgrade that replaces the file does not give a running daemon workers of
/// another version.
pub fn program() -> Program {
    Program { path: "/proc/self/exe".into(), arguments: vec!["worker".to_owned()] }
}

/// Loads the stages of a daemon, where they will run.
///
/// # Errors
/// A worker cannot be started, or a plugin takes it down.
pub async fn load(config: &Config, folder: &StateFolder) -> Result<Stages, Failure> {
    if !config.workers.isolate {
        return Stages::load(config, folder);
    }
    let search = Stages::search(config)?;
    let ready = Duration::from_secs(config.workers.ready_secs);
    let loaded = scribed_worker::describe(&program(), &search, Vec::new(), ready).await;
    let loaded = loaded.map_err(|error| {
        Failure::refused(error).hint("`scribed plugins list` loads them here and may tell more")
    })?;
    Stages::of(config, folder, loaded.stages, loaded.refusals)
}

/// Opens every stage once, refuses what does not open, and makes ready to run them.
///
/// # Errors
/// Names the pipeline, the stage, and what it said.
pub async fn start(
    config: &Config,
    folder: &StateFolder,
    stages: &Stages,
) -> Result<Running, Failure> {
    if !config.workers.isolate {
        let warm = stages.open_or_refuse()?;
        stages.announce_models();
        let runner = Arc::new(InProcess::new(stages.catalog.clone()));
        return Ok(Running { runner, warm: Some(warm) });
    }
    let (search, program) = (Stages::search(config)?, program());
    // What loads a model stays open in the worker that recognises; the others are only tried.
    let (mut warm, mut tried) = (BTreeMap::<_, Vec<_>>::new(), Vec::new());
    for (group, call) in calls(stages) {
        let info = stages.stage(&call.stage);
        if info.is_some_and(|info| model_property(info).is_some()) {
            warm.entry(group.unwrap_or_else(|| ASR.to_owned())).or_default().push(call);
        } else {
            tried.push(call);
        }
    }
    stages.announce_models();
    let ready = Duration::from_secs(config.workers.ready_secs);
    let refused = |error| Failure::refused(stages.unopened(error)).hint(Stages::REFUSED_HINT);
    scribed_worker::describe(&program, &search, tried, ready).await.map_err(refused)?;
    let quarantine = folder.quarantine();
    let slots = config.engine.slots();
    let known = stages.known.clone();
    let begin = Start { program, search, warm, slots, quarantine, stages: known };
    let workers = Workers::new(&config.workers, begin).map_err(anyhow::Error::new)?;
    workers.warm_up().await.map_err(refused)?;
    Ok(Running { runner: Arc::new(workers), warm: None })
}

/// Returns every stage of every pipeline with its options, and the group that it names.
fn calls(stages: &Stages) -> impl Iterator<Item = (Option<String>, StageCall)> {
    stages.pipelines.iter().flat_map(|pipeline| &pipeline.stages).map(|stage| {
        let config = Value::Object(stage.config.clone());
        (stage.group.clone(), StageCall { stage: stage.stage.clone(), config })
    })
}
