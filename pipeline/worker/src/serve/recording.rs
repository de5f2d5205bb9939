//! The recording in a worker: a file that was handed over, or questions to the daemon.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use scribed_engine::CancelFlag;
use scribed_media::MediaReader;

use super::{Listed, Outgoing, say};
use crate::bulk;
use crate::message::{FromWorker, SessionId};

/// Most bytes of one question.
pub(crate) const MOST: u32 = 1 << 20;
/// How often the flag is looked at while an answer is waited for.
const LOOK: Duration = Duration::from_millis(100);

/// The answer to a question: a sealed file of bytes, or why there are none.
pub(super) type Answer = Result<Option<OwnedFd>, String>;

/// Questions that wait for their answer, by their number.
#[derive(Debug, Default)]
pub(super) struct Questions {
    waiting: Listed<SyncSender<Answer>>,
    last: AtomicU64,
}

impl Questions {
    /// Hands an answer to whoever waits for it.
    pub(super) fn answer(&self, request: u64, answer: Answer) {
        let asker = self.waiting.lock().remove(&request);
        // Who has stopped waiting wants no answer.
        drop(asker.map(|asker| asker.send(answer)));
    }
}

/// A recording.
#[derive(Debug)]
pub(super) struct Recording {
    pub(super) length: u64,
    pub(super) source: Source,
    /// Grows with every read.
    pub(super) progress: Arc<AtomicU64>,
}

/// Where its bytes are.
#[derive(Debug)]
pub(super) enum Source {
    File(File),
    Daemon { session: SessionId, questions: Arc<Questions>, outgoing: Outgoing, cancel: CancelFlag },
}

impl MediaReader for Recording {
    fn len(&self) -> u64 {
        self.length
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.progress.fetch_add(1, Ordering::Relaxed);
        match &self.source {
            Source::File(file) => file.read_at(buf, offset),
            Source::Daemon { session, questions, outgoing, cancel } => {
                let length = u32::try_from(buf.len()).unwrap_or(MOST).min(MOST);
                let request = questions.last.fetch_add(1, Ordering::Relaxed);
                let (asker, answer) = sync_channel(1);
                questions.waiting.lock().insert(request, asker);
                let session = *session;
                say(outgoing, FromWorker::Read { session, request, offset, length });
                let answer = loop {
                    match answer.recv_timeout(LOOK) {
                        Ok(answer) => break answer.map_err(io::Error::other)?,
                        Err(RecvTimeoutError::Timeout) if !cancel.is_tripped() => {}
                        Err(_) => return Err(io::Error::other("nobody answers any more")),
                    }
                };
                let Some(file) = answer else { return Ok(0) };
                let bytes = bulk::open(&file, length.into())?;
                buf[..bytes.len()].copy_from_slice(&bytes);
                Ok(bytes.len())
            }
        }
    }
}
