//! The ladder: which attempts are made on a chunk, and which of them is kept.

use std::sync::Arc;

use scribed_plugin::prelude::*;
use whisper_rs::WhisperState;

use crate::{
    Config,
    attempt::{self, Attempt, Parameters, Strategy},
    ffi,
    gates::{self, Limits},
    language::Language,
    model::Model,
};

/// Decodes chunks of one job.
#[derive(Debug)]
pub(crate) struct Ladder {
    host: Host,
    model: Arc<Model>,
    parameters: Parameters,
    limits: Limits,
    /// What is tried after the first attempt.
    rungs: Vec<Strategy>,
}

impl Ladder {
    /// Prepares the parameters.
    ///
    /// # Errors
    /// [`StageError::InvalidConfig`] for a language that the model does not know;
    /// [`StageError::OutOfMemory`] where there is none for a state.
    pub(crate) fn new(config: &Config, model: Arc<Model>, host: Host) -> Result<Self> {
        let multilingual = model.context().is_multilingual();
        let language =
            ffi::with_log(&host, || Language::choose(config.language.as_deref(), multilingual))?;
        let parameters =
            ffi::with_log(&host, || Parameters::new(config, language, model.context()));
        let beam = (config.beam_size > 1).then_some(Strategy::Beam(config.beam_size));
        let samples = config
            .temperatures
            .iter()
            .map(|&temperature| Strategy::Sample { temperature, best_of: config.best_of });
        // Who has no memory for a state says so before the first chunk.
        drop(model.slot(&host)?);
        Ok(Self {
            parameters,
            limits: Limits::new(config),
            rungs: beam.into_iter().chain(samples).collect(),
            model,
            host,
        })
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Decodes a chunk greedily; if the text fails a gate, tries the other rungs until one passes.
    /// Where none does, the text with the fewest reasons to doubt it is kept, then the likeliest.
    ///
    /// # Errors
    /// [`StageError::Cancelled`] when the daemon says so; `Failed` when a decoding fails.
    pub(crate) fn climb(&mut self, samples: &[f32]) -> Result<Attempt> {
        let mut slot = self.model.slot(&self.host)?;
        let (first, state) = self.attempt(slot.take(&self.host)?, Strategy::Greedy, samples);
        if let Some(state) = state {
            slot.put(state);
        }
        let mut best = Judged::new(first?, &self.limits);
        if best.doubts == 0 || self.rungs.is_empty() {
            return Ok(best.attempt);
        }
        // Beam search and sampling draw random numbers from the state and go on where the last
        // decoding stopped. Only a new state makes a chunk's text independent of what came before
        // it, so these few chunks get one.
        let mut state = match self.model.fresh(&self.host) {
            Ok(state) => Some(state),
            Err(error) => {
                let message = format!("a doubtful chunk is not tried again: {error}");
                self.host.log(Level::Warn, &message);
                return Ok(best.attempt);
            }
        };
        for strategy in self.rungs.clone() {
            let Some(ready) = state.take() else { break };
            let (next, back) = self.attempt(ready, strategy, samples);
            state = back;
            let next = Judged::new(next?, &self.limits);
            if next.beats(&best) {
                best = next;
            }
            if best.doubts == 0 {
                break;
            }
        }
        Ok(best.attempt)
    }

    fn attempt(
        &self,
        state: WhisperState,
        strategy: Strategy,
        samples: &[f32],
    ) -> (Result<Attempt>, Option<WhisperState>) {
        let context = self.model.context();
        attempt::decode(state, &self.parameters, strategy, samples, &self.host, context)
    }
}

/// An attempt with its marks.
struct Judged {
    attempt: Attempt,
    doubts: usize,
    avg_log_prob: f32,
}

impl Judged {
    fn new(attempt: Attempt, limits: &Limits) -> Self {
        let doubts = limits.judge(&attempt.pieces).len();
        let avg_log_prob = gates::avg_log_prob(&attempt.pieces);
        Self { attempt, doubts, avg_log_prob }
    }

    fn beats(&self, other: &Self) -> bool {
        self.doubts < other.doubts
            || (self.doubts == other.doubts && self.avg_log_prob > other.avg_log_prob)
    }
}
