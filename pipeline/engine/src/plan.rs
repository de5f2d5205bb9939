//! Plans: pipelines that were checked from end to end and split into the parts that run.
//!
//! A pipeline is configuration: a list of stages. Its trunk leads from a recording to text; stages that
//! emit documents are branches off the text, one per format. By the kinds that stages accept and emit
//! the trunk falls into two parts:
//!
//! ```text
//! MEDIA ─decode─► AUDIO ─resample─► AUDIO ─vad─► CHUNK │ CHUNK ─whisper─► SEGMENTS ─…─► SEGMENTS ─┬─ txt
//! └─────────────────────── head ──────────────────────┘ └────────────── recogniser ─────────────┘ ├─ docx
//!                                                                                                 └─ srt …
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use scribed_plugin_host::Catalog;
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::runner::{Part, StageCall};

mod check;
mod config;
mod options;
mod shape;

pub use check::PlanError;
pub use config::{PipelineConfig, StageConfig};
pub use options::Options;
pub use shape::StageShape;

/// The longest chunk, in seconds: the most that a CHUNK item may carry, and what Whisper models see.
pub const CHUNK_LIMIT_SECS: u32 = 30;

/// The name that the default pipeline has, when several are configured.
pub const DEFAULT_PIPELINE: &str = "default";

/// All pipelines, checked. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Plans {
    plans: Arc<BTreeMap<String, Plan>>,
    default: String,
}

/// One pipeline, checked and split.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// MEDIA → CHUNK.
    head: Vec<PlannedStage>,
    /// CHUNK → SEGMENTS.
    recogniser: Vec<PlannedStage>,
    /// SEGMENTS → DOCUMENT, by format.
    renderers: BTreeMap<String, PlannedStage>,
}

/// One stage of a plan.
#[derive(Debug, Clone)]
struct PlannedStage {
    id: String,
    group: Option<String>,
    config: Map<String, Value>,
    /// Properties of the configuration that a job may set.
    job_options: Vec<String>,
}

impl Plans {
    /// Checks pipelines against the stages of a catalog.
    ///
    /// Whether a stage accepts its options shows only when it is opened; see
    /// [`InProcess::check_options`](crate::InProcess::check_options).
    ///
    /// # Errors
    /// Names the pipeline, the stage and what does not fit.
    pub fn validate(
        pipelines: &[PipelineConfig],
        catalog: &Catalog,
    ) -> std::result::Result<Self, PlanError> {
        let shapes: Vec<StageShape> = catalog.stages().map(StageShape::from).collect();
        Self::from_shapes(pipelines, &shapes)
    }

    /// Checks pipelines against stages that need not be loaded.
    ///
    /// Whether a stage accepts its options shows only when it is opened.
    ///
    /// # Errors
    /// Names the pipeline, the stage and what does not fit.
    pub fn from_shapes(
        pipelines: &[PipelineConfig],
        stages: &[StageShape],
    ) -> std::result::Result<Self, PlanError> {
        let plans = check::plans(pipelines, stages)?;
        let first = pipelines.first().map(|p| p.name.clone()).unwrap_or_default();
        let named = plans.contains_key(DEFAULT_PIPELINE);
        let default = if named { DEFAULT_PIPELINE.to_owned() } else { first };
        Ok(Self { plans: Arc::new(plans), default })
    }

    /// Returns the plan of a name, or the default one.
    ///
    /// # Errors
    /// [`Error::NoSuchPipeline`] with the names that exist.
    pub fn plan(&self, name: Option<&str>) -> Result<&Plan> {
        let name = name.unwrap_or(&self.default);
        self.plans.get(name).ok_or_else(|| Error::NoSuchPipeline {
            name: name.to_owned(),
            known: self.names().map(str::to_owned).collect(),
        })
    }

    /// Returns the name of the pipeline that serves when none is asked for.
    pub fn default_name(&self) -> &str {
        &self.default
    }

    /// Returns all plans in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Plan> {
        self.plans.values()
    }

    /// Returns all names in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.plans.keys().map(String::as_str)
    }
}

impl Plan {
    /// Returns the part that cuts a recording into chunks.
    pub fn head(&self, options: &Options) -> Part {
        part(&self.head, options)
    }

    /// Returns the part that turns a chunk into text.
    pub fn recogniser(&self, options: &Options) -> Part {
        part(&self.recogniser, options)
    }

    /// Returns the part that makes a document of a format, when there is one.
    pub fn renderer(&self, format: &str, options: &Options) -> Option<Part> {
        let stage = self.renderers.get(format)?;
        Some(part(std::slice::from_ref(stage), options))
    }

    /// Returns the formats that the pipeline makes, in order.
    pub fn formats(&self) -> impl Iterator<Item = &str> {
        self.renderers.keys().map(String::as_str)
    }

    /// Returns every stage on its own, without a job's options: trunk first, then renderers.
    pub(crate) fn stages(&self) -> impl Iterator<Item = StageCall> {
        let all = self.head.iter().chain(&self.recogniser).chain(self.renderers.values());
        all.map(|stage| call(stage, &Options::default()))
    }

    /// Returns the first stage alone, for a probe.
    pub(crate) fn first(&self, options: &Options) -> Part {
        let first = part(self.head.get(..1).unwrap_or_default(), options);
        Part { group: self.head(options).group, ..first }
    }
}

/// Fills a job's options into the configurations of stages.
fn part(stages: &[PlannedStage], options: &Options) -> Part {
    // The check saw to it that those which name a group name the same.
    let group = stages.iter().find_map(|stage| stage.group.clone());
    Part { stages: stages.iter().map(|stage| call(stage, options)).collect(), group }
}

fn call(stage: &PlannedStage, options: &Options) -> StageCall {
    StageCall {
        stage: stage.id.clone(),
        config: options.laid_over(&stage.config, &stage.job_options),
    }
}
