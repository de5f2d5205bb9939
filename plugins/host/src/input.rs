//! Inputs: what a stage is given, laid out as items of the ABI.

use std::{
    fmt, io,
    panic::{AssertUnwindSafe, catch_unwind},
    slice,
    sync::{Mutex, PoisonError},
};

use scribed_abi::{
    self as abi, AudioItem, Bytes, ChunkItem, DocumentItem, Item, MediaItem, SegmentsItem, Str,
};
use scribed_schemas::{audio::AudioBlock, chunk::ChunkBlock};

use crate::{DocumentOutput, Kind};

/// One item for a stage, borrowed for the call.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a> {
    /// A whole recording.
    Media(MediaInput<'a>),
    /// Contiguous samples.
    Audio(AudioBlock<'a>),
    /// What the recogniser takes in one inference.
    Chunk(ChunkBlock<'a>),
    /// A JSON document `scribed.segments/1`.
    Segments(&'a str),
    /// A finished document.
    Document(DocumentOutput<'a>),
}

/// A whole recording.
#[derive(Clone, Copy)]
pub struct MediaInput<'a> {
    /// Reads it.
    pub reader: &'a dyn ReadAt,
    /// Its length in bytes.
    pub len: u64,
    /// Name that it was uploaded under, a hint; may be empty.
    pub file_name: &'a str,
    /// Media type that the uploader gave, a hint; may be empty.
    pub media_type: &'a str,
}

/// Reads a recording at any place; a stage may do so from several threads.
pub trait ReadAt: Sync {
    /// Reads from `offset` into `buf`; returns the bytes read, 0 at the end.
    ///
    /// # Errors
    /// The recording cannot be read; the call of the stage fails with
    /// [`Status::Unavailable`](crate::Status::Unavailable) then, whatever the stage makes of it.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize>;
}

impl fmt::Debug for MediaInput<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaInput")
            .field("len", &self.len)
            .field("file_name", &self.file_name)
            .field("media_type", &self.media_type)
            .finish_non_exhaustive()
    }
}

impl Input<'_> {
    /// Returns the kind of the item.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Media(_) => Kind::Media,
            Self::Audio(_) => Kind::Audio,
            Self::Chunk(_) => Kind::Chunk,
            Self::Segments(_) => Kind::Segments,
            Self::Document(_) => Kind::Document,
        }
    }

    /// Lays the input out and gives it to `call`. Returns its answer and the first error of reading.
    ///
    /// # Errors
    /// The input has more than the ABI can count.
    pub(crate) fn lend<T>(
        self,
        call: impl FnOnce(*const Item) -> T,
    ) -> Result<(T, Option<io::Error>), String> {
        let code = self.kind().code();
        let done = match self {
            Self::Media(media) => return Ok(lend_media(media, call)),
            Self::Audio(block) => call(header(&AudioItem {
                item: Item::header::<AudioItem>(code),
                samples: block.samples.as_ptr(),
                frames: count(block.frames())?,
                channels: block.channels,
                sample_rate: block.sample_rate,
                source_rate: block.source_rate,
                start_frame: block.start_frame,
            })),
            Self::Chunk(chunk) => {
                let spans: Vec<abi::Span> = chunk.spans.iter().map(span).collect();
                call(header(&ChunkItem {
                    item: Item::header::<ChunkItem>(code),
                    samples: chunk.samples.as_ptr(),
                    sample_count: count(chunk.samples.len())?,
                    number: chunk.number,
                    source_rate: chunk.source_rate,
                    span_count: count(spans.len())?,
                    spans: spans.as_ptr(),
                }))
            }
            Self::Segments(json) => call(header(&SegmentsItem {
                item: Item::header::<SegmentsItem>(code),
                json: Str::of(json),
            })),
            Self::Document(document) => call(header(&DocumentItem {
                item: Item::header::<DocumentItem>(code),
                bytes: Bytes::of(document.bytes),
                media_type: Str::of(document.media_type),
                extension: Str::of(document.extension),
            })),
        };
        Ok((done, None))
    }
}

/// Points at an item's header with the right to read the whole item.
fn header<T>(item: &T) -> *const Item {
    std::ptr::from_ref(item).cast()
}

fn count(len: usize) -> Result<u32, String> {
    u32::try_from(len).map_err(|_| format!("the input has {len} values, too many for one item"))
}

fn span(span: &scribed_schemas::chunk::Span) -> abi::Span {
    let scribed_schemas::chunk::Span { chunk_start, chunk_len, source_start, source_len } = *span;
    abi::Span { chunk_start, chunk_len, source_start, source_len }
}

/// What stands behind `media_data`.
struct Reading<'a> {
    reader: &'a dyn ReadAt,
    len: u64,
    error: Mutex<Option<io::Error>>,
}

fn lend_media<T>(
    media: MediaInput<'_>,
    call: impl FnOnce(*const Item) -> T,
) -> (T, Option<io::Error>) {
    let reading = Reading { reader: media.reader, len: media.len, error: Mutex::new(None) };
    let item = MediaItem {
        item: Item::header::<MediaItem>(abi::Kind::MEDIA),
        media_data: (&raw const reading).cast_mut().cast(),
        length: media.len,
        file_name: Str::of(media.file_name),
        media_type: Str::of(media.media_type),
        read_at: Some(read_at),
    };
    let done = call(header(&item));
    (done, reading.error.into_inner().unwrap_or_else(PoisonError::into_inner))
}

unsafe extern "C" fn read_at(item: *const MediaItem, offset: u64, buf: *mut u8, len: usize) -> i64 {
    // SAFETY: null, or the plugin hands back the item that it was lent.
    let Some(item) = (unsafe { item.as_ref() }) else { return -1 };
    if len == 0 {
        return 0;
    }
    if buf.is_null() || isize::try_from(len).is_err() {
        return -1;
    }
    // SAFETY: `lend_media` made it and waits for the call; it may be shared between threads.
    let reading = unsafe { &*item.media_data.cast::<Reading<'_>>() };
    // Readers are never asked for what is behind the end.
    let rest = usize::try_from(reading.len.saturating_sub(offset)).unwrap_or(usize::MAX);
    let len = len.min(rest);
    if len == 0 {
        return 0;
    }
    // The plugin's buffer may be fresh from an allocator, but a slice must be initialised.
    // SAFETY: the plugin lends at least `len` bytes for this call.
    unsafe { buf.write_bytes(0, len) };
    // SAFETY: as above, and now every byte has a value.
    let buffer = unsafe { slice::from_raw_parts_mut(buf, len) };
    match catch_unwind(AssertUnwindSafe(|| read(reading.reader, offset, buffer))) {
        Ok(Ok(read)) => i64::try_from(read.min(len)).unwrap_or(-1),
        Ok(Err(error)) => reading.note(error),
        Err(_) => reading.note(io::Error::other("the reader panicked")),
    }
}

fn read(reader: &dyn ReadAt, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read_at(offset, buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

impl Reading<'_> {
    /// Keeps the first error, which the plugin cannot carry.
    fn note(&self, error: io::Error) -> i64 {
        let mut first = self.error.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert(error);
        -1
    }
}
