//! Tracks: which one is decoded, with which decoder, and what its clock means.

use std::{num::NonZero, ops::Range, sync::LazyLock};

use scribed_plugin::prelude::*;
use symphonia::core::{
    codecs::{
        CodecParameters,
        audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions, well_known as id},
        registry::CodecRegistry,
    },
    errors::Error,
    formats::{FormatId, FormatReader, Track, TrackType, well_known as format},
    units::TimeBase,
};
use symphonia_adapter_libopus::OpusDecoder;

use crate::{
    aac,
    container::{Edit, Inspection},
    fault,
    guard::{fenced, told},
    name, opus,
    timeline::{self, Clock, frames_of},
};

/// Fewest bits of a second of sound that a length is believed with: silence in FLAC has 440.
const MIN_BITS_PER_SECOND: f64 = 50.0;

/// Most frames of a packet; decoders make room for as many as are claimed. ADPCM comes close to it.
const MAX_FRAMES_PER_PACKET: u64 = 1 << 17;

/// Every decoder there is.
pub(crate) static CODECS: LazyLock<CodecRegistry> = LazyLock::new(|| {
    let mut registry = CodecRegistry::new();
    symphonia::default::register_enabled_codecs(&mut registry);
    registry.register_audio_decoder::<OpusDecoder>();
    registry
});

/// A track and its decoder.
pub(crate) struct Chosen {
    /// The reader's id of the track.
    pub(crate) id: u32,
    /// Decodes its packets.
    pub(crate) decoder: Box<dyn AudioDecoder>,
    /// Codec as the field names it.
    pub(crate) codec: String,
    /// Its clock, delay and length; the length is in frames at `rate`.
    pub(crate) clock: timeline::Track,
    /// Rate that the decoder announces, in Hz; its first packet may know better.
    pub(crate) rate: u32,
    /// Factor for its samples.
    pub(crate) gain: f32,
    /// How far `clock.frames` may be off, in frames; what is missing beyond it was cut off.
    pub(crate) tolerance: i64,
    /// Whether the end of the file is the only end that this container has.
    pub(crate) ends_with_file: bool,
    /// Whether the decoder cuts off what its packets tell it to.
    pub(crate) trims: bool,
    /// Positions at the end that hold only the encoder's padding.
    pub(crate) padding: Option<Range<i64>>,
}

/// Chooses the track to decode: the default one, else the first that can be decoded.
///
/// # Errors
///
/// None can be decoded; says why.
pub(crate) fn choose(
    reader: &dyn FormatReader,
    container: &'static str,
    inspection: &Inspection,
    bytes: u64,
) -> Result<Chosen> {
    let sounds = || reader.tracks().iter().filter(|track| is_sound(track));
    let is_default = |track: &&Track| inspection.track(track.id).is_some_and(|told| told.default);
    let first = reader.default_track(TrackType::Audio);
    let candidates = sounds().filter(is_default).chain(first).chain(sounds());
    let mut refusal = None;
    for track in candidates {
        let Some(CodecParameters::Audio(params)) = &track.codec_params else { continue };
        match fenced(|| decoder(params)).map_err(told) {
            Ok(decoder) => {
                let about = About::new(reader, track, inspection, decoder.as_ref());
                return Ok(about.describe(params, decoder, bytes));
            }
            Err(error) => {
                let codec = name::codec(params.codec);
                refusal.get_or_insert_with(|| fault::unsupported_codec(container, &codec, &error));
            }
        }
    }
    Err(refusal.unwrap_or_else(|| fault::no_track(container, inspection)))
}

/// Replaces a decoder that broke.
pub(crate) fn renew(chosen: &mut Chosen) -> Result<(), Error> {
    let params = chosen.decoder.codec_params().clone();
    chosen.decoder = fenced(|| decoder(&params)).map_err(told)?;
    Ok(())
}

/// Tells whether a track is one of sound.
pub(crate) fn is_sound(track: &Track) -> bool {
    track.track_type() == Some(TrackType::Audio)
}

fn decoder(params: &AudioCodecParameters) -> Result<Box<dyn AudioDecoder>, Error> {
    if params.max_frames_per_packet.is_some_and(|frames| frames > MAX_FRAMES_PER_PACKET) {
        return Err(Error::DecodeError("a packet of it claims too many frames"));
    }
    let mut params = params.clone();
    if params.codec == id::CODEC_ID_OPUS {
        opus::prepare(&mut params);
    }
    // Without a LAME tag the length of an MP3 is an estimate, and its decoder cuts at it.
    let is_mpeg = [id::CODEC_ID_MP1, id::CODEC_ID_MP2, id::CODEC_ID_MP3].contains(&params.codec);
    let options = AudioDecoderOptions::default().gapless(!is_mpeg);
    match (CODECS.make_audio_decoder(&params, &options), aac::core(&params)) {
        (Err(Error::Unsupported(_)), Some(core)) => CODECS.make_audio_decoder(&core, &options),
        (made, _) => made,
    }
}

/// What is known about a track before its first packet.
struct About<'a> {
    track: &'a Track,
    family: Family,
    edit: Option<Edit>,
    /// Length of the whole file in frames, which may be that of another track.
    file_frames: Option<i64>,
    /// Whether there are other tracks.
    alone: bool,
    time_base: TimeBase,
    rate: u32,
}

impl<'a> About<'a> {
    fn new(
        reader: &dyn FormatReader,
        track: &'a Track,
        inspection: &Inspection,
        decoder: &dyn AudioDecoder,
    ) -> Self {
        // Decoders know better than containers: of Opus, and of the core of HE-AAC.
        let rate = decoder.codec_params().sample_rate.unwrap_or_default();
        let in_frames = TimeBase::from_recip(NonZero::new(rate).unwrap_or(NonZero::<u32>::MIN));
        let file = reader.media_info();
        let file_ticks = file.duration.and_then(|ticks| i64::try_from(ticks.get()).ok());
        let file_base = file.time_base.unwrap_or(in_frames);
        Self {
            track,
            family: Family::of(reader.format_info().format),
            edit: inspection.track(track.id).and_then(|track| track.edit),
            file_frames: file_ticks.map(|ticks| frames_of(file_base, ticks, rate)),
            alone: reader.tracks().len() == 1,
            time_base: track.time_base.unwrap_or(in_frames),
            rate,
        }
    }

    fn describe(
        self,
        params: &AudioCodecParameters,
        decoder: Box<dyn AudioDecoder>,
        bytes: u64,
    ) -> Chosen {
        let is_opus = params.codec == id::CODEC_ID_OPUS;
        let head = is_opus.then(|| opus::head(params)).flatten().unwrap_or_default();
        let (clock, delay) = match (self.family, self.edit) {
            (Family::Mp4, Some(edit)) => {
                (Clock::Exact, frames_of(self.time_base, edit.skip, self.rate))
            }
            (Family::Matroska, _) => (Clock::Coarse, i64::from(head.delay)),
            // Ogg counts the delay of Opus in its positions; timestamps tell that of the others.
            _ => (Clock::Exact, i64::from(head.delay)),
        };
        let frames = self.frames(delay).filter(|&frames| is_plausible(frames, self.rate, bytes));
        Chosen {
            id: self.track.id,
            decoder,
            codec: name::codec(params.codec),
            clock: timeline::Track { time_base: self.time_base, clock, delay, frames },
            rate: self.rate,
            gain: head.gain,
            tolerance: self.tolerance(params),
            ends_with_file: self.family == Family::Other && frames.is_none(),
            trims: is_opus || params.codec == id::CODEC_ID_VORBIS,
            padding: frames.and_then(|frames| self.padding(frames)),
        }
    }

    /// Returns the frames presented, where they are told.
    fn frames(&self, delay: i64) -> Option<i64> {
        let told = self.track.num_frames.and_then(|frames| i64::try_from(frames).ok());
        match self.family {
            Family::Mp4 => {
                let ticks = self.track.duration.filter(|ticks| ticks.get() > 0)?;
                let total = i64::try_from(ticks.get()).ok()?;
                let shown = self.edit.map_or(total, |edit| {
                    let rest = total.saturating_sub(edit.skip);
                    // An edit within its rounding of the whole track adds nothing to it.
                    let shorter = |length: &i64| length.saturating_add(edit.precision) < rest;
                    edit.length.filter(shorter).unwrap_or(rest)
                });
                Some(frames_of(self.time_base, shown, self.rate)).filter(|&frames| frames > 0)
            }
            // Without a tag these are estimates from the first packets.
            Family::Mpeg => told.filter(|_| self.track.delay.is_some()),
            Family::Adts => None,
            Family::Matroska => self.file_frames.filter(|&frames| frames > 0),
            Family::Ogg => told.map(|frames| frames.saturating_sub(delay)),
            Family::Other => told,
        }
    }

    /// Returns how many frames may be missing without a fault.
    fn tolerance(&self, params: &AudioCodecParameters) -> i64 {
        let second = i64::from(self.rate);
        match self.family {
            // The length is that of the longest track.
            Family::Matroska if self.alone => second,
            Family::Matroska => i64::MAX,
            _ => {
                let packet = params.max_frames_per_packet.unwrap_or(0).min(u64::from(self.rate));
                i64::try_from(packet).unwrap_or(second).max(second / 10)
            }
        }
    }

    /// Returns the positions behind `frames` that hold only the encoder's padding.
    fn padding(&self, frames: i64) -> Option<Range<i64>> {
        match self.family {
            Family::Mp4 => Some(frames..i64::MAX),
            // Files that were joined go on behind the padding of the first one.
            Family::Mpeg => {
                let padding = i64::from(self.track.padding?);
                Some(frames..frames.saturating_add(padding))
            }
            _ => None,
        }
    }
}

/// Tells whether a length is possible for a file of this many bytes.
#[expect(clippy::cast_precision_loss, reason = "a comparison of magnitudes")]
fn is_plausible(frames: i64, rate: u32, bytes: u64) -> bool {
    let secs = frames as f64 / f64::from(rate.max(1));
    frames >= 0 && secs * MIN_BITS_PER_SECOND <= bytes as f64 * 8.0 + 1_000.0
}

/// How a container tells time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Mp4,
    Matroska,
    Ogg,
    Mpeg,
    Adts,
    Other,
}

impl Family {
    fn of(id: FormatId) -> Self {
        match id {
            format::FORMAT_ID_ISOMP4 => Self::Mp4,
            format::FORMAT_ID_MKV => Self::Matroska,
            format::FORMAT_ID_OGG => Self::Ogg,
            format::FORMAT_ID_MP1 | format::FORMAT_ID_MP2 | format::FORMAT_ID_MP3 => Self::Mpeg,
            format::FORMAT_ID_ADTS => Self::Adts,
            _ => Self::Other,
        }
    }
}
