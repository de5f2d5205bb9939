//! Names of containers and codecs, as the field uses them.

use symphonia::core::{
    codecs::audio::{AudioCodecId, well_known as id},
    formats::{FormatId, well_known as format},
};

use crate::track::CODECS;

/// Names a container.
pub(crate) fn container(id: FormatId) -> &'static str {
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

/// Names a codec, also one that cannot be decoded.
pub(crate) fn codec(codec: AudioCodecId) -> String {
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
