//! Items: what passes between stages.
//!
//! Positions are integer frames at a stated rate from end to end.

use core::{ffi::c_void, fmt};

use crate::{Bytes, Str};

/// What an item is; a plain integer, so that a value from the future is no undefined behaviour.
#[repr(transparent)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind(pub u32);

impl Kind {
    /// A whole recording by random access: [`MediaItem`].
    pub const MEDIA: Self = Self(1);
    /// Contiguous samples: [`AudioItem`].
    pub const AUDIO: Self = Self(2);
    /// What the recogniser takes in one inference: [`ChunkItem`].
    pub const CHUNK: Self = Self(3);
    /// Text with times: [`SegmentsItem`].
    pub const SEGMENTS: Self = Self(4);
    /// A finished document: [`DocumentItem`].
    pub const DOCUMENT: Self = Self(5);
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::MEDIA => f.write_str("MEDIA"),
            Self::AUDIO => f.write_str("AUDIO"),
            Self::CHUNK => f.write_str("CHUNK"),
            Self::SEGMENTS => f.write_str("SEGMENTS"),
            Self::DOCUMENT => f.write_str("DOCUMENT"),
            Self(other) => write!(f, "kind {other}"),
        }
    }
}

/// Most channels of an [`AudioItem`]: far above any recording, to tell garbage from sound.
pub const MAX_CHANNELS: u32 = 255;

/// Most samples of a [`ChunkItem`]: 30 s at 16 kHz, the window of Whisper models.
pub const MAX_CHUNK_SAMPLES: u32 = 480_000;

/// First member of every item.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Item {
    /// Bytes of the whole struct; at least those that this version knows.
    pub size: u32,
    /// Which struct it is.
    pub kind: Kind,
    /// 0.
    pub flags: u32,
    /// 0.
    pub reserved: u32,
}

impl Item {
    /// Makes the header of an item struct `T`.
    #[expect(clippy::cast_possible_truncation, reason = "item structs are below 200 bytes")]
    pub const fn header<T>(kind: Kind) -> Self {
        Self { size: size_of::<T>() as u32, kind, flags: 0, reserved: 0 }
    }
}

/// A whole recording. Kind MEDIA; given by the host only, never emitted.
#[repr(C)]
#[derive(Debug)]
pub struct MediaItem {
    /// Header.
    pub item: Item,
    /// The host's own.
    pub media_data: *mut c_void,
    /// Bytes of the recording.
    pub length: u64,
    /// Name that it was uploaded under, a hint only; may be empty.
    pub file_name: Str,
    /// Media type that the uploader gave, a hint only; may be empty.
    pub media_type: Str,
    /// `[any]` while the item is borrowed. Reads at most `len` bytes from `offset` into `buf`.
    ///
    /// Returns the bytes read, 0 at the end, below 0 when the recording cannot be read.
    pub read_at: Option<
        unsafe extern "C" fn(*const MediaItem, offset: u64, buf: *mut u8, len: usize) -> i64,
    >,
}

/// Contiguous interleaved samples. Kind AUDIO.
#[repr(C)]
#[derive(Debug)]
pub struct AudioItem {
    /// Header.
    pub item: Item,
    /// `frames × channels` values in [-1, 1].
    pub samples: *const f32,
    /// Frames.
    pub frames: u32,
    /// Channels, 1 to [`MAX_CHANNELS`].
    pub channels: u32,
    /// Rate of `samples`, in Hz, at least 1.
    pub sample_rate: u32,
    /// Rate of the recording, in Hz, at least 1.
    pub source_rate: u32,
    /// Position of the first frame at `sample_rate`.
    pub start_frame: i64,
}

/// One run of contiguous source audio inside a chunk.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// First sample of the run inside the chunk, at 16 kHz.
    pub chunk_start: u32,
    /// Samples of the run, at 16 kHz.
    pub chunk_len: u32,
    /// First frame of the run in the recording.
    pub source_start: i64,
    /// Frames of the run in the recording.
    pub source_len: i64,
}

/// 16 kHz mono samples and where they came from. Kind CHUNK.
#[repr(C)]
#[derive(Debug)]
pub struct ChunkItem {
    /// Header.
    pub item: Item,
    /// `sample_count` values in [-1, 1].
    pub samples: *const f32,
    /// Samples, at most [`MAX_CHUNK_SAMPLES`].
    pub sample_count: u32,
    /// Number of the chunk, from 0 without gaps.
    pub number: u32,
    /// Rate of the spans' `source_*`, in Hz, at least 1.
    pub source_rate: u32,
    /// Spans.
    pub span_count: u32,
    /// `span_count` spans in order, overlapping neither in the chunk nor in the source.
    pub spans: *const Span,
}

/// Text with times. Kind SEGMENTS.
#[repr(C)]
#[derive(Debug)]
pub struct SegmentsItem {
    /// Header.
    pub item: Item,
    /// Document of schema `scribed.segments/1`.
    pub json: Str,
}

/// A finished document. Kind DOCUMENT.
#[repr(C)]
#[derive(Debug)]
pub struct DocumentItem {
    /// Header.
    pub item: Item,
    /// The file's content.
    pub bytes: Bytes,
    /// Media type, e.g. `text/plain; charset=utf-8`.
    pub media_type: Str,
    /// File name extension without the dot: `txt`.
    pub extension: Str,
}
