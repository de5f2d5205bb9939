//! The resample stage: sound of any rate and layout goes in, 16 kHz mono comes out.
//!
//! **Layout.** Channels are mixed by their plain mean: no channel of a recording is known to hold no
//! speech, and the mean can never clip. Samples that are no numbers become silence, and all are held
//! within [-1, 1].
//!
//! **Rate.** A linear-phase filter by FFT of at least 32 ms; its delay is taken out, so frame `n` of the
//! output is what was heard at frame `n · rate / 16000` of the input. What is below 7.2 kHz passes,
//! what is above 8.4 kHz is gone by more than 60 dB. Sound at 16 kHz is only mixed.
//!
//! **Positions.** A block that does not start where the one before it ended ends the run: what is in
//! the filter is emitted, and a new run starts at the exact position of the block. A run of `n`
//! input frames gives exactly the 16 kHz frames from its start to its end, both rounded to nearest.

#![forbid(unsafe_code)]

mod filter;
mod mix;
mod run;

use scribed_plugin::prelude::*;

use crate::run::Runs;

/// Options of the resample stage.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Highest sample rate accepted, in Hz. Rates without a common divisor with 16,000 take memory
    /// in proportion to the rate: about 50 bytes per Hz.
    pub max_sample_rate_hz: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { max_sample_rate_hz: 1_000_000 }
    }
}

/// The stage `org.scribed.resample`.
#[derive(Debug)]
pub struct Resample {
    config: Config,
    runs: Runs,
}

impl Stage for Resample {
    const ID: &'static str = "org.scribed.resample";
    const SUMMARY: &'static str = "brings sound of any rate and layout to 16 kHz mono";
    type Config = Config;
    type Accepts = AudioKind;
    type Emits = AudioKind;

    fn open(config: Config, _host: Host) -> Result<Self> {
        if config.max_sample_rate_hz == 0 {
            return Err(StageError::InvalidConfig("max_sample_rate_hz must be above 0".to_owned()));
        }
        Ok(Self { config, runs: Runs::default() })
    }

    fn process(&mut self, block: AudioBlock<'_>, out: &mut Out<'_, AudioKind>) -> Result<()> {
        if block.channels == 0 || block.sample_rate == 0 {
            return Err(StageError::InvalidInput("sound without channels or rate".to_owned()));
        }
        if block.sample_rate > self.config.max_sample_rate_hz {
            return Err(StageError::OverLimit(format!(
                "the sample rate is {} Hz; at most {} Hz are accepted",
                block.sample_rate, self.config.max_sample_rate_hz
            )));
        }
        self.runs.take(block, out)
    }

    fn flush(&mut self, out: &mut Out<'_, AudioKind>) -> Result<()> {
        self.runs.finish(out)
    }

    fn reset(&mut self) -> Result<()> {
        self.runs = Runs::default();
        Ok(())
    }
}

export_stages!(Resample);
