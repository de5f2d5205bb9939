//! The cutter: 16 kHz mono audio goes in, chunks of one fixed length come out.

use scribed_plugin::prelude::*;
use scribed_schemas::audio::convert_frames;

/// Longest chunk that a recogniser takes, in milliseconds.
const LONGEST_MS: u32 = 30_000;

/// Options of the cutter.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Length of a chunk, in milliseconds: 1 to 30,000. The last one may be shorter.
    pub window_ms: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { window_ms: 100 }
    }
}

/// The stage `org.scribed.test.cutter`.
#[derive(Debug)]
pub struct Cutter {
    /// Samples of a chunk.
    window: usize,
    source_rate: u32,
    /// Number of the next chunk.
    number: u32,
    /// Position of the first waiting sample, at 16 kHz.
    at: i64,
    waiting: Vec<f32>,
}

impl Stage for Cutter {
    const ID: &'static str = "org.scribed.test.cutter";
    const SUMMARY: &'static str = "cuts sound into chunks of one fixed length";
    type Config = Config;
    type Accepts = AudioKind;
    type Emits = ChunkKind;

    fn open(config: Config, _host: Host) -> Result<Self> {
        if !(1..=LONGEST_MS).contains(&config.window_ms) {
            let why = format!("window_ms must be 1 to {LONGEST_MS}");
            return Err(StageError::InvalidConfig(why));
        }
        let window = (config.window_ms * (MODEL_RATE / 1_000)) as usize;
        Ok(Self { window, source_rate: MODEL_RATE, number: 0, at: 0, waiting: Vec::new() })
    }

    fn process(&mut self, block: AudioBlock<'_>, out: &mut Out<'_, ChunkKind>) -> Result<()> {
        if block.sample_rate != MODEL_RATE || block.channels != 1 {
            let why = format!("needs {MODEL_RATE} Hz with 1 channel");
            return Err(StageError::InvalidInput(why));
        }
        self.source_rate = block.source_rate.max(1);
        if self.waiting.is_empty() {
            self.at = block.start_frame;
        }
        self.waiting.extend_from_slice(block.samples);
        while self.waiting.len() >= self.window {
            self.emit(self.window, out)?;
        }
        Ok(())
    }

    fn flush(&mut self, out: &mut Out<'_, ChunkKind>) -> Result<()> {
        if self.waiting.is_empty() { Ok(()) } else { self.emit(self.waiting.len(), out) }
    }

    fn reset(&mut self) -> Result<()> {
        (self.number, self.at) = (0, 0);
        self.waiting.clear();
        Ok(())
    }
}

impl Cutter {
    /// Emits the first `len` waiting samples.
    fn emit(&mut self, len: usize, out: &mut Out<'_, ChunkKind>) -> Result<()> {
        let end = self.at + i64::try_from(len).unwrap_or(i64::MAX);
        let source = |at: i64| convert_frames(at, MODEL_RATE, self.source_rate);
        let span = Span {
            chunk_start: 0,
            chunk_len: u32::try_from(len).unwrap_or(u32::MAX),
            source_start: source(self.at),
            source_len: source(end) - source(self.at),
        };
        let chunk = ChunkBlock {
            number: self.number,
            samples: &self.waiting[..len],
            source_rate: self.source_rate,
            spans: &[span],
        };
        let emitted = out.emit(chunk);
        self.waiting.drain(..len);
        self.number += 1;
        self.at = end;
        emitted
    }
}

#[cfg(test)]
mod tests {
    use scribed_plugin::testing::{self, Audio};

    use super::*;

    #[test]
    fn chunks_have_one_length_whatever_the_blocks_are() {
        let config = serde_json::json!({ "window_ms": 10 });
        let ramp: Vec<f32> = (0_u16..400).map(|n| f32::from(n) / 400.0).collect();
        let whole = testing::run::<Cutter>(config.clone(), [Audio::mono(16_000, ramp.clone())]);
        let whole = whole.expect("the cutter takes it").items;
        let lengths: Vec<usize> = whole.iter().map(|chunk| chunk.samples.len()).collect();
        assert_eq!(lengths, [160, 160, 80]);
        let mut second = Audio::mono(16_000, ramp[250..].to_vec());
        second.start_frame = 250;
        let blocks = [Audio::mono(16_000, ramp[..250].to_vec()), second];
        let pieces = testing::run::<Cutter>(config, blocks).expect("the cutter takes them").items;
        assert_eq!(pieces, whole);
    }
}
