//! The decode stage: a recording in any common container and codec goes in, PCM comes out.
//!
//! Containers: WAV, AIFF, CAF, MP3 (and MP1, MP2), FLAC, ADTS, Ogg, Matroska, WebM, MP4, M4A, MOV.
//! Codecs: PCM of all kinds, A-law, µ-law, ADPCM (IMA, Microsoft), MP1, MP2, MP3, FLAC, ALAC, Vorbis,
//! AAC-LC, the core of HE-AAC, Opus; AAC and Opus with one or two channels, the others with more.
//! All of it is recognised by content; names and media types are not looked at.
//!
//! Sound is emitted as interleaved f32 in blocks of at most a second, each with its exact position.
//! Position 0 is the first frame that a player would play: delay and padding of encoders are cut off
//! where the container tells them. Memory depends on the container's index, not on the sound.
//!
//! What is damaged is skipped: the block behind it starts where it belongs, and the owner gets a
//! warning with the place. A file that is cut off gives what it has and a warning; MP4 without its
//! index and CAF give nothing then, and are refused.
//!
//! - `container`: what the headers say beyond what Symphonia passes on.
//! - `open`: from bytes to a format reader.
//! - `track`: which track is decoded, with which decoder, and what its clock means.
//! - `decode`: the loop.
//! - `timeline`: which frame a packet starts at.

#![forbid(unsafe_code)]

mod aac;
mod blocks;
mod config;
mod container;
mod damage;
mod decode;
mod fault;
mod guard;
mod name;
mod open;
mod opus;
mod sound;
mod source;
mod timeline;
mod track;

use scribed_plugin::prelude::*;

pub use config::Config;

/// The stage `org.scribed.decode`.
#[derive(Debug)]
pub struct Decode {
    config: Config,
    host: Host,
}

impl Stage for Decode {
    const ID: &'static str = "org.scribed.decode";
    const SUMMARY: &'static str = "decodes a recording in any common container and codec to PCM";
    type Config = Config;
    type Accepts = MediaKind;
    type Emits = AudioKind;

    fn open(config: Config, host: Host) -> Result<Self> {
        config.validate()?;
        Ok(Self { config, host })
    }

    fn process(&mut self, recording: Recording<'_>, out: &mut Out<'_, AudioKind>) -> Result<()> {
        decode::run(recording, &self.host, &self.config, out)
    }
}

export_stages!(Decode);
