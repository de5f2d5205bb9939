//! Pipelines as they stand in the configuration.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One pipeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PipelineConfig {
    /// Its name, as jobs ask for it.
    pub name: String,
    /// Its stages in order; those that make documents last.
    pub stages: Vec<StageConfig>,
}

/// One stage of a pipeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageConfig {
    /// Id of the stage, e.g. `org.scribed.decode`.
    #[serde(rename = "use")]
    pub stage: String,
    /// Name of the format that it makes, as exports ask for it; only for stages that make documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Group of worker processes in which it runs; left out, the one for what it does: `media` up to
    /// chunks, `asr` from there to text, `render` for documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Its own options; what they mean is the stage's business.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub config: Map<String, Value>,
}

impl StageConfig {
    /// Makes a stage without options.
    pub fn new(stage: impl Into<String>) -> Self {
        Self { stage: stage.into(), format: None, group: None, config: Map::new() }
    }

    /// Makes a stage that makes documents, without options.
    pub fn renderer(stage: impl Into<String>, format: impl Into<String>) -> Self {
        Self { format: Some(format.into()), ..Self::new(stage) }
    }

    /// Adds an option.
    #[must_use]
    pub fn with(mut self, option: &str, value: impl Into<Value>) -> Self {
        self.config.insert(option.to_owned(), value.into());
        self
    }
}
