//! A recording by random access: the view of kind MEDIA.

use std::{
    io::{self, Read, Seek, SeekFrom},
    marker::PhantomData,
};

use scribed_abi::MediaItem;

use crate::{Result, StageError};

/// A whole recording, read piece by piece. It may be far larger than memory.
#[derive(Clone, Copy)]
pub struct Recording<'a> {
    item: *const MediaItem,
    read_at: unsafe extern "C" fn(*const MediaItem, u64, *mut u8, usize) -> i64,
    len: u64,
    file_name: &'a str,
    media_type: &'a str,
    borrow: PhantomData<&'a MediaItem>,
}

// SAFETY: the ABI tags `read_at` `[any]`, and the rest is shared read-only data.
unsafe impl Send for Recording<'_> {}
// SAFETY: as above.
unsafe impl Sync for Recording<'_> {}

impl<'a> Recording<'a> {
    /// Reads the daemon's struct.
    ///
    /// # Safety
    /// `item` must point to a media item that is valid, and not written to, for all of `'a`.
    pub(crate) unsafe fn new(item: *const MediaItem) -> Result<Self> {
        let malformed = |what| StageError::Failed(format!("the daemon lent a recording {what}"));
        // SAFETY: valid as the caller promises.
        let media = unsafe { &*item };
        let read_at = media.read_at.ok_or_else(|| malformed("that cannot be read"))?;
        // SAFETY: the text lives as long as the item.
        let file_name = unsafe { media.file_name.read() };
        // SAFETY: the text lives as long as the item.
        let media_type = unsafe { media.media_type.read() };
        Ok(Self {
            item,
            read_at,
            len: media.length,
            file_name: file_name.ok_or_else(|| malformed("whose name is not text"))?,
            media_type: media_type.ok_or_else(|| malformed("whose media type is not text"))?,
            borrow: PhantomData,
        })
    }

    /// Returns the length in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Tells whether there is not one byte.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the name that it was uploaded under: a hint only, may be empty.
    pub fn file_name(&self) -> &'a str {
        self.file_name
    }

    /// Returns the media type that the uploader gave: a hint only, may be empty.
    pub fn media_type(&self) -> &'a str {
        self.media_type
    }

    /// Reads from `offset` into `buffer`; returns the bytes read, 0 at the end.
    ///
    /// # Errors
    /// The daemon could not read; it knows and logs why. Answer
    /// [`StageError::Unavailable`] then, since the recording is not to blame.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        // SAFETY: the item is valid for `'a`, the buffer for its length.
        let read = unsafe { (self.read_at)(self.item, offset, buffer.as_mut_ptr(), buffer.len()) };
        match usize::try_from(read) {
            Ok(read) if read <= buffer.len() => Ok(read),
            Ok(_) => Err(io::Error::other("the daemon claims to have read more than asked for")),
            Err(_) => Err(io::Error::other("the daemon cannot read the recording")),
        }
    }

    /// Returns a reader from the start, for decoders that want `Read` and `Seek`.
    pub fn reader(self) -> RecordingReader<'a> {
        RecordingReader { recording: self, position: 0 }
    }
}

impl std::fmt::Debug for Recording<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recording")
            .field("len", &self.len)
            .field("file_name", &self.file_name)
            .field("media_type", &self.media_type)
            .finish_non_exhaustive()
    }
}

/// A [`Recording`] with a position.
#[derive(Debug, Clone)]
pub struct RecordingReader<'a> {
    recording: Recording<'a>,
    position: u64,
}

impl Read for RecordingReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.recording.read_at(self.position, buffer)?;
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for RecordingReader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(offset) => self.recording.len.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = target.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}
