//! `scribed plugins`: the stages that plugins offer.

use std::process::ExitCode;

use anyhow::anyhow;
use scribed_plugin_host::{Catalog, StageInfo};
use serde::Serialize;
use serde_json::Value;

use super::Session;
use crate::cli::Plugins;
use crate::failure::Failure;
use crate::output;
use crate::stages::Stages;

/// What `plugins list --json` prints.
#[derive(Debug, Serialize)]
struct Report<'a> {
    /// Every stage that can be used.
    stages: Vec<&'a StageInfo>,
    /// Every library that cannot.
    refused: Vec<Refused>,
}

#[derive(Debug, Serialize)]
struct Refused {
    path: String,
    reason: String,
}

/// Lists or shows.
///
/// # Errors
/// When there is no such stage.
pub(super) fn run(session: &Session, ask: &Plugins) -> Result<ExitCode, Failure> {
    let stages = Stages::load(&session.settings.config, &session.folder)?;
    match ask {
        Plugins::List(listing) if listing.json => {
            let refused = |refusal: &scribed_plugin_host::Refusal| Refused {
                path: refusal.path.display().to_string(),
                reason: refusal.reason.to_string(),
            };
            let refused = stages.refusals.iter().map(refused).collect();
            output::json(&Report { stages: stages.catalog.stages().collect(), refused })?;
        }
        Plugins::List(_) => list(&stages),
        Plugins::Show { id, listing } => {
            let stage = find(&stages.catalog, id)?;
            if listing.json { output::json(stage)? } else { show(stage) }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn find<'a>(catalog: &'a Catalog, id: &str) -> Result<&'a StageInfo, Failure> {
    catalog.stage(id).ok_or_else(|| {
        let known: Vec<&str> = catalog.stages().map(|stage| stage.id.as_str()).collect();
        Failure::failed(anyhow!("there is no stage {id:?}"))
            .hint(format!("there are: {}", known.join(", ")))
    })
}

fn list(stages: &Stages) {
    let row = |stage: &StageInfo| {
        let way = format!("{} → {}", stage.accepts, stage.emits);
        [stage.id.clone(), stage.version.clone(), way, stage.summary.clone()]
    };
    let rows: Vec<_> = stages.catalog.stages().map(row).collect();
    output::table(["STAGE", "VERSION", "FROM → TO", "SUMMARY"], &rows);
    for refusal in &stages.refusals {
        output::note(format!("warning: {refusal}"));
    }
}

fn show(stage: &StageInfo) {
    output::line(format!("stage    {}", stage.id));
    output::line(format!("version  {}", stage.version));
    output::line(format!("summary  {}", stage.summary));
    output::line(format!("accepts  {}", stage.accepts));
    output::line(format!("emits    {}", stage.emits));
    output::line(format!("library  {}", stage.library.display()));
    let properties = stage.config_schema.get("properties").and_then(Value::as_object);
    let rows: Vec<_> = properties.into_iter().flatten().map(option).collect();
    if !rows.is_empty() {
        output::line("");
        output::table(["OPTION", "DEFAULT", "MEANING"], &rows);
    }
}

/// Puts one option of a stage's schema into words.
fn option((name, schema): (&String, &Value)) -> [String; 3] {
    let default = schema.get("default").map(Value::to_string).unwrap_or_default();
    let text = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    // The first paragraph; the rest is for the JSON form.
    let meaning = text.split("\n\n").next().unwrap_or_default().replace('\n', " ");
    [name.clone(), default, meaning]
}
