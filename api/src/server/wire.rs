//! The wire: a TCP stream that tells which HTTP it speaks, and that ends politely.
//!
//! Two things hyper leaves to us. A reader that takes nothing for too long is given up. And before
//! a connection is closed on which a client is still sending (a body that was refused, say), what
//! it sends is read away for a moment: closing at once would make the kernel answer with a reset,
//! and the client would never see why it was refused.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

/// What an HTTP/2 client says first (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How long and how much is read away at the end.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 4 * 1024 * 1024;

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
    write_timeout: Duration,
    /// Runs while a write waits for its reader.
    stalled: Option<Pin<Box<Sleep>>>,
    ending: Option<Ending>,
}

/// What is left to read away.
#[derive(Debug)]
struct Ending {
    until: Pin<Box<Sleep>>,
    left: usize,
}

impl Wire {
    /// Puts the first bytes back in front of the stream.
    pub(super) fn new(stream: TcpStream, first: Vec<u8>, write_timeout: Duration) -> Self {
        Self { stream, first, given: 0, write_timeout, stalled: None, ending: None }
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
        let waiting = &this.first[this.given..];
        if waiting.is_empty() {
            return Pin::new(&mut this.stream).poll_read(context, buffer);
        }
        let count = waiting.len().min(buffer.remaining());
        buffer.put_slice(&waiting[..count]);
        this.given += count;
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
        let ending = this.ending.get_or_insert_with(|| Ending {
            until: Box::pin(tokio::time::sleep_until(Instant::now() + LINGER)),
            left: LINGER_BYTES,
        });
        let mut waste = [0; 16 * 1024];
        while ending.left > 0 && ending.until.as_mut().poll(context).is_pending() {
            let mut buffer = ReadBuf::new(&mut waste);
            // A client that breaks off is as good as one that ends.
            if ready!(Pin::new(&mut this.stream).poll_read(context, &mut buffer)).is_err() {
                break;
            }
            let read = buffer.filled().len();
            if read == 0 {
                break;
            }
            ending.left = ending.left.saturating_sub(read);
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
