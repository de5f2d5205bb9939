//! `scribed check`: what is configured, where from, and whether it can work.

use std::process::ExitCode;

use scribed_media::Backend;
use scribed_outbound::Outbound;
use serde::Serialize;

use super::{Session, runtime};
use crate::backends;
use crate::cli::Listing;
use crate::config::Effective;
use crate::failure::Failure;
use crate::models::{DEMO_WARNING, Model};
use crate::output;
use crate::stages::Stages;

/// Everything that a check finds.
#[derive(Debug, Serialize)]
struct Report {
    /// The state folder in use.
    state_folder: String,
    /// Every option in force.
    options: Vec<Effective>,
    /// Every pipeline.
    pipelines: Vec<Pipeline>,
    /// Models that pipelines use.
    models: Vec<Model>,
    /// What cannot work; empty when the daemon would start.
    problems: Vec<String>,
}

/// A pipeline as it would run.
#[derive(Debug, Serialize)]
struct Pipeline {
    name: String,
    stages: Vec<String>,
}

/// Checks and reports; nothing is started or changed.
///
/// # Errors
/// When the place of the running program is unknown.
pub(super) fn run(session: &Session, listing: Listing) -> Result<ExitCode, Failure> {
    let stages = Stages::load(&session.settings.config, &session.folder)?;
    let report = Report {
        state_folder: session.folder.path().display().to_string(),
        options: session.settings.effective(),
        pipelines: stages.pipelines.iter().map(pipeline).collect(),
        problems: problems(session, &stages),
        models: stages.models,
    };
    if listing.json {
        output::json(&report)?;
    } else {
        print(&report);
    }
    Ok(if report.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(2) })
}

fn pipeline(config: &scribed_engine::PipelineConfig) -> Pipeline {
    let stage = |stage: &scribed_engine::StageConfig| match &stage.format {
        Some(format) => format!("{} ({format})", stage.stage),
        None => stage.stage.clone(),
    };
    Pipeline { name: config.name.clone(), stages: config.stages.iter().map(stage).collect() }
}

/// Collects whatever would keep the daemon from starting.
pub(super) fn problems(session: &Session, stages: &Stages) -> Vec<String> {
    let mut problems: Vec<String> = stages.refusals.iter().map(ToString::to_string).collect();
    let of_models = stages.model_errors.iter();
    problems.extend(of_models.map(|error| format!("{error}; {}", error.hint())));
    problems.extend(stages.plans().err().map(|error| error.to_string()));
    // Without a model its stage would only say the same again.
    if stages.model_errors.is_empty() {
        let (_warm, unopened) = stages.open_all();
        problems.extend(unopened.iter().map(ToString::to_string));
    }
    problems.extend(session.folder.check().err().map(|failure| failure.to_string()));
    let config = &session.settings.config;
    let traces = config.telemetry.traces.check();
    let outbound = Outbound::new(&config.outbound).map(drop).map_err(Failure::refused);
    for checked in [backends::check(config), media_problem(session), traces, outbound] {
        problems.extend(checked.err().map(|failure| told(&failure)));
    }
    problems
}

/// Writes a failure with what to do.
fn told(failure: &Failure) -> String {
    match &failure.hint {
        Some(hint) => format!("{failure}; {hint}"),
        None => failure.to_string(),
    }
}

/// Asks the bucket of recordings whether it can be used; a folder would be made, which is no check.
fn media_problem(session: &Session) -> Result<(), Failure> {
    let config = &session.settings.config;
    if config.media.backend != Backend::S3 {
        return Ok(());
    }
    let media = backends::media(config, &session.folder)?;
    runtime()?.block_on(media.ping()).map_err(Failure::refused)
}

fn print(report: &Report) {
    output::line(format!("# state folder: {}", report.state_folder));
    let origins = report.options.iter().map(|option| {
        let value = value(option);
        [format!("{} = {value}", option.key), format!("# {}", option.origin)]
    });
    output::table(["# option", "# origin"], &origins.collect::<Vec<_>>());
    for pipeline in &report.pipelines {
        output::line(format!("# pipeline {}: {}", pipeline.name, pipeline.stages.join(" → ")));
    }
    for model in &report.models {
        output::line(format!("# model {}: {}", model.name, model.path.display()));
        if model.demo {
            output::note(format!("warning: {DEMO_WARNING}"));
        }
    }
    for problem in &report.problems {
        output::note(format!("error: {problem}"));
    }
    match report.problems.len() {
        0 => output::note("everything fits"),
        1 => output::note("1 problem: the daemon would not start"),
        n => output::note(format!("{n} problems: the daemon would not start")),
    }
}

/// Writes a value; pipelines have lines of their own.
fn value(option: &Effective) -> String {
    match option.value.as_array() {
        Some(all) if option.key == "pipelines" => format!("[{} of them]", all.len()),
        _ => option.value.to_string(),
    }
}
