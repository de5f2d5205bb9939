//! Limits on request bodies: how long, and how slow.
//!
//! A body is never taken on trust: its bytes are counted whether or not the client stated a length,
//! and a client that sends less than the minimum rate uses up its patience and is cut off. Time
//! that *we* take, for a slow disk say, is not held against the client.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_util::{Stream, StreamExt};
use tokio::time::Instant;

use crate::answer::Refusal;
use crate::config::Http;

/// Largest piece handed on at once, in bytes; bounds what is read past a limit.
const PIECE: usize = 64 * 1024;

type Pieces = Pin<Box<dyn Stream<Item = Result<Bytes, warp::Error>> + Send + Sync>>;

/// A request body as it arrives.
pub(crate) struct Body {
    pieces: Pieces,
    /// What came in one piece but was not handed on yet.
    rest: Bytes,
    limit: u64,
    taken: u64,
    /// How long the client may still be waited for.
    patience: Duration,
    full_patience: Duration,
    /// Patience earned by each byte.
    per_byte: Duration,
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("taken", &self.taken).finish_non_exhaustive()
    }
}

impl Body {
    /// Takes a body from warp.
    pub(crate) fn new<B: Buf>(
        pieces: impl Stream<Item = Result<B, warp::Error>> + Send + Sync + 'static,
        http: &Http,
    ) -> Self {
        let copied = |mut piece: B| piece.copy_to_bytes(piece.remaining());
        let full_patience = Duration::from_secs(http.body_patience_secs);
        Self {
            pieces: Box::pin(pieces.map(move |piece| piece.map(copied))),
            rest: Bytes::new(),
            limit: http.max_json_bytes,
            taken: 0,
            patience: full_patience,
            full_patience,
            per_byte: Duration::from_secs(1)
                / u32::try_from(http.min_body_rate.max(1)).unwrap_or(u32::MAX),
        }
    }

    /// Sets another limit than that of JSON bodies, in bytes.
    pub(crate) fn limited_to(mut self, limit: u64) -> Self {
        self.limit = limit;
        self
    }

    /// Returns the next bytes, at most [`PIECE`] of them; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Result<Bytes, BodyError>> {
        if self.rest.is_empty() {
            match self.wait().await? {
                Ok(piece) => self.rest = piece,
                Err(error) => return Some(Err(error)),
            }
        }
        let piece = self.rest.split_to(self.rest.len().min(PIECE));
        self.taken += piece.len() as u64;
        if self.taken > self.limit {
            return Some(Err(BodyError::TooLarge(self.limit)));
        }
        Some(Ok(piece))
    }

    /// Collects the whole body.
    pub(crate) async fn whole(mut self) -> Result<Vec<u8>, BodyError> {
        let mut whole = Vec::new();
        while let Some(piece) = self.next().await {
            whole.extend_from_slice(&piece?);
        }
        Ok(whole)
    }

    /// Waits for what the connection gives next, as long as there is patience.
    async fn wait(&mut self) -> Option<Result<Bytes, BodyError>> {
        loop {
            let since = Instant::now();
            let Ok(piece) = tokio::time::timeout(self.patience, self.pieces.next()).await else {
                return Some(Err(BodyError::TooSlow));
            };
            let piece = match piece? {
                Ok(piece) => piece,
                Err(error) => return Some(Err(BodyError::Broken(error))),
            };
            let earned = self.per_byte * u32::try_from(piece.len()).unwrap_or(u32::MAX);
            let left = self.patience.saturating_sub(since.elapsed()).saturating_add(earned);
            self.patience = left.min(self.full_patience);
            if !piece.is_empty() {
                return Some(Ok(piece));
            }
        }
    }
}

/// Why a body cannot be read to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// It is longer than it may be.
    #[error("the body is over {0} bytes")]
    TooLarge(u64),
    /// It comes too slowly.
    #[error("the body came too slowly")]
    TooSlow,
    /// The connection broke.
    #[error("the body broke off")]
    Broken(#[source] warp::Error),
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge(limit) => Self::TooLarge(limit),
            BodyError::TooSlow => Self::TooSlow,
            BodyError::Broken(_) => Self::Malformed("The request body broke off.".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    fn body(pieces: impl Stream<Item = Bytes> + Send + Sync + 'static) -> Body {
        let http = Http { max_json_bytes: 100_000, ..Http::default() };
        Body::new(pieces.map(Ok), &http)
    }

    #[tokio::test]
    async fn bytes_are_counted_without_a_stated_length() {
        let endless = stream::repeat(Bytes::from_static(&[7; 1000]));
        let mut body = body(endless);
        let mut got = 0;
        let error = loop {
            match body.next().await.unwrap() {
                Ok(piece) => got += piece.len(),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, BodyError::TooLarge(100_000)), "{error}");
        assert_eq!(got, 100_000);
    }

    #[tokio::test]
    async fn a_large_piece_is_handed_on_in_small_ones() {
        let mut body = body(stream::iter([Bytes::from(vec![1; 90_000])]));
        let first = body.next().await.unwrap().unwrap();
        let second = body.next().await.unwrap().unwrap();
        assert_eq!((first.len(), second.len()), (PIECE, 90_000 - PIECE));
        assert!(body.next().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_drip_feed_is_cut_off_after_its_patience() {
        let drip = stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_secs(4)).await;
            Some((Bytes::from_static(b"."), ()))
        });
        let mut body = body(Box::pin(drip));
        let begun = Instant::now();
        let error = loop {
            if let Err(error) = body.next().await.unwrap() {
                break error;
            }
        };
        assert!(matches!(error, BodyError::TooSlow), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(11), "{:?}", begun.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_but_steady_client_is_waited_for() {
        let steady = stream::unfold(0, |sent| async move {
            tokio::time::sleep(Duration::from_secs(5)).await;
            (sent < 10).then(|| (Bytes::from_static(&[0; 6_000]), sent + 1))
        });
        assert_eq!(body(Box::pin(steady)).whole().await.unwrap().len(), 60_000);
    }
}
