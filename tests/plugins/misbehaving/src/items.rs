//! Items that are wrong in one place, by the name of the lie.

use std::ptr;

use scribed_abi::{AudioItem, Bytes, ChunkItem, DocumentItem, Item, Kind, SegmentsItem, Span, Str};

static SAMPLES: [f32; 16] = [0.25; 16];

static SPANS: [Span; 2] = [
    Span { chunk_start: 0, chunk_len: 8, source_start: 100, source_len: 8 },
    Span { chunk_start: 8, chunk_len: 8, source_start: 200, source_len: 8 },
];

static BACKWARDS: [Span; 2] = [
    Span { chunk_start: 0, chunk_len: 8, source_start: 200, source_len: 8 },
    Span { chunk_start: 8, chunk_len: 8, source_start: 100, source_len: 8 },
];

static TOO_LONG: [Span; 1] =
    [Span { chunk_start: 0, chunk_len: 17, source_start: 0, source_len: 17 }];

const BAD_UTF8: [u8; 3] = [b'"', 0xFF, b'"'];

/// Builds the item that a lie of a stage of kind `emits` is about, and hands it to `emit`.
///
/// Lies that it does not know give a good item.
pub(crate) fn lend<T>(emits: Kind, lie: &str, emit: impl FnOnce(*const Item) -> T) -> T {
    match (emits, lie) {
        (_, "null item") => emit(ptr::null()),
        (_, "misaligned item") => emit(ptr::without_provenance(1)),
        (Kind::CHUNK, _) => emit(ptr::from_ref(&chunk(lie)).cast()),
        (Kind::SEGMENTS, _) => emit(ptr::from_ref(&segments(lie)).cast()),
        (Kind::DOCUMENT, _) => emit(ptr::from_ref(&document(lie)).cast()),
        (_, _) => emit(ptr::from_ref(&audio(lie)).cast()),
    }
}

fn audio(lie: &str) -> AudioItem {
    let good = AudioItem {
        item: Item::header::<AudioItem>(Kind::AUDIO),
        samples: SAMPLES.as_ptr(),
        frames: 16,
        channels: 1,
        sample_rate: 8_000,
        source_rate: 8_000,
        start_frame: 0,
    };
    let header = good.item;
    match lie {
        "wrong kind" => AudioItem { item: Item { kind: Kind::SEGMENTS, ..header }, ..good },
        "unknown kind" => AudioItem { item: Item { kind: Kind(77), ..header }, ..good },
        "small item" => AudioItem { item: Item { size: 16, ..header }, ..good },
        "huge item" => AudioItem { item: Item { size: u32::MAX, ..header }, ..good },
        "null samples" => AudioItem { samples: ptr::null(), ..good },
        "misaligned samples" => {
            AudioItem { samples: good.samples.wrapping_byte_add(1), frames: 8, ..good }
        }
        "no channels" => AudioItem { channels: 0, ..good },
        "many channels" => AudioItem { channels: 256, ..good },
        "many frames" => AudioItem { frames: u32::MAX, channels: 255, ..good },
        "no rate" => AudioItem { sample_rate: 0, ..good },
        "no source rate" => AudioItem { source_rate: 0, ..good },
        "late start" => AudioItem { start_frame: i64::MAX, ..good },
        _ => good,
    }
}

fn chunk(lie: &str) -> ChunkItem {
    let good = ChunkItem {
        item: Item::header::<ChunkItem>(Kind::CHUNK),
        samples: SAMPLES.as_ptr(),
        sample_count: 16,
        number: 0,
        source_rate: 16_000,
        span_count: 2,
        spans: SPANS.as_ptr(),
    };
    match lie {
        "null samples" => ChunkItem { samples: ptr::null(), ..good },
        "long chunk" => ChunkItem { sample_count: 480_001, ..good },
        "null spans" => ChunkItem { spans: ptr::null(), ..good },
        "many spans" => ChunkItem { span_count: u32::MAX, ..good },
        "backwards spans" => ChunkItem { spans: BACKWARDS.as_ptr(), ..good },
        "long span" => ChunkItem { span_count: 1, spans: TOO_LONG.as_ptr(), ..good },
        "no source rate" => ChunkItem { source_rate: 0, ..good },
        _ => good,
    }
}

fn segments(lie: &str) -> SegmentsItem {
    let json = match lie {
        "null text" => Str { ptr: ptr::null(), len: 5 },
        "bad text" => Str { ptr: BAD_UTF8.as_ptr(), len: BAD_UTF8.len() },
        "long text" => Str { ptr: BAD_UTF8.as_ptr(), len: usize::MAX },
        _ => Str::of("{}"),
    };
    SegmentsItem { item: Item::header::<SegmentsItem>(Kind::SEGMENTS), json }
}

fn document(lie: &str) -> DocumentItem {
    let good = DocumentItem {
        item: Item::header::<DocumentItem>(Kind::DOCUMENT),
        bytes: Bytes::of(b"hello"),
        media_type: Str::of("text/plain"),
        extension: Str::of("txt"),
    };
    match lie {
        "null bytes" => DocumentItem { bytes: Bytes { ptr: ptr::null(), len: 5 }, ..good },
        "many bytes" => DocumentItem { bytes: Bytes { len: usize::MAX, ..good.bytes }, ..good },
        "no media type" => DocumentItem { media_type: Str::EMPTY, ..good },
        "header injection" => DocumentItem { media_type: Str::of("text/plain\r\nX: y"), ..good },
        "path as extension" => DocumentItem { extension: Str::of("../../x"), ..good },
        "bad extension" => {
            DocumentItem { extension: Str { ptr: BAD_UTF8.as_ptr(), len: 3 }, ..good }
        }
        _ => good,
    }
}
