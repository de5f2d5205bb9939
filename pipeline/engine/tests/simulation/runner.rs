//! Stages that play what recordings say; no two recognitions of a chunk give the same text.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use scribed_engine::runner::{
    Chunk, Cut, Document, Part, Reason, Recogniser, Recording, RunError, StageRunner, Watch,
};
use scribed_schemas::audio::MediaFacts;
use scribed_schemas::chunk::{ChunkMap, Span};
use scribed_schemas::id::JobId;
use scribed_schemas::transcript::{Segment, Segments};
use tokio::sync::mpsc;

use crate::life::Life;
use crate::script::{Head, Line, Script, Verb};

/// Frames that a chunk covers, at 16 kHz.
const FRAMES: i64 = 160_000;
/// Stands for the head among the chunks that stages try.
const HEAD: u32 = u32::MAX;

/// Plays recordings on one host.
#[derive(Debug)]
pub(crate) struct SimRunner {
    life: Arc<Life>,
}

impl SimRunner {
    pub(crate) fn new(life: Arc<Life>) -> Self {
        Self { life }
    }

    /// Returns what the head makes of a recording: its script, or why not.
    fn opened(&self, job: JobId, recording: &Recording) -> Result<Script, RunError> {
        let script = read(recording)?;
        let failure = match script.head {
            Head::Undecodable => (Reason::InvalidInput, "the file is not a recording"),
            Head::NoAudio => (Reason::NoAudio, "the file holds no sound"),
            Head::Fails(times) if self.life.sim.tried(job, HEAD) < times => {
                (Reason::Failed, "the script says so")
            }
            Head::Fine | Head::Fails(_) => return Ok(script),
        };
        self.life.sim.check(|checker| checker.blamed(job));
        Err(cut_error(failure.0, failure.1))
    }
}

#[async_trait]
impl StageRunner for SimRunner {
    async fn cut(
        &self,
        _head: Part,
        recording: Recording,
        chunks: mpsc::Sender<Chunk>,
        watch: Watch,
    ) -> Result<Cut, RunError> {
        let job = watch.job.expect("attempts name their job");
        let script = self.opened(job, &recording)?;
        watch.findings.facts(MediaFacts {
            container: "script".to_owned(),
            codec: "text".to_owned(),
            sample_rate: 16_000,
            channels: 1,
            frames: None,
        });
        for (number, line) in (0..).zip(&script.lines) {
            let pause = self.life.sim.roll(|dice| dice.between(10, 300));
            tokio::select! {
                biased;
                () = watch.cancel.tripped() => {
                    return Err(cut_error(Reason::Cancelled, "cancelled"));
                }
                () = tokio::time::sleep(Duration::from_millis(pause)) => {}
            }
            if chunks.send(chunk(number, line)).await.is_err() {
                return Err(cut_error(Reason::Cancelled, "nobody takes chunks any more"));
            }
        }
        let count = script.chunks();
        Ok(Cut { chunks: count, frames: Some(i64::from(count) * FRAMES) })
    }

    async fn recogniser(&self, _: Part, watch: Watch) -> Result<Box<dyn Recogniser>, RunError> {
        Ok(Box::new(SimRecogniser { life: Arc::clone(&self.life), watch }))
    }

    async fn render(
        &self,
        _: Part,
        _: mpsc::Receiver<Segments>,
        _: Watch,
    ) -> Result<Document, RunError> {
        Err(RunError::new("test.render", Reason::Unavailable, "nobody exports here"))
    }

    async fn probe(&self, _: Part, _: Recording, _: Watch) -> Result<(), RunError> {
        Err(RunError::new("test.cut", Reason::Unavailable, "nobody probes here"))
    }
}

#[derive(Debug)]
struct SimRecogniser {
    life: Arc<Life>,
    watch: Watch,
}

#[async_trait]
impl Recogniser for SimRecogniser {
    async fn recognise(&mut self, chunk: Arc<Chunk>) -> Result<Segments, RunError> {
        let error = |reason, message: &str| Err(RunError::new("test.recognise", reason, message));
        let job = self.watch.job.expect("attempts name their job");
        let line = Line::of(&chunk.samples).expect("the head wrote it");
        tokio::select! {
            biased;
            () = self.watch.cancel.tripped() => return error(Reason::Cancelled, "cancelled"),
            () = tokio::time::sleep(Duration::from_millis(line.takes.into())) => {}
        }
        let sim = &self.life.sim;
        let is_due = sim.tried(job, chunk.number) < line.times;
        let failure = match line.verb {
            Verb::Refuse => Some(Reason::InvalidInput),
            Verb::Fail if is_due => Some(Reason::Failed),
            Verb::Panic if is_due => Some(Reason::Panicked),
            Verb::Away if is_due => Some(Reason::Unavailable),
            _ => None,
        };
        if let Some(reason) = failure {
            if reason != Reason::Unavailable {
                sim.check(|checker| checker.blamed(job));
            }
            return error(reason, "the script says so");
        }
        if sim.weather(|weather| !weather.is_calm()) && sim.roll(|dice| dice.in_thousand(10)) {
            return error(Reason::Unavailable, "the device is busy");
        }
        Ok(text(job, &chunk, sim.roll(|dice| dice.between(0, 0xffff_ffff))))
    }
}

/// Makes a text that no other recognition makes.
fn text(job: JobId, chunk: &Chunk, salt: u64) -> Segments {
    let (start, end) = (chunk.map.start(), chunk.map.end());
    let mut segments = Segments::empty(chunk.number, chunk.map.source_rate, start, end);
    segments.segments = vec![Segment {
        start,
        end,
        text: format!("{job}/{} {salt:08x}", chunk.number),
        words: Vec::new(),
        avg_log_prob: -0.1,
        no_speech_prob: 0.0,
        temperature: 0.0,
        flags: Vec::new(),
    }];
    segments
}

/// Makes the chunk of a line.
fn chunk(number: u32, line: &Line) -> Chunk {
    let span = Span {
        chunk_start: 0,
        chunk_len: 3,
        source_start: i64::from(number) * FRAMES,
        source_len: FRAMES,
    };
    let map = ChunkMap { source_rate: 16_000, spans: vec![span] };
    Chunk { number, samples: line.samples(), map }
}

/// Reads a recording; a store that breaks off is not its fault.
fn read(recording: &Recording) -> Result<Script, RunError> {
    let away = |error: std::io::Error| cut_error(Reason::Unavailable, &error.to_string());
    let length = usize::try_from(recording.reader.len()).expect("recordings are short");
    let mut bytes = vec![0; length];
    let read = recording.reader.read_at(0, &mut bytes).map_err(away)?;
    assert_eq!(read, length, "the memory twin reads all at once");
    Ok(Script::parse(&bytes).expect("recordings are scripts"))
}

fn cut_error(reason: Reason, message: &str) -> RunError {
    RunError::new("test.cut", reason, message)
}
