//! `scribed jobs`: jobs, also while the daemon runs.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::process::ExitCode;

use anyhow::anyhow;
use scribed_schemas::audio::Warning;
use scribed_schemas::id::{AccountId, JobId};
use scribed_schemas::job::{Fault, Job, JobState};
use scribed_store::{ErrorKind, Store};
use serde::Serialize;

use super::{Session, instant, now, runtime};
use crate::cli::Jobs;
use crate::failure::Failure;
use crate::output;

/// Jobs that are read at once.
const PAGE: u32 = 200;

/// A job as it is printed.
#[derive(Debug, Serialize)]
struct Row {
    id: JobId,
    name: String,
    owner: String,
    state: JobState,
    pipeline: String,
    audio_secs: f64,
    ready_chunks: u32,
    planned_chunks: Option<u32>,
    error_count: u32,
    fault: Option<Fault>,
    warnings: Vec<Warning>,
    description: String,
    created: String,
    updated: String,
    finished: Option<String>,
}

/// Lists, shows or cancels.
///
/// # Errors
/// Says what was attempted and why it failed.
pub(super) fn run(session: &Session, ask: &Jobs) -> Result<ExitCode, Failure> {
    runtime()?.block_on(async {
        let database = session.database().await?;
        let done = answer(database.store().as_ref(), ask).await;
        database.close().await;
        done.map(|()| ExitCode::SUCCESS)
    })
}

async fn answer(store: &dyn Store, ask: &Jobs) -> Result<(), Failure> {
    match ask {
        Jobs::List { owner, state, limit, listing } => {
            let rows = find(store, owner.as_deref(), *state, *limit).await?;
            if listing.json { output::json(&rows)? } else { list(&rows) }
        }
        Jobs::Show { id, listing } => {
            let job = store.job(*id).await?.ok_or_else(|| missing(*id))?;
            let mut names = Names::default();
            let row = row(store, &mut names, job).await?;
            if listing.json { output::json(&row)? } else { show(&row) }
        }
        Jobs::Cancel { id } => cancel(store, *id).await?,
    }
    Ok(())
}

/// Names of owners that were looked up already.
type Names = BTreeMap<AccountId, String>;

async fn find(
    store: &dyn Store,
    owner: Option<&str>,
    state: Option<JobState>,
    limit: u32,
) -> Result<Vec<Row>, Failure> {
    let owner = match owner {
        None => None,
        Some(name) => {
            let account = store.account_by_name(name).await?;
            Some(account.ok_or_else(|| Failure::failed(anyhow!("there is no account {name}")))?.id)
        }
    };
    let (mut rows, mut names, mut offset) = (Vec::new(), Names::default(), 0);
    loop {
        let page = store.jobs(owner, offset, PAGE).await?;
        if page.jobs.is_empty() {
            return Ok(rows);
        }
        offset += u64::from(PAGE);
        for job in page.jobs.into_iter().filter(|job| state.is_none_or(|s| s == job.state)) {
            if rows.len() >= limit as usize {
                return Ok(rows);
            }
            rows.push(row(store, &mut names, job).await?);
        }
    }
}

async fn row(store: &dyn Store, names: &mut Names, job: Job) -> Result<Row, Failure> {
    if let Entry::Vacant(unknown) = names.entry(job.owner) {
        let name = store.account(job.owner).await?.map(|account| account.username);
        unknown.insert(name.unwrap_or_default());
    }
    Ok(Row {
        id: job.id,
        audio_secs: job.audio_secs(),
        owner: names.get(&job.owner).cloned().unwrap_or_default(),
        name: job.name,
        state: job.state,
        pipeline: job.pipeline,
        ready_chunks: job.ready_chunks,
        planned_chunks: job.planned_chunks,
        error_count: job.error_count,
        fault: job.fault,
        warnings: job.warnings,
        description: job.description,
        created: instant(job.created),
        updated: instant(job.updated),
        finished: job.finished.map(instant),
    })
}

async fn cancel(store: &dyn Store, id: JobId) -> Result<(), Failure> {
    match store.cancel(id, now()).await {
        Ok(Some(job)) => {
            output::note(format!("job {id} is {}", job.state.as_str()));
            Ok(())
        }
        Ok(None) => Err(Failure::failed(anyhow!("job {id} had ended before"))),
        Err(error) if error.kind == ErrorKind::NotFound => Err(missing(id)),
        Err(error) => Err(error.into()),
    }
}

fn missing(id: JobId) -> Failure {
    Failure::failed(anyhow!("there is no job {id}")).hint("`scribed jobs list` lists all")
}

fn list(rows: &[Row]) {
    let row = |row: &Row| {
        let state = row.state.as_str().to_owned();
        let length = format!("{:.1} s", row.audio_secs);
        let chunks = row.ready_chunks.to_string();
        [
            row.id.to_string(),
            state,
            row.owner.clone(),
            length,
            chunks,
            row.created.clone(),
            row.name.clone(),
        ]
    };
    let rows: Vec<_> = rows.iter().map(row).collect();
    output::table(["ID", "STATE", "OWNER", "AUDIO", "CHUNKS", "CREATED", "NAME"], &rows);
}

fn show(row: &Row) {
    let planned = row.planned_chunks.map_or_else(|| "?".to_owned(), |n| n.to_string());
    output::line(format!("job       {}", row.id));
    output::line(format!("name      {}", row.name));
    output::line(format!("owner     {}", row.owner));
    output::line(format!("state     {}", row.state.as_str()));
    output::line(format!("pipeline  {}", row.pipeline));
    output::line(format!("audio     {:.1} s", row.audio_secs));
    output::line(format!("chunks    {} of {planned}", row.ready_chunks));
    output::line(format!("errors    {}", row.error_count));
    if let Some(fault) = &row.fault {
        output::line(format!("fault     {}", fault.message));
    }
    for warning in &row.warnings {
        output::line(format!("warning   {}", warning.message));
    }
    output::line(format!("created   {}", row.created));
    if let Some(finished) = &row.finished {
        output::line(format!("finished  {finished}"));
    }
    output::line(format!("text      {}", row.description));
}
