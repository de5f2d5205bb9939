//! How programs are run and measured.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use scribed_plugin_host::{Catalog, HostContext, Input, Level, MediaInput, Output, ReadAt, Search};

/// Returns the shortest of several runs.
pub(crate) fn best_of(runs: u32, mut run: impl FnMut() -> Result<()>) -> Result<Duration> {
    let mut best = Duration::MAX;
    for _ in 0..runs {
        let start = Instant::now();
        run()?;
        best = best.min(start.elapsed());
    }
    Ok(best)
}

/// Runs a command to its end without showing what it prints.
pub(crate) fn run_quietly(command: &mut Command) -> Result<()> {
    let output =
        command.stdin(Stdio::null()).output().context("cannot start a measured command")?;
    if !output.status.success() {
        bail!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// Runs a command to its end and returns its peak resident memory, as Linux counts it (`VmHWM`).
pub(crate) fn peak_rss_kib(command: &mut Command) -> Result<u64> {
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok());
        peak = peak.max(kib.unwrap_or(0));
        if let Some(status) = child.try_wait()? {
            if !status.success() {
                bail!("{command:?} failed");
            }
            return Ok(peak);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The folder of built binaries: two above a benchmark, which lies in `deps`.
fn target() -> PathBuf {
    let this = std::env::current_exe().unwrap_or_default();
    this.ancestors().nth(2).map(Path::to_path_buf).unwrap_or_default()
}

/// The daemon's binary, built beside the benchmark.
pub(crate) fn scribed() -> PathBuf {
    target().join("scribed")
}

/// A recording that comes with the source.
pub(crate) fn recording(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("audio").join(name)
}

/// The model that comes with the source.
pub(crate) fn demo_model() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    root.join("plugins/whisper/models/ggml-scribed-demo.en.bin")
}

/// Decodes and resamples one file through the plugins, and drops the samples.
pub(crate) fn decode_one(path: &Path) -> Result<()> {
    let search = Search::beside(&target());
    let (catalog, _) = Catalog::load(&search);
    let none = serde_json::json!({});
    let open = |id: &str| catalog.open(id, &none, Arc::new(Silent)).map_err(anyhow::Error::new);
    let (mut decode, mut resample) = (open("org.scribed.decode")?, open("org.scribed.resample")?);
    let file = Readable(std::fs::File::open(path)?);
    let len = file.0.metadata()?.len();
    let media = MediaInput { reader: &file, len, file_name: "", media_type: "" };
    let mut frames = 0_usize;
    let mut count = |output: Output<'_>| {
        if let Output::Audio(block) = output {
            frames += block.frames();
        }
        std::ops::ControlFlow::Continue(())
    };
    let mut failed = None;
    let mut hand_on = |output: Output<'_>| {
        if let Output::Audio(block) = output
            && let Err(error) = resample.process(Input::Audio(block), &mut count)
        {
            failed = Some(error);
            return std::ops::ControlFlow::Break(());
        }
        std::ops::ControlFlow::Continue(())
    };
    let decoded = decode.process(Input::Media(media), &mut hand_on);
    if let Some(error) = failed {
        return Err(error.into());
    }
    decoded?;
    resample.flush(&mut count)?;
    println!("{frames} frames");
    Ok(())
}

struct Readable(std::fs::File);

impl ReadAt for Readable {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
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
