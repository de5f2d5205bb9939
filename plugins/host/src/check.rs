//! Checks of everything that a stage emits; what fails is never used.

use scribed_abi::{
    self as abi, AudioItem, Bytes, ChunkItem, DocumentItem, Item, MAX_CHANNELS, MAX_CHUNK_SAMPLES,
    SegmentsItem, Str, slice::read_slice,
};
use scribed_schemas::{
    audio::AudioBlock,
    chunk::{ChunkBlock, Span},
};

use crate::{DocumentOutput, Kind, Output};

/// Largest item struct that is believed, in bytes; those of this version are below 100.
const MAX_ITEM_BYTES: usize = 4_096;

/// Most samples in one block of audio: 256 MiB, hours beyond any sensible block.
const MAX_BLOCK_SAMPLES: usize = 1 << 26;

/// Longest text of one chunk, in bytes.
const MAX_SEGMENTS_BYTES: usize = 64 << 20;

/// Largest document, in bytes.
const MAX_DOCUMENT_BYTES: usize = 1 << 30;

/// Longest media type, in bytes.
const MAX_MEDIA_TYPE_BYTES: usize = 255;

/// Longest file name extension, in bytes.
const MAX_EXTENSION_BYTES: usize = 16;

/// Reads an item that a stage of kind `emits` gave; `spans` holds what the output borrows of a chunk.
///
/// # Errors
/// What is wrong with it, as the end of a sentence that begins with the stage.
///
/// # Safety
/// Pointers that are neither null nor misaligned must be valid for what the item claims, and not
/// written to, as long as the output is used.
pub(crate) unsafe fn output(
    item: *const Item,
    emits: Kind,
    spans: &mut Vec<Span>,
) -> Result<Output<'_>, String> {
    if item.is_null() || !item.is_aligned() {
        return Err("emitted an item that is null or misaligned".to_owned());
    }
    // SAFETY: neither null nor misaligned, and every item starts with a header.
    let header = unsafe { item.read() };
    if header.kind != emits.code() {
        return Err(format!("emitted {} but declares {emits}", header.kind));
    }
    match emits {
        Kind::Media => Err("emitted MEDIA, which only the daemon has".to_owned()),
        Kind::Audio => {
            // SAFETY: as the caller promises.
            let audio = unsafe { open::<AudioItem>(item, header) }?;
            // SAFETY: as the caller promises.
            unsafe { check_audio(audio) }.map(Output::Audio)
        }
        Kind::Chunk => {
            // SAFETY: as the caller promises.
            let chunk = unsafe { open::<ChunkItem>(item, header) }?;
            // SAFETY: as the caller promises.
            unsafe { check_chunk(chunk, spans) }.map(Output::Chunk)
        }
        Kind::Segments => {
            // SAFETY: as the caller promises.
            let segments = unsafe { open::<SegmentsItem>(item, header) }?;
            // SAFETY: as the caller promises.
            unsafe { text(segments.json, MAX_SEGMENTS_BYTES, "text") }.map(Output::Segments)
        }
        Kind::Document => {
            // SAFETY: as the caller promises.
            let document = unsafe { open::<DocumentItem>(item, header) }?;
            // SAFETY: as the caller promises.
            unsafe { check_document(document) }.map(Output::Document)
        }
    }
}

/// Returns the item as the struct of its kind.
///
/// # Safety
/// As [`output`]; the kind is already checked.
unsafe fn open<'a, T>(item: *const Item, header: Item) -> Result<&'a T, String> {
    let size = header.size as usize;
    if size < size_of::<T>() || size > MAX_ITEM_BYTES {
        return Err(format!("emitted {} of {size} bytes, not {}", header.kind, size_of::<T>()));
    }
    let item = item.cast::<T>();
    if !item.is_aligned() {
        return Err("emitted an item that is misaligned".to_owned());
    }
    // SAFETY: aligned, and the header claims that the whole struct is there.
    Ok(unsafe { &*item })
}

/// # Safety
/// As [`output`].
unsafe fn check_audio(audio: &AudioItem) -> Result<AudioBlock<'_>, String> {
    let AudioItem { frames, channels, sample_rate, source_rate, start_frame, .. } = *audio;
    if channels == 0 || channels > MAX_CHANNELS {
        return Err(format!("emitted audio of {channels} channels"));
    }
    rate(sample_rate)?;
    rate(source_rate)?;
    let len = (frames as usize).checked_mul(channels as usize);
    let len = len.filter(|len| *len <= MAX_BLOCK_SAMPLES);
    let len = len.ok_or_else(|| format!("emitted {frames} × {channels} samples in one block"))?;
    if start_frame.checked_add(i64::from(frames)).is_none() {
        return Err(format!("emitted audio at frame {start_frame}"));
    }
    // SAFETY: the item claims that so many samples are there.
    let samples = unsafe { read_slice(audio.samples, len) };
    let samples = samples.ok_or("emitted audio whose samples are null or misaligned")?;
    Ok(AudioBlock { samples, channels, sample_rate, start_frame, source_rate })
}

/// # Safety
/// As [`output`].
unsafe fn check_chunk<'a>(
    chunk: &'a ChunkItem,
    spans: &'a mut Vec<Span>,
) -> Result<ChunkBlock<'a>, String> {
    let ChunkItem { sample_count, number, source_rate, span_count, .. } = *chunk;
    if sample_count > MAX_CHUNK_SAMPLES {
        return Err(format!("emitted a chunk of {sample_count} samples"));
    }
    if span_count > sample_count {
        return Err(format!("emitted a chunk of {span_count} spans in {sample_count} samples"));
    }
    rate(source_rate)?;
    // SAFETY: the item claims that so many samples are there.
    let samples = unsafe { read_slice(chunk.samples, sample_count as usize) };
    let samples = samples.ok_or("emitted a chunk whose samples are null or misaligned")?;
    // SAFETY: the item claims that so many spans are there.
    let claimed = unsafe { read_slice(chunk.spans, span_count as usize) };
    let claimed = claimed.ok_or("emitted a chunk whose spans are null or misaligned")?;
    check_spans(claimed, sample_count)?;
    spans.clear();
    spans.extend(claimed.iter().map(|&span| {
        let abi::Span { chunk_start, chunk_len, source_start, source_len } = span;
        Span { chunk_start, chunk_len, source_start, source_len }
    }));
    Ok(ChunkBlock { number, samples, source_rate, spans })
}

/// Spans are in order and overlap neither in the chunk nor in the source.
fn check_spans(spans: &[abi::Span], sample_count: u32) -> Result<(), String> {
    let (mut chunk_end, mut source_end) = (0, i64::MIN);
    for (index, span) in spans.iter().enumerate() {
        let end = span.chunk_start.checked_add(span.chunk_len);
        let source = span.source_start.checked_add(span.source_len);
        let (Some(end), Some(source)) = (end, source) else {
            return Err(format!("emitted a chunk whose span {index} overflows"));
        };
        if span.chunk_start < chunk_end || end > sample_count {
            return Err(format!("emitted a chunk whose span {index} is out of place in it"));
        }
        if span.source_start < source_end || span.source_len < 0 {
            return Err(format!("emitted a chunk whose span {index} goes back in the recording"));
        }
        (chunk_end, source_end) = (end, source);
    }
    Ok(())
}

/// # Safety
/// As [`output`].
unsafe fn check_document(document: &DocumentItem) -> Result<DocumentOutput<'_>, String> {
    let Bytes { len, .. } = document.bytes;
    if len > MAX_DOCUMENT_BYTES {
        return Err(format!("emitted a document of {len} bytes"));
    }
    // SAFETY: the item claims that so many bytes are there.
    let bytes = unsafe { document.bytes.read() }.ok_or("emitted a document that is null")?;
    // SAFETY: the item claims that so many bytes are there.
    let media_type = unsafe { text(document.media_type, MAX_MEDIA_TYPE_BYTES, "a media type") }?;
    // SAFETY: the item claims that so many bytes are there.
    let extension = unsafe { text(document.extension, MAX_EXTENSION_BYTES, "an extension") }?;
    // Both end up in HTTP headers and file names.
    if media_type.is_empty() || !media_type.bytes().all(|b| (b' '..=b'~').contains(&b)) {
        return Err(format!("emitted a document of media type {media_type:?}"));
    }
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if extension.is_empty() || !extension.bytes().all(plain) {
        return Err(format!("emitted a document with extension {extension:?}"));
    }
    Ok(DocumentOutput { bytes, media_type, extension })
}

/// # Safety
/// As [`output`].
unsafe fn text<'a>(text: Str, limit: usize, what: &str) -> Result<&'a str, String> {
    if text.len > limit {
        return Err(format!("emitted {what} of {} bytes", text.len));
    }
    // SAFETY: the item claims that so many bytes are there.
    unsafe { text.read() }.ok_or_else(|| format!("emitted {what} that is null or not UTF-8"))
}

fn rate(rate: u32) -> Result<(), String> {
    if rate == 0 { Err("emitted samples at a rate of 0 Hz".to_owned()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(chunk_start: u32, chunk_len: u32, source_start: i64, source_len: i64) -> abi::Span {
        abi::Span { chunk_start, chunk_len, source_start, source_len }
    }

    #[track_caller]
    fn check(spans: &[abi::Span], expected: Result<(), &str>) {
        assert_eq!(check_spans(spans, 100), expected.map_err(str::to_owned));
    }

    #[test]
    fn spans_are_in_order_and_inside_the_chunk() {
        check(&[], Ok(()));
        check(&[span(0, 50, 0, 150), span(50, 50, 150, 150)], Ok(()));
        check(&[span(0, 50, 7, 150), span(60, 40, 1_000, 120)], Ok(()));
        let out = "emitted a chunk whose span 0 is out of place in it";
        check(&[span(0, 101, 0, 150)], Err(out));
        let overlap = "emitted a chunk whose span 1 is out of place in it";
        check(&[span(0, 50, 0, 150), span(49, 50, 150, 150)], Err(overlap));
        let back = "emitted a chunk whose span 1 goes back in the recording";
        check(&[span(0, 50, 0, 150), span(50, 50, 149, 150)], Err(back));
        let negative = "emitted a chunk whose span 0 goes back in the recording";
        check(&[span(0, 50, 0, -1)], Err(negative));
        let overflow = "emitted a chunk whose span 0 overflows";
        check(&[span(u32::MAX, 1, 0, 1)], Err(overflow));
        check(&[span(0, 1, i64::MAX, 1)], Err(overflow));
    }
}
