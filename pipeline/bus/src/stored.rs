//! Bytes in the text columns of the store's queue: keys and header values as they came.
//!
//! Nearly all are text and stand there as they are, readable; others stand as hexadecimal digits
//! behind a mark that no text of ours begins with.

/// Begins what is not text; a text that begins so is written as hexadecimal digits too.
const MARK: char = '\u{1}';

/// Writes bytes as text.
pub(crate) fn write(bytes: Vec<u8>) -> String {
    match String::from_utf8(bytes) {
        Ok(text) if !text.starts_with(MARK) => text,
        Ok(text) => format!("{MARK}{}", hex::encode(text)),
        Err(other) => format!("{MARK}{}", hex::encode(other.as_bytes())),
    }
}

/// Reads what [`write`](fn@write) wrote.
pub(crate) fn read(text: String) -> Vec<u8> {
    match text.strip_prefix(MARK).map(hex::decode) {
        Some(Ok(bytes)) => bytes,
        _ => text.into_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_as_they_were() {
        for bytes in [&b""[..], b"text", "Übung".as_bytes(), &[0xff, 0], b"\x01text", b"\x01"] {
            assert_eq!(read(write(bytes.to_vec())), bytes);
        }
        assert_eq!(write(b"text".to_vec()), "text", "text stays readable");
    }
}
