//! Positions: which frame of the recording a decoded packet starts at.
//!
//! Position 0 is the first sound of the track. Timestamps of the container are believed where they
//! can be: a jump forward is a gap, which keeps everything behind it in its true place. A jump back,
//! or one beyond the length that the container tells, is a damaged or restarted clock and is bridged.

use symphonia::core::units::TimeBase;

/// How finely a container tells time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clock {
    /// In frames: any difference is real.
    Exact,
    /// In milliseconds or by the clock of a recording device: small differences are rounding, jitter
    /// or drift.
    Coarse,
}

impl Clock {
    /// Returns the smallest jump that is taken for a gap, in milliseconds.
    fn tolerance_ms(self) -> i64 {
        match self {
            // Covers durations that containers round, and codecs whose first packet gives less.
            Self::Exact => 2,
            // Browsers stamp packets by wall clock; an Opus stream that pauses skips at least 20 ms
            // but usually 400 ms at a time.
            Self::Coarse => 60,
        }
    }
}

/// Where one decoded packet belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Position of its first frame; negative for the encoder's delay.
    pub(crate) start: i64,
    /// Frames that are missing before it.
    pub(crate) gap: i64,
}

/// What is known about a track's clock before its first packet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Track {
    /// Seconds per tick.
    pub(crate) time_base: TimeBase,
    /// How finely it tells time.
    pub(crate) clock: Clock,
    /// Frames of encoder delay at the start that are not presented.
    pub(crate) delay: i64,
    /// Frames presented, where the container tells it; more than a second beyond nothing can be.
    pub(crate) frames: Option<i64>,
}

/// The position of decoded sound in a recording.
#[derive(Debug)]
pub(crate) struct Timeline {
    track: Track,
    rate: u32,
    /// Added to a timestamp in frames to make a position; none before the first packet.
    offset: Option<i64>,
    /// Where the next packet starts if nothing is missing.
    next: i64,
    /// Longest position believed, in frames.
    limit: i64,
}

impl Timeline {
    /// Starts at position 0 for sound at `rate` Hz; no position beyond `limit` frames is believed.
    pub(crate) fn new(track: Track, rate: u32, limit: i64) -> Self {
        Self { track, rate, offset: None, next: -track.delay, limit }
    }

    /// Places a packet by its timestamp in ticks; `trimmed` frames of its start are already cut off.
    pub(crate) fn place(&mut self, timestamp: i64, trimmed: i64) -> Place {
        let stamp = self.frames_of(timestamp).saturating_add(trimmed);
        let Some(offset) = self.offset else {
            // A clock that starts late says when the recording was made, not where it starts.
            let first = stamp.saturating_sub(self.track.delay);
            let late = first > 0 || self.track.clock == Clock::Coarse;
            let start = if late { self.next } else { first };
            self.offset = Some(start.saturating_sub(stamp));
            self.next = start;
            return Place { start, gap: 0 };
        };
        let told = stamp.saturating_add(offset);
        let ahead = told.saturating_sub(self.next);
        let believed = told <= self.furthest();
        if ahead > self.frames_in_ms(self.track.clock.tolerance_ms()) && believed {
            self.next = told;
            return Place { start: told, gap: ahead };
        }
        if !believed || ahead < -self.frames_in_ms(1_000) {
            self.offset = Some(self.next.saturating_sub(stamp));
        }
        Place { start: self.next, gap: 0 }
    }

    /// Moves on by the frames of the packet that was placed last.
    pub(crate) fn advance(&mut self, frames: i64) {
        self.next = self.next.saturating_add(frames);
    }

    /// Returns the position behind the last packet.
    pub(crate) fn end(&self) -> i64 {
        self.next.max(0)
    }

    /// Goes on behind the last packet with another track and rate (chained streams).
    pub(crate) fn restart(&mut self, track: Track, rate: u32, limit: i64) {
        let end = convert(self.end(), self.rate, rate);
        *self = Self { next: end.saturating_sub(track.delay), ..Self::new(track, rate, limit) };
        // What the new clock says at its start is where the old one ended.
        self.track.clock = Clock::Coarse;
    }

    fn furthest(&self) -> i64 {
        let told = self.track.frames.map(|frames| frames.saturating_add(i64::from(self.rate)));
        told.map_or(self.limit, |told| told.min(self.limit))
    }

    /// Converts a duration in ticks to frames.
    pub(crate) fn frames_of(&self, ticks: i64) -> i64 {
        frames_of(self.track.time_base, ticks, self.rate)
    }

    fn frames_in_ms(&self, ms: i64) -> i64 {
        i64::from(self.rate).saturating_mul(ms) / 1_000
    }
}

/// Converts ticks of a time base to frames at `rate`, rounded to the nearest.
pub(crate) fn frames_of(base: TimeBase, ticks: i64, rate: u32) -> i64 {
    let scaled = i128::from(ticks) * i128::from(base.numer.get()) * i128::from(rate);
    let denom = i128::from(base.denom.get());
    let rounded = (scaled + denom / 2).div_euclid(denom);
    i64::try_from(rounded).unwrap_or(if rounded < 0 { i64::MIN } else { i64::MAX })
}

fn convert(frames: i64, from: u32, to: u32) -> i64 {
    scribed_schemas::audio::convert_frames(frames, from, to)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeline(clock: Clock, delay: i64, denominator: u32) -> Timeline {
        let time_base = TimeBase::try_new(1, denominator).expect("not zero");
        Timeline::new(Track { time_base, clock, delay, frames: None }, 16_000, i64::MAX)
    }

    #[test]
    fn the_delay_of_the_encoder_lies_before_the_start() {
        let mut timeline = timeline(Clock::Exact, 1_024, 16_000);
        assert_eq!(timeline.place(0, 0), Place { start: -1_024, gap: 0 });
        timeline.advance(1_024);
        assert_eq!(timeline.place(1_024, 0), Place { start: 0, gap: 0 });
    }

    #[test]
    fn a_clock_that_starts_late_starts_the_recording() {
        let mut timeline = timeline(Clock::Exact, 0, 16_000);
        assert_eq!(timeline.place(160_000, 0), Place { start: 0, gap: 0 });
        timeline.advance(100);
        assert_eq!(timeline.place(160_100, 0), Place { start: 100, gap: 0 });
    }

    #[test]
    fn what_is_missing_keeps_its_place() {
        let mut timeline = timeline(Clock::Exact, 0, 16_000);
        timeline.place(0, 0);
        timeline.advance(1_000);
        assert_eq!(timeline.place(3_000, 0), Place { start: 3_000, gap: 2_000 });
    }

    #[test]
    fn rounded_milliseconds_do_not_tear_the_sound() {
        let mut timeline = timeline(Clock::Coarse, 0, 1_000);
        let mut next = 0;
        for packet in 0..500_i64 {
            let jitter = if packet % 2 == 0 { 15 } else { 0 };
            assert_eq!(timeline.place(packet * 20 + jitter, 0), Place { start: next, gap: 0 });
            timeline.advance(320);
            next += 320;
        }
    }

    #[test]
    fn a_pause_in_a_coarse_clock_is_a_gap() {
        let mut timeline = timeline(Clock::Coarse, 0, 1_000);
        timeline.place(0, 0);
        timeline.advance(320);
        assert_eq!(timeline.place(420, 0), Place { start: 6_720, gap: 6_400 });
    }

    #[test]
    fn a_clock_that_jumps_back_is_bridged() {
        let mut timeline = timeline(Clock::Exact, 0, 16_000);
        timeline.place(0, 0);
        timeline.advance(64_000);
        assert_eq!(timeline.place(0, 0), Place { start: 64_000, gap: 0 });
        timeline.advance(100);
        assert_eq!(timeline.place(100, 0), Place { start: 64_100, gap: 0 });
    }

    #[test]
    fn a_clock_that_leaves_the_recording_is_not_believed() {
        let mut timeline = timeline(Clock::Exact, 0, 16_000);
        timeline.track.frames = Some(64_000);
        timeline.place(0, 0);
        timeline.advance(1_000);
        assert_eq!(timeline.place(1 << 40, 0), Place { start: 1_000, gap: 0 });
        timeline.advance(500);
        assert_eq!(timeline.place((1 << 40) + 500, 0), Place { start: 1_500, gap: 0 });
    }

    #[test]
    fn a_chained_stream_goes_on_where_the_last_one_ended() {
        let mut timeline = timeline(Clock::Exact, 0, 16_000);
        timeline.place(0, 0);
        timeline.advance(16_000);
        let time_base = TimeBase::try_new(1, 48_000).expect("not zero");
        let track = Track { time_base, clock: Clock::Exact, delay: 312, frames: None };
        timeline.restart(track, 48_000, i64::MAX);
        assert_eq!(timeline.place(0, 0), Place { start: 48_000 - 312, gap: 0 });
    }
}
