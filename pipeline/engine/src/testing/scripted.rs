//! A runner that plays what the recording says.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use scribed_schemas::audio::{MediaFacts, Warning};
use scribed_schemas::chunk::{ChunkMap, Span};
use scribed_schemas::transcript::{Segment, Segments};
use tokio::sync::{Semaphore, mpsc};

use crate::runner::{
    Chunk, Cut, Document, Part, Reason, Recogniser, Recording, RunError, StageRunner, Watch,
};

/// Frames of the recording that one byte of the script stands for, at 16 kHz: 0.1 s.
const FRAMES_PER_BYTE: i64 = 1_600;
/// Longest line that is one chunk, in bytes: 30 s.
const LONGEST_LINE: usize = 300;

/// Plays scripts: each line of a recording is one chunk of 0.1 s per byte, its samples are the bytes of
/// the line over 256, and the recogniser reads the line back from the samples.
///
/// What the first line may say of the recording:
///
/// | line | the head |
/// |---|---|
/// | `!undecodable`, `!no-audio`, `!encrypted`, `!over-limit` | refuses the recording; so does an empty one (no audio) |
/// | `!silence` | finds no speech: no chunk follows |
/// | `!damaged` | reports a warning and goes on |
///
/// What any other line may begin with:
///
/// | line | the recogniser |
/// |---|---|
/// | `!wait …` | waits for [`release`](ScriptedRunner::release) or the flag |
/// | `!fail N …` | fails N times, then recognises the rest of the line |
/// | `!panic N …` | panics N times, then recognises the rest |
/// | `!away N …` | lacks its device N times, then recognises the rest |
/// | `!aside N …` | is set aside N times, then recognises the rest |
/// | `!refuse …` | refuses the chunk always |
///
/// `!head-fails` as a line makes the head fail there.
#[derive(Debug, Clone)]
pub struct ScriptedRunner(Arc<Stage>);

#[derive(Debug)]
struct Stage {
    /// Permits that `!wait` lines consume.
    gate: Semaphore,
    /// How often each line was tried.
    tries: Mutex<BTreeMap<String, u32>>,
    /// Lines that the recogniser was given, in order.
    heard: Mutex<Vec<String>>,
    /// Chunks that heads have cut.
    cut: AtomicUsize,
    /// Chunks inside recognisers now, and the most there were.
    inside: AtomicUsize,
    most_inside: AtomicUsize,
}

impl Default for ScriptedRunner {
    fn default() -> Self {
        Self(Arc::new(Stage {
            gate: Semaphore::new(0),
            tries: Mutex::default(),
            heard: Mutex::default(),
            cut: AtomicUsize::new(0),
            inside: AtomicUsize::new(0),
            most_inside: AtomicUsize::new(0),
        }))
    }
}

impl ScriptedRunner {
    /// Lets `count` waiting lines through.
    pub fn release(&self, count: usize) {
        self.0.gate.add_permits(count);
    }

    /// Returns the lines that the recogniser was given so far, repeats included.
    pub fn heard(&self) -> Vec<String> {
        self.0.heard.lock().expect("nobody panics with the list in hand").clone()
    }

    /// Returns how many chunks were cut so far.
    pub fn cut_so_far(&self) -> usize {
        self.0.cut.load(Ordering::Relaxed)
    }

    /// Returns how many chunks are in recognisers now.
    pub fn inside(&self) -> usize {
        self.0.inside.load(Ordering::Relaxed)
    }

    /// Returns the most chunks that were in recognisers at the same time.
    pub fn most_inside(&self) -> usize {
        self.0.most_inside.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl StageRunner for ScriptedRunner {
    async fn cut(
        &self,
        _head: Part,
        recording: Recording,
        chunks: mpsc::Sender<Chunk>,
        watch: Watch,
    ) -> Result<Cut, RunError> {
        let script = read(&recording)?;
        report(&script, &watch)?;
        let (mut number, mut at) = (0, 0);
        for line in lines(&script) {
            let frames = frames(line.len());
            if watch.cancel.is_tripped() {
                return Err(cut_error(Reason::Cancelled, "cancelled"));
            }
            if line == b"!head-fails" {
                return Err(cut_error(Reason::Failed, "the script says so"));
            }
            if !matches!(line, b"!silence" | b"!damaged") {
                let chunk = chunk(number, line, at);
                self.0.cut.fetch_add(1, Ordering::Relaxed);
                if chunks.send(chunk).await.is_err() {
                    return Err(cut_error(Reason::Cancelled, "nobody takes chunks any more"));
                }
                number += 1;
            }
            at += frames;
        }
        Ok(Cut { chunks: number, frames: Some(at) })
    }

    async fn recogniser(&self, part: Part, watch: Watch) -> Result<Box<dyn Recogniser>, RunError> {
        let language = part.stages.first().and_then(|call| call.config.get("language").cloned());
        let language = language.and_then(|value| value.as_str().map(str::to_owned));
        Ok(Box::new(ScriptedRecogniser { stage: Arc::clone(&self.0), language, watch }))
    }

    async fn render(
        &self,
        renderer: Part,
        mut text: mpsc::Receiver<Segments>,
        _watch: Watch,
    ) -> Result<Document, RunError> {
        let config = renderer.stages.first().map(|call| call.config.clone()).unwrap_or_default();
        let word =
            |name: &str| config.get(name).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
        let mut document = format!("{}\n", word("title"));
        while let Some(chunk) = text.recv().await {
            document.push_str(&chunk.text());
            document.push('\n');
        }
        let extension = word("format");
        let media_type = match extension.as_str() {
            "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            "json" => "application/json",
            "srt" => "application/x-subrip",
            "vtt" => "text/vtt",
            _ => "text/plain; charset=utf-8",
        };
        Ok(Document { bytes: document.into_bytes(), media_type: media_type.to_owned(), extension })
    }

    async fn probe(&self, _: Part, recording: Recording, watch: Watch) -> Result<(), RunError> {
        report(&read(&recording)?, &watch)
    }
}

#[derive(Debug)]
struct ScriptedRecogniser {
    stage: Arc<Stage>,
    language: Option<String>,
    watch: Watch,
}

#[async_trait]
impl Recogniser for ScriptedRecogniser {
    async fn recognise(&mut self, chunk: Arc<Chunk>) -> Result<Segments, RunError> {
        let inside = self.stage.inside.fetch_add(1, Ordering::Relaxed) + 1;
        self.stage.most_inside.fetch_max(inside, Ordering::Relaxed);
        let text = self.play(&line_of(&chunk)).await;
        self.stage.inside.fetch_sub(1, Ordering::Relaxed);
        let (start, end) = (chunk.map.start(), chunk.map.end());
        let mut segments = Segments::empty(chunk.number, chunk.map.source_rate, start, end);
        segments.language.clone_from(&self.language);
        segments.segments = vec![Segment {
            start,
            end,
            text: text?,
            words: Vec::new(),
            avg_log_prob: -0.1,
            no_speech_prob: 0.0,
            temperature: 0.0,
            flags: Vec::new(),
        }];
        Ok(segments)
    }
}

impl ScriptedRecogniser {
    /// Does what a line says and returns its text.
    async fn play(&self, line: &str) -> Result<String, RunError> {
        self.stage.heard.lock().expect("nobody panics with the list in hand").push(line.to_owned());
        let Some((verb, rest)) = line.strip_prefix('!').and_then(|l| l.split_once(' ')) else {
            return Ok(line.to_owned());
        };
        let error = |reason| Err(RunError::new("test.recognise", reason, "the script says so"));
        let (count, text) = rest.split_once(' ').unwrap_or((rest, ""));
        let is_due = || self.is_due(line, count.parse().unwrap_or(0));
        match verb {
            "wait" => self.wait(rest).await,
            "refuse" => error(Reason::InvalidInput),
            "fail" if is_due() => error(Reason::Failed),
            "panic" if is_due() => error(Reason::Panicked),
            "away" if is_due() => error(Reason::Unavailable),
            "aside" if is_due() => error(Reason::SetAside),
            "fail" | "panic" | "away" | "aside" => Ok(text.to_owned()),
            _ => Ok(line.to_owned()),
        }
    }

    /// Waits for the gate or the flag.
    async fn wait(&self, text: &str) -> Result<String, RunError> {
        tokio::select! {
            biased;
            permit = self.stage.gate.acquire() => {
                permit.expect("the gate is never closed").forget();
                Ok(text.to_owned())
            }
            () = self.watch.cancel.tripped() => {
                Err(RunError::new("test.recognise", Reason::Cancelled, "cancelled"))
            }
        }
    }

    /// Returns whether a line that fails `times` times fails now.
    fn is_due(&self, line: &str, times: u32) -> bool {
        let mut tries = self.stage.tries.lock().expect("nobody panics with the list in hand");
        let count = tries.entry(line.to_owned()).or_insert(0);
        *count += 1;
        *count <= times
    }
}

/// Reads a script; scripts are small.
fn read(recording: &Recording) -> Result<Vec<u8>, RunError> {
    let length = usize::try_from(recording.reader.len()).unwrap_or(usize::MAX);
    let (mut script, mut at) = (vec![0; length], 0);
    while at < length {
        let offset = u64::try_from(at).unwrap_or(u64::MAX);
        let read = recording.reader.read_at(offset, &mut script[at..]);
        match read.map_err(|error| cut_error(Reason::InvalidInput, &error.to_string()))? {
            0 => break,
            read => at += read,
        }
    }
    Ok(script)
}

/// Reports what the script says of the recording, or refuses it.
fn report(script: &[u8], watch: &Watch) -> Result<(), RunError> {
    let refusal = match lines(script).next() {
        None => Some((Reason::NoAudio, "the file is empty")),
        Some(b"!no-audio") => Some((Reason::NoAudio, "the file holds no sound")),
        Some(b"!undecodable") => Some((Reason::InvalidInput, "the file is not a recording")),
        Some(b"!encrypted") => Some((Reason::Protected, "the recording is encrypted")),
        Some(b"!over-limit") => Some((Reason::OverLimit, "the recording is too long")),
        Some(_) => None,
    };
    if let Some((reason, message)) = refusal {
        return Err(cut_error(reason, message));
    }
    watch.findings.facts(MediaFacts {
        container: "script".to_owned(),
        codec: "text".to_owned(),
        sample_rate: 16_000,
        channels: 1,
        frames: Some(lines(script).map(|line| frames(line.len())).sum()),
    });
    if lines(script).next() == Some(b"!damaged") {
        let message = "the script says so".to_owned();
        watch.findings.warning(Warning { code: "damaged".to_owned(), message, at_frame: Some(0) });
    }
    Ok(())
}

/// Returns the lines of a script, long ones in pieces.
fn lines(script: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = script.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.flat_map(|line| line.chunks(LONGEST_LINE))
}

fn frames(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX).saturating_mul(FRAMES_PER_BYTE)
}

/// Makes the chunk of a line that begins at a frame.
fn chunk(number: u32, line: &[u8], at: i64) -> Chunk {
    let samples: Vec<f32> = line.iter().map(|byte| f32::from(*byte) / 256.0).collect();
    let chunk_len = u32::try_from(samples.len()).unwrap_or(u32::MAX);
    let span = Span { chunk_start: 0, chunk_len, source_start: at, source_len: frames(line.len()) };
    Chunk { number, samples, map: ChunkMap { source_rate: 16_000, spans: vec![span] } }
}

/// Reads the line of a chunk back from its samples.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the samples are bytes over 256, exactly"
)]
fn line_of(chunk: &Chunk) -> String {
    let bytes: Vec<u8> = chunk.samples.iter().map(|sample| (sample * 256.0) as u8).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn cut_error(reason: Reason, message: &str) -> RunError {
    RunError::new("test.cut", reason, message)
}
