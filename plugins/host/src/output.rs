//! Outputs: what a stage emitted, after every check.

use std::ops::ControlFlow;

use scribed_schemas::{audio::AudioBlock, chunk::ChunkBlock};

use crate::Kind;

/// Takes outputs in order; `Break` makes the stage stop soon.
pub type Taker<'a> = dyn FnMut(Output<'_>) -> ControlFlow<()> + 'a;

/// One item from a stage, borrowed until the taker returns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Output<'a> {
    /// Contiguous samples.
    Audio(AudioBlock<'a>),
    /// What the recogniser takes in one inference.
    Chunk(ChunkBlock<'a>),
    /// A JSON document, not yet parsed; supposed to be `scribed.segments/1`.
    Segments(&'a str),
    /// A finished document.
    Document(DocumentOutput<'a>),
}

/// A finished document: the content of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DocumentOutput<'a> {
    /// The file's content.
    pub bytes: &'a [u8],
    /// Media type, e.g. `text/plain; charset=utf-8`.
    pub media_type: &'a str,
    /// File name extension without the dot; lower case letters and digits.
    pub extension: &'a str,
}

impl Output<'_> {
    /// Returns the kind of the item.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Audio(_) => Kind::Audio,
            Self::Chunk(_) => Kind::Chunk,
            Self::Segments(_) => Kind::Segments,
            Self::Document(_) => Kind::Document,
        }
    }
}
