//! The sound of a recording on its way from the decoder into blocks.

use scribed_plugin::prelude::*;
use symphonia::core::audio::GenericAudioBufferRef;

use crate::{
    blocks::{Blocks, Piece},
    damage::Damage,
    timeline::Timeline,
    track::Chosen,
};

/// What is known once sound comes.
pub(crate) struct Sound {
    /// Where packets belong.
    pub(crate) timeline: Timeline,
    /// What is not emitted yet.
    pub(crate) blocks: Blocks,
    /// What is missing.
    pub(crate) damage: Damage,
    /// Rate of what is decoded now, in Hz.
    pub(crate) rate: u32,
    /// Channels of what is decoded now.
    pub(crate) channels: u32,
    /// Rate of the recording, in Hz: that of its first packet.
    pub(crate) source_rate: u32,
    /// Frames that the container promises, at `source_rate`.
    pub(crate) told: Option<i64>,
    /// Position behind the last frame emitted, at `rate`.
    pub(crate) end: i64,
}

impl Sound {
    /// Places a decoded packet and passes on what is to be heard of it.
    ///
    /// # Errors
    ///
    /// Those of the output.
    pub(crate) fn take(
        &mut self,
        buffer: &GenericAudioBufferRef<'_>,
        (timestamp, trimmed): (i64, i64),
        chosen: &Chosen,
        out: &mut Out<'_, AudioKind>,
    ) -> Result<()> {
        let place = self.timeline.place(timestamp, trimmed);
        let frames = i64::try_from(buffer.frames()).unwrap_or(i64::MAX);
        self.timeline.advance(frames);
        if frames > 0 {
            self.damage.sound_at(place.start, place.gap);
        }
        let mut from = place.start.max(0);
        let mut to = place.start.saturating_add(frames);
        if let Some(padding) = &chosen.padding {
            if from >= padding.start {
                from = from.max(padding.end.min(to));
            } else {
                to = to.min(padding.start);
            }
        }
        let (skip, len) = (from - place.start, to - from);
        if let (Ok(skip), Ok(len)) = (usize::try_from(skip), usize::try_from(len))
            && len > 0
        {
            let piece = Piece { from: skip, len, start: from, gain: chosen.gain };
            self.blocks.push(buffer, piece, out)?;
            self.end = to;
        }
        Ok(())
    }
}
