//! The vad stage: 16 kHz mono audio goes in, chunks of packed speech come out.
//!
//! ```text
//! audio → frames of 20 ms → is it speech? → kept frames → chunks of at most 30 s
//!         (frames)           (detect)        (keep)        (pack)
//! ```
//!
//! A frame is speech when WebRTC's detector says so *and* it stands out of the noise floor, which is
//! followed over ten seconds. The detector alone takes steady noise for speech a quarter of the time;
//! the floor alone takes every click for speech.
//!
//! Around speech some of the pause is kept, because recognisers read sentence ends from it; the rest
//! of the silence is dropped and never costs an inference. Each chunk carries the map from its samples
//! to frames of the recording.
//!
//! The result depends on the samples only, not on how they are cut into blocks. Memory is at most one
//! chunk and two seconds of lookahead, however long the recording is.
//!
//! - [`frames`]: blocks of any length to frames, and where gaps are.
//! - [`detect`]: from frame to decision. [`floor`]: the noise floor. [`webrtc`]: the detector.
//! - [`keep`]: from decisions to kept runs, with hang-over and padding.
//! - [`pack`]: from runs to chunks.

mod config;
mod detect;
mod floor;
mod frames;
mod keep;
mod pack;
mod webrtc;

use scribed_plugin::prelude::*;

pub use self::config::Config;
use self::{detect::Detector, frames::Framer, keep::Keeper, pack::Packer};

/// The stage `org.scribed.vad`.
#[derive(Debug)]
pub struct Vad {
    config: Config,
    host: Host,
    framer: Framer,
    detector: Detector,
    keeper: Keeper,
    packer: Packer,
}

impl Stage for Vad {
    const ID: &'static str = "org.scribed.vad";
    const SUMMARY: &'static str =
        "finds speech (WebRTC detector and noise floor) and packs it into chunks of at most 30 s";
    type Config = Config;
    type Accepts = AudioKind;
    type Emits = ChunkKind;

    fn open(config: Config, host: Host) -> Result<Self> {
        config.validate()?;
        Ok(Self {
            framer: Framer::default(),
            detector: Detector::new(&config),
            keeper: Keeper::new(&config),
            packer: Packer::new(&config),
            config,
            host,
        })
    }

    fn process(&mut self, block: AudioBlock<'_>, out: &mut Out<'_, ChunkKind>) -> Result<()> {
        if block.sample_rate != MODEL_RATE || block.channels != 1 {
            return Err(StageError::InvalidInput(format!(
                "needs {MODEL_RATE} Hz with 1 channel, got {} Hz with {}; put org.scribed.resample \
                 before this stage",
                block.sample_rate, block.channels
            )));
        }
        if self.host.cancelled() {
            return Err(StageError::Cancelled);
        }
        self.packer.set_source_rate(block.source_rate);
        for frame in self.framer.take(block) {
            if frame.after_gap {
                for (frame, speech) in self.detector.finish() {
                    self.keeper.push(frame, speech, |kept| self.packer.push(&kept, out))?;
                }
                self.keeper.finish();
            }
            if let Some((frame, speech)) = self.detector.push(frame) {
                self.keeper.push(frame, speech, |kept| self.packer.push(&kept, out))?;
            }
        }
        Ok(())
    }

    fn flush(&mut self, out: &mut Out<'_, ChunkKind>) -> Result<()> {
        let last = self.framer.finish().and_then(|frame| self.detector.push(frame));
        for (frame, speech) in last.into_iter().chain(self.detector.finish()) {
            self.keeper.push(frame, speech, |kept| self.packer.push(&kept, out))?;
        }
        self.keeper.finish();
        self.packer.finish(out)
    }

    fn reset(&mut self) -> Result<()> {
        self.framer = Framer::default();
        self.detector = Detector::new(&self.config);
        self.keeper = Keeper::new(&self.config);
        self.packer = Packer::new(&self.config);
        Ok(())
    }
}

export_stages!(Vad);
