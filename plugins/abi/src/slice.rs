//! Borrowed pointers with a length: text, bytes, and the buffer for messages.

use core::{ptr, slice, str};

/// UTF-8 text, not terminated, borrowed. Null is allowed where the length is 0.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Str {
    /// First byte.
    pub ptr: *const u8,
    /// Bytes.
    pub len: usize,
}

/// Bytes, borrowed. Null is allowed where the length is 0.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Bytes {
    /// First byte.
    pub ptr: *const u8,
    /// Bytes.
    pub len: usize,
}

/// Memory of the host for the message of a failed call.
#[repr(C)]
#[derive(Debug)]
pub struct ErrorBuf {
    /// First byte, the host's.
    pub ptr: *mut u8,
    /// Bytes that may be written.
    pub capacity: usize,
    /// Bytes that were written, UTF-8, at most `capacity`.
    pub len: usize,
}

impl Str {
    /// No text.
    pub const EMPTY: Self = Self { ptr: ptr::null(), len: 0 };

    /// Points at a text, which must live as long as the result is used.
    pub const fn of(text: &str) -> Self {
        Self { ptr: text.as_ptr(), len: text.len() }
    }

    /// Reads the text; `None` when it is null, too long to exist, or not UTF-8.
    ///
    /// # Safety
    /// A pointer that is not null must be valid for `len` bytes for all of `'a`.
    pub unsafe fn read<'a>(self) -> Option<&'a str> {
        // SAFETY: same promise, same memory.
        let bytes = unsafe { Bytes { ptr: self.ptr, len: self.len }.read() }?;
        str::from_utf8(bytes).ok()
    }
}

impl Bytes {
    /// Points at bytes, which must live as long as the result is used.
    pub const fn of(bytes: &[u8]) -> Self {
        Self { ptr: bytes.as_ptr(), len: bytes.len() }
    }

    /// Reads the bytes; `None` when they are null or too many to exist.
    ///
    /// # Safety
    /// A pointer that is not null must be valid for `len` bytes for all of `'a`.
    pub unsafe fn read<'a>(self) -> Option<&'a [u8]> {
        // SAFETY: same promise, same memory.
        unsafe { read_slice(self.ptr, self.len) }
    }
}

impl ErrorBuf {
    /// Points at a buffer, which must live as long as the result is used.
    pub const fn over(buffer: &mut [u8]) -> Self {
        Self { ptr: buffer.as_mut_ptr(), capacity: buffer.len(), len: 0 }
    }

    /// Writes a message, cut at a character where the buffer ends. A null buffer takes nothing.
    ///
    /// # Safety
    /// `buffer` is null or valid for writes, and so are the bytes that it describes.
    pub unsafe fn write(buffer: *mut Self, message: &str) {
        // SAFETY: null or valid, as the caller promises; nobody else holds it during this call.
        let Some(buffer) = (unsafe { buffer.as_mut() }) else { return };
        if buffer.ptr.is_null() {
            return;
        }
        let mut len = message.len().min(buffer.capacity);
        while !message.is_char_boundary(len) {
            len -= 1;
        }
        // SAFETY: `len` is within both, and a message is never inside the host's buffer.
        unsafe { ptr::copy_nonoverlapping(message.as_ptr(), buffer.ptr, len) };
        buffer.len = len;
    }
}

/// Reads `len` values behind a foreign pointer; `None` when it is null, misaligned, or when so many
/// values cannot exist. A length of 0 needs no pointer.
///
/// # Safety
/// A pointer that is not null must be valid for reads of `len` initialised values for all of `'a`,
/// and nobody may write to them meanwhile.
pub unsafe fn read_slice<'a, T: Copy>(pointer: *const T, len: usize) -> Option<&'a [T]> {
    if len == 0 {
        return Some(&[]);
    }
    let bytes = len.checked_mul(size_of::<T>())?;
    if pointer.is_null() || !pointer.is_aligned() || bytes > isize::MAX as usize {
        return None;
    }
    // SAFETY: checked above as far as can be; valid for `len` values as the caller promises.
    Some(unsafe { slice::from_raw_parts(pointer, len) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_only_where_it_is_text() {
        let text = "käse";
        // SAFETY: each points into `text` or at nothing.
        let read = |value: Str| unsafe { value.read() };
        assert_eq!(read(Str::of(text)), Some(text));
        assert_eq!(read(Str::EMPTY), Some(""));
        assert_eq!(read(Str { ptr: ptr::null(), len: 1 }), None);
        assert_eq!(read(Str { ptr: text.as_ptr(), len: 2 }), None, "half a character");
        assert_eq!(read(Str { ptr: text.as_ptr(), len: usize::MAX }), None);
    }

    #[test]
    fn a_message_is_cut_at_a_character() {
        let mut bytes = [b'.'; 4];
        let mut buffer = ErrorBuf::over(&mut bytes);
        // SAFETY: the buffer lives on this stack.
        unsafe { ErrorBuf::write(&raw mut buffer, "abcäöü") };
        assert_eq!(buffer.len, 3);
        assert_eq!(&bytes, b"abc.");
    }

    #[test]
    fn a_null_buffer_takes_nothing() {
        // SAFETY: null is allowed.
        unsafe { ErrorBuf::write(ptr::null_mut(), "lost") };
        let mut buffer = ErrorBuf { ptr: ptr::null_mut(), capacity: 9, len: 0 };
        // SAFETY: the struct is valid and its pointer null.
        unsafe { ErrorBuf::write(&raw mut buffer, "lost") };
        assert_eq!(buffer.len, 0);
    }

    #[test]
    fn a_misaligned_slice_is_no_slice() {
        let words = [1_u32, 2];
        let odd = words.as_ptr().wrapping_byte_add(1);
        // SAFETY: refused before it is read.
        assert_eq!(unsafe { read_slice(odd, 1) }, None);
        // SAFETY: two values are there.
        assert_eq!(unsafe { read_slice(words.as_ptr(), 2) }, Some(&words[..]));
    }
}
