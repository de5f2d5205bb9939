//! Configuration of the vad stage.

use scribed_plugin::prelude::*;

/// What counts as speech, how much around it is kept, and how long a chunk may be.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How strict WebRTC's detector is: 0 takes most for speech, 3 least.
    pub mode: u8,
    /// Speech must be so much louder than the noise floor, in dB; 0 switches the floor off.
    pub min_snr_db: f32,
    /// Frames quieter than this are never speech, in dBFS (of the signal with highs raised, as
    /// speech is measured here).
    pub min_level_dbfs: f32,
    /// Pauses up to this long do not end a run of speech, in ms.
    pub hangover_ms: u32,
    /// Audio kept before and after speech, in ms, where there is that much.
    pub padding_ms: u32,
    /// Runs with less speech than this are dropped, in ms.
    pub min_speech_ms: u32,
    /// Longest chunk, in seconds; at most 30, the window of Whisper models.
    pub max_chunk_secs: f32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            mode: 1,
            // Pink noise stays within 1 dB of its floor as measured here; speech in pink noise at
            // 8 dB signal-to-noise ratio is 3.6 dB above it three quarters of the time.
            min_snr_db: 2.5,
            min_level_dbfs: -75.0,
            hangover_ms: 600,
            padding_ms: 200,
            min_speech_ms: 100,
            max_chunk_secs: 30.0,
        }
    }
}

impl Config {
    /// Checks what serde cannot.
    ///
    /// # Errors
    /// [`StageError::InvalidConfig`] naming the option and what it may be.
    pub fn validate(&self) -> Result<()> {
        let wrong = |text: &str| Err(StageError::InvalidConfig(text.to_owned()));
        if self.mode > 3 {
            return wrong("mode must be 0, 1, 2 or 3");
        }
        if !(0.0..=60.0).contains(&self.min_snr_db) {
            return wrong("min_snr_db must be 0 to 60");
        }
        if !(-150.0..=0.0).contains(&self.min_level_dbfs) {
            return wrong("min_level_dbfs must be -150 to 0");
        }
        if self.hangover_ms > 5_000 {
            return wrong("hangover_ms must be at most 5000");
        }
        if self.padding_ms > 1_000 {
            return wrong("padding_ms must be at most 1000");
        }
        if self.min_speech_ms > 2_000 {
            return wrong("min_speech_ms must be at most 2000");
        }
        if !(1.0..=30.0).contains(&self.max_chunk_secs) {
            return wrong("max_chunk_secs must be 1 to 30");
        }
        Ok(())
    }
}
