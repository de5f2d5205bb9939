//! `scribed plugins`: the stages that plugins offer.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use scribed_plugin_host::{Catalog, StageInfo};
use scribed_worker::Refused;
use scribed_worker::quarantine::{self, Entry};
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
    refused: Vec<&'a Refused>,
    /// Stages that crashed too often.
    quarantine: Vec<Entry>,
}

/// Lists or shows.
///
/// # Errors
/// When there is no such stage.
pub(super) fn run(session: &Session, ask: &Plugins) -> Result<ExitCode, Failure> {
    let quarantine = session.folder.quarantine();
    // A stage that takes its process down is not loaded to be released.
    if let Plugins::Release { id } = ask {
        return release(&quarantine, id);
    }
    let aside = quarantine::list(&quarantine).context("cannot read the folder of quarantine")?;
    let stages = Stages::load(&session.settings.config, &session.folder)?;
    match ask {
        Plugins::Release { .. } => {}
        Plugins::List(listing) if listing.json => {
            let refused = stages.refusals.iter().collect();
            let stages = stages.known.iter().collect();
            output::json(&Report { stages, refused, quarantine: aside })?;
        }
        Plugins::List(_) => {
            list(&stages);
            for Entry { stage, why, .. } in &aside {
                output::note(format!(
                    "warning: {stage} is in quarantine: {why}; \
                     `scribed plugins release {stage}` releases it"
                ));
            }
        }
        Plugins::Show { id, listing } => {
            let stage = find(&stages.catalog, id)?;
            if listing.json { output::json(stage)? } else { show(stage) }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Releases a stage; a running daemon notices at its next job.
fn release(quarantine: &Path, id: &str) -> Result<ExitCode, Failure> {
    if quarantine::release(quarantine, id).context("cannot release the stage")? {
        output::note(format!("{id} is released"));
        return Ok(ExitCode::SUCCESS);
    }
    let aside = quarantine::list(quarantine).context("cannot read the folder of quarantine")?;
    let names: Vec<_> = aside.iter().map(|entry| entry.stage.as_str()).collect();
    let hint = if names.is_empty() {
        "nothing is in quarantine".to_owned()
    } else {
        format!("in quarantine: {}", names.join(", "))
    };
    Err(Failure::failed(anyhow!("{id} is not in quarantine")).hint(hint))
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
