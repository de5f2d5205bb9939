//! The loop: packet by packet from the reader through the decoder into blocks.

use scribed_plugin::prelude::*;
use scribed_schemas::audio::{convert_frames, seconds};
use symphonia::core::{errors::Error, formats::FormatReader, packet::Packet};

use crate::{
    blocks::Blocks,
    config::Config,
    container::Inspection,
    damage::Damage,
    fault,
    guard::{Failure, fenced, told},
    open::{self, Opened},
    sound::Sound,
    source::Gauge,
    timeline::{Timeline, Track},
    track::{self, Chosen},
};

/// Packets in a row that may fail, or hold no sound, before the rest is given up: 200 s of Opus.
const MAX_IDLE_PACKETS: u32 = 10_000;

/// Errors of the container in a row that are skipped before the rest is given up.
const MAX_CONTAINER_ERRORS: u32 = 64;

/// Decodes one recording.
///
/// # Errors
///
/// As the crate's documentation and [`fault`] say.
pub(crate) fn run(
    recording: Recording<'_>,
    host: &Host,
    config: &Config,
    out: &mut Out<'_, AudioKind>,
) -> Result<()> {
    let gauge = Gauge::default();
    let opened = open::open(recording, host, &gauge, config)?;
    if opened.ignored > 0 {
        host.warning(&Warning {
            code: "tracks_ignored".to_owned(),
            message: format!("{} more tracks of sound are not transcribed", opened.ignored),
            at_frame: None,
        });
    }
    let Opened { mut reader, chosen, container, inspection, .. } = opened;
    let mut decoding = Decoding {
        host,
        config,
        gauge,
        container,
        inspection,
        bytes: recording.len(),
        chosen,
        sound: None,
        first_lost: None,
        losses: 0,
        first_error: None,
    };
    decoding.check_claims()?;
    let ending = decoding.packets(reader.as_mut(), out)?;
    decoding.finish(ending, out)
}

/// How the packets came to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// The container said so.
    Whole,
    /// The file ended inside something.
    CutOff,
    /// Too much was unreadable in a row.
    GivenUp,
}

struct Decoding<'a> {
    host: &'a Host,
    config: &'a Config,
    gauge: Gauge,
    container: &'static str,
    inspection: Inspection,
    bytes: u64,
    chosen: Chosen,
    /// None until the first packet is decoded: only it tells rate and channels for sure.
    sound: Option<Sound>,
    /// Timestamp of the first packet, if that could not be decoded.
    first_lost: Option<i64>,
    /// Packets that could not be decoded.
    losses: u64,
    first_error: Option<String>,
}

impl Decoding<'_> {
    /// Refuses by what the headers claim, before any work is done.
    fn check_claims(&self) -> Result<()> {
        let rate = &self.chosen.rate;
        if *rate == 0 {
            return Err(StageError::InvalidInput(format!(
                "this {} file tells no sample rate",
                self.container
            )));
        }
        fault::check_rate(*rate, self.config)?;
        let params = self.chosen.decoder.codec_params();
        if let Some(channels) = &params.channels {
            fault::check_channels(channels.count(), self.config)?;
        }
        match self.claimed() {
            Some(frames) if frames > self.max_frames(*rate) => Err(self.too_long()),
            _ => Ok(()),
        }
    }

    /// Returns the frames that the headers claim, as far as the file has bytes for them: programs that
    /// write to a pipe claim the longest length that there is.
    fn claimed(&self) -> Option<i64> {
        let frames = self.chosen.clock.frames?;
        // What is not compressed takes at least four bits for a frame.
        let is_plain = ["pcm", "adpcm"].iter().any(|kind| self.chosen.codec.starts_with(kind));
        let most = i64::try_from(self.bytes.saturating_mul(2)).unwrap_or(i64::MAX);
        Some(if is_plain { frames.min(most) } else { frames })
    }

    fn max_frames(&self, rate: u32) -> i64 {
        frames_in(self.config.max_duration_secs, rate)
    }

    fn too_long(&self) -> StageError {
        let most = self.config.max_duration_secs;
        StageError::OverLimit(format!("the recording is longer than {most} seconds"))
    }

    /// Decodes to the end.
    fn packets(
        &mut self,
        reader: &mut dyn FormatReader,
        out: &mut Out<'_, AudioKind>,
    ) -> Result<Ending> {
        let mut idle = 0;
        let mut container_errors = 0;
        loop {
            if self.host.cancelled() {
                return Err(StageError::Cancelled);
            }
            let next = match fenced(|| reader.next_packet()) {
                Err(Failure::Broken) => {
                    self.first_error.get_or_insert_with(|| fault::reason(&told(Failure::Broken)));
                    return Ok(Ending::GivenUp);
                }
                Err(Failure::Told(error)) => Err(error),
                Ok(packet) => Ok(packet),
            };
            match next {
                Ok(Some(packet)) if packet.track_id == self.chosen.id => {
                    let sounded = self.packet(&packet, out)?;
                    container_errors = 0;
                    idle = if sounded { 0 } else { idle + 1 };
                    if idle > MAX_IDLE_PACKETS {
                        return Ok(Ending::GivenUp);
                    }
                }
                Ok(Some(_)) => container_errors = 0,
                Ok(None) => return Ok(Ending::Whole),
                Err(Error::ResetRequired) => self.next_stream(reader)?,
                Err(error) => {
                    if let Some(stopped) = fault::stopped(&self.gauge, self.config) {
                        return Err(stopped);
                    }
                    if is_end(&error) {
                        return Ok(Ending::CutOff);
                    }
                    self.first_error.get_or_insert_with(|| fault::reason(&error));
                    container_errors += 1;
                    if container_errors > MAX_CONTAINER_ERRORS {
                        return Ok(Ending::GivenUp);
                    }
                }
            }
        }
    }

    /// Changes to the next of several streams that follow each other in one file.
    fn next_stream(&mut self, reader: &mut dyn FormatReader) -> Result<()> {
        self.chosen = track::choose(reader, self.container, &self.inspection, self.bytes)?;
        if let Some(sound) = &mut self.sound {
            let track = at_rate(&self.chosen, sound.rate);
            let limit = frames_in(self.config.max_duration_secs, sound.rate);
            sound.timeline.restart(track, sound.rate, limit);
            sound.told = None;
        }
        Ok(())
    }

    /// Decodes one packet; returns whether it gave sound.
    fn packet(&mut self, packet: &Packet, out: &mut Out<'_, AudioKind>) -> Result<bool> {
        let timestamp = packet.pts.get();
        let decoded = self.decoded(packet);
        if let Err(error) = decoded {
            if let Some(stopped) = fault::stopped(&self.gauge, self.config) {
                return Err(stopped);
            }
            self.losses += 1;
            self.first_error.get_or_insert_with(|| fault::reason(&error));
            match &mut self.sound {
                Some(sound) => sound.damage.lost(sound.timeline.end()),
                None => self.first_lost = self.first_lost.or(Some(timestamp)),
            }
            return Ok(false);
        }
        self.fit(out)?;
        let Some(sound) = &mut self.sound else { return Ok(false) };
        let buffer = self.chosen.decoder.last_decoded();
        let trimmed = i64::try_from(packet.trim_start.get()).unwrap_or(i64::MAX);
        // Only decoders of formats in frames trim, so ticks are frames here.
        let trimmed = if self.chosen.trims { trimmed } else { 0 };
        sound.take(&buffer, (timestamp, trimmed), &self.chosen, out)?;
        if sound.end > frames_in(self.config.max_duration_secs, sound.rate) {
            return Err(self.too_long());
        }
        Ok(buffer.frames() > 0)
    }

    /// Has the decoder decode a packet; afterwards the decoder can be used in any case.
    fn decoded(&mut self, packet: &Packet) -> Result<(), Error> {
        let mut again = true;
        loop {
            match fenced(|| self.chosen.decoder.decode(packet).map(drop)) {
                Ok(()) => return Ok(()),
                Err(Failure::Told(Error::ResetRequired)) if again => self.chosen.decoder.reset(),
                Err(Failure::Told(error)) => return Err(error),
                Err(Failure::Broken) => {
                    track::renew(&mut self.chosen)?;
                    return Err(told(Failure::Broken));
                }
            }
            again = false;
        }
    }

    /// Fits everything behind the decoder to the layout of what it decoded last.
    fn fit(&mut self, out: &mut Out<'_, AudioKind>) -> Result<()> {
        let spec = self.chosen.decoder.last_decoded().spec().clone();
        let (rate, channels) = (spec.rate(), spec.channels().count());
        if let Some(sound) = &self.sound
            && (sound.rate, sound.channels as usize) == (rate, channels)
        {
            return Ok(());
        }
        fault::check_rate(rate, self.config)?;
        fault::check_channels(channels, self.config)?;
        let channels = u32::try_from(channels).unwrap_or(u32::MAX);
        let track = at_rate(&self.chosen, rate);
        let limit = self.max_frames(rate);
        if let Some(sound) = &mut self.sound {
            sound.blocks.relayout(rate, channels, out)?;
            if sound.rate != rate {
                sound.end = convert_frames(sound.end, sound.rate, rate);
                sound.timeline.restart(track, rate, limit);
            }
            (sound.rate, sound.channels) = (rate, channels);
            return Ok(());
        }
        let facts = self.facts(rate, channels, track.frames);
        self.host.facts(&facts);
        let mut timeline = Timeline::new(track, rate, limit);
        if let Some(timestamp) = self.first_lost {
            timeline.place(timestamp, 0);
        }
        self.sound = Some(Sound {
            timeline,
            blocks: Blocks::new(self.config.block_frames, rate, channels),
            damage: Damage::new(self.host.clone(), self.config.max_warnings, rate),
            rate,
            channels,
            source_rate: rate,
            told: track.frames,
            end: 0,
        });
        Ok(())
    }

    fn facts(&self, sample_rate: u32, channels: u32, frames: Option<i64>) -> MediaFacts {
        MediaFacts {
            container: self.container.to_owned(),
            codec: self.chosen.codec.clone(),
            sample_rate,
            channels,
            frames,
        }
    }

    /// Emits what is left and says how it ended.
    fn finish(mut self, ending: Ending, out: &mut Out<'_, AudioKind>) -> Result<()> {
        let Some(mut sound) = self.sound.take().filter(|sound| sound.end > 0) else {
            return Err(self.nothing(ending));
        };
        sound.blocks.finish(out)?;
        if ending == Ending::CutOff {
            sound.damage.cut_off();
        }
        sound.damage.finish(sound.end);
        let end = convert_frames(sound.end, sound.rate, sound.source_rate);
        let length = seconds(end, sound.source_rate);
        self.tell_ending(ending, &sound, end);
        self.host.facts(&self.facts(sound.source_rate, sound.channels, Some(end)));
        if length < self.config.min_duration_secs {
            return Err(StageError::OverLimit(format!(
                "the recording is too short: {length:.3} s; at least {} s are needed",
                self.config.min_duration_secs
            )));
        }
        Ok(())
    }

    /// Warns where the recording does not end as it should.
    fn tell_ending(&self, ending: Ending, sound: &Sound, end: i64) {
        let length = seconds(end, sound.source_rate);
        let told = sound.told.filter(|&told| end.saturating_add(self.chosen.tolerance) < told);
        let cut = ending == Ending::CutOff && !self.chosen.ends_with_file;
        let (code, text) = match told.map(|told| seconds(told, sound.source_rate)) {
            _ if ending == Ending::GivenUp => {
                ("damaged", format!("the rest, from {length:.2} s on, could not be decoded"))
            }
            // Streams without positions close up over what is lost.
            Some(told) if !cut && sound.damage.is_any() => (
                "damaged",
                format!("{:.2} s of {told:.2} s of sound are lost in all", told - length),
            ),
            Some(told) => (
                "truncated",
                format!("the file ends too early: {length:.2} s of {told:.2} s could be read"),
            ),
            None if cut => {
                ("truncated", format!("the file ends too early: {length:.2} s could be read"))
            }
            None => return,
        };
        sound.damage.warn(code, text, Some(end));
    }

    /// Says why not one frame came.
    fn nothing(&self, ending: Ending) -> StageError {
        let Self { container, chosen: Chosen { codec, .. }, .. } = self;
        let at = self.gauge.position();
        if let Some(error) = &self.first_error {
            return StageError::InvalidInput(format!(
                "none of the {codec} sound in this {container} file could be decoded, up to byte {at}: {error}"
            ));
        }
        if ending == Ending::CutOff {
            return StageError::InvalidInput(format!(
                "the {container} file ends before its {codec} sound begins, at byte {at}"
            ));
        }
        StageError::NoAudio(format!("this {container} file holds no sound, only headers"))
    }
}

/// Returns the clock of a track with its frames counted at the rate that its decoder really has.
fn at_rate(chosen: &Chosen, rate: u32) -> Track {
    Track {
        delay: convert_frames(chosen.clock.delay, chosen.rate, rate),
        frames: chosen.clock.frames.map(|frames| convert_frames(frames, chosen.rate, rate)),
        ..chosen.clock
    }
}

fn is_end(error: &Error) -> bool {
    matches!(error, Error::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof)
}

/// Converts seconds of configuration to frames.
#[expect(clippy::cast_possible_truncation, reason = "the cast saturates")]
fn frames_in(secs: f64, rate: u32) -> i64 {
    (secs * f64::from(rate)) as i64
}
