//! What the engine costs: a whole job against the sum of its stages called directly, in one run.
//!
//! ```text
//! cargo build --release --workspace && cargo bench -p scribed-engine --bench overhead
//! ```
//!
//! Both sides load the same plugins and work on the same recording with the same model; the engine
//! also stores every chunk durably in SQLite and reads the recording from a media folder.
//! Limit: 5 % more wall time. Ends with 1 when it is missed.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use scribed_bus::MemoryBus;
use scribed_engine::plan::{PipelineConfig, Plans, StageConfig};
use scribed_engine::runner::InProcess;
use scribed_engine::{Config, Engine, Parts, Submission, SystemClock};
use scribed_media::{Inbox, LocalMedia, MediaStore};
use scribed_plugin_host::{
    Catalog, HostContext, Input, Instance, Level, MediaInput, Output, ReadAt, Search,
};
use scribed_schemas::id::{AccountId, IdGenerator, MediaId};
use scribed_schemas::job::{JobOptions, JobState, Priority};
use scribed_schemas::media::Media;
use scribed_schemas::time::Timestamp;
use scribed_store::{SqliteStore, Submitted};
use tokio_util::sync::CancellationToken;

/// Runs of each side; the fastest counts.
const RUNS: usize = 3;
/// Wall time of the engine over that of the bare stages.
const LIMIT: f64 = 1.05;
/// Stages from the recording to the text.
const STAGES: [&str; 4] =
    ["org.scribed.decode", "org.scribed.resample", "org.scribed.vad", "org.scribed.whisper"];

fn main() -> Result<ExitCode> {
    let (catalog, refusals) = Catalog::load(&Search::beside(&target()));
    if catalog.stages().next().is_none() {
        bail!("no plugins beside {}: build the workspace first; {refusals:?}", target().display());
    }
    let recording = root().join("tests/audio/11-five-minutes.flac");
    let runtime = tokio::runtime::Runtime::new()?;
    let (mut bare, mut whole) = (Duration::MAX, Duration::MAX);
    for _ in 0..RUNS {
        bare = bare.min(stages_alone(&catalog, &recording)?);
        whole = whole.min(runtime.block_on(one_job(&catalog, &recording))?);
    }
    let ratio = whole.as_secs_f64() / bare.as_secs_f64();
    println!("| what | ours | peer | ratio | limit |\n|---|--:|--:|--:|--:|");
    println!(
        "| engine against its stages called directly, 300 s of speech | {whole:.2?} | {bare:.2?} \
         | {ratio:.2} | {LIMIT} |"
    );
    Ok(if ratio <= LIMIT { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Calls the stages one inside the other, as the plainest program would.
fn stages_alone(catalog: &Catalog, path: &Path) -> Result<Duration> {
    let file = Readable(std::fs::File::open(path)?);
    let len = file.0.metadata()?.len();
    let start = Instant::now();
    let [mut decode, rest @ ..] = STAGES.map(|id| open(catalog, id));
    let mut rest: Vec<Instance> = rest.into_iter().collect::<Result<_>>()?;
    let mut texts = 0;
    let media = MediaInput { reader: &file, len, file_name: "", media_type: "" };
    let decode = decode.as_mut().map_err(|error| anyhow::anyhow!("{error:#}"))?;
    decode.process(Input::Media(media), &mut |output| hand_on(&mut rest, &output, &mut texts))?;
    for stage in 0..rest.len() {
        let (flushed, behind) = rest[stage..].split_at_mut(1);
        flushed[0].flush(&mut |output| hand_on(behind, &output, &mut texts))?;
    }
    if texts == 0 {
        bail!("the stages gave no text");
    }
    Ok(start.elapsed())
}

/// Gives what one stage made to the stages behind it.
fn hand_on(behind: &mut [Instance], output: &Output<'_>, texts: &mut u32) -> ControlFlow<()> {
    let Some((next, behind)) = behind.split_first_mut() else {
        *texts += 1;
        return ControlFlow::Continue(());
    };
    let input = match *output {
        Output::Audio(block) => Input::Audio(block),
        Output::Chunk(chunk) => Input::Chunk(chunk),
        _ => return ControlFlow::Break(()),
    };
    match next.process(input, &mut |output| hand_on(behind, &output, texts)) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => {
            eprintln!("{error}");
            ControlFlow::Break(())
        }
    }
}

/// Submits the recording as a job and waits until it is completed.
async fn one_job(catalog: &Catalog, path: &Path) -> Result<Duration> {
    let folder = tempfile::tempdir()?;
    let (engine, media) = engine(catalog, folder.path(), path).await?;
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let (engine, stop) = (engine.clone(), stop.clone());
        async move { engine.run(stop).await }
    });
    let start = Instant::now();
    let submission = Submission {
        owner: AccountId(1),
        name: "bench".into(),
        media,
        pipeline: None,
        options: JobOptions::default(),
        priority: Priority::default(),
        facts: None,
        idempotency: None,
        one_active: false,
    };
    let Submitted::Created(job) = engine.submit(submission).await? else { bail!("not created") };
    let took = loop {
        let now = engine.store().job(job.id).await?.context("the job is gone")?;
        match now.state {
            JobState::Completed => break start.elapsed(),
            state if state.is_terminal() => bail!("the job ended as {state:?}: {:?}", now.fault),
            _ => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    };
    stop.cancel();
    running.await?;
    Ok(took)
}

/// An engine over SQLite and a media folder that holds the recording.
async fn engine(catalog: &Catalog, folder: &Path, path: &Path) -> Result<(Engine, Media)> {
    let media = LocalMedia::open(folder.join("media"), &scribed_media::Config::default())?;
    let mut writer = media.create("recordings/1").await?;
    writer.write(std::fs::read(path)?.into()).await?;
    let size = writer.finish().await?;
    let stages = STAGES.map(|id| {
        let stage = StageConfig::new(id);
        if id == "org.scribed.whisper" { stage.with("model", model()) } else { stage }
    });
    let pipeline = PipelineConfig { name: "default".into(), stages: stages.to_vec() };
    let store = Arc::new(SqliteStore::open(
        &folder.join("bench.db"),
        &scribed_store::SqliteConfig::default(),
    )?);
    let engine = Engine::new(Parts {
        store,
        media: Arc::new(media),
        inbox: Inbox::default(),
        outbound: scribed_engine::Outbound::default(),
        calls: scribed_engine::Calls::default(),
        bus: Arc::new(MemoryBus::new()),
        runner: Arc::new(InProcess::new(catalog.clone())),
        plans: Plans::validate(&[pipeline], catalog)?,
        clock: Arc::new(SystemClock),
        ids: Arc::new(IdGenerator::new(0)),
        config: Config::default(),
        holder: "bench".into(),
    });
    let media = Media {
        id: MediaId(1),
        owner: AccountId(1),
        key: "recordings/1".into(),
        file_name: String::new(),
        content_type: String::new(),
        size,
        created: Timestamp(0),
    };
    Ok((engine, media))
}

fn open(catalog: &Catalog, id: &str) -> Result<Instance> {
    let config = if id == "org.scribed.whisper" {
        serde_json::json!({ "model": model() })
    } else {
        serde_json::json!({})
    };
    Ok(catalog.open(id, &config, Arc::new(Silent))?)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn model() -> String {
    root().join("plugins/whisper/models/ggml-scribed-demo.en.bin").display().to_string()
}

/// The folder of built plugins: two above a benchmark, which lies in `deps`.
fn target() -> PathBuf {
    let this = std::env::current_exe().unwrap_or_default();
    this.ancestors().nth(2).map(Path::to_path_buf).unwrap_or_default()
}

struct Readable(std::fs::File);

impl ReadAt for Readable {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> std::io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(&self.0, buf, offset)
    }
}

struct Silent;

impl HostContext for Silent {
    fn log(&self, _level: Level, _message: &str) {}

    fn cancelled(&self) -> bool {
        false
    }

    fn report(&self, _topic: &str, _json: &str) {}
}
