//! Opening: from bytes to a format reader, a track and its decoder, or to a precise refusal.

use scribed_plugin::prelude::*;
use symphonia::{
    core::{
        common::Limit,
        errors::Error,
        formats::{
            FormatOptions, FormatReader,
            probe::{Hint, Probe, ProbeOptions},
        },
        io::{MediaSourceStream, MediaSourceStreamOptions, ReadBytes},
        meta::MetadataOptions,
    },
    default::formats::IsoMp4Reader,
};

use crate::{
    config::Config,
    container::{self, Inspection},
    fault,
    guard::{fenced, told},
    name,
    source::{Gauge, Shape, Source},
    track::{self, Chosen},
};

/// Largest picture kept from tags, in bytes: nobody looks at it here.
const MAX_PICTURE_BYTES: usize = 64 * 1024;

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
    let reader = fenced(|| opening.read_headers(&inspection))
        .map_err(told)
        .map_err(|error| fault::at_opening(&error, gauge, &inspection, config))?;
    gauge.set_budget(u64::MAX);
    let container =
        inspection.container.unwrap_or_else(|| name::container(reader.format_info().format));
    let chosen = track::choose(reader.as_ref(), container, &inspection, recording.len())?;
    let sounds = reader.tracks().iter().filter(|track| track::is_sound(track)).count();
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
        // Files that are cut off, or whose directory is damaged, can often still be read in order.
        match opened {
            Err(error) if !fault::is_unknown(&error) && self.gauge.stopped().is_none() => {
                self.probe(Shape::Forward).map_err(|_| error)
            }
            opened => opened,
        }
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
