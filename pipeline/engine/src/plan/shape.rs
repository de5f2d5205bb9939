//! What the engine must know of a stage to plan with it.

use scribed_plugin_host::{Kind, StageInfo};
use serde_json::Value;

/// A stage, as a plan sees it.
#[derive(Debug, Clone)]
pub struct StageShape {
    /// Its id.
    pub id: String,
    /// What it takes in.
    pub accepts: Kind,
    /// What it gives out.
    pub emits: Kind,
    /// JSON Schema of its configuration.
    pub config_schema: Value,
}

/// The mark of a configuration property that a job may set.
const JOB_OPTION: &str = "x-scribed-job-option";

impl From<&StageInfo> for StageShape {
    fn from(stage: &StageInfo) -> Self {
        Self {
            id: stage.id.clone(),
            accepts: stage.accepts,
            emits: stage.emits,
            config_schema: stage.config_schema.clone(),
        }
    }
}

impl StageShape {
    /// Returns the names of the configuration properties that a job may set.
    pub(crate) fn job_options(&self) -> Vec<String> {
        let properties = self.config_schema.get("properties").and_then(Value::as_object);
        let marked = properties.into_iter().flatten().filter(|(_, property)| {
            property.get(JOB_OPTION).and_then(Value::as_bool).unwrap_or(false)
        });
        marked.map(|(name, _)| name.clone()).collect()
    }
}
