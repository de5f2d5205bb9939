//! Retry: what follows a fault.
//!
//! | fault | what happens |
//! |---|---|
//! | the recording's or the submission's own ([`FaultCode::is_final`]) | the job fails at once |
//! | a dependency was away | another attempt after a pause, nothing is charged |
//! | a stage is set aside | another attempt after a longer pause, nothing is charged |
//! | a stage panicked | one more attempt; a second panic fails the job |
//! | anything else | attempts up to the configured number, with growing pauses |
//!
//! [`FaultCode::is_final`]: scribed_schemas::job::FaultCode::is_final

use std::time::Duration;

use scribed_schemas::id::JobId;
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
        return Outcome::Retry { fault, not_before: now.plus(of_attempt(pause, job)) };
    }
    if fault.code.is_final() || is_last(job, fault.code, config) {
        return Outcome::Failed(fault);
    }
    let pause = pause(job.error_count, config);
    Outcome::Retry { fault, not_before: now.plus(of_attempt(pause, job)) }
}

/// Lets a job wait that needs a stage which is set aside.
pub(crate) fn aside(job: &Job, fault: Fault, config: &Config, now: Timestamp) -> Outcome {
    // Nobody holds these jobs back but their pause.
    let pause = Duration::from_secs(config.aside_backoff_secs.max(1));
    Outcome::Retry { fault, not_before: now.plus(of_attempt(pause, job)) }
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

fn of_attempt(pause: Duration, job: &Job) -> Duration {
    varied(pause, job.id, job.fence.cast_unsigned())
}

/// Varies a pause by job and attempt: no chance is needed, so that the same history has the same end.
pub(crate) fn varied(pause: Duration, job: JobId, attempt: u64) -> Duration {
    let mixed = mixed(job.0.cast_unsigned() ^ attempt.rotate_left(32));
    let share = f64::from(u32::try_from(mixed >> 32).unwrap_or(0)) / f64::from(u32::MAX);
    pause.mul_f64(1.0 - JITTER + 2.0 * JITTER * share)
}

/// Spreads numbers that lie close together over all of them (the finaliser of `SplitMix64`).
const fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

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
    fn jobs_that_failed_together_return_one_by_one() {
        let pause = |id, fence| {
            let job = Job { id: JobId(id), fence, ..a_job() };
            of_attempt(Duration::from_secs(10), &job).as_millis()
        };
        let pauses: BTreeSet<_> = (1..=100).map(|id| pause(id, 1)).collect();
        assert!(pauses.len() > 90, "{pauses:?}");
        assert!(pauses.first() < Some(&8_500) && pauses.last() > Some(&11_500), "{pauses:?}");
        assert_ne!(pause(1, 1), pause(1, 2), "each attempt draws anew");
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

    #[test]
    fn a_job_whose_stage_is_set_aside_waits_longer_and_never_uses_up_attempts() {
        let job = Job { error_count: 2, ..a_job() };
        let fault = Fault { code: FaultCode::Unavailable, message: "it is set aside".into() };
        pauses(&aside(&job, fault.clone(), &Config::default(), NOW), 20.0);
        let at_once = Config { aside_backoff_secs: 0, ..Config::default() };
        pauses(&aside(&job, fault, &at_once, NOW), 1.0);
    }
}
