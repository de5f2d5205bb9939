//! Multipart forms, read as they arrive: nothing is held whole, and nothing is trusted.
//!
//! The parser underneath (multer) buffers whatever it cannot place yet, without bound, as long as
//! its source has more. So its source here hands over one piece at a time, and gives up when more
//! than a quarter of a mebibyte belongs to no part: a boundary that never comes, or headers without
//! end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::stream;
use http::HeaderMap;
use http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};

use crate::answer::{Answer, Refusal};
use crate::limits::{Body, BodyError};

/// Bytes of boundaries, headers and preamble in all, plus what the parser holds back at a time.
const OVERHEAD: u64 = 256 * 1024;
/// Parts of a form; ours have one.
pub(crate) const MOST_PARTS: u32 = 64;
/// Longest file name, in characters.
pub(crate) const LONGEST_NAME: usize = 255;
/// The name of a file that came without one.
pub(crate) const UNNAMED: &str = "recording";

/// A form in the middle of being read.
#[derive(Debug)]
pub(crate) struct Form {
    parts: multer::Multipart<'static>,
    ledger: Arc<Ledger>,
    count: u32,
    limit: u64,
}

/// What the parser was given and what came out of it.
#[derive(Debug, Default)]
struct Ledger {
    given: AtomicU64,
    taken: AtomicU64,
}

impl Form {
    /// Begins to read a body; `None` when it is no form at all.
    ///
    /// `limit` is that of each part, in bytes.
    pub(crate) fn open(headers: &HeaderMap, body: Body, limit: u64) -> Answer<Option<Self>> {
        let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let boundary = match multer::parse_boundary(content_type.unwrap_or_default()) {
            Ok(boundary) => boundary,
            Err(multer::Error::NoBoundary) => {
                return Err(Refusal::Malformed("Missing boundary in multipart.".to_owned()));
            }
            Err(_) => return Ok(None),
        };
        let most = limit.saturating_add(OVERHEAD);
        if stated_length(headers).is_some_and(|length| length > most) {
            return Err(Refusal::TooLarge(limit));
        }
        let ledger = Arc::new(Ledger::default());
        let pieces = pieces(body.limited_to(most), ledger.clone());
        let parts = multer::Multipart::new(pieces, boundary);
        Ok(Some(Self { parts, ledger, count: 0, limit }))
    }

    /// Returns the next part, or `None` at the end of the form.
    pub(crate) async fn next(&mut self) -> Answer<Option<Part<'_>>> {
        let limit = self.limit;
        let field = self.parts.next_field().await.map_err(|error| refuse(error, limit))?;
        let Some(field) = field else { return Ok(None) };
        self.count += 1;
        if self.count > MOST_PARTS {
            return Err(Refusal::Malformed("Too many parts in multipart.".to_owned()));
        }
        Ok(Some(Part { field, ledger: &self.ledger, taken: 0, limit }))
    }
}

/// Turns a body into the parser's source.
fn pieces(
    body: Body,
    ledger: Arc<Ledger>,
) -> impl futures_util::Stream<Item = Result<Bytes, FormError>> + Send + 'static {
    stream::unfold(body, move |mut body| {
        let ledger = ledger.clone();
        async move {
            // The parser asks until there is nothing at the moment: this makes it stop after a
            // piece.
            tokio::task::yield_now().await;
            let piece = match body.next().await? {
                Ok(piece) => piece,
                Err(error) => return Some((Err(FormError::Body(error)), body)),
            };
            let given = ledger.given.fetch_add(piece.len() as u64, Ordering::Relaxed);
            let unplaced = given.saturating_sub(ledger.taken.load(Ordering::Relaxed));
            if unplaced > OVERHEAD {
                return Some((Err(FormError::Overhead), body));
            }
            Some((Ok(piece), body))
        }
    })
}

/// Why the parser's source gives up.
#[derive(Debug, thiserror::Error)]
enum FormError {
    #[error("the body of a form cannot be read")]
    Body(#[source] BodyError),
    #[error("a form has too much that belongs to no part")]
    Overhead,
}

/// What kind of thing a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PartKind {
    /// It has a file name.
    File,
    /// It has none.
    Field,
}

/// One part of a form.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    field: multer::Field<'static>,
    ledger: &'a Ledger,
    taken: u64,
    limit: u64,
}

impl Part<'_> {
    /// Returns its name; empty when it has none.
    pub(crate) fn name(&self) -> &str {
        self.field.name().unwrap_or_default()
    }

    /// Returns whether it is a file.
    pub(crate) fn kind(&self) -> PartKind {
        if self.raw_file_name().is_some() { PartKind::File } else { PartKind::Field }
    }

    /// Returns the file's name as text for people: its last component, without control characters.
    pub(crate) fn file_name(&self) -> String {
        plain_name(&self.raw_file_name().unwrap_or_default())
    }

    /// Returns the stated content type; empty when there is none.
    pub(crate) fn content_type(&self) -> String {
        self.field.content_type().map(|kind| kind.essence_str().to_owned()).unwrap_or_default()
    }

    /// Returns the next bytes, or `None` at the end of the part.
    pub(crate) async fn next(&mut self) -> Answer<Option<Bytes>> {
        let chunk = self.field.chunk().await.map_err(|error| refuse(error, self.limit))?;
        let Some(bytes) = chunk else { return Ok(None) };
        self.taken += bytes.len() as u64;
        self.ledger.taken.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        if self.taken > self.limit {
            return Err(Refusal::TooLarge(self.limit));
        }
        Ok(Some(bytes))
    }

    /// Reads to the end of the part and keeps nothing.
    pub(crate) async fn skip(&mut self) -> Answer<()> {
        while self.next().await?.is_some() {}
        Ok(())
    }

    fn raw_file_name(&self) -> Option<String> {
        let header = self.field.headers().get(CONTENT_DISPOSITION)?;
        let plain = self.field.file_name().map(str::to_owned);
        plain.or_else(|| disposed_name(&String::from_utf8_lossy(header.as_bytes())))
    }
}

/// Returns the stated length of a body.
fn stated_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Finds a file name that the parser does not see: `filename*` (RFC 8187), or one that is no UTF-8.
fn disposed_name(header: &str) -> Option<String> {
    header.split(';').map(str::trim).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        match name.trim().to_ascii_lowercase().as_str() {
            "filename*" => {
                let encoded = value.trim().trim_matches('"').splitn(3, '\'').last()?;
                // Form decoding is percent decoding but for the plus sign.
                let encoded = encoded.replace('+', "%2B");
                let (name, _) = form_urlencoded::parse(encoded.as_bytes()).next()?;
                Some(name.into_owned())
            }
            "filename" => Some(value.trim().trim_matches('"').to_owned()),
            _ => None,
        }
    })
}

/// Makes a file name plain text: what stands behind the last separator, printable, not too long.
fn plain_name(raw: &str) -> String {
    let last = raw.rsplit(['/', '\\']).next().unwrap_or_default();
    let printable = last.chars().filter(|c| !c.is_control() && !is_direction_mark(*c));
    let name: String = printable.take(LONGEST_NAME).collect();
    let name = name.trim();
    if name.is_empty() { UNNAMED.to_owned() } else { name.to_owned() }
}

/// Returns whether a character turns the direction of the text around it, which disguises endings.
fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Says what an error of the parser means for the client.
fn refuse(error: multer::Error, limit: u64) -> Refusal {
    let malformed = || Refusal::Malformed("There was an error parsing the body".to_owned());
    let multer::Error::StreamReadFailed(source) = error else { return malformed() };
    match source.downcast::<FormError>().map(|error| *error) {
        Ok(FormError::Body(BodyError::TooLarge(_))) => Refusal::TooLarge(limit),
        Ok(FormError::Body(error)) => error.into(),
        Ok(FormError::Overhead) | Err(_) => malformed(),
    }
}

#[cfg(test)]
mod tests;
