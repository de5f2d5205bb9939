//! Items that a test owns: given to a stage, or kept after it emitted them.

use std::{fs, io, path::Path};

use scribed_abi::{Item, MediaItem, Status, Str};
use scribed_schemas::{
    audio::{AudioBlock, MODEL_RATE},
    chunk::{ChunkBlock, Span},
    transcript::Segments,
};

use crate::{
    Document,
    kind::{AudioKind, ChunkKind, DocumentKind, Emitted, Kind, MediaKind, SegmentsKind},
};

/// A kind whose items a test can own; all are.
pub trait Testable: Kind {
    /// The owned item.
    type Owned;

    /// Copies what a view shows.
    #[doc(hidden)]
    fn own(view: Self::View<'_>) -> Self::Owned;

    /// Lays an owned item out for one call.
    #[doc(hidden)]
    fn lend(owned: &Self::Owned, give: &mut dyn FnMut(*const Item) -> Status) -> Status;
}

/// A recording in memory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Media {
    /// Content of the file.
    pub bytes: Vec<u8>,
    /// Name that it was uploaded under; may be empty.
    pub file_name: String,
    /// Media type that the uploader gave; may be empty.
    pub media_type: String,
    /// Reads fail from this offset on, as those of a lost disk do.
    pub fails_from: Option<u64>,
}

/// A block of audio.
#[derive(Debug, Clone, PartialEq)]
pub struct Audio {
    /// Interleaved samples.
    pub samples: Vec<f32>,
    /// Channels.
    pub channels: u32,
    /// Rate of `samples`, in Hz.
    pub sample_rate: u32,
    /// Position of the first frame at `sample_rate`.
    pub start_frame: i64,
    /// Rate of the recording, in Hz.
    pub source_rate: u32,
}

/// A chunk.
#[derive(Debug, Clone, PartialEq)]
pub struct Chunk {
    /// Number, from 0.
    pub number: u32,
    /// 16 kHz mono samples.
    pub samples: Vec<f32>,
    /// Rate of the spans' `source_*`, in Hz.
    pub source_rate: u32,
    /// Where the samples came from.
    pub spans: Vec<Span>,
}

/// A finished document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedDocument {
    /// Content of the file.
    pub bytes: Vec<u8>,
    /// Media type.
    pub media_type: String,
    /// File name extension without the dot.
    pub extension: String,
}

impl Media {
    /// Makes a recording without a name.
    pub fn of(bytes: impl Into<Vec<u8>>) -> Self {
        Self { bytes: bytes.into(), ..Self::default() }
    }

    /// Reads a file; its name is the hint.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn file(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let file_name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { bytes: fs::read(path)?, file_name, ..Self::default() })
    }
}

impl Audio {
    /// Makes the first block of a mono recording.
    pub fn mono(sample_rate: u32, samples: impl Into<Vec<f32>>) -> Self {
        let samples = samples.into();
        Self { samples, channels: 1, sample_rate, start_frame: 0, source_rate: sample_rate }
    }

    /// Returns the block as a stage sees it.
    pub fn block(&self) -> AudioBlock<'_> {
        AudioBlock {
            samples: &self.samples,
            channels: self.channels,
            sample_rate: self.sample_rate,
            start_frame: self.start_frame,
            source_rate: self.source_rate,
        }
    }
}

impl Chunk {
    /// Makes chunk 0 of a 16 kHz recording that is speech from the start.
    ///
    /// # Panics
    /// When there are more samples than a chunk can count.
    pub fn of(samples: impl Into<Vec<f32>>) -> Self {
        let samples = samples.into();
        let chunk_len = u32::try_from(samples.len()).expect("a chunk has at most 480,000 samples");
        let spans = vec![Span {
            chunk_start: 0,
            chunk_len,
            source_start: 0,
            source_len: i64::from(chunk_len),
        }];
        Self { number: 0, samples, source_rate: MODEL_RATE, spans }
    }

    /// Returns the chunk as a stage sees it.
    pub fn block(&self) -> ChunkBlock<'_> {
        ChunkBlock {
            number: self.number,
            samples: &self.samples,
            source_rate: self.source_rate,
            spans: &self.spans,
        }
    }
}

impl From<AudioBlock<'_>> for Audio {
    fn from(block: AudioBlock<'_>) -> Self {
        let AudioBlock { samples, channels, sample_rate, start_frame, source_rate } = block;
        Self { samples: samples.to_vec(), channels, sample_rate, start_frame, source_rate }
    }
}

impl From<ChunkBlock<'_>> for Chunk {
    fn from(chunk: ChunkBlock<'_>) -> Self {
        let ChunkBlock { number, samples, source_rate, spans } = chunk;
        Self { number, samples: samples.to_vec(), source_rate, spans: spans.to_vec() }
    }
}

impl From<Document<'_>> for OwnedDocument {
    fn from(document: Document<'_>) -> Self {
        Self {
            bytes: document.bytes.to_vec(),
            media_type: document.media_type.to_owned(),
            extension: document.extension.to_owned(),
        }
    }
}

impl Testable for MediaKind {
    type Owned = Media;

    fn own(view: Self::View<'_>) -> Media {
        // A recording is read to its end or to the first fault.
        let mut bytes = vec![0; usize::try_from(view.len()).unwrap_or_default()];
        let read = view.read_at(0, &mut bytes).unwrap_or_default();
        bytes.truncate(read);
        let (file_name, media_type) = (view.file_name().to_owned(), view.media_type().to_owned());
        Media { bytes, file_name, media_type, fails_from: None }
    }

    fn lend(media: &Media, give: &mut dyn FnMut(*const Item) -> Status) -> Status {
        let item = MediaItem {
            item: Item::header::<MediaItem>(Self::CODE),
            media_data: (&raw const *media).cast_mut().cast(),
            length: media.bytes.len() as u64,
            file_name: Str::of(&media.file_name),
            media_type: Str::of(&media.media_type),
            read_at: Some(read_at),
        };
        give((&raw const item).cast())
    }
}

impl Testable for AudioKind {
    type Owned = Audio;

    fn own(view: Self::View<'_>) -> Audio {
        view.into()
    }

    fn lend(audio: &Audio, give: &mut dyn FnMut(*const Item) -> Status) -> Status {
        Self::write(audio.block(), give).unwrap_or(Status::INVALID_INPUT)
    }
}

impl Testable for ChunkKind {
    type Owned = Chunk;

    fn own(view: Self::View<'_>) -> Chunk {
        view.into()
    }

    fn lend(chunk: &Chunk, give: &mut dyn FnMut(*const Item) -> Status) -> Status {
        Self::write(chunk.block(), give).unwrap_or(Status::INVALID_INPUT)
    }
}

impl Testable for SegmentsKind {
    type Owned = Segments;

    fn own(view: Self::View<'_>) -> Segments {
        view
    }

    fn lend(segments: &Segments, give: &mut dyn FnMut(*const Item) -> Status) -> Status {
        Self::write(segments.clone(), give).unwrap_or(Status::INVALID_INPUT)
    }
}

impl Testable for DocumentKind {
    type Owned = OwnedDocument;

    fn own(view: Self::View<'_>) -> OwnedDocument {
        view.into()
    }

    fn lend(owned: &OwnedDocument, give: &mut dyn FnMut(*const Item) -> Status) -> Status {
        let OwnedDocument { bytes, media_type, extension } = owned;
        Self::write(Document { bytes, media_type, extension }, give)
            .unwrap_or(Status::INVALID_INPUT)
    }
}

unsafe extern "C" fn read_at(
    item: *const MediaItem,
    offset: u64,
    buffer: *mut u8,
    len: usize,
) -> i64 {
    // SAFETY: `lend` made the item and waits for the call.
    let data = unsafe { (*item).media_data };
    // SAFETY: as above; it is shared and read only.
    let media = unsafe { &*data.cast::<Media>() };
    let end = media.fails_from.unwrap_or(u64::MAX).min(media.bytes.len() as u64);
    if media.fails_from.is_some_and(|from| offset >= from) {
        return -1;
    }
    let rest = usize::try_from(end.saturating_sub(offset)).unwrap_or_default();
    let count = rest.min(len);
    let start = usize::try_from(offset).unwrap_or(usize::MAX);
    let Some(source) = media.bytes.get(start..start.saturating_add(count)) else { return 0 };
    // SAFETY: the stage lends `len` bytes, of which `count` are written.
    unsafe { std::ptr::copy_nonoverlapping(source.as_ptr(), buffer, count) };
    i64::try_from(count).unwrap_or(-1)
}
