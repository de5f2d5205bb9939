//! The rest of a body: what a client still sends when it has its answer already.
//!
//! A refusal often comes before the body has: the length says enough, the disk is full, the token
//! is wrong. Hanging up then loses the answer. Many clients send all before they read; others stop
//! with an error as soon as the connection ends while they are sending, though the answer lies in
//! front of them; an HTTP/2 client sees its stream reset. So a body that nobody reads to its end is
//! read away here while the answer is on its way, and the connection closes behind it.
//!
//! ```text
//!  handler drops the body ─► Lent hands it back ─► answer goes out (with `Connection: close`)
//!                                                └► the rest is read until it ends or time is up,
//!                                                   then the wire lingers (wire.rs)
//! ```

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::FutureExt;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::config::Http;

/// A rest that is read even on a connection that goes on, in bytes: asking for a new connection
/// costs a client more.
const LITTLE: u64 = 64 * 1024;

/// How long is lingered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Linger {
    /// In all.
    pub(super) longest: Duration,
    /// While nothing comes.
    pub(super) patience: Duration,
}

impl Linger {
    /// Reads the settings.
    pub(super) fn new(http: &Http) -> Self {
        Self {
            longest: Duration::from_secs(http.linger_secs),
            patience: Duration::from_secs(http.linger_patience_secs),
        }
    }
}

/// A request body that comes back when it is dropped before its end.
#[derive(Debug)]
pub(super) struct Lent {
    rest: Option<Rest>,
    back: Option<oneshot::Sender<Rest>>,
}

/// What nobody has read of a body.
#[derive(Debug)]
pub(super) struct Rest {
    body: Incoming,
    /// Whether any of it was asked for.
    begun: bool,
}

/// Lends a body; the receiver has what is left of it when the handler is done.
pub(super) fn lend(body: Incoming) -> (Lent, oneshot::Receiver<Rest>) {
    let (back, returned) = oneshot::channel();
    let rest = (!body.is_end_stream()).then_some(Rest { body, begun: false });
    (Lent { rest, back: Some(back) }, returned)
}

impl Body for Lent {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        let Some(rest) = &mut this.rest else { return Poll::Ready(None) };
        rest.begun = true;
        let frame = ready!(Pin::new(&mut rest.body).poll_frame(context));
        if !matches!(frame, Some(Ok(_))) || rest.body.is_end_stream() {
            this.rest = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.rest.as_ref().map_or(SizeHint::with_exact(0), |rest| rest.body.size_hint())
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let (Some(rest), Some(back)) = (self.rest.take(), self.back.take()) {
            // Nobody waits for it when the connection has gone.
            drop(back.send(rest));
        }
    }
}

impl Rest {
    /// Returns whether its first byte was ever asked for.
    pub(super) fn is_begun(&self) -> bool {
        self.begun
    }

    /// Returns whether it is too long, or of unknown length, to be read for the next request's sake.
    pub(super) fn is_long(&self) -> bool {
        self.body.size_hint().upper().is_none_or(|most| most > LITTLE)
    }

    /// Reads what is there already; `None` when that was all.
    pub(super) fn settle(mut self) -> Option<Self> {
        let mut taken = 0;
        while taken <= LITTLE {
            let Some(frame) = self.next().now_or_never() else { return Some(self) };
            taken += frame?.len() as u64;
        }
        Some(self)
    }

    /// Reads it away, until its end or until the time is up.
    pub(super) async fn read_away(mut self, linger: Linger) {
        let all = async { while let Ok(Some(_)) = timeout(linger.patience, self.next()).await {} };
        if timeout(linger.longest, all).await.is_err() {
            tracing::debug!("a refused client sends on; its connection is closed");
        }
    }

    /// Returns the next bytes; `None` at the end, and when the connection breaks.
    async fn next(&mut self) -> Option<Bytes> {
        let frame = poll_fn(|context| Pin::new(&mut self.body).poll_frame(context)).await?;
        frame.ok().map(|frame| frame.into_data().unwrap_or_default())
    }
}
