//! An open recording: many small reads, few requests.

use std::io;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore};

use super::S3Media;
use super::failure::Failure;
use super::io::Pending;
use super::window::Windows;
use crate::error::ErrorKind;
use crate::store::MediaReader;

/// An object as it was opened.
#[derive(Debug, Clone)]
pub(super) struct Object {
    pub(super) media: S3Media,
    pub(super) key: String,
    pub(super) path: Path,
    pub(super) length: u64,
    /// Its content, so that no other is read; services that give none are taken at their word.
    pub(super) e_tag: Option<String>,
    /// Its version, in buckets that have them.
    pub(super) version: Option<String>,
}

/// Bytes of a range, or why there are none.
type Answer = Result<Bytes, Failure>;

/// An open recording.
#[derive(Debug)]
pub(super) struct S3Reader {
    object: Object,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    windows: Windows,
    /// A range that was asked for ahead of its reader.
    ahead: Option<(Range<u64>, Pending<Answer>)>,
}

impl S3Reader {
    /// Opens an object; nothing is asked for yet.
    pub(super) fn new(object: Object) -> Self {
        let windows = Windows::new(object.length, object.media.0.config.window_bytes());
        Self { object, state: Mutex::new(State { windows, ahead: None }) }
    }

    /// Begins to ask for a range.
    fn ask(&self, range: &Range<u64>) -> Pending<Answer> {
        let (object, range) = (self.object.clone(), range.clone());
        let io = &self.object.media.0.io;
        io.begin(async move { object.get(range).await })
    }

    /// Sees to it that an offset is among the windows.
    fn fetch(&self, state: &mut State, offset: u64) -> io::Result<()> {
        if let Some((range, pending)) = state.ahead.take()
            && range.contains(&offset)
            && let Some(Ok(bytes)) = pending.wait()
        {
            state.windows.keep(range.start, bytes);
            return Ok(());
        }
        // There was nothing ahead, or it did not arrive: then the reader hears why from its own try.
        let range = state.windows.missing(offset);
        let answer = self.ask(&range).wait();
        let bytes = answer.ok_or_else(|| io::Error::other("the media store was closed"))?;
        state.windows.keep(range.start, bytes.map_err(|failure| self.error(failure))?);
        Ok(())
    }

    fn error(&self, failure: Failure) -> io::Error {
        let kind = match failure.kind {
            ErrorKind::NotFound => io::ErrorKind::NotFound,
            ErrorKind::Denied => io::ErrorKind::PermissionDenied,
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, failure.while_trying(format!("read {}", self.object.key)))
    }
}

impl MediaReader for S3Reader {
    fn len(&self) -> u64 {
        self.object.length
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        if offset >= self.object.length || buf.is_empty() {
            return Ok(0);
        }
        // What a panic left is a window more or less.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut copied = state.windows.copy(offset, buf);
        if copied.is_none() {
            self.fetch(&mut state, offset)?;
            copied = state.windows.copy(offset, buf);
        }
        let count = copied.ok_or(io::ErrorKind::UnexpectedEof)?;
        if state.ahead.is_none() {
            let end = offset.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
            let range = state.windows.ahead(end);
            state.ahead = range.map(|range| (range.clone(), self.ask(&range)));
        }
        Ok(count)
    }
}

impl Object {
    /// Asks for a range of the content that was opened.
    async fn get(&self, range: Range<u64>) -> Answer {
        let wanted = range.end - range.start;
        let options = GetOptions {
            range: Some(GetRange::Bounded(range)),
            // A version is content enough.
            if_match: self.e_tag.clone().filter(|_| self.version.is_none()),
            version: self.version.clone(),
            ..GetOptions::default()
        };
        let got = match self.media.0.store.get_opts(&self.path, options).await {
            Ok(got) => got.bytes().await,
            Err(error) => Err(error),
        };
        let bytes = got.map_err(|error| gone_or(&error))?;
        if u64::try_from(bytes.len()).is_ok_and(|length| length == wanted) {
            return Ok(bytes);
        }
        let said = format!("the service sent {} bytes of {wanted}", bytes.len());
        Err(Failure::new(ErrorKind::Unavailable, said))
    }
}

/// Reads why there are no bytes; content that is another now is gone.
fn gone_or(error: &object_store::Error) -> Failure {
    let failure = Failure::of(error);
    let is_other = matches!(error, object_store::Error::Precondition { .. });
    if is_other || failure.kind == ErrorKind::NotFound {
        return Failure::new(ErrorKind::NotFound, "it was replaced or deleted while it was read");
    }
    failure
}
