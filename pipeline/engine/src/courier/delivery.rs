//! A call's way: tried, failed, tried again with growing pauses, and delivered or given up.

use std::time::Duration;

use scribed_schemas::callback::{Delivery, DeliveryState};
use scribed_schemas::id::JobId;
use scribed_schemas::time::Timestamp;

use crate::config::Callbacks;
use crate::retry::varied;

/// How many times longer each pause is than the one before.
const GROWTH: f64 = 4.0;
/// Longest reason of a failure, in characters.
const LONGEST_REASON: usize = 500;

/// What came of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The receiver took it.
    Delivered,
    /// It did not; it may take it later.
    Failed(String),
    /// It never will.
    Refused(String),
}

/// Notes that a try begins; nobody else makes one before `until`.
///
/// A try without an answer was lost with its host, and is made once more instead of another one.
pub(super) fn begun(before: &Delivery, now: Timestamp, until: Timestamp) -> Delivery {
    let is_lost = before.attempts > 0 && before.failure.is_none();
    Delivery {
        attempts: if is_lost { before.attempts } else { before.attempts.saturating_add(1) },
        due: until,
        tried: Some(now),
        failure: None,
        ..before.clone()
    }
}

/// Notes that a try was broken off by us: it may be made at once, and is not charged.
pub(super) fn handed_back(before: &Delivery, now: Timestamp) -> Delivery {
    Delivery { due: now, ..before.clone() }
}

/// Notes what came of a try.
pub(super) fn ended(
    tried: &Delivery,
    outcome: &Outcome,
    job: JobId,
    now: Timestamp,
    settings: &Callbacks,
) -> Delivery {
    let after = Delivery { due: now, ..tried.clone() };
    let reason = |why: &str| Some(why.chars().take(LONGEST_REASON).collect());
    match outcome {
        Outcome::Delivered => Delivery { state: DeliveryState::Delivered, ..after },
        Outcome::Failed(why) if tried.attempts < settings.attempts() => {
            let pause = varied(pause(tried.attempts, settings), job, u64::from(tried.attempts));
            Delivery { due: now.plus(pause), failure: reason(why), ..after }
        }
        Outcome::Failed(why) | Outcome::Refused(why) => {
            Delivery { state: DeliveryState::Dead, failure: reason(why), ..after }
        }
    }
}

/// Returns the pause after a failed try: all of them together are as long as the settings say.
fn pause(attempt: u32, settings: &Callbacks) -> Duration {
    let power = |exponent: u32| GROWTH.powi(-i32::try_from(exponent).unwrap_or(i32::MAX));
    let (all, pauses) = (settings.attempts(), settings.attempts().saturating_sub(1));
    let share = (GROWTH - 1.0) * power(all.saturating_sub(attempt)) / (1.0 - power(pauses));
    // Where there is one try, nothing follows it.
    if share.is_finite() { settings.span().mul_f64(share.clamp(0.0, 1.0)) } else { settings.span() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000_000);
    const JOB: JobId = JobId(7);

    fn failed() -> Outcome {
        Outcome::Failed("it answered 500".to_owned())
    }

    /// Tries until the end, each time in vain, and returns the pauses.
    fn pauses(settings: &Callbacks) -> Vec<Duration> {
        let (mut call, mut now, mut pauses) = (Delivery::due_at(NOW), NOW, Vec::new());
        loop {
            call = begun(&call, now, now.plus(Duration::from_secs(60)));
            call = ended(&call, &failed(), JOB, now, settings);
            if call.state == DeliveryState::Dead {
                assert_eq!(call.attempts, settings.attempts());
                return pauses;
            }
            pauses.push(call.due.since(now));
            now = call.due;
        }
    }

    #[test]
    fn eight_tries_with_growing_pauses_take_about_a_day() {
        let pauses = pauses(&Callbacks::default());
        assert_eq!(pauses.len(), 7);
        assert!(pauses.is_sorted(), "{pauses:?}");
        let hours = pauses.iter().sum::<Duration>().as_secs_f64() / 3_600.0;
        assert!((19.0..=29.0).contains(&hours), "{hours} h");
        assert!(pauses[0] < Duration::from_secs(20), "{pauses:?}");
    }

    #[test]
    fn other_settings_are_kept_to() {
        let settings =
            |attempts, span_secs| Callbacks { attempts, span_secs, ..Callbacks::default() };
        assert_eq!(pauses(&settings(1, 60)), []);
        assert_eq!(pauses(&settings(0, 60)), [], "once is the least");
        let one = pauses(&settings(2, 100));
        assert!(one[0] >= Duration::from_secs(79) && one[0] <= Duration::from_secs(121), "{one:?}");
        assert_eq!(pauses(&settings(3, 0)), [Duration::ZERO; 2]);
        assert_eq!(pauses(&settings(2_000, 3_600)).len(), 1_999);
    }

    #[test]
    fn calls_that_failed_together_are_not_made_together_again() {
        let due = |id| {
            let tried = begun(&Delivery::due_at(NOW), NOW, NOW);
            ended(&tried, &failed(), JobId(id), NOW, &Callbacks::default()).due
        };
        let instants: std::collections::BTreeSet<_> = (1..=100).map(due).collect();
        assert!(instants.len() > 90, "{instants:?}");
    }

    #[test]
    fn a_try_that_was_lost_or_handed_back_is_not_charged() {
        let settings = Callbacks::default();
        let first = begun(&Delivery::due_at(NOW), NOW, NOW);
        assert_eq!((first.attempts, begun(&first, NOW, NOW).attempts), (1, 1));
        let failed = ended(&first, &failed(), JOB, NOW, &settings);
        let second = begun(&failed, NOW, NOW);
        assert_eq!((second.attempts, &second.failure), (2, &None));
        let back = handed_back(&failed, NOW);
        assert_eq!((back.attempts, &back.failure, back.due), (1, &failed.failure, NOW));
        assert_eq!(begun(&back, NOW, NOW).attempts, 2);
    }

    #[test]
    fn the_end_is_one_or_the_other() {
        let settings = Callbacks::default();
        let tried = begun(&Delivery::due_at(NOW), NOW, NOW);
        let state = |outcome| ended(&tried, &outcome, JOB, NOW, &settings).state;
        assert_eq!(state(Outcome::Delivered), DeliveryState::Delivered);
        assert_eq!(state(Outcome::Refused("gone".to_owned())), DeliveryState::Dead);
        assert_eq!(state(failed()), DeliveryState::Pending);
        let long = ended(&tried, &Outcome::Failed("ü".repeat(9_999)), JOB, NOW, &settings);
        assert_eq!(long.failure.map(|why| why.chars().count()), Some(LONGEST_REASON));
    }
}
