//! Configuration of the whisper stage.

use std::path::PathBuf;

use scribed_plugin::prelude::*;

/// Whether this was built to work on a GPU.
const FOR_GPU: bool =
    cfg!(any(feature = "cuda", feature = "vulkan", feature = "hipblas", feature = "metal"));

/// Which model, how it decodes, and when its text counts as doubtful.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Path of the model, a ggml file.
    #[schemars(extend("x-scribed-model" = true))]
    pub model: PathBuf,
    /// Language spoken, as a code such as `en` or `de`, or `auto`, which asks the model for each
    /// chunk. Empty is `auto` for multilingual models and `en` for English-only ones.
    #[schemars(extend("x-scribed-job-option" = true))]
    pub language: Option<String>,
    /// Text that each chunk is taken to follow: names and terms, in the spelling wanted.
    #[schemars(extend("x-scribed-job-option" = true))]
    pub prompt: Option<String>,
    /// Threads of one decoding; 0 shares the cores among the slots.
    pub threads: u32,
    /// Chunks that are decoded at once on this machine, each by its own instance; only used to
    /// share the cores. Left to the daemon, it is the number that `engine.slots` says.
    #[schemars(extend("x-scribed-slots" = true))]
    pub slots: u32,
    /// Beams of the second attempt; 0 leaves that attempt out.
    pub beam_size: u32,
    /// Texts drawn per temperature, of which the likeliest is taken.
    pub best_of: u32,
    /// Temperatures of the attempts after that, rising.
    pub temperatures: Vec<f32>,
    /// Below this mean natural log of the token probabilities a text is doubtful.
    pub min_avg_log_prob: f32,
    /// Above this ratio of text to its zlib compression a text repeats itself.
    pub max_compression_ratio: f32,
    /// More consecutive repeats of the same one to eight words are a loop.
    pub max_repeats: u32,
    /// More characters a second than this are faster than anybody speaks.
    pub max_chars_per_sec: f32,
    /// Above this probability of no speech a text that is also unlikely is doubtful.
    pub max_no_speech_prob: f32,
    /// Use the device this was built for, where there is one.
    #[schemars(extend("x-scribed-gpu" = FOR_GPU))]
    pub use_gpu: bool,
    /// Number of that device, from 0.
    pub gpu_device: u32,
    /// Use flash attention. Left out, it is used on a GPU, where it saves time and memory, and not on
    /// the CPU, where it takes a fifth to a third longer. The text is the same but for rounding.
    pub flash_attn: Option<bool>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            model: PathBuf::new(),
            language: None,
            prompt: None,
            threads: 0,
            slots: 1,
            beam_size: 5,
            best_of: 5,
            temperatures: vec![0.2, 0.4, 0.6, 0.8, 1.0],
            // These two limits are those of OpenAI's transcribe.py.
            min_avg_log_prob: -1.0,
            max_compression_ratio: 2.4,
            max_repeats: 4,
            // Auctioneers reach about 30 characters a second, fast conversation 25.
            max_chars_per_sec: 35.0,
            // Also OpenAI's.
            max_no_speech_prob: 0.6,
            use_gpu: true,
            gpu_device: 0,
            flash_attn: None,
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
        if self.model.as_os_str().is_empty() {
            return wrong("model must name a ggml file; `scribed model list` shows what there is");
        }
        if self.threads > 512 {
            return wrong("threads must be at most 512");
        }
        if !(1..=512).contains(&self.slots) {
            return wrong("slots must be 1 to 512");
        }
        // whisper.cpp has eight decoders.
        if self.beam_size > 8 {
            return wrong("beam_size must be at most 8");
        }
        if !(1..=8).contains(&self.best_of) {
            return wrong("best_of must be 1 to 8");
        }
        if self.temperatures.len() > 10
            || !self.temperatures.iter().all(|t| (0.0..=1.0).contains(t) && *t > 0.0)
        {
            return wrong("temperatures must be at most 10 numbers above 0 and up to 1");
        }
        if self.min_avg_log_prob.is_nan()
            || self.max_compression_ratio.is_nan()
            || self.max_chars_per_sec.is_nan()
            || self.max_no_speech_prob.is_nan()
        {
            return wrong("limits must be numbers");
        }
        if self.max_repeats < 1 {
            return wrong("max_repeats must be at least 1");
        }
        if self.prompt.as_ref().is_some_and(|prompt| prompt.contains('\0')) {
            return wrong("prompt must not contain NUL");
        }
        Ok(())
    }

    /// Tells whether a GPU does the work.
    pub(crate) fn on_gpu(&self) -> bool {
        FOR_GPU && self.use_gpu
    }

    /// Tells whether flash attention is used.
    pub(crate) fn flash_attn(&self) -> bool {
        self.flash_attn.unwrap_or_else(|| self.on_gpu())
    }

    /// Returns the threads of one decoding.
    pub(crate) fn threads(&self) -> i32 {
        let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let shared = || u32::try_from(cores()).unwrap_or(1) / self.slots.max(1);
        let threads = if self.threads > 0 { self.threads } else { shared().max(1) };
        i32::try_from(threads).unwrap_or(1)
    }
}
