//! From decisions to kept runs: speech with the pauses inside it and some silence around it.

use std::collections::VecDeque;

use scribed_plugin::Result;

use crate::{
    Config,
    frames::{FRAME_MS, Frame},
};

/// Keeps frames that are speech or near to it.
#[derive(Debug)]
pub(crate) struct Keeper {
    hangover: usize,
    padding: usize,
    min_speech: usize,
    state: State,
    /// Frames that may still be wanted: padding before speech to come, or a pause inside speech.
    held: VecDeque<Frame>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// No speech; `held` is at most the padding.
    Silence,
    /// Some speech, maybe too little to keep.
    Maybe { speech: usize, quiet: usize },
    /// Speech; what is behind its last frame and its padding is held.
    Speech { quiet: usize },
}

impl Keeper {
    pub(crate) fn new(config: &Config) -> Self {
        let frames = |ms: u32| (ms.div_ceil(FRAME_MS)) as usize;
        Self {
            hangover: frames(config.hangover_ms),
            padding: frames(config.padding_ms),
            min_speech: frames(config.min_speech_ms).max(1),
            state: State::Silence,
            held: VecDeque::new(),
        }
    }

    /// Takes the next frame; calls `keep` with each frame that is wanted, in order.
    pub(crate) fn push(
        &mut self,
        frame: Frame,
        speech: bool,
        keep: impl FnMut(Frame) -> Result<()>,
    ) -> Result<()> {
        self.held.push_back(frame);
        self.state = match (self.state, speech) {
            (State::Silence, true) => State::Maybe { speech: 1, quiet: 0 },
            (State::Maybe { speech, .. }, true) => State::Maybe { speech: speech + 1, quiet: 0 },
            (State::Speech { .. }, true) => State::Speech { quiet: 0 },
            (State::Silence, false) => State::Silence,
            (State::Maybe { speech, quiet }, false) => State::Maybe { speech, quiet: quiet + 1 },
            (State::Speech { quiet }, false) => State::Speech { quiet: quiet + 1 },
        };
        self.settle(keep)
    }

    /// Ends a stretch of contiguous audio: what is held then lies behind the padding of speech that
    /// was, or before speech that did not come.
    pub(crate) fn finish(&mut self) {
        self.held.clear();
        self.state = State::Silence;
    }

    fn settle(&mut self, mut keep: impl FnMut(Frame) -> Result<()>) -> Result<()> {
        if let State::Maybe { speech, quiet } = self.state {
            if speech >= self.min_speech {
                self.state = State::Speech { quiet };
            } else if quiet > self.hangover {
                self.state = State::Silence;
            }
        }
        match self.state {
            State::Maybe { .. } => {}
            State::Speech { quiet } if quiet <= self.padding => {
                for frame in self.held.drain(..) {
                    keep(frame)?;
                }
            }
            State::Speech { quiet } if quiet <= self.hangover => {}
            State::Speech { .. } | State::Silence => {
                self.state = State::Silence;
                let extra = self.held.len().saturating_sub(self.padding);
                self.held.drain(..extra);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frames::FRAME;

    /// Feeds `#` as speech and `.` as silence; returns the same with what was dropped blanked.
    fn kept(config: &Config, picture: &str) -> String {
        let mut keeper = Keeper::new(config);
        let mut answer = vec![b'_'; picture.len()];
        let mut mark = |frame: Frame| {
            let index = usize::try_from(frame.at).unwrap();
            answer[index] = picture.as_bytes()[index];
            Ok(())
        };
        for (at, sign) in (0..).zip(picture.bytes()) {
            let frame = Frame { at, samples: [0.0; FRAME], len: FRAME, after_gap: false };
            keeper.push(frame, sign == b'#', &mut mark).unwrap();
        }
        keeper.finish();
        String::from_utf8(answer).unwrap()
    }

    fn config(hangover: u32, padding: u32, min_speech: u32) -> Config {
        Config {
            hangover_ms: hangover * FRAME_MS,
            padding_ms: padding * FRAME_MS,
            min_speech_ms: min_speech * FRAME_MS,
            ..Config::default()
        }
    }

    #[test]
    fn padding_is_kept_on_both_sides_and_silence_dropped() {
        let picture = "......###........###......";
        let wanted_ = "____..###..____..###..____";
        assert_eq!(kept(&config(2, 2, 2), picture), wanted_);
    }

    #[test]
    fn a_pause_within_the_hangover_stays_whole() {
        let picture = "......###.....###......";
        let wanted_ = "_____.###.....###._____";
        assert_eq!(kept(&config(5, 1, 2), picture), wanted_);
    }

    #[test]
    fn paddings_that_meet_are_kept_once() {
        let picture = "......###...###......";
        let wanted_ = "____..###...###..____";
        assert_eq!(kept(&config(1, 2, 2), picture), wanted_);
    }

    #[test]
    fn too_little_speech_is_dropped() {
        let picture = "....#.........####...#";
        let wanted_ = "____________..####..__";
        assert_eq!(kept(&config(2, 2, 2), picture), wanted_);
    }

    #[test]
    fn speech_at_the_very_start_and_end_is_kept() {
        assert_eq!(kept(&config(4, 4, 2), "###......"), "###....__");
        assert_eq!(kept(&config(2, 3, 2), ".....####"), "__...####");
        assert_eq!(kept(&config(6, 2, 2), "###.....#"), "###.....#");
    }
}
