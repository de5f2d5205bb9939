//! Opening: from bytes to a format reader, a track and its decoder, or to a precise refusal.

use std::{num::NonZero, ops::Range, sync::LazyLock};

use scribed_plugin::prelude::*;
use symphonia::{
    core::{
        codecs::{
            CodecParameters,
            audio::{
                AudioCodecId, AudioCodecParameters, AudioDecoder, AudioDecoderOptions,
                well_known as id,
            },
            registry::CodecRegistry,
        },
        common::Limit,
        errors::Error,
        formats::{
            FormatId, FormatOptions, FormatReader, Track as FormatTrack, TrackType,
            probe::{Hint, Probe, ProbeOptions},
            well_known as format,
        },
        io::{MediaSourceStream, MediaSourceStreamOptions, ReadBytes},
        meta::MetadataOptions,
        units::TimeBase,
    },
    default::formats::IsoMp4Reader,
};
use symphonia_adapter_libopus::OpusDecoder;

use crate::{
    config::Config,
    container::{self, Inspection},
    fault, opus,
    source::{Gauge, Shape, Source},
    timeline::{Clock, Track, frames_of},
};

/// Largest picture kept from tags, in bytes: nobody looks at it here.
const MAX_PICTURE_BYTES: usize = 64 * 1024;

/// Fewest bits of a second of sound that a length is believed with: silence in FLAC has 440.
const MIN_BITS_PER_SECOND: f64 = 50.0;

static CODECS: LazyLock<CodecRegistry> = LazyLock::new(|| {
    let mut registry = CodecRegistry::new();
    symphonia::default::register_enabled_codecs(&mut registry);
    registry.register_audio_decoder::<OpusDecoder>();
    registry
});

/// A recording that is ready to be decoded.
pub(crate) struct Opened<'a> {
    /// Gives packets.
    pub(crate) reader: Box<dyn FormatReader + 'a>,
    /// What to decode.
    pub(crate) chosen: Chosen,
    /// Container as the field names it.
    pub(crate) container: &'static str,
    /// What the headers say.
    pub(crate) inspection: Inspection,
    /// Tracks of sound that are not decoded.
    pub(crate) ignored: usize,
}

/// A track and its decoder.
pub(crate) struct Chosen {
    /// The reader's id of the track.
    pub(crate) id: u32,
    /// Decodes its packets.
    pub(crate) decoder: Box<dyn AudioDecoder>,
    /// Codec as the field names it.
    pub(crate) codec: String,
    /// Its clock, delay and length; the length is in frames at `rate`.
    pub(crate) clock: Track,
    /// Rate that the container tells, in Hz; the decoder may know better.
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

/// Opens `recording`.
///
/// # Errors
///
/// Every refusal that can be known before the first packet.
pub(crate) fn open<'a>(
    recording: Recording<'a>,
    host: &Host,
    gauge: &Gauge,
    config: &Config,
) -> Result<Opened<'a>> {
    if recording.is_empty() {
        return Err(StageError::InvalidInput("the file is empty".to_owned()));
    }
    let inspection = container::inspect(recording);
    if let Some(protected) = fault::protected(&inspection) {
        return Err(protected);
    }
    check_declared(&inspection, config)?;
    gauge.set_budget(config.max_header_bytes);
    let opening = Opening { recording, host, gauge, config };
    let reader = opening
        .read_headers(&inspection)
        .map_err(|error| fault::at_opening(&error, gauge, &inspection, config))?;
    gauge.set_budget(u64::MAX);
    let container = inspection.container.unwrap_or_else(|| name_of(reader.format_info().format));
    let chosen = choose(reader.as_ref(), container, &inspection, recording.len())?;
    let sounds = reader.tracks().iter().filter(|track| is_sound(track)).count();
    let ignored = sounds.max(inspection.sound.len()).saturating_sub(1);
    Ok(Opened { reader, chosen, container, inspection, ignored })
}

/// Refuses a number of channels that the reader would call malformed.
fn check_declared(inspection: &Inspection, config: &Config) -> Result<()> {
    match inspection.declared {
        Some(declared) => fault::check_channels(declared.channels as usize, config),
        None => Ok(()),
    }
}

struct Opening<'a, 'b> {
    recording: Recording<'a>,
    host: &'b Host,
    gauge: &'b Gauge,
    config: &'b Config,
}

impl<'a> Opening<'a, '_> {
    fn read_headers(&self, inspection: &Inspection) -> Result<Box<dyn FormatReader + 'a>, Error> {
        if let Some(whole) = inspection.whole_len {
            return self.cut_mp4(whole);
        }
        let opened = self.probe(Shape::Seekable(self.recording.len()));
        // Matroska files that are cut off, or whose directory is damaged, can still be read in order.
        let in_order = matches!(inspection.container, Some("matroska" | "webm"));
        if opened.is_err() && in_order && self.gauge.stopped().is_none() {
            return self.probe(Shape::Forward);
        }
        opened
    }

    /// Opens a cut-off MP4: its reader wants the last box to end inside the file.
    fn cut_mp4(&self, whole: u64) -> Result<Box<dyn FormatReader + 'a>, Error> {
        let mut stream = self.stream(Shape::Seekable(whole));
        // The reader steps back by the four bytes that a probe has read when it knows the format.
        stream.ignore_bytes(4)?;
        Ok(Box::new(IsoMp4Reader::try_new(stream, FormatOptions::default())?))
    }

    fn probe(&self, shape: Shape) -> Result<Box<dyn FormatReader + 'a>, Error> {
        let depth = self.config.probe_bytes;
        let options = ProbeOptions { max_probe_depth: depth, ..ProbeOptions::default() };
        let mut probe = Probe::new_with_options(&options);
        symphonia::default::register_enabled_formats(&mut probe);
        // No hint: what the bytes say counts, not what the file is called.
        probe.probe(
            &Hint::new(),
            self.stream(shape),
            FormatOptions::default(),
            MetadataOptions::default().limit_visual_bytes(Limit::Maximum(MAX_PICTURE_BYTES)),
        )
    }

    fn stream(&self, shape: Shape) -> MediaSourceStream<'a> {
        let source = Source::new(self.recording, self.host.clone(), self.gauge.clone(), shape);
        MediaSourceStream::new(Box::new(source), MediaSourceStreamOptions::default())
    }
}

/// Chooses the track to decode: the default one, else the first that can be decoded.
pub(crate) fn choose(
    reader: &dyn FormatReader,
    container: &'static str,
    inspection: &Inspection,
    bytes: u64,
) -> Result<Chosen> {
    let sounds = || reader.tracks().iter().filter(|track| is_sound(track));
    let is_default =
        |track: &&FormatTrack| inspection.track(track.id).is_some_and(|told| told.default);
    let first = reader.default_track(TrackType::Audio);
    let candidates = sounds().filter(is_default).chain(first).chain(sounds());
    let mut refusal = None;
    for track in candidates {
        let Some(CodecParameters::Audio(params)) = &track.codec_params else { continue };
        match decoder(params) {
            Ok(decoder) => {
                let family = Family::of(reader.format_info().format);
                return Ok(describe(track, params, decoder, (family, inspection, bytes)));
            }
            Err(error) => {
                let codec = codec_name(params.codec);
                refusal.get_or_insert_with(|| fault::unsupported_codec(container, &codec, &error));
            }
        }
    }
    if let Some(refusal) = refusal {
        return Err(refusal);
    }
    Err(fault::no_track(container, inspection))
}

fn is_sound(track: &FormatTrack) -> bool {
    track.track_type() == Some(TrackType::Audio)
}

fn decoder(params: &AudioCodecParameters) -> Result<Box<dyn AudioDecoder>, Error> {
    let mut params = params.clone();
    if params.codec == id::CODEC_ID_OPUS {
        opus::prepare(&mut params);
    }
    // Without a LAME tag the length of an MP3 is an estimate, and its decoder cuts at it.
    let is_mpeg = [id::CODEC_ID_MP1, id::CODEC_ID_MP2, id::CODEC_ID_MP3].contains(&params.codec);
    CODECS.make_audio_decoder(&params, &AudioDecoderOptions::default().gapless(!is_mpeg))
}

fn describe(
    track: &FormatTrack,
    params: &AudioCodecParameters,
    decoder: Box<dyn AudioDecoder>,
    (family, inspection, bytes): (Family, &Inspection, u64),
) -> Chosen {
    let is_opus = params.codec == id::CODEC_ID_OPUS;
    let rate = if is_opus { opus::RATE } else { params.sample_rate.unwrap_or_default() };
    let in_frames = TimeBase::from_recip(NonZero::new(rate).unwrap_or(NonZero::<u32>::MIN));
    let time_base = track.time_base.unwrap_or(in_frames);
    let head = is_opus.then(|| opus::head(params)).flatten().unwrap_or_default();
    let edit = inspection.track(track.id).and_then(|track| track.edit);
    let (clock, delay) = match (family, edit) {
        (Family::Mp4, Some(edit)) => (Clock::Exact, frames_of(time_base, edit.skip, rate)),
        (Family::Matroska, _) => (Clock::Coarse, i64::from(head.delay)),
        // Ogg counts the delay of Opus in its positions; that of the others is in the timestamps.
        _ => (Clock::Exact, i64::from(head.delay)),
    };
    let frames = length(track, edit, family, (time_base, rate, delay));
    // Lengths are right to the packet, those of Matroska include the other tracks.
    let slack = i64::from(rate) / if family == Family::Matroska { 1 } else { 10 };
    let packet = i64::try_from(params.max_frames_per_packet.unwrap_or(0)).unwrap_or(0);
    let frames = frames.filter(|&frames| is_plausible(frames, rate, bytes));
    let padding = match (family, frames) {
        (Family::Mp4, Some(frames)) => Some(frames..i64::MAX),
        // Files that were joined go on behind the padding of the first one.
        (Family::Mpeg, Some(frames)) => {
            track.padding.map(|padding| frames..frames.saturating_add(i64::from(padding)))
        }
        _ => None,
    };
    Chosen {
        id: track.id,
        decoder,
        codec: codec_name(params.codec),
        clock: Track { time_base, clock, delay, frames },
        rate,
        gain: head.gain,
        tolerance: slack.max(packet.min(i64::from(rate))),
        ends_with_file: family == Family::Other && frames.is_none(),
        trims: is_opus || params.codec == id::CODEC_ID_VORBIS,
        padding,
    }
}

/// Returns the frames presented.
fn length(
    track: &FormatTrack,
    edit: Option<container::Edit>,
    family: Family,
    (time_base, rate, delay): (TimeBase, u32, i64),
) -> Option<i64> {
    let told = track.num_frames.and_then(|frames| i64::try_from(frames).ok());
    let ticks = track.duration.and_then(|duration| i64::try_from(duration.get()).ok());
    match family {
        Family::Mp4 => {
            let total = ticks.filter(|&ticks| ticks > 0)?;
            let total = edit.map_or(total, |edit| {
                let rest = total.saturating_sub(edit.skip);
                // An edit within its rounding of the whole track adds nothing to it.
                edit.length.filter(|length| length + edit.precision < rest).unwrap_or(rest)
            });
            Some(frames_of(time_base, total, rate)).filter(|&frames| frames > 0)
        }
        // Without a tag these are estimates from the first packets.
        Family::Mpeg => told.filter(|_| track.delay.is_some()),
        Family::Adts => None,
        Family::Matroska => ticks.map(|ticks| frames_of(time_base, ticks, rate)),
        Family::Ogg => told.map(|frames| frames.saturating_sub(delay)),
        Family::Other => told,
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

fn name_of(id: FormatId) -> &'static str {
    match id {
        format::FORMAT_ID_WAVE => "wav",
        format::FORMAT_ID_AIFF => "aiff",
        format::FORMAT_ID_CAF => "caf",
        format::FORMAT_ID_MP1 => "mp1",
        format::FORMAT_ID_MP2 => "mp2",
        format::FORMAT_ID_MP3 => "mp3",
        format::FORMAT_ID_ADTS => "adts",
        format::FORMAT_ID_OGG => "ogg",
        format::FORMAT_ID_FLAC => "flac",
        format::FORMAT_ID_ISOMP4 => "mp4",
        format::FORMAT_ID_MKV => "matroska",
        _ => "unknown",
    }
}

/// Names a codec as the field does, also one that cannot be decoded.
fn codec_name(codec: AudioCodecId) -> String {
    if let Some(registered) = CODECS.get_audio_decoder(codec) {
        return registered.codec.info.short_name.to_owned();
    }
    let known = match codec {
        id::CODEC_ID_AC3 => "ac3",
        id::CODEC_ID_EAC3 => "eac3",
        id::CODEC_ID_AC4 => "ac4",
        id::CODEC_ID_DCA => "dts",
        id::CODEC_ID_TRUEHD => "truehd",
        id::CODEC_ID_WMA => "wma",
        id::CODEC_ID_SPEEX => "speex",
        id::CODEC_ID_WAVPACK => "wavpack",
        id::CODEC_ID_TTA => "tta",
        id::CODEC_ID_ADPCM_G722 => "adpcm_g722",
        id::CODEC_ID_ADPCM_G726 => "adpcm_g726",
        _ => return format!("unknown ({codec})"),
    };
    known.to_owned()
}
