//! Stages: plugins loaded, models found, pipelines checked, and every stage opened once.
//!
//! What cannot work is refused here, before anything runs: a refused plugin, a pipeline whose
//! neighbours do not fit, an option that a stage does not take, a model that cannot be loaded.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow};
use scribed_engine::plan::StageShape;
use scribed_engine::runner::RunError;
use scribed_engine::{PipelineConfig, PlanError, Plans};
use scribed_plugin_host::{Catalog, HostContext, Instance, Level, Search, StageInfo};
use scribed_worker::Refused;
use serde_json::Value;

use crate::config::Config;
use crate::failure::Failure;
use crate::models::{DEMO_WARNING, Finder, Model, ModelError};
use crate::state_folder::StateFolder;

/// The mark of a configuration property that takes the path of a speech model.
const MODEL_PROPERTY: &str = "x-scribed-model";

/// The mark of a configuration property that takes how many chunks are recognised at once.
const SLOTS_PROPERTY: &str = "x-scribed-slots";

/// Marks, in a stage's schema, a property of a stage that was built to work on a GPU.
const GPU_PROPERTY: &str = "x-scribed-gpu";

/// The stages of a configuration.
#[derive(Debug)]
pub struct Stages {
    /// The plugins, where they are loaded in this process; empty otherwise.
    pub catalog: Catalog,
    /// Every stage that can be used, in the order of their ids.
    pub known: Vec<StageInfo>,
    /// Plugins that cannot.
    pub refusals: Vec<Refused>,
    /// Finds models.
    pub finder: Finder,
    /// The pipelines, the paths of their models filled in.
    pub pipelines: Vec<PipelineConfig>,
    /// Models that pipelines use.
    pub models: Vec<Model>,
    /// What is wrong with models.
    pub model_errors: Vec<ModelError>,
    /// Groups of workers in which stages may run.
    groups: Vec<String>,
}

/// Stages that are kept open, so that what they loaded stays loaded.
#[derive(Debug)]
pub struct Warm {
    _instances: Vec<Instance>,
}

/// One stage of a pipeline that could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("pipeline {pipeline:?}: stage {number} {error}")]
pub struct Unopened {
    /// The pipeline.
    pub pipeline: String,
    /// Its place, from 1.
    pub number: usize,
    /// What the stage said.
    pub error: RunError,
}

impl Stages {
    /// What to do when a stage does not open.
    pub const REFUSED_HINT: &str = "correct the stage's options, or replace the file that it names";

    /// Loads plugins into this process and fills in models; what is wrong is kept, not refused.
    ///
    /// # Errors
    /// When the place of the running program is unknown.
    pub fn load(config: &Config, folder: &StateFolder) -> Result<Self, Failure> {
        let (catalog, refusals) = Catalog::load(&Self::search(config)?);
        let known = catalog.stages().cloned().collect();
        let refusals = refusals.iter().map(Refused::from).collect();
        Ok(Self { catalog, ..Self::of(config, folder, known, refusals)? })
    }

    /// Takes stages that are loaded elsewhere, and fills in models.
    ///
    /// # Errors
    /// When the place of the running program is unknown.
    pub fn of(
        config: &Config,
        folder: &StateFolder,
        known: Vec<StageInfo>,
        refusals: Vec<Refused>,
    ) -> Result<Self, Failure> {
        let finder = Finder::new(&config.models, folder.models(), &binary_folder()?);
        let mut stages = Self {
            catalog: Catalog::default(),
            known,
            refusals,
            finder,
            pipelines: config.pipelines.clone(),
            models: Vec::new(),
            model_errors: Vec::new(),
            groups: config.workers.all_groups().into_keys().collect(),
        };
        stages.fill_models(&config.models.default);
        stages.fill_slots(config.engine.slots());
        Ok(stages)
    }

    /// Returns where plugins are looked for.
    ///
    /// # Errors
    /// When the place of the running program is unknown.
    pub fn search(config: &Config) -> Result<Search, Failure> {
        let mut search = Search::beside(&binary_folder()?);
        search.folders.extend(config.plugins.folders.iter().cloned());
        search.pins.clone_from(&config.plugins.pins);
        Ok(search)
    }

    /// Looks a stage up.
    pub fn stage(&self, id: &str) -> Option<&StageInfo> {
        self.known.iter().find(|stage| stage.id == id)
    }

    /// Returns whether any stage was built to work on a GPU.
    pub fn for_gpu(&self) -> bool {
        self.known.iter().any(|stage| marked(stage, GPU_PROPERTY).is_some())
    }

    /// Checks that the stages of every pipeline fit.
    ///
    /// # Errors
    /// Names the pipeline, the stage and what does not fit.
    pub fn plans(&self) -> Result<Plans, PlanError> {
        let shapes: Vec<StageShape> = self.known.iter().map(StageShape::from).collect();
        let plans = Plans::from_shapes(&self.pipelines, &shapes)?;
        self.check_groups().map(|()| plans)
    }

    /// Refuses a stage that names a group of workers which is not configured.
    fn check_groups(&self) -> Result<(), PlanError> {
        for pipeline in &self.pipelines {
            for (index, stage) in pipeline.stages.iter().enumerate() {
                let Some(group) = &stage.group else { continue };
                if !self.groups.contains(group) {
                    let (number, id) = (index + 1, &stage.stage);
                    let misfit = format!(
                        "stage {number} {id} names the group {group:?}, which [workers.groups] does \
                         not have"
                    );
                    return Err(PlanError::Misfit { pipeline: pipeline.name.clone(), misfit });
                }
            }
        }
        Ok(())
    }

    /// Opens every stage of every pipeline once; returns those that hold a model, and what failed.
    pub fn open_all(&self) -> (Warm, Vec<Unopened>) {
        let (mut instances, mut failed) = (Vec::new(), Vec::new());
        for pipeline in &self.pipelines {
            for (index, stage) in pipeline.stages.iter().enumerate() {
                let Some(info) = self.stage(&stage.stage) else { continue };
                let config = Value::Object(stage.config.clone());
                match self.catalog.open(&stage.stage, &config, Arc::new(Quiet)) {
                    Ok(instance) if model_property(info).is_some() => instances.push(instance),
                    Ok(_) => {}
                    Err(error) => {
                        let pipeline = pipeline.name.clone();
                        failed.push(Unopened { pipeline, number: index + 1, error: error.into() });
                    }
                }
            }
        }
        (Warm { _instances: instances }, failed)
    }

    /// Refuses whatever cannot work, and returns the plans with the warm stages.
    ///
    /// # Errors
    /// Names the file or stage, the reason, and what to do.
    pub fn insist(&self) -> Result<(Plans, Warm), Failure> {
        Ok((self.plans_or_refuse()?, self.open_or_refuse()?))
    }

    /// Refuses plugins, models and pipelines that cannot work.
    ///
    /// # Errors
    /// Names the file or stage, the reason, and what to do.
    pub fn plans_or_refuse(&self) -> Result<Plans, Failure> {
        if let Some(refusal) = self.refusals.first() {
            let more = self.refusals.len() - 1;
            let failure = Failure::refused(anyhow!("{refusal}"));
            let hint = format!("{more} more are refused; `scribed check` lists all");
            return Err(if more > 0 { failure.hint(hint) } else { failure });
        }
        if let Some(error) = self.model_errors.first() {
            return Err(Failure::refused(anyhow!("{error}")).hint(error.hint()));
        }
        self.plans().map_err(|error| Failure::refused(anyhow!("{error}")))
    }

    /// Opens every stage in this process, and refuses what does not open.
    ///
    /// # Errors
    /// Names the pipeline, the stage, and what it said.
    pub fn open_or_refuse(&self) -> Result<Warm, Failure> {
        let (warm, failed) = self.open_all();
        match failed.into_iter().next() {
            None => Ok(warm),
            Some(unopened) => Err(Failure::refused(unopened).hint(Self::REFUSED_HINT)),
        }
    }

    /// Finds the place of a stage that could not be opened elsewhere.
    pub fn unopened(&self, error: RunError) -> Unopened {
        let place = self.pipelines.iter().find_map(|pipeline| {
            let index = pipeline.stages.iter().position(|stage| stage.stage == error.stage)?;
            Some((pipeline.name.clone(), index + 1))
        });
        let (pipeline, number) = place.unwrap_or_default();
        Unopened { pipeline, number, error }
    }

    /// Says which model serves, loudly when it is the demo model.
    pub fn announce_models(&self) {
        for model in &self.models {
            tracing::info!(model = model.name, path = %model.path.display(), "speech model");
            if model.demo {
                tracing::warn!("{DEMO_WARNING}");
            }
        }
    }

    /// Writes the path of a model into every stage that takes one: the one that it names, else the
    /// default.
    fn fill_models(&mut self, default: &str) {
        let Self { known, pipelines, .. } = self;
        for stage in pipelines.iter_mut().flat_map(|pipeline| &mut pipeline.stages) {
            let info = known.iter().find(|info| info.id == stage.stage);
            let Some(property) = info.and_then(model_property) else { continue };
            let wish = stage.config.get(&property).map_or(Some(default), Value::as_str);
            // A wish that is no text is the stage's to refuse.
            let Some(wish) = wish else { continue };
            match self.finder.find(wish) {
                Ok(model) => {
                    let path = model.path.display().to_string();
                    stage.config.insert(property, path.into());
                    if !self.models.contains(&model) {
                        self.models.push(model);
                    }
                }
                Err(error) if self.model_errors.contains(&error) => {}
                Err(error) => self.model_errors.push(error),
            }
        }
    }

    /// Tells every stage that wants to know how many chunks are recognised at once, unless the
    /// pipeline says it.
    fn fill_slots(&mut self, slots: u32) {
        for stage in self.pipelines.iter_mut().flat_map(|pipeline| &mut pipeline.stages) {
            let info = self.known.iter().find(|info| info.id == stage.stage);
            if let Some(property) = info.and_then(|info| marked(info, SLOTS_PROPERTY)) {
                stage.config.entry(property).or_insert_with(|| slots.into());
            }
        }
    }
}

/// Returns the property of a stage's configuration that takes the path of a model.
pub fn model_property(stage: &StageInfo) -> Option<String> {
    marked(stage, MODEL_PROPERTY)
}

/// Returns the property of a stage's configuration that carries a mark.
fn marked(stage: &StageInfo, mark: &str) -> Option<String> {
    let properties = stage.config_schema.get("properties")?.as_object()?;
    let is_marked = |property: &Value| property.get(mark) == Some(&Value::Bool(true));
    properties.iter().find(|(_, property)| is_marked(property)).map(|(name, _)| name.clone())
}

/// Returns the folder of the running program, links resolved.
fn binary_folder() -> anyhow::Result<PathBuf> {
    let binary = std::env::current_exe().and_then(std::fs::canonicalize);
    let binary = binary.context("cannot find out where the running program lies")?;
    Ok(binary.parent().unwrap_or(Path::new("/")).to_owned())
}

/// The context of stages that are only opened.
struct Quiet;

impl HostContext for Quiet {
    fn log(&self, level: Level, message: &str) {
        match level {
            Level::Error => tracing::error!(message),
            Level::Warn => tracing::warn!(message),
            Level::Info | Level::Debug | Level::Trace => tracing::debug!(message),
        }
    }

    fn cancelled(&self) -> bool {
        false
    }

    fn report(&self, _topic: &str, _json: &str) {}
}
