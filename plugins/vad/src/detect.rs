//! From frame to decision: speech or not.

use std::collections::VecDeque;

use crate::{
    Config,
    floor::{LOOKAHEAD, NoiseFloor},
    frames::{FRAME, Frame},
    webrtc,
};

/// First-order pre-emphasis: raises what carries consonants over hum and rumble, and makes the level
/// of noise steadier, because no few low frequencies dominate it. More of it would let white noise
/// drown speech.
const PRE_EMPHASIS: f32 = 0.7;

/// Frames over which a level is averaged: 100 ms, about a syllable.
const SMOOTHING: usize = 5;

/// Decides frame by frame, two seconds late.
#[derive(Debug)]
pub(crate) struct Detector {
    webrtc: webrtc::Detector,
    mode: u8,
    min_snr_db: f32,
    min_level_dbfs: f32,
    floor: NoiseFloor,
    /// Last sample of the frame before, for the pre-emphasis.
    last: f32,
    /// Frames that are not decided yet, oldest first.
    waiting: VecDeque<Heard>,
    /// Powers of the last frames, newest last.
    powers: VecDeque<f32>,
}

#[derive(Debug)]
struct Heard {
    frame: Frame,
    voiced: bool,
    /// Level around the frame, in dBFS; known once its neighbours are.
    level: Option<f32>,
}

impl Detector {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            webrtc: webrtc::Detector::new(config.mode),
            mode: config.mode,
            min_snr_db: config.min_snr_db,
            min_level_dbfs: config.min_level_dbfs,
            floor: NoiseFloor::new(),
            last: 0.0,
            waiting: VecDeque::with_capacity(LOOKAHEAD + 1),
            powers: VecDeque::with_capacity(SMOOTHING),
        }
    }

    /// Takes the newest frame; returns the oldest waiting one with its decision.
    pub(crate) fn push(&mut self, frame: Frame) -> Option<(Frame, bool)> {
        let voiced = self.webrtc.speech(&frame.samples);
        let power = self.power(&frame);
        if self.powers.len() == SMOOTHING {
            self.powers.pop_front();
        }
        self.powers.push_back(power);
        self.waiting.push_back(Heard { frame, voiced, level: None });
        // The newest power completes the neighbourhood of the frame two before.
        if self.powers.len() > SMOOTHING / 2 {
            self.measure(SMOOTHING / 2);
        }
        if self.waiting.len() > LOOKAHEAD { self.decide() } else { None }
    }

    /// Ends a stretch of contiguous audio: decides what waits, and forgets the sound before.
    ///
    /// The noise floor stays: the room does not change over a gap.
    pub(crate) fn finish(&mut self) -> Vec<(Frame, bool)> {
        for behind in (0..SMOOTHING / 2).rev() {
            if self.powers.len() > 1 {
                self.powers.pop_front();
            }
            self.measure(behind);
        }
        self.powers.clear();
        self.last = 0.0;
        self.webrtc = webrtc::Detector::new(self.mode);
        let mut decided = Vec::with_capacity(self.waiting.len());
        while let Some(frame) = self.decide() {
            decided.push(frame);
        }
        decided
    }

    fn decide(&mut self) -> Option<(Frame, bool)> {
        let Heard { frame, voiced, level } = self.waiting.pop_front()?;
        let level = level.unwrap_or(f32::NEG_INFINITY);
        let loud = level >= self.min_level_dbfs;
        let clear = self.min_snr_db <= 0.0 || level >= self.floor.level() + self.min_snr_db;
        Some((frame, voiced && loud && clear))
    }

    /// Sets the level of the frame that came `behind` frames before the newest.
    #[expect(clippy::cast_precision_loss, reason = "at most five")]
    fn measure(&mut self, behind: usize) {
        let mean = self.powers.iter().sum::<f32>() / self.powers.len().max(1) as f32;
        let level = 10.0 * (mean + 1e-12).log10();
        let index = self.waiting.len().checked_sub(behind + 1);
        let heard = index.and_then(|index| self.waiting.get_mut(index));
        if let Some(heard) = heard.filter(|heard| heard.level.is_none()) {
            heard.level = Some(level);
            self.floor.push(level);
        }
    }

    /// Returns the mean power of a frame after pre-emphasis.
    #[expect(clippy::cast_precision_loss, reason = "at most 320 samples")]
    fn power(&mut self, frame: &Frame) -> f32 {
        let samples = frame.samples.get(..frame.len.min(FRAME)).unwrap_or_default();
        let mut sum = 0.0_f32;
        for &sample in samples {
            let raised = sample - PRE_EMPHASIS * self.last;
            self.last = sample;
            sum += raised * raised;
        }
        let mean = sum / samples.len().max(1) as f32;
        if mean.is_finite() { mean } else { 0.0 }
    }
}
