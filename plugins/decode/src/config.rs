//! Configuration: the limits inside which a recording is decoded.

use scribed_plugin::prelude::*;

/// Limits and sizes of the decode stage.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Longest recording accepted, in seconds.
    pub max_duration_secs: f64,
    /// Shortest recording accepted, in seconds.
    pub min_duration_secs: f64,
    /// Most channels accepted.
    pub max_channels: u32,
    /// Lowest sample rate accepted, in Hz.
    pub min_sample_rate_hz: u32,
    /// Highest sample rate accepted, in Hz.
    pub max_sample_rate_hz: u32,
    /// How far into the file the start of a known container is looked for, in bytes.
    pub probe_bytes: u32,
    /// Most bytes read before the first packet: headers and indexes are held in memory.
    pub max_header_bytes: u64,
    /// Frames of a full output block; one is never longer than a second.
    pub block_frames: u32,
    /// Warnings of one kind that are told one by one; those beyond are told as a number.
    pub max_warnings: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_duration_secs: 86_400.0,
            min_duration_secs: 0.1,
            max_channels: 8,
            // Below telephone quality (8 kHz) there is hardly speech; 4 kHz leaves some room.
            min_sample_rate_hz: 4_000,
            max_sample_rate_hz: 384_000,
            probe_bytes: 1 << 20,
            // The index of a day of AAC in MP4 takes about 33 MB.
            max_header_bytes: 128 << 20,
            block_frames: 16_384,
            max_warnings: 16,
        }
    }
}

impl Config {
    /// Checks what serde cannot.
    ///
    /// # Errors
    ///
    /// [`StageError::InvalidConfig`] naming the option and what it may be.
    pub fn validate(&self) -> Result<()> {
        let wrong = |text: &str| Err(StageError::InvalidConfig(text.to_owned()));
        if !(self.min_duration_secs >= 0.0 && self.min_duration_secs < self.max_duration_secs) {
            return wrong("min_duration_secs must be at least 0 and below max_duration_secs");
        }
        // Positions are exact as f64 up to 2^53 frames: 700 years at the highest rate.
        if self.max_duration_secs > 1e9 {
            return wrong("max_duration_secs must be at most 1000000000");
        }
        if self.max_channels == 0 || self.max_channels > 64 {
            return wrong("max_channels must be between 1 and 64");
        }
        if self.min_sample_rate_hz == 0 || self.min_sample_rate_hz > self.max_sample_rate_hz {
            return wrong("min_sample_rate_hz must be at least 1 and at most max_sample_rate_hz");
        }
        if self.max_sample_rate_hz > 10_000_000 {
            return wrong("max_sample_rate_hz must be at most 10000000");
        }
        if self.block_frames == 0 || self.block_frames > 1 << 20 {
            return wrong("block_frames must be between 1 and 1048576");
        }
        if self.max_header_bytes < u64::from(self.probe_bytes) {
            return wrong("max_header_bytes must be at least probe_bytes");
        }
        Ok(())
    }
}
