//! The canary: a recogniser that nobody needs right now is tried, so that one which hangs is found before a
//! job finds it.
//!
//! After some errors of a GPU a process is alive and answers nothing but the same error for hours, until it
//! is started anew; after others it answers in a moment, and nonsense. So what it recognises here is a
//! spoken sentence, and it has to hear the same words every time. Which words those are depends on the
//! model: what it heard first counts, until two workers one after the other agree on something else.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use scribed_engine::runner::{Chunk, Part, RunError, Watch};
use scribed_schemas::audio::MODEL_RATE;
use scribed_schemas::chunk::{ChunkMap, Span};

use super::{Shared, Workers, recognise};

/// "Ten students came from Vienna today.", the beginning of `tests/audio/01-short-slt.wav`: samples of
/// 16 bits, little-endian, at the rate of the models.
static SENTENCE: &[u8] = include_bytes!("canary.pcm");
/// Failures in a row after which the worker is replaced.
const FAILURES: u32 = 2;
/// How loud the noise is, of full scale: too soft to pass for speech.
const LOUDNESS: f32 = 0.001;

/// Tries the recognisers of a group whenever it has been idle for `every`, until the runner is gone. A try
/// may take as long.
pub(super) async fn watch(shared: Weak<Shared>, name: String, every: Duration) {
    let mut failures = 0;
    let mut memories: BTreeMap<String, Memory> = BTreeMap::new();
    loop {
        tokio::time::sleep(every).await;
        let Some(shared) = shared.upgrade() else { return };
        let Some(group) = shared.groups.get(&name) else { return };
        if group.is_busy().await {
            failures = 0;
            continue;
        }
        for stage in group.warm() {
            // It is known not to work, and no job waits for its worker.
            if shared.quarantine.holds([stage.stage.as_str()]).is_some() {
                continue;
            }
            let memory = memories.entry(stage.stage.clone()).or_default();
            let part = Part { stages: vec![stage.clone()], group: Some(name.clone()) };
            let problem = match tokio::time::timeout(every, sing(&shared, part)).await {
                Ok(Ok(text)) => memory.compare(text).err(),
                Ok(Err(error)) => Some(error.to_string()),
                Err(_) => {
                    failures = FAILURES;
                    Some("it has not answered yet".to_owned())
                }
            };
            let Some(problem) = problem else {
                failures = 0;
                continue;
            };
            failures += 1;
            tracing::warn!(stage = stage.stage, problem, failures, "the recogniser fails");
            if failures >= FAILURES {
                tracing::error!(
                    stage = stage.stage,
                    "the recogniser does not do its work while it is idle; its worker is replaced"
                );
                group.replace().await;
                memory.is_replaced();
                failures = 0;
            }
        }
    }
}

/// What a recogniser hears in the sentence.
#[derive(Debug, Default)]
struct Memory {
    /// What it has always heard.
    known: Option<String>,
    /// What this worker heard at last, if that was something else.
    other: Option<String>,
    /// What the worker before it heard when it was replaced.
    before: Option<String>,
}

impl Memory {
    /// Compares what was heard with what is known.
    ///
    /// # Errors
    /// A sentence on the difference.
    fn compare(&mut self, text: String) -> Result<(), String> {
        let known = self.known.get_or_insert_with(|| text.clone());
        if *known == text {
            (self.other, self.before) = (None, None);
            return Ok(());
        }
        let difference = format!("it hears {text:?} where it heard {known:?}");
        if self.before.as_ref() == Some(&text) {
            tracing::warn!("{difference}, and so did its last worker: that counts from now on");
            *self = Self { known: Some(text), ..Self::default() };
            return Ok(());
        }
        self.other = Some(text);
        Err(difference)
    }

    /// Begins with a new worker.
    fn is_replaced(&mut self) {
        self.before = self.other.take();
    }
}

/// Recognises the sentence.
async fn sing(shared: &Arc<Shared>, part: Part) -> Result<String, RunError> {
    let workers = Workers(Arc::clone(shared));
    let mut recogniser = recognise::open(workers, part, Watch::default()).await?;
    Ok(recogniser.recognise(Arc::new(sentence())).await?.text())
}

/// Returns the sentence.
fn sentence() -> Chunk {
    let (samples, _) = SENTENCE.as_chunks();
    chunk(samples.iter().map(|sample| f32::from(i16::from_le_bytes(*sample)) / 32_768.0).collect())
}

/// Returns a second of soft noise, always the same: what no recogniser can stumble over.
pub(super) fn noise() -> Chunk {
    // The generator of Numerical Recipes; its high bits are noise enough.
    let mut state = 1_u32;
    let samples = (0..MODEL_RATE).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let high = u16::try_from(state >> 16).unwrap_or(0);
        (f32::from(high) / 32_768.0 - 1.0) * LOUDNESS
    });
    chunk(samples.collect())
}

/// Returns a chunk of a recording that is nothing else.
fn chunk(samples: Vec<f32>) -> Chunk {
    let len = u32::try_from(samples.len()).unwrap_or(u32::MAX);
    let span = Span { chunk_start: 0, chunk_len: len, source_start: 0, source_len: len.into() };
    let map = ChunkMap { source_rate: MODEL_RATE, spans: vec![span] };
    Chunk { number: 0, samples, map }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_noise_is_a_soft_second_and_always_the_same() {
        let Chunk { samples, map, .. } = noise();
        assert_eq!((samples.len(), map.end()), (16_000, 16_000));
        assert!(samples.iter().all(|sample| sample.abs() <= LOUDNESS));
        assert!(samples.iter().any(|sample| sample.abs() > LOUDNESS / 2.0));
        assert_eq!(samples, noise().samples);
    }

    #[test]
    fn the_sentence_is_two_and_a_half_seconds_of_speech() {
        let Chunk { samples, map, .. } = sentence();
        assert_eq!((samples.len(), map.end()), (40_000, 40_000));
        let loud = samples.iter().filter(|sample| sample.abs() > 0.05).count();
        assert!((8_000..30_000).contains(&loud), "{loud} samples are loud");
    }

    #[test]
    fn a_recogniser_has_to_hear_what_it_heard_first() {
        let mut memory = Memory::default();
        let mut hear = |text: &str| memory.compare(text.to_owned());
        assert_eq!((hear("ten"), hear("ten")), (Ok(()), Ok(())));
        let difference = hear("!!!!").unwrap_err();
        assert_eq!(difference, r#"it hears "!!!!" where it heard "ten""#);
        assert_eq!(hear("ten"), Ok(()), "another answer once is no other memory");
    }

    #[test]
    fn two_workers_that_agree_are_believed() {
        let mut memory = Memory::default();
        assert_eq!(memory.compare("nonsense".to_owned()), Ok(()), "of a device that was broken");
        memory.compare("ten".to_owned()).unwrap_err();
        memory.compare("ten".to_owned()).unwrap_err();
        memory.is_replaced();
        assert_eq!(memory.compare("ten".to_owned()), Ok(()));
        assert_eq!(memory.compare("ten".to_owned()), Ok(()));
        memory.compare("nonsense".to_owned()).unwrap_err();
        memory.is_replaced();
        memory.compare("another".to_owned()).unwrap_err();
    }
}
