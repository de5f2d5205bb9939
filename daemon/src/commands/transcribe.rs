//! `scribed transcribe`: recordings to documents here and now, by the same stages as the daemon.
//!
//! An engine over memory does the work; recordings are read where they lie.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use scribed_bus::MemoryBus;
use scribed_engine::runner::InProcess;
use scribed_engine::{Engine, Parts, Rendered, Submission, SystemClock};
use scribed_media::Inbox;
use scribed_schemas::id::{AccountId, IdGenerator, MediaId};
use scribed_schemas::job::{Job, JobOptions, JobState, Priority};
use scribed_schemas::media::Media;
use scribed_store::{MemoryStore, Submitted};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::{Session, runtime};
use crate::cli::Transcribe;
use crate::failure::Failure;
use crate::output;
use crate::stages::{Stages, Warm};

mod local_files;
mod progress;

use local_files::LocalFiles;
use progress::Progress;

/// How often to look how far a recording is.
const LOOK: Duration = Duration::from_millis(100);

/// The owner of every job here.
const OWNER: AccountId = AccountId(1);

/// Transcribes every file that can be; fails when one cannot.
///
/// # Errors
/// What keeps all of them from being begun.
pub(super) fn run(session: &Session, ask: &Transcribe) -> Result<ExitCode, Failure> {
    let destinations = destinations(ask)?;
    let (engine, _warm) = engine(session, ask)?;
    let all_whole = runtime()?.block_on(async {
        let stop = CancellationToken::new();
        let work = tokio::spawn({
            let (engine, stop) = (engine.clone(), stop.clone());
            async move { engine.run(stop).await }
        });
        let all_whole = all(&engine, ask, &destinations).await;
        stop.cancel();
        work.await.context("the engine ended early")?;
        Ok::<bool, Failure>(all_whole)
    })?;
    Ok(if all_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Where a document goes: a file, or standard output.
type Destination = Option<PathBuf>;

/// Finds out where each document goes, before any work is done.
fn destinations(ask: &Transcribe) -> Result<Vec<Destination>, Failure> {
    let Some(folder) = &ask.output else {
        return to_stdout(ask);
    };
    std::fs::create_dir_all(folder).map_err(|error| {
        Failure::refused(anyhow!("cannot make the folder {}: {error}", folder.display()))
    })?;
    let mut files: Vec<PathBuf> = Vec::new();
    for recording in &ask.files {
        let stem = recording.file_stem().unwrap_or_default().to_string_lossy();
        let file = folder.join(format!("{stem}.{}", ask.format));
        if files.contains(&file) {
            let twice = anyhow!("two recordings would be written to {}", file.display());
            return Err(Failure::refused(twice).hint("transcribe them into different folders"));
        }
        files.push(file);
    }
    Ok(files.into_iter().map(Some).collect())
}

fn to_stdout(ask: &Transcribe) -> Result<Vec<Destination>, Failure> {
    let hint = "name a folder by --output";
    if ask.files.len() > 1 && ask.format != "txt" {
        let many = anyhow!("several {} documents cannot go to one output", ask.format);
        return Err(Failure::refused(many).hint(hint));
    }
    if ask.format == "docx" && std::io::stdout().is_terminal() {
        return Err(
            Failure::refused(anyhow!("a docx document is no text for a terminal")).hint(hint)
        );
    }
    Ok(vec![None; ask.files.len()])
}

/// Makes an engine that keeps everything in memory.
fn engine(session: &Session, ask: &Transcribe) -> Result<(Engine, Warm), Failure> {
    let stages = Stages::load(&session.settings.config, &session.folder)?;
    let (plans, warm) = stages.insist()?;
    let plan = plans.plan(ask.pipeline.as_deref()).map_err(Failure::refused)?;
    if !plan.formats().any(|format| format == ask.format) {
        let known = plan.formats().collect::<Vec<_>>().join(", ");
        let refused = anyhow!("pipeline {:?} makes no {:?} document", plan.name, ask.format);
        return Err(Failure::refused(refused).hint(format!("it makes {known}")));
    }
    stages.announce_models();
    let config = scribed_engine::Config {
        intake: false,
        // Progress is noted with each renewal.
        renew_secs: 1,
        ..session.settings.config.engine.clone()
    };
    let parts = Parts {
        store: Arc::new(MemoryStore::default()),
        media: Arc::new(LocalFiles::new(ask.files.clone())),
        inbox: Inbox::default(),
        outbound: scribed_engine::Outbound::default(),
        calls: scribed_engine::Calls::default(),
        bus: Arc::new(MemoryBus::default()),
        runner: Arc::new(InProcess::new(stages.catalog.clone())),
        plans,
        clock: Arc::new(SystemClock),
        ids: Arc::new(IdGenerator::new(0)),
        config,
        holder: "transcribe".to_owned(),
    };
    Ok((Engine::new(parts), warm))
}

/// Transcribes one file after the other; returns whether all became text, whole.
async fn all(engine: &Engine, ask: &Transcribe, destinations: &[Destination]) -> bool {
    let mut all_whole = true;
    let mut printed = false;
    for (number, (file, destination)) in ask.files.iter().zip(destinations).enumerate() {
        let done = one(engine, ask, number, file).await;
        let written = done.and_then(|(job, document)| {
            if let Some(path) = destination {
                write(path, &document.bytes)?;
            } else {
                print(&document, printed);
                printed = true;
            }
            Ok(job)
        });
        match written {
            Ok(job) => all_whole &= report(file, &job),
            Err(error) => {
                output::note(format!("error: cannot transcribe {}: {error:#}", file.display()));
                all_whole = false;
            }
        }
    }
    all_whole
}

/// Prints a document, apart from the one before it; a text ends its last line.
fn print(document: &Rendered, is_next: bool) {
    if is_next {
        output::line("");
    }
    output::raw(&document.bytes);
    if std::str::from_utf8(&document.bytes).is_ok_and(|text| !text.ends_with('\n')) {
        output::line("");
    }
}

/// Transcribes one file and makes its document.
async fn one(
    engine: &Engine,
    ask: &Transcribe,
    number: usize,
    file: &Path,
) -> anyhow::Result<(Job, Rendered)> {
    let size = local_files::size(file)?;
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let media = Media {
        id: MediaId(engine.new_id()),
        owner: OWNER,
        key: LocalFiles::key(number),
        file_name: name.clone(),
        content_type: String::new(),
        size,
        created: engine.now(),
    };
    let options = JobOptions {
        language: ask.language.clone(),
        prompt: ask.prompt.clone(),
        ..JobOptions::default()
    };
    let submission = Submission {
        owner: OWNER,
        name: name.clone(),
        media,
        pipeline: ask.pipeline.clone(),
        options,
        priority: Priority::Standard,
        facts: None,
        idempotency: None,
        one_active: false,
    };
    let Submitted::Created(job) = engine.submit(submission).await? else {
        bail!("the job was not taken");
    };
    let job = follow(engine, job, Progress::begin(&name)).await?;
    if matches!(job.state, JobState::ProcessingFail | JobState::Cancelled) {
        let why = job.fault.as_ref().map_or("it failed", |fault| fault.message.as_str());
        bail!("{why}");
    }
    let document = engine.render(job.id, &ask.format).await?;
    Ok((job, document))
}

/// Shows how far a job is until it has ended.
async fn follow(engine: &Engine, mut job: Job, mut progress: Progress) -> anyhow::Result<Job> {
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut seen_chunks, mut position) = (0, 0.0_f64);
    while !job.state.is_terminal() {
        ticks.tick().await;
        job = engine.store().job(job.id).await?.context("the job is gone")?;
        for chunk in engine.store().chunks(job.id, seen_chunks, job.ready_chunks).await? {
            seen_chunks = chunk.chunk + 1;
            position = position.max(chunk.seconds(chunk.end));
        }
        progress.at(position, job.audio_secs());
    }
    progress.end(job.audio_secs());
    Ok(job)
}

/// Says what the listener should know of a job with text; returns whether the text is whole.
fn report(file: &Path, job: &Job) -> bool {
    let file = file.display();
    for warning in &job.warnings {
        output::note(format!("warning: {file}: {}", warning.message));
    }
    if job.state == JobState::Completed {
        return true;
    }
    let why = job.fault.as_ref().map_or("some of it could not be recognised", |f| &f.message);
    output::note(format!("error: only a part of {file} became text: {why}"));
    false
}

/// Writes a document whole or not at all.
fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let half = path.with_file_name(format!(".{name}.half"));
    let written = std::fs::write(&half, bytes).and_then(|()| std::fs::rename(&half, path));
    written.with_context(|| format!("cannot write {}", path.display()))?;
    output::note(format!("wrote {}", path.display()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(files: &[&str], format: &str, output: Option<&Path>) -> Transcribe {
        Transcribe {
            files: files.iter().map(PathBuf::from).collect(),
            format: format.to_owned(),
            output: output.map(Path::to_owned),
            language: None,
            prompt: None,
            pipeline: None,
        }
    }

    #[test]
    fn documents_are_named_after_their_recordings() {
        let temp = tempfile::tempdir().unwrap();
        let ask = ask(&["a/one.mp3", "two.flac"], "srt", Some(temp.path()));
        let expected = ["one.srt", "two.srt"].map(|name| Some(temp.path().join(name)));
        assert_eq!(destinations(&ask).unwrap(), expected);
    }

    #[test]
    fn two_documents_of_one_name_are_refused_before_any_work() {
        let temp = tempfile::tempdir().unwrap();
        let ask = ask(&["a/one.mp3", "b/one.wav"], "txt", Some(temp.path()));
        let said = destinations(&ask).unwrap_err().to_string();
        assert!(said.starts_with("two recordings would be written to "), "{said}");
    }

    #[test]
    fn only_texts_go_to_standard_output_together() {
        assert!(destinations(&ask(&["a", "b"], "txt", None)).is_ok());
        assert!(destinations(&ask(&["a"], "json", None)).is_ok());
        assert!(destinations(&ask(&["a", "b"], "json", None)).is_err());
    }
}
