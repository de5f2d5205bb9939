//! Kinds as types: what a stage takes and makes, so that it cannot be written against the wrong one.

use scribed_abi::{
    self as abi, AudioItem, Bytes, ChunkItem, DocumentItem, Item, MediaItem, SegmentsItem, Status,
    Str, slice::read_slice,
};
use scribed_schemas::{
    audio::AudioBlock,
    chunk::{ChunkBlock, Span},
    transcript::Segments,
};

use crate::{Recording, Result, StageError};

mod sealed {
    /// Only the kinds of the ABI exist.
    pub trait Sealed {}
}

/// A kind of item that passes between stages.
pub trait Kind: sealed::Sealed + 'static {
    /// Its number in the ABI.
    const CODE: abi::Kind;

    /// What a stage sees of one item; borrowed for the call where that saves a copy.
    type View<'a>;

    /// What the view borrows that does not stand in the item as it is.
    #[doc(hidden)]
    type Held: Default;

    /// Reads an item.
    ///
    /// # Safety
    /// `item` must be valid, of this kind, and not written to for all of `'a`.
    #[doc(hidden)]
    unsafe fn read(item: *const Item, held: &mut Self::Held) -> Result<Self::View<'_>>;
}

/// A kind that a stage may make: all but MEDIA.
pub trait Emitted: Kind {
    /// Lays the view out as an item for the length of one call of `emit`.
    #[doc(hidden)]
    fn write(item: Self::View<'_>, emit: &mut dyn FnMut(*const Item) -> Status) -> Result<Status>;
}

/// A whole recording; its view is [`Recording`].
#[derive(Debug, Clone, Copy)]
pub struct MediaKind;

/// Contiguous samples; its view is [`AudioBlock`].
#[derive(Debug, Clone, Copy)]
pub struct AudioKind;

/// What the recogniser takes in one inference; its view is [`ChunkBlock`].
#[derive(Debug, Clone, Copy)]
pub struct ChunkKind;

/// Text with times; its view is the owned [`Segments`].
#[derive(Debug, Clone, Copy)]
pub struct SegmentsKind;

/// A finished document; its view is [`Document`].
#[derive(Debug, Clone, Copy)]
pub struct DocumentKind;

/// A finished document: the content of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Document<'a> {
    /// The file's content.
    pub bytes: &'a [u8],
    /// Media type, e.g. `text/plain; charset=utf-8`.
    pub media_type: &'a str,
    /// File name extension without the dot, lower case letters and digits: `txt`.
    pub extension: &'a str,
}

/// Checks the header and returns the item as the struct of its kind.
///
/// # Safety
/// `item` must be null or valid for the bytes that its header tells, and not written to for `'a`.
unsafe fn open<'a, T>(item: *const Item, kind: abi::Kind) -> Result<&'a T> {
    if item.is_null() || !item.cast::<T>().is_aligned() {
        return Err(malformed(kind, "is null or misaligned"));
    }
    // SAFETY: not null, aligned, and a header always is there.
    let header = unsafe { *item };
    if header.kind != kind {
        return Err(malformed(kind, &format!("is of {}", header.kind)));
    }
    if (header.size as usize) < size_of::<T>() {
        return Err(malformed(kind, "is too short"));
    }
    // SAFETY: the header tells that the whole struct is there.
    Ok(unsafe { &*item.cast::<T>() })
}

fn malformed(kind: abi::Kind, what: &str) -> StageError {
    StageError::Failed(format!("the daemon lent an item for {kind} that {what}"))
}

/// Turns a length into the ABI's 32 bits.
fn count(len: usize, what: &str) -> Result<u32> {
    u32::try_from(len).map_err(|_| StageError::Failed(format!("{len} {what} are too many")))
}

// === MEDIA ===

impl sealed::Sealed for MediaKind {}

impl Kind for MediaKind {
    const CODE: abi::Kind = abi::Kind::MEDIA;
    type View<'a> = Recording<'a>;
    type Held = ();

    unsafe fn read(item: *const Item, (): &mut ()) -> Result<Recording<'_>> {
        // SAFETY: as the caller promises.
        let media = unsafe { open::<MediaItem>(item, Self::CODE) }?;
        // SAFETY: as the caller promises.
        unsafe { Recording::new(media) }
    }
}

// === AUDIO ===

impl sealed::Sealed for AudioKind {}

impl Kind for AudioKind {
    const CODE: abi::Kind = abi::Kind::AUDIO;
    type View<'a> = AudioBlock<'a>;
    type Held = ();

    unsafe fn read(item: *const Item, (): &mut ()) -> Result<AudioBlock<'_>> {
        // SAFETY: as the caller promises.
        let audio = unsafe { open::<AudioItem>(item, Self::CODE) }?;
        let len = (audio.frames as usize).checked_mul(audio.channels as usize);
        // SAFETY: the item says that so many samples are there.
        let samples = len.and_then(|len| unsafe { read_slice(audio.samples, len) });
        Ok(AudioBlock {
            samples: samples.ok_or_else(|| malformed(Self::CODE, "has no samples"))?,
            channels: audio.channels,
            sample_rate: audio.sample_rate,
            start_frame: audio.start_frame,
            source_rate: audio.source_rate,
        })
    }
}

impl Emitted for AudioKind {
    fn write(block: AudioBlock<'_>, emit: &mut dyn FnMut(*const Item) -> Status) -> Result<Status> {
        let item = AudioItem {
            item: Item::header::<AudioItem>(Self::CODE),
            samples: block.samples.as_ptr(),
            frames: count(block.frames(), "frames in one block")?,
            channels: block.channels,
            sample_rate: block.sample_rate,
            source_rate: block.source_rate,
            start_frame: block.start_frame,
        };
        Ok(emit((&raw const item).cast()))
    }
}

// === CHUNK ===

impl sealed::Sealed for ChunkKind {}

impl Kind for ChunkKind {
    const CODE: abi::Kind = abi::Kind::CHUNK;
    type View<'a> = ChunkBlock<'a>;
    type Held = Vec<Span>;

    unsafe fn read(item: *const Item, held: &mut Vec<Span>) -> Result<ChunkBlock<'_>> {
        // SAFETY: as the caller promises.
        let chunk = unsafe { open::<ChunkItem>(item, Self::CODE) }?;
        // SAFETY: the item says that so many samples are there.
        let samples = unsafe { read_slice(chunk.samples, chunk.sample_count as usize) };
        // SAFETY: the item says that so many spans are there.
        let spans = unsafe { read_slice(chunk.spans, chunk.span_count as usize) };
        let spans = spans.ok_or_else(|| malformed(Self::CODE, "has no spans"))?;
        *held = spans.iter().map(span_from_abi).collect();
        Ok(ChunkBlock {
            number: chunk.number,
            samples: samples.ok_or_else(|| malformed(Self::CODE, "has no samples"))?,
            source_rate: chunk.source_rate,
            spans: held,
        })
    }
}

impl Emitted for ChunkKind {
    fn write(chunk: ChunkBlock<'_>, emit: &mut dyn FnMut(*const Item) -> Status) -> Result<Status> {
        let spans: Vec<abi::Span> = chunk.spans.iter().map(span_to_abi).collect();
        let item = ChunkItem {
            item: Item::header::<ChunkItem>(Self::CODE),
            samples: chunk.samples.as_ptr(),
            sample_count: count(chunk.samples.len(), "samples in one chunk")?,
            number: chunk.number,
            source_rate: chunk.source_rate,
            span_count: count(spans.len(), "spans in one chunk")?,
            spans: spans.as_ptr(),
        };
        Ok(emit((&raw const item).cast()))
    }
}

fn span_from_abi(span: &abi::Span) -> Span {
    let abi::Span { chunk_start, chunk_len, source_start, source_len } = *span;
    Span { chunk_start, chunk_len, source_start, source_len }
}

fn span_to_abi(span: &Span) -> abi::Span {
    let Span { chunk_start, chunk_len, source_start, source_len } = *span;
    abi::Span { chunk_start, chunk_len, source_start, source_len }
}

// === SEGMENTS ===

impl sealed::Sealed for SegmentsKind {}

impl Kind for SegmentsKind {
    const CODE: abi::Kind = abi::Kind::SEGMENTS;
    type View<'a> = Segments;
    type Held = ();

    unsafe fn read(item: *const Item, (): &mut ()) -> Result<Segments> {
        // SAFETY: as the caller promises.
        let segments = unsafe { open::<SegmentsItem>(item, Self::CODE) }?;
        // SAFETY: the text lives as long as the item.
        let json = unsafe { segments.json.read() };
        let json = json.ok_or_else(|| malformed(Self::CODE, "is not text"))?;
        serde_json::from_str(json)
            .map_err(|error| StageError::InvalidInput(format!("segments do not parse: {error}")))
    }
}

impl Emitted for SegmentsKind {
    fn write(segments: Segments, emit: &mut dyn FnMut(*const Item) -> Status) -> Result<Status> {
        let json = serde_json::to_string(&segments)
            .map_err(|error| StageError::Failed(format!("segments cannot be written: {error}")))?;
        let item =
            SegmentsItem { item: Item::header::<SegmentsItem>(Self::CODE), json: Str::of(&json) };
        Ok(emit((&raw const item).cast()))
    }
}

// === DOCUMENT ===

impl sealed::Sealed for DocumentKind {}

impl Kind for DocumentKind {
    const CODE: abi::Kind = abi::Kind::DOCUMENT;
    type View<'a> = Document<'a>;
    type Held = ();

    unsafe fn read(item: *const Item, (): &mut ()) -> Result<Document<'_>> {
        // SAFETY: as the caller promises.
        let document = unsafe { open::<DocumentItem>(item, Self::CODE) }?;
        // SAFETY: the bytes live as long as the item.
        let bytes = unsafe { document.bytes.read() };
        // SAFETY: the text lives as long as the item.
        let media_type = unsafe { document.media_type.read() };
        // SAFETY: the text lives as long as the item.
        let extension = unsafe { document.extension.read() };
        Ok(Document {
            bytes: bytes.ok_or_else(|| malformed(Self::CODE, "has no bytes"))?,
            media_type: media_type.ok_or_else(|| malformed(Self::CODE, "has no media type"))?,
            extension: extension.ok_or_else(|| malformed(Self::CODE, "has no extension"))?,
        })
    }
}

impl Emitted for DocumentKind {
    fn write(
        document: Document<'_>,
        emit: &mut dyn FnMut(*const Item) -> Status,
    ) -> Result<Status> {
        let item = DocumentItem {
            item: Item::header::<DocumentItem>(Self::CODE),
            bytes: Bytes::of(document.bytes),
            media_type: Str::of(document.media_type),
            extension: Str::of(document.extension),
        };
        Ok(emit((&raw const item).cast()))
    }
}
