//! Refusals: every way a recording cannot be decoded, as one sentence that says what and where.

use scribed_plugin::prelude::*;
use symphonia::core::errors::Error;

use crate::{
    config::Config,
    container::Inspection,
    source::{Gauge, Stopped},
};

/// Turns a stop that is not the recording's fault into its error.
pub(crate) fn stopped(gauge: &Gauge, config: &Config) -> Option<StageError> {
    Some(match gauge.stopped()? {
        Stopped::Cancelled => StageError::Cancelled,
        Stopped::OverBudget => StageError::OverLimit(format!(
            "the headers of the file take more than {} bytes",
            config.max_header_bytes
        )),
        Stopped::Unreadable(reason) => {
            StageError::Unavailable(format!("cannot read the recording: {reason}"))
        }
    })
}

/// Refuses a file whose headers could not be read.
pub(crate) fn at_opening(
    error: &Error,
    gauge: &Gauge,
    inspection: &Inspection,
    config: &Config,
) -> StageError {
    if let Some(stopped) = stopped(gauge, config) {
        return stopped;
    }
    let at = gauge.position();
    StageError::InvalidInput(match inspection.container {
        Some(container) if inspection.incomplete => format!(
            "the {container} file ends before its index: it was cut off and nothing of it can be read"
        ),
        Some(container) => format!(
            "the headers of the {container} file cannot be read, near byte {at}: {}",
            reason(error)
        ),
        None if is_unknown(error) => {
            format!(
                "this is no recording in a known format: none begins in the first {} bytes",
                u64::from(config.probe_bytes).min(at)
            )
        }
        None => {
            format!("the headers of the file cannot be read, near byte {at}: {}", reason(error))
        }
    })
}

/// Tells whether no known format was found at all.
pub(crate) fn is_unknown(error: &Error) -> bool {
    matches!(error, Error::Unsupported(text) if text.starts_with("core (probe)"))
}

/// Refuses a track for its codec.
pub(crate) fn unsupported_codec(container: &str, codec: &str, error: &Error) -> StageError {
    StageError::InvalidInput(format!(
        "the sound of this {container} file is in codec {codec}, which cannot be decoded: {}",
        reason(error)
    ))
}

/// Refuses a file without a track that can be decoded.
pub(crate) fn no_track(container: &str, inspection: &Inspection) -> StageError {
    match inspection.sound.first() {
        Some(track) => StageError::InvalidInput(format!(
            "the sound of this {container} file is in codec {}, which is not known",
            if track.codec.is_empty() { "without a name" } else { &track.codec }
        )),
        None => StageError::NoAudio(format!("this {container} file has no sound")),
    }
}

/// Refuses a file whose sound is encrypted.
pub(crate) fn protected(inspection: &Inspection) -> Option<StageError> {
    let clear = inspection.sound.iter().any(|track| track.protection.is_none());
    let track = inspection.sound.iter().find(|track| track.protection.is_some())?;
    let scheme = track.protection.as_deref().unwrap_or_default();
    (!clear).then(|| {
        StageError::Protected(format!(
            "the sound of this {} file is encrypted ({scheme}, codec {})",
            inspection.container.unwrap_or("unknown"),
            track.codec
        ))
    })
}

/// Says what Symphonia found, in our words where its own are about itself.
pub(crate) fn reason(error: &Error) -> String {
    match error {
        Error::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            "the file ends too early".to_owned()
        }
        Error::Unsupported(text) if text.starts_with("core (codec)") => {
            "no decoder for it is known".to_owned()
        }
        other => other.to_string(),
    }
}

/// Refuses more channels than are accepted, and none.
pub(crate) fn check_channels(channels: usize, config: &Config) -> Result<()> {
    let most = config.max_channels;
    if channels == 0 {
        return Err(StageError::InvalidInput("the sound has no channels".to_owned()));
    }
    if channels <= most as usize {
        return Ok(());
    }
    Err(StageError::OverLimit(format!(
        "the sound has {channels} channels; at most {most} are accepted"
    )))
}

/// Refuses sample rates that are not accepted.
pub(crate) fn check_rate(rate: u32, config: &Config) -> Result<()> {
    let Config { min_sample_rate_hz: low, max_sample_rate_hz: high, .. } = *config;
    if (low..=high).contains(&rate) {
        return Ok(());
    }
    Err(StageError::OverLimit(format!(
        "the sample rate is {rate} Hz; between {low} and {high} Hz are accepted"
    )))
}
