//! One decoding of a chunk: its parameters, and its result copied out of whisper.cpp.

use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex, PoisonError},
};

use scribed_plugin::prelude::*;
use whisper_rs::{
    FullParams, SamplingStrategy, WhisperContext, WhisperSegment, WhisperState, get_lang_str,
};

use crate::{Config, ffi, language::Language};

/// How a token is chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Strategy {
    /// The likeliest one.
    Greedy,
    /// Several texts in parallel, the likeliest wins.
    Beam(u32),
    /// Drawn at a temperature; the likeliest of so many texts wins.
    Sample { temperature: f32, best_of: u32 },
}

/// What one decoding gave.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attempt {
    /// Segments with text, in order.
    pub(crate) pieces: Vec<Piece>,
    /// Temperature of the decoder.
    pub(crate) temperature: f32,
    /// Code of the language, where the model knows several or only English.
    pub(crate) language: Option<String>,
}

/// One segment as whisper.cpp gives it. Times are in samples from the start of the chunk.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Piece {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) no_speech_prob: f32,
    /// Tokens of text, without time and control tokens.
    pub(crate) tokens: Vec<Token>,
}

/// A token of text. It may be part of a character.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token {
    pub(crate) bytes: Vec<u8>,
    /// Probability, 0 to 1.
    pub(crate) probability: f32,
    /// Its natural log.
    pub(crate) log_prob: f32,
}

/// Parameters of a job's decodings.
///
/// `FullParams` never frees the strings that it is given, so the prompt goes in as tokens.
#[derive(Debug)]
pub(crate) struct Parameters {
    threads: i32,
    language: Language,
    prompt: Vec<i32>,
}

impl Parameters {
    pub(crate) fn new(config: &Config, language: Language, context: &WhisperContext) -> Self {
        let prompt = config.prompt.as_deref().unwrap_or_default().trim();
        // A blank opens the prompt, as it opens every word. A token is at least one byte long, so
        // this room is enough; with too little whisper-rs would read past it.
        let prompt = if prompt.is_empty() { String::new() } else { format!(" {prompt}") };
        let tokens = context.tokenize(&prompt, prompt.len() + 1).unwrap_or_default();
        Self { threads: config.threads(), language, prompt: tokens }
    }

    fn of(&self, strategy: Strategy) -> FullParams<'_, '_> {
        let mut params = start(strategy, self.language);
        params.set_n_threads(self.threads);
        params.set_no_context(true);
        params.set_single_segment(false);
        params.set_print_special(false);
        params.set_print_progress(false);
        params.set_print_realtime(false);
        params.set_print_timestamps(false);
        // Attempts are made and judged by us. whisper.cpp would also drop text that it takes for
        // silence or for a loop; it is kept and flagged instead.
        params.set_temperature_inc(0.0);
        params.set_no_speech_thold(f32::INFINITY);
        params.set_entropy_thold(f32::NEG_INFINITY);
        // Symbols such as ♪ or [ are not speech; OpenAI's decoder leaves them out too.
        params.set_suppress_nst(true);
        if let Strategy::Sample { temperature, .. } = strategy {
            params.set_temperature(temperature);
        }
        if !self.prompt.is_empty() {
            params.set_tokens(&self.prompt);
        }
        params
    }
}

/// Parameters that everybody starts from. Each is made once per process, because `FullParams` never
/// frees the name of the language.
type Starts = HashMap<(Kind, &'static str), FullParams<'static, 'static>>;

/// Beam search or not, and how many texts at once.
type Kind = (bool, u32);

fn start(strategy: Strategy, language: Language) -> FullParams<'static, 'static> {
    static STARTS: LazyLock<Mutex<Starts>> = LazyLock::new(Mutex::default);
    let (beam, count) = match strategy {
        Strategy::Greedy => (false, 1),
        Strategy::Beam(size) => (true, size),
        Strategy::Sample { best_of, .. } => (false, best_of),
    };
    let name = match language {
        Language::EnglishOnly => "en",
        Language::Auto => "auto",
        Language::Known(code) => code,
    };
    let mut starts = STARTS.lock().unwrap_or_else(PoisonError::into_inner);
    let made = starts.entry(((beam, count), name)).or_insert_with(|| {
        let count = i32::try_from(count).unwrap_or(1);
        let strategy = if beam {
            SamplingStrategy::BeamSearch { beam_size: count, patience: -1.0 }
        } else {
            SamplingStrategy::Greedy { best_of: count }
        };
        let mut params = FullParams::new(strategy);
        params.set_language(Some(name));
        params
    });
    made.clone()
}

/// Decodes once.
///
/// # Errors
/// [`StageError::Cancelled`] when the daemon says so, otherwise `Failed` with what failed.
pub(crate) fn decode(
    state: WhisperState,
    parameters: &Parameters,
    strategy: Strategy,
    samples: &[f32],
    host: &Host,
    context: &WhisperContext,
) -> (Result<Attempt>, Option<WhisperState>) {
    if host.cancelled() {
        return (Err(StageError::Cancelled), Some(state));
    }
    let (decoded, state) = ffi::decode(state, parameters.of(strategy), samples, host);
    let result = match (decoded, &state) {
        (ffi::Decoded::Aborted, _) => Err(StageError::Cancelled),
        (ffi::Decoded::Done, Some(state)) => {
            Ok(read(state, strategy, parameters.language, samples.len(), context))
        }
        (ffi::Decoded::Done, None) => Err(StageError::Failed("the decoder state is gone".into())),
        (ffi::Decoded::Failed(code), _) => Err(failure(code)),
    };
    (result, state)
}

/// Says what a return code of `whisper_full_with_state` means (whisper.cpp 1.8).
fn failure(code: i32) -> StageError {
    let what = match code {
        -2 => "computing the spectrogram",
        -3 => "finding the language",
        -4 => "starting: more decoders than whisper.cpp has",
        -5 => "starting: audio_ctx is too large",
        -6 => "the encoder",
        -7 => return StageError::OutOfMemory("no memory for the key-value cache".to_owned()),
        -8 | -9 => "the decoder",
        _ => "whisper.cpp",
    };
    StageError::Failed(format!("{what} failed (code {code})"))
}

fn read(
    state: &WhisperState,
    strategy: Strategy,
    language: Language,
    samples: usize,
    context: &WhisperContext,
) -> Attempt {
    let temperature = match strategy {
        Strategy::Sample { temperature, .. } => temperature,
        Strategy::Greedy | Strategy::Beam(_) => 0.0,
    };
    let language = match language {
        Language::EnglishOnly => Some("en".to_owned()),
        Language::Known(code) => Some(code.to_owned()),
        Language::Auto => get_lang_str(state.full_lang_id_from_state()).map(str::to_owned),
    };
    let end_of_text = context.token_eot();
    let pieces = state.as_iter().map(|segment| piece(&segment, samples, end_of_text));
    let pieces = pieces.filter(|piece| !piece.tokens.is_empty()).collect();
    Attempt { pieces, temperature, language }
}

fn piece(segment: &WhisperSegment<'_>, samples: usize, end_of_text: i32) -> Piece {
    // whisper.cpp counts in hundredths of a second.
    let at = |time: i64| usize::try_from(time).unwrap_or(0).saturating_mul(160).min(samples);
    let tokens = (0..segment.n_tokens()).filter_map(|index| segment.get_token(index));
    let tokens = tokens.filter(|token| token.token_id() < end_of_text).map(|token| {
        let data = token.token_data();
        Token {
            bytes: token.to_bytes().unwrap_or_default().to_vec(),
            probability: data.p,
            log_prob: data.plog,
        }
    });
    Piece {
        start: at(segment.start_timestamp()),
        end: at(segment.end_timestamp()),
        no_speech_prob: segment.no_speech_probability(),
        tokens: tokens.collect(),
    }
}
