//! Retry: what follows a fault.
//!
//! | fault | what happens |
//! |---|---|
//! | the recording's or the submission's own ([`FaultCode::is_final`]) | the job fails at once |
//! | a dependency was away | another attempt after a pause, nothing is charged |
//! | a stage panicked | one more attempt; a second panic fails the job |
//! | anything else | attempts up to the configured number, with growing pauses |
//!
//! [`FaultCode::is_final`]: scribed_schemas::job::FaultCode::is_final

use std::time::Duration;

use scribed_schemas::job::{Fault, FaultCode, Job};
use scribed_schemas::time::Timestamp;
use scribed_store::Outcome;

use crate::config::Config;

/// How far a pause is varied, so that jobs that failed together do not return together.
const JITTER: f64 = 0.2;

/// Decides what follows a fault of an attempt at `job`.
pub(crate) fn outcome(job: &Job, fault: Fault, config: &Config, now: Timestamp) -> Outcome {
    if fault.code == FaultCode::Unavailable {
        let pause = Duration::from_secs(config.unavailable_backoff_secs);
        return Outcome::Retry { fault, not_before: now.plus(varied(pause)) };
    }
    if fault.code.is_final() || is_last(job, fault.code, config) {
        return Outcome::Failed(fault);
    }
    Outcome::Retry { fault, not_before: now.plus(varied(pause(job.error_count, config))) }
}

/// Returns whether a charged fault uses up the job's attempts.
pub(crate) fn is_last(job: &Job, code: FaultCode, config: &Config) -> bool {
    let panicked_before = job.fault.as_ref().is_some_and(|f| f.code == FaultCode::StagePanicked);
    let panics_again = panicked_before && code == FaultCode::StagePanicked;
    panics_again || job.error_count + 1 >= config.attempts
}

/// Returns the pause after a job's fault number `earlier` (from 0).
fn pause(earlier: u32, config: &Config) -> Duration {
    let steps = &config.backoff_secs;
    let index = usize::try_from(earlier).unwrap_or(usize::MAX);
    let step = steps.get(index).or(steps.last()).copied().unwrap_or(0);
    Duration::from_secs(step)
}

fn varied(pause: Duration) -> Duration {
    pause.mul_f64(rand::random_range(1.0 - JITTER..=1.0 + JITTER))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::a_job;

    const NOW: Timestamp = Timestamp(1_800_000_000_000_000);

    fn after(error_count: u32, before: Option<FaultCode>, code: FaultCode) -> Outcome {
        let fault = |code| Fault { code, message: "it broke".into() };
        let job = Job { error_count, fault: before.map(fault), ..a_job() };
        outcome(&job, fault(code), &Config::default(), NOW)
    }

    #[track_caller]
    fn pauses(outcome: &Outcome, secs: f64) {
        let Outcome::Retry { not_before, .. } = outcome else {
            panic!("another attempt must follow, not {outcome:?}");
        };
        let pause = not_before.since(NOW).as_secs_f64();
        assert!(pause >= secs * 0.8 - 0.001 && pause <= secs * 1.2 + 0.001, "{pause} s");
    }

    #[test]
    fn the_recordings_own_fault_fails_at_once() {
        assert!(matches!(after(0, None, FaultCode::Undecodable), Outcome::Failed(_)));
        assert!(matches!(after(0, None, FaultCode::MediaGone), Outcome::Failed(_)));
    }

    #[test]
    fn unknown_faults_get_three_attempts_with_growing_pauses() {
        pauses(&after(0, None, FaultCode::StageFailed), 1.0);
        pauses(&after(1, Some(FaultCode::StageFailed), FaultCode::StageFailed), 10.0);
        let third = after(2, Some(FaultCode::StageFailed), FaultCode::StageFailed);
        assert!(matches!(third, Outcome::Failed(_)));
    }

    #[test]
    fn a_panic_is_tried_again_once() {
        pauses(&after(0, None, FaultCode::StagePanicked), 1.0);
        let again = after(1, Some(FaultCode::StagePanicked), FaultCode::StagePanicked);
        assert!(matches!(again, Outcome::Failed(_)));
    }

    #[test]
    fn a_dependency_that_is_away_never_uses_up_attempts() {
        pauses(&after(2, Some(FaultCode::Unavailable), FaultCode::Unavailable), 5.0);
    }
}
