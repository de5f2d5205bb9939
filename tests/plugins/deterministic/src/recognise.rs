//! The recogniser: a chunk goes in, sixteen words that follow from its samples come out.

use std::time::{Duration, Instant};

use scribed_plugin::prelude::*;
use scribed_schemas::transcript::{Segment, Segments};

use crate::words::words_of;

/// Longest time without a look whether to stop.
const LOOK: Duration = Duration::from_millis(10);

/// Options of the recogniser.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How long a chunk takes, in milliseconds.
    pub delay_ms: u64,
}

/// The stage `org.scribed.test.recogniser`.
#[derive(Debug)]
pub struct Recogniser {
    delay: Duration,
    host: Host,
}

impl Stage for Recogniser {
    const ID: &'static str = "org.scribed.test.recogniser";
    const SUMMARY: &'static str = "makes sixteen words of the samples of a chunk, always the same";
    type Config = Config;
    type Accepts = ChunkKind;
    type Emits = SegmentsKind;

    fn open(config: Config, host: Host) -> Result<Self> {
        Ok(Self { delay: Duration::from_millis(config.delay_ms), host })
    }

    fn process(&mut self, chunk: ChunkBlock<'_>, out: &mut Out<'_, SegmentsKind>) -> Result<()> {
        let begin = Instant::now();
        while begin.elapsed() < self.delay {
            if self.host.cancelled() {
                return Err(StageError::Cancelled);
            }
            std::thread::sleep(LOOK.min(self.delay));
        }
        let (map, text) = (chunk.map(), words_of(chunk.samples));
        // Whoever counts these lines knows what was worked on, and how often.
        self.host.log(Level::Info, &format!("recognised chunk {}: {text}", chunk.number));
        let segment = Segment {
            start: map.start(),
            end: map.end(),
            text,
            words: Vec::new(),
            avg_log_prob: 0.0,
            no_speech_prob: 0.0,
            temperature: 0.0,
            flags: Vec::new(),
        };
        let nothing = Segments::empty(chunk.number, chunk.source_rate, map.start(), map.end());
        out.emit(Segments { segments: vec![segment], ..nothing })
    }
}

#[cfg(test)]
mod tests {
    use scribed_plugin::testing::{self, Chunk};

    use super::*;

    #[test]
    fn the_text_follows_from_the_samples() {
        let chunk = Chunk::of([0.25; 1_600]);
        let run = testing::run::<Recogniser>(serde_json::json!({}), [chunk]).expect("it is taken");
        assert_eq!(run.items[0].text(), words_of(&[0.25; 1_600]));
        assert!(run.logs[0].1.starts_with("recognised chunk 0: "), "{:?}", run.logs);
    }
}
