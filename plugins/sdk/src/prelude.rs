//! The names that every stage needs: `use scribed_plugin::prelude::*;`.

pub use schemars::JsonSchema;
pub use scribed_schemas::{
    audio::{AudioBlock, MODEL_RATE, MediaFacts, Warning},
    chunk::{ChunkBlock, ChunkMap, Span},
    transcript::{Segment, Segments, Word},
};
pub use serde::Deserialize;

pub use crate::{
    Document, Host, Level, Out, Recording, Result, Stage, StageError, export_stages,
    kind::{AudioKind, ChunkKind, DocumentKind, Emitted, Kind, MediaKind, SegmentsKind},
};
