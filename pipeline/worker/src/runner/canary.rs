//! The canary: a recogniser that nobody needs right now is tried, so that one which hangs is found before a
//! job finds it.
//!
//! After some errors of a GPU a process is alive and answers nothing but the same error for hours, until it
//! is started anew. What it recognises here is a second of soft noise, whose text nobody wants.

use std::sync::{Arc, Weak};
use std::time::Duration;

use scribed_engine::runner::{Chunk, Part, RunError, Watch};
use scribed_schemas::audio::MODEL_RATE;
use scribed_schemas::chunk::{ChunkMap, Span};

use super::{Shared, Workers, recognise};

/// Failures in a row after which the worker is replaced.
const FAILURES: u32 = 2;
/// How loud the noise is, of full scale: too soft to pass for speech.
const LOUDNESS: f32 = 0.001;

/// Tries the recognisers of a group whenever it has been idle for `every`, until the runner is gone. A try
/// may take as long.
pub(super) async fn watch(shared: Weak<Shared>, name: String, every: Duration) {
    let mut failures = 0;
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
            let part = Part { stages: vec![stage.clone()], group: Some(name.clone()) };
            match tokio::time::timeout(every, sing(&shared, part)).await {
                Ok(Ok(())) => failures = 0,
                Ok(Err(error)) => {
                    failures += 1;
                    tracing::warn!(stage = stage.stage, %error, failures, "the recogniser fails");
                }
                Err(_) => failures = FAILURES,
            }
            if failures >= FAILURES {
                tracing::error!(
                    stage = stage.stage,
                    "the recogniser does not do its work while it is idle; its worker is replaced"
                );
                group.replace().await;
                failures = 0;
            }
        }
    }
}

/// Recognises the noise.
async fn sing(shared: &Arc<Shared>, part: Part) -> Result<(), RunError> {
    let workers = Workers(Arc::clone(shared));
    let mut recogniser = recognise::open(workers, part, Watch::default()).await?;
    recogniser.recognise(Arc::new(noise())).await.map(drop)
}

/// Returns a second of soft noise, always the same.
pub(super) fn noise() -> Chunk {
    // The generator of Numerical Recipes; its high bits are noise enough.
    let mut state = 1_u32;
    let samples = (0..MODEL_RATE).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let high = u16::try_from(state >> 16).unwrap_or(0);
        (f32::from(high) / 32_768.0 - 1.0) * LOUDNESS
    });
    let source_len = i64::from(MODEL_RATE);
    let span = Span { chunk_start: 0, chunk_len: MODEL_RATE, source_start: 0, source_len };
    let map = ChunkMap { source_rate: MODEL_RATE, spans: vec![span] };
    Chunk { number: 0, samples: samples.collect(), map }
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
}
