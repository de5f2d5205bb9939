//! `org.scribed.render-captions`: a transcript as SubRip (`srt`), WebVTT (`vtt`) or TTML (`ttml`) captions.
//!
//! - [`token`]: the words of a chunk with times in milliseconds, whatever the recogniser gave.
//! - [`cut`]: which words make a cue, by the cheapest set of cuts.
//! - [`lines`]: how the words of a cue are laid out in lines.
//! - [`timing`]: when a cue is shown: long enough to read, never two at once.
//! - [`write`](mod@write): the file formats.
//!
//! Words are held until the recording ends, since the best cuts need the words that follow.

#![forbid(unsafe_code)]

mod config;
mod cut;
mod lines;
mod timing;
mod token;
mod write;

#[cfg(test)]
mod rules;

use scribed_plugin::prelude::*;

pub use self::config::{Config, Format};
use self::token::Token;

/// The stage.
#[derive(Debug)]
pub struct RenderCaptions {
    config: Config,
    host: Host,
    tokens: Vec<Token>,
}

impl Stage for RenderCaptions {
    const ID: &'static str = "org.scribed.render-captions";
    const SUMMARY: &'static str = "writes a transcript as SubRip, WebVTT or TTML captions";
    type Config = Config;
    type Accepts = SegmentsKind;
    type Emits = DocumentKind;

    fn open(config: Config, host: Host) -> Result<Self> {
        config.validate()?;
        Ok(Self { config, host, tokens: Vec::new() })
    }

    fn process(&mut self, chunk: Segments, _out: &mut Out<'_, DocumentKind>) -> Result<()> {
        token::append(&mut self.tokens, &chunk, self.config.max_line_chars());
        Ok(())
    }

    fn flush(&mut self, out: &mut Out<'_, DocumentKind>) -> Result<()> {
        let Some(spans) = cut::cut(&self.tokens, &self.config, || self.host.cancelled()) else {
            return Err(StageError::Cancelled);
        };
        let cues = timing::cues(&self.tokens, &spans, &self.config);
        let text = match self.config.format {
            Format::Srt => write::srt(&cues),
            Format::Vtt => write::vtt(&cues, self.config.partial),
            Format::Ttml => {
                let Config { partial, language, .. } = &self.config;
                write::ttml::write(&cues, *partial, language.as_deref())
            }
        };
        let (media_type, extension) = self.config.format.names();
        out.emit(Document { bytes: text.as_bytes(), media_type, extension })
    }

    fn reset(&mut self) -> Result<()> {
        self.tokens.clear();
        Ok(())
    }
}

export_stages!(RenderCaptions);
