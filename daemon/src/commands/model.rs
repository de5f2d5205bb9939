//! `scribed model`: speech models on this machine.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::anyhow;
use serde::Serialize;

use super::Session;
use crate::cli::Model as Ask;
use crate::failure::Failure;
use crate::models::{DEMO_WARNING, Model};
use crate::output;
use crate::stages::{Stages, model_property};

/// A model of the listing.
#[derive(Debug, Serialize)]
struct Row {
    #[serde(flatten)]
    model: Model,
    /// Whether some pipeline uses it.
    serves: bool,
}

/// Lists or verifies.
///
/// # Errors
/// When a model is missing or cannot be loaded.
pub(super) fn run(session: &Session, ask: &Ask) -> Result<ExitCode, Failure> {
    let mut config = session.settings.config.clone();
    if let Ask::Verify { model: Some(wish) } = ask {
        config.models.default.clone_from(wish);
    }
    let stages = Stages::load(&config, &session.folder)?;
    match ask {
        Ask::List(listing) => {
            let mut all = stages.finder.all();
            // One that is configured by its path lies in none of the folders.
            all.extend(
                stages.models.iter().filter(|m| !all.contains(m)).cloned().collect::<Vec<_>>(),
            );
            let serves = |model: &Model| stages.models.contains(model);
            let rows = all.into_iter().map(|model| Row { serves: serves(&model), model });
            let rows: Vec<Row> = rows.collect();
            if listing.json { output::json(&rows)? } else { list(&rows) }
        }
        Ask::Verify { .. } => verify(&stages)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn list(rows: &[Row]) {
    let row = |row: &Row| {
        let serves = if row.serves { "yes" } else { "no" };
        let megabytes = format!("{} MB", row.model.bytes.div_ceil(1_000_000));
        let path = row.model.path.display().to_string();
        [row.model.name.clone(), megabytes, serves.to_owned(), path]
    };
    output::table(["MODEL", "SIZE", "SERVES", "FILE"], &rows.iter().map(row).collect::<Vec<_>>());
    if rows.iter().any(|row| row.serves && row.model.demo) {
        output::note(format!("warning: {DEMO_WARNING}"));
    }
}

/// Opens the stages that take a model.
fn verify(stages: &Stages) -> Result<(), Failure> {
    if let Some(error) = stages.model_errors.first() {
        return Err(Failure::failed(anyhow!("{error}")).hint(error.hint()));
    }
    let begin = Instant::now();
    let (_warm, unopened) = stages.open_all();
    let takes_model = |id: &str| stages.catalog.stage(id).and_then(model_property).is_some();
    if let Some(unopened) = unopened.into_iter().find(|one| takes_model(&one.error.stage)) {
        return Err(Failure::failed(unopened).hint("get the file again: it may be cut or damaged"));
    }
    for model in &stages.models {
        let (name, path) = (&model.name, model.path.display());
        output::line(format!("{name}  {path}  loads"));
    }
    output::note(format!("loaded in {:.1} s", begin.elapsed().as_secs_f64()));
    Ok(())
}
