//! The wire: a TCP stream that tells which HTTP it speaks, and that ends politely.
//!
//! Two things hyper leaves to us. A reader that takes nothing for too long is given up. And a
//! connection on which a client may still be sending is not closed at once: the kernel would answer
//! what comes then with a reset, which takes an answer away that the client has not read yet. So
//! our side is closed alone, and what still comes is read away until the client closes too, sends
//! nothing for a while, or has had its time (RFC 9112 §9.6; the same as nginx's `lingering_close`).

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use crate::server::heads::Heads;
use crate::server::rest::Linger;

/// What an HTTP/2 client says first (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Which HTTP a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    Http1,
    Http2,
}

/// Reads just enough to tell the version apart.
pub(super) async fn first_bytes(
    stream: &mut (impl AsyncRead + Unpin),
) -> io::Result<(Version, Vec<u8>)> {
    let mut first = [0; PREFACE.len()];
    let mut filled = 0;
    while filled < PREFACE.len() {
        let read = stream.read(&mut first[filled..]).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        filled += read;
        if first[..filled] != PREFACE[..filled] {
            return Ok((Version::Http1, first[..filled].to_vec()));
        }
    }
    Ok((Version::Http2, first.to_vec()))
}

/// A stream with its first bytes put back.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    first: Vec<u8>,
    given: usize,
    /// Watches what the client sends, where it speaks HTTP/1.
    heads: Option<Heads>,
    write_timeout: Duration,
    linger: Linger,
    /// Runs while a write waits for its reader.
    stalled: Option<Pin<Box<Sleep>>>,
    ending: Option<Ending>,
}

/// How long the client is still waited for.
#[derive(Debug)]
struct Ending {
    /// In all.
    until: Pin<Box<Sleep>>,
    /// Unless it sends something.
    quiet: Pin<Box<Sleep>>,
}

impl Wire {
    /// Puts the first bytes back in front of the stream.
    pub(super) fn new(
        stream: TcpStream,
        first: Vec<u8>,
        write_timeout: Duration,
        linger: Linger,
    ) -> Self {
        let (stalled, ending) = (None, None);
        Self { stream, first, given: 0, heads: None, write_timeout, linger, stalled, ending }
    }

    /// Watches what the client sends.
    pub(super) fn watched(self, heads: Heads) -> Self {
        Self { heads: Some(heads), ..self }
    }

    /// Reads what was put back, then the stream.
    fn poll_next(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let waiting = &self.first[self.given..];
        if waiting.is_empty() {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        let count = waiting.len().min(buffer.remaining());
        buffer.put_slice(&waiting[..count]);
        self.given += count;
        Poll::Ready(Ok(()))
    }

    /// Gives up when a write has waited too long.
    fn watch<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let timeout = self.write_timeout;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read")))
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        ready!(this.poll_next(context, buffer))?;
        if let Some(heads) = &mut this.heads {
            heads.see(&buffer.filled()[before..]);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.watch(context, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(context, slices);
        this.watch(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.ending.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(context))?;
        }
        // A client between two requests sends nothing that a reset could answer.
        if this.heads.as_ref().is_some_and(|heads| !heads.is_within()) {
            return Poll::Ready(Ok(()));
        }
        let Linger { longest, patience } = this.linger;
        let ending = this.ending.get_or_insert_with(|| Ending {
            until: Box::pin(tokio::time::sleep(longest)),
            quiet: Box::pin(tokio::time::sleep(patience)),
        });
        let mut waste = [0; 16 * 1024];
        while ending.until.as_mut().poll(context).is_pending()
            && ending.quiet.as_mut().poll(context).is_pending()
        {
            let mut buffer = ReadBuf::new(&mut waste);
            let read = ready!(Pin::new(&mut this.stream).poll_read(context, &mut buffer));
            // A client that breaks off is as good as one that ends.
            if read.is_err() || buffer.filled().is_empty() {
                break;
            }
            ending.quiet.as_mut().reset(Instant::now() + patience);
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sent: &[u8], expected: (Version, &[u8])) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut sent = sent;
        let (version, first) = runtime.block_on(first_bytes(&mut sent)).unwrap();
        assert_eq!((version, first.as_slice()), expected);
    }

    #[test]
    fn the_first_bytes_tell_the_version() {
        check(b"GET / HTTP/1.1\r\n\r\n", (Version::Http1, b"GET / HTTP/1.1\r\n\r\n"));
        check(b"PROPFIND", (Version::Http1, b"PROPFIND"));
        check(PREFACE, (Version::Http2, PREFACE));
    }

    #[test]
    fn a_client_that_says_nothing_is_no_client() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert!(runtime.block_on(first_bytes(&mut &b""[..])).is_err());
        assert!(runtime.block_on(first_bytes(&mut &b"PRI"[..])).is_err());
    }
}
