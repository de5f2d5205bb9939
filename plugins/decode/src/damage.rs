//! Warnings about a recording: told one by one up to a limit, then as a number.

use scribed_plugin::prelude::*;
use scribed_schemas::audio::seconds;

/// Tells the owner of a recording what is wrong with it.
#[derive(Debug)]
pub(crate) struct Damage {
    host: Host,
    limit: u32,
    rate: u32,
    /// Where the damage that is going on began, and the packets lost in it.
    open: Option<(i64, u64)>,
    told: u32,
    untold: u64,
    lost_frames: i64,
}

impl Damage {
    /// Starts without damage; `limit` places are told one by one.
    pub(crate) fn new(host: Host, limit: u32, rate: u32) -> Self {
        Self { host, limit, rate, open: None, told: 0, untold: 0, lost_frames: 0 }
    }

    /// A packet that starts at `at` could not be decoded.
    pub(crate) fn lost(&mut self, at: i64) {
        self.open = Some(self.open.map_or((at, 1), |(start, packets)| (start, packets + 1)));
    }

    /// Sound goes on at `at`; `gap` frames before it were not even there.
    pub(crate) fn sound_at(&mut self, at: i64, gap: i64) {
        let start = self.open.take().map_or(at.saturating_sub(gap), |(start, _)| start);
        let start = start.clamp(0, at.max(0));
        let frames = at.saturating_sub(start);
        if frames <= 0 {
            return;
        }
        self.lost_frames = self.lost_frames.saturating_add(frames);
        if self.told < self.limit {
            self.told += 1;
            let message = format!(
                "{:.2} s of sound are missing from {:.2} s on",
                seconds(frames, self.rate),
                seconds(start, self.rate)
            );
            self.warn("damaged", message, Some(start));
        } else {
            self.untold += 1;
        }
    }

    /// Tells whether anything was lost so far.
    pub(crate) fn is_any(&self) -> bool {
        self.lost_frames > 0
    }

    /// The file was cut off: what could not be decoded last was not whole.
    pub(crate) fn cut_off(&mut self) {
        self.open = None;
    }

    /// The recording ended; tells what is left to tell.
    pub(crate) fn finish(&mut self, end: i64) {
        if let Some((start, packets)) = self.open.take() {
            let message = format!(
                "the last {packets} pieces, from {:.2} s on, could not be decoded",
                seconds(start, self.rate)
            );
            self.warn("damaged", message, Some(start.clamp(0, end.max(0))));
        }
        if self.untold > 0 {
            let message = format!(
                "sound is missing in {} more places; {:.2} s in all",
                self.untold,
                seconds(self.lost_frames, self.rate)
            );
            self.warn("damaged", message, None);
        }
    }

    /// Tells something that happens once.
    pub(crate) fn warn(&self, code: &str, message: String, at_frame: Option<i64>) {
        self.host.warning(&Warning { code: code.to_owned(), message, at_frame });
    }
}
