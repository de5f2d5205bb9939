//! The noise floor: the level that the quietest tenth of the last seconds stays under.
//!
//! Levels are counted in steps of a quarter dB, so one frame costs two counts and a short walk, and
//! the result does not depend on rounding history.

use std::collections::VecDeque;

/// Frames that the floor looks at: ten seconds behind the decision and two ahead.
pub(crate) const WINDOW: usize = 600;

/// Frames between hearing and deciding, so that a recording that opens with speech has a floor too.
pub(crate) const LOOKAHEAD: usize = 100;

/// Lowest level that is told apart, in dBFS.
const LOWEST: f32 = -120.0;
const STEPS_PER_DB: f32 = 4.0;
const STEPS: usize = 512;

/// Share of frames below the floor: one in ten. Pauses make up more than that of any speech.
const SHARE: usize = 10;

/// Follows the floor.
#[derive(Debug)]
pub(crate) struct NoiseFloor {
    counts: Vec<u16>,
    recent: VecDeque<usize>,
}

impl NoiseFloor {
    pub(crate) fn new() -> Self {
        Self { counts: vec![0; STEPS], recent: VecDeque::with_capacity(WINDOW) }
    }

    /// Takes the level of the newest frame, in dBFS.
    pub(crate) fn push(&mut self, level: f32) {
        if self.recent.len() == WINDOW
            && let Some(count) = self.recent.pop_front().and_then(|old| self.counts.get_mut(old))
        {
            *count = count.saturating_sub(1);
        }
        let step = step_of(level);
        if let Some(count) = self.counts.get_mut(step) {
            *count = count.saturating_add(1);
        }
        self.recent.push_back(step);
    }

    /// Returns the floor, in dBFS.
    #[expect(clippy::cast_precision_loss, reason = "at most 512 steps")]
    pub(crate) fn level(&self) -> f32 {
        let mut left = self.recent.len() / SHARE;
        for (step, count) in self.counts.iter().enumerate() {
            let count = usize::from(*count);
            if count > left {
                return LOWEST + (step as f32 + 0.5) / STEPS_PER_DB;
            }
            left -= count;
        }
        LOWEST
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the steps that there are; a NaN becomes 0"
)]
fn step_of(level: f32) -> usize {
    (((level - LOWEST) * STEPS_PER_DB).max(0.0) as usize).min(STEPS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_is_the_level_of_the_pauses() {
        let mut floor = NoiseFloor::new();
        for frame in 0..WINDOW {
            floor.push(if frame % 5 == 0 { -60.0 } else { -20.0 });
        }
        assert!((floor.level() + 60.0).abs() < 0.5, "{}", floor.level());
    }

    #[test]
    fn what_is_longer_ago_than_the_window_is_forgotten() {
        let mut floor = NoiseFloor::new();
        for _ in 0..WINDOW {
            floor.push(-80.0);
        }
        for _ in 0..WINDOW {
            floor.push(-30.0);
        }
        assert!((floor.level() + 30.0).abs() < 0.5, "{}", floor.level());
    }

    #[test]
    fn levels_beyond_the_scale_do_not_break_it() {
        let mut floor = NoiseFloor::new();
        for level in [f32::NEG_INFINITY, f32::NAN, f32::INFINITY, 500.0] {
            floor.push(level);
        }
        assert!(floor.level() >= LOWEST);
    }
}
