//! The stages that the scripted runner plays.

use scribed_plugin_host::Kind;
use serde_json::json;

use crate::plan::StageShape;

/// Returns the stages `test.cut`, `test.recognise` and `test.render`.
pub fn shapes() -> Vec<StageShape> {
    let shape = |id: &str, accepts, emits, config_schema| StageShape {
        id: id.to_owned(),
        accepts,
        emits,
        config_schema,
    };
    let job_options = |names: &[&str]| {
        let marked = names.iter().map(|n| ((*n).to_owned(), json!({"x-scribed-job-option": true})));
        json!({ "properties": marked.collect::<serde_json::Map<_, _>>() })
    };
    vec![
        shape("test.cut", Kind::Media, Kind::Chunk, json!({})),
        shape("test.recognise", Kind::Chunk, Kind::Segments, job_options(&["language"])),
        shape(
            "test.render",
            Kind::Segments,
            Kind::Document,
            job_options(&["title", "created", "duration_secs", "partial", "owner"]),
        ),
    ]
}
