//! What the engine must know of a stage to plan with it.

use std::fmt;

use serde_json::Value;

/// What passes between stages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ItemKind {
    /// A recording, read at random.
    Media,
    /// A block of samples.
    Audio,
    /// What the recogniser gets in one inference.
    Chunk,
    /// Text with times.
    Segments,
    /// A finished file.
    Document,
}

impl fmt::Display for ItemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Media => "MEDIA",
            Self::Audio => "AUDIO",
            Self::Chunk => "CHUNK",
            Self::Segments => "SEGMENTS",
            Self::Document => "DOCUMENT",
        })
    }
}

/// A stage, as a plan sees it.
#[derive(Debug, Clone)]
pub struct StageShape {
    /// Its id.
    pub id: String,
    /// What it takes in.
    pub accepts: ItemKind,
    /// What it gives out.
    pub emits: ItemKind,
    /// JSON Schema of its configuration.
    pub config_schema: Value,
}

/// The mark of a configuration property that a job may set.
const JOB_OPTION: &str = "x-scribed-job-option";

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
