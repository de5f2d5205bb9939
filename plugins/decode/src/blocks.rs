//! Output blocks: decoded packets gathered into interleaved blocks of a useful size.

use scribed_plugin::prelude::*;
use symphonia::core::audio::GenericAudioBufferRef;

/// Gathers decoded frames and emits them in blocks without holes.
#[derive(Debug)]
pub(crate) struct Blocks {
    samples: Vec<f32>,
    /// Frames of a full block.
    capacity: usize,
    channels: u32,
    rate: u32,
    /// Rate of the recording, fixed by its first packet.
    source_rate: u32,
    /// Position of the first gathered frame.
    start: i64,
}

/// Frames to take from a decoded packet, and where they belong.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Piece {
    /// First frame to take.
    pub(crate) from: usize,
    /// Frames to take.
    pub(crate) len: usize,
    /// Position of the first one.
    pub(crate) start: i64,
    /// Factor for the samples.
    pub(crate) gain: f32,
}

impl Blocks {
    /// Starts with nothing; `block_frames` is cut down to one second of sound.
    pub(crate) fn new(block_frames: u32, rate: u32, channels: u32) -> Self {
        let capacity = block_frames.min(rate).max(1) as usize;
        Self { samples: Vec::new(), capacity, channels, rate, source_rate: rate, start: 0 }
    }

    /// Changes the layout from here on.
    pub(crate) fn relayout(
        &mut self,
        rate: u32,
        channels: u32,
        out: &mut Out<'_, AudioKind>,
    ) -> Result<()> {
        self.finish(out)?;
        self.rate = rate;
        self.channels = channels;
        self.capacity = self.capacity.min(rate as usize).max(1);
        Ok(())
    }

    /// Takes frames of a decoded packet; emits what is full, or what lies before a gap.
    pub(crate) fn push(
        &mut self,
        packet: &GenericAudioBufferRef<'_>,
        mut piece: Piece,
        out: &mut Out<'_, AudioKind>,
    ) -> Result<()> {
        if piece.start != self.next() {
            self.finish(out)?;
        }
        while piece.len > 0 {
            if self.samples.is_empty() {
                self.start = piece.start;
            }
            let take = piece.len.min(self.capacity - self.frames());
            let old = self.samples.len();
            self.samples.resize(old + take * self.channels as usize, 0.0);
            let slice = packet.slice(piece.from..piece.from + take);
            slice.copy_to_slice_interleaved::<f32, _>(&mut self.samples[old..]);
            if (piece.gain - 1.0).abs() > f32::EPSILON {
                self.samples[old..].iter_mut().for_each(|sample| *sample *= piece.gain);
            }
            piece.from += take;
            piece.len -= take;
            piece.start += i64::try_from(take).unwrap_or(i64::MAX);
            if self.frames() == self.capacity {
                self.finish(out)?;
            }
        }
        Ok(())
    }

    /// Emits what is gathered.
    pub(crate) fn finish(&mut self, out: &mut Out<'_, AudioKind>) -> Result<()> {
        if self.samples.is_empty() {
            return Ok(());
        }
        let next = self.next();
        let emitted = out.emit(AudioBlock {
            samples: &self.samples,
            channels: self.channels,
            sample_rate: self.rate,
            start_frame: self.start,
            source_rate: self.source_rate,
        });
        self.samples.clear();
        self.start = next;
        emitted
    }

    fn frames(&self) -> usize {
        self.samples.len() / self.channels.max(1) as usize
    }

    fn next(&self) -> i64 {
        self.start.saturating_add(i64::try_from(self.frames()).unwrap_or(i64::MAX))
    }
}
