//! Speed and memory against named peers, printed as ratios of one run.
//!
//! ```text
//! cargo bench -p scribed-tests --bench peers [-- recogniser | decode | memory]
//! ```
//!
//! - `recogniser`: `scribed transcribe` against `whisper-cli` of the same whisper.cpp, with the same model,
//!   threads and file. `SCRIBED_BENCH_WHISPER_CLI` names it when it is not on the path.
//! - `decode`: decode and resample against `ffmpeg -ar 16000 -ac 1 -f f32le`, each as a process of its own.
//! - `memory`: peak resident memory for ten hours of speech against ten minutes.
//!
//! A peer that is missing is reported as skipped, by name. Limits that are not met end the run with 1.

mod measure;

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use measure::{best_of, peak_rss_kib, run_quietly};
use scribed_tests::Report;

/// Runs of each side; the fastest counts, so that other work on the machine matters least.
const RUNS: u32 = 5;
/// Options that make whisper-cli decode greedily, as our own first try does; by default it keeps five
/// beams.
const GREEDY: &[&str] = &["-bs", "1", "-bo", "1"];
/// Threads given to both recognisers.
const THREADS: &str = "2";

fn main() -> Result<ExitCode> {
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    let wanted = args.next();
    if wanted.as_deref() == Some("decode-one") {
        let file = args.next().context("decode-one needs a file")?;
        return measure::decode_one(Path::new(&file)).map(|()| ExitCode::SUCCESS);
    }
    let is_wanted = |name: &str| wanted.as_deref().is_none_or(|w| w == name);
    let scratch = tempfile::tempdir()?;
    let mut report = Report::default();
    if is_wanted("recogniser") {
        recogniser(&mut report, scratch.path())?;
    }
    if is_wanted("decode") {
        decode(&mut report, scratch.path())?;
    }
    if is_wanted("memory") {
        memory(&mut report, scratch.path())?;
    }
    Ok(report.print())
}

/// Wall time of a whole transcription, model loading included on both sides.
fn recogniser(report: &mut Report, scratch: &Path) -> Result<()> {
    let peer = std::env::var("SCRIBED_BENCH_WHISPER_CLI").unwrap_or_else(|_| "whisper-cli".into());
    if Command::new(&peer).arg("--help").output().is_err() {
        report.skip(
            "recogniser",
            "whisper-cli is neither on the path nor in SCRIBED_BENCH_WHISPER_CLI",
        );
        return Ok(());
    }
    for (name, file, limit) in [
        ("speech, 300 s", "11-five-minutes.flac", 1.0),
        ("two thirds silence, 67 s", "18-long-silence-inside.flac", 0.3),
    ] {
        // whisper-cli resamples nothing: both get the same 16 kHz WAV.
        let wav = scratch.join("speech.wav");
        to_audio(&measure::recording(file), &wav, &["-ar", "16000", "-ac", "1"])?;
        let ours = best_of(RUNS, || run_quietly(&mut transcribe(&wav, scratch)))?;
        let peer_time = |options: &[&str]| {
            best_of(RUNS, || {
                let mut command = Command::new(&peer);
                command.args(["-t", THREADS, "-m"]).arg(measure::demo_model()).args(options);
                run_quietly(command.arg("-f").arg(&wav))
            })
        };
        let what = format!("recogniser against whisper-cli, {name}");
        report.ratio(&what, ours, peer_time(&[])?, limit);
        report.information(&format!("{what}, both greedy"), ours, peer_time(GREEDY)?);
    }
    Ok(())
}

/// Wall time from a compressed file to 16 kHz mono samples.
fn decode(report: &mut Report, scratch: &Path) -> Result<()> {
    if Command::new("ffmpeg").arg("-version").output().is_err() {
        report.skip("decode", "ffmpeg is not on the path");
        return Ok(());
    }
    let source = scratch.join("source.wav");
    let loops = ["-ar", "44100", "-ac", "2", "-t", "1200"];
    let five_minutes = measure::recording("11-five-minutes.flac");
    looped(&five_minutes, 3, &source, &loops)?;
    for (name, extension, codec) in [
        ("MP3", "mp3", &["-c:a", "libmp3lame", "-b:a", "128k"][..]),
        ("FLAC", "flac", &["-c:a", "flac"][..]),
        ("AAC", "m4a", &["-c:a", "aac", "-b:a", "128k"][..]),
        ("Opus", "opus", &["-c:a", "libopus", "-b:a", "64k"][..]),
    ] {
        let file = scratch.join("encoded").with_extension(extension);
        to_audio(&source, &file, codec)?;
        let this = std::env::current_exe()?;
        let ours = best_of(RUNS, || run_quietly(Command::new(&this).arg("decode-one").arg(&file)))?;
        let theirs = best_of(RUNS, || {
            let mut command = Command::new("ffmpeg");
            command.args(["-v", "error", "-y", "-i"]).arg(&file);
            command.args(["-ar", "16000", "-ac", "1", "-f", "f32le", "/dev/null"]);
            run_quietly(&mut command)
        })?;
        report.ratio(
            &format!("decode and resample against ffmpeg, {name}, 1200 s of 44.1 kHz stereo"),
            ours,
            theirs,
            1.5,
        );
    }
    Ok(())
}

/// Peak resident memory of a whole transcription: ten hours against ten minutes of the same kind.
fn memory(report: &mut Report, scratch: &Path) -> Result<()> {
    let five_minutes = measure::recording("11-five-minutes.flac");
    let (ten_minutes, ten_hours) = (scratch.join("10-min.flac"), scratch.join("10-h.flac"));
    looped(&five_minutes, 1, &ten_minutes, &[])?;
    looped(&five_minutes, 119, &ten_hours, &[])?;
    let short = peak_rss_kib(&mut transcribe(&ten_minutes, scratch))?;
    let long = peak_rss_kib(&mut transcribe(&ten_hours, scratch))?;
    report.memory("peak memory, 10 h of speech against 10 min", long, short, 1.1);
    Ok(())
}

fn transcribe(file: &Path, out: &Path) -> Command {
    let mut command = Command::new(measure::scribed());
    command.arg("transcribe").arg(file).arg("-o").arg(out);
    command.env("SCRIBED_MODELS__DEFAULT", measure::demo_model());
    command
}

/// Converts a recording with ffmpeg.
fn to_audio(from: &Path, to: &Path, options: &[&str]) -> Result<()> {
    looped(from, 0, to, options)
}

/// Converts a recording, played `more` times again, with ffmpeg.
fn looped(from: &Path, more: u32, to: &Path, options: &[&str]) -> Result<()> {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-y", "-stream_loop", &more.to_string(), "-i"]).arg(from);
    if !command.args(options).arg(to).status().context("cannot start ffmpeg")?.success() {
        bail!("ffmpeg cannot make {}", to.display());
    }
    Ok(())
}
