//! One connection: which HTTP it speaks, its limits, and its end.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Api;
use crate::config::Http;
use crate::server::heads::{Doubt, Heads};
use crate::server::lobby::Lobby;
use crate::server::rest::Linger;
use crate::server::wire::{Version, Wire, first_bytes};

/// How often an HTTP/2 client must show that it is still there.
const PING_INTERVAL: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// Fewest bytes that the kernel may hold and not have sent: less would cost speed, not memory.
const LEAST_UNSENT: u32 = 16 * 1024;

/// What every connection is served with.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
    lobby: Lobby,
    header_timeout: Duration,
    write_timeout: Duration,
    /// Bytes that the kernel holds and has not sent yet.
    unsent: u32,
    linger: Linger,
    /// No new requests.
    stop: CancellationToken,
    /// No requests at all.
    cut: CancellationToken,
}

impl Connection {
    /// Reads the settings; `tasks` are those of connections.
    pub(crate) fn new(
        api: &Api,
        tasks: TaskTracker,
        stop: CancellationToken,
        cut: CancellationToken,
    ) -> Self {
        let http = &api.shared.config.http;
        Self {
            http1: http1_builder(http),
            http2: http2_builder(http),
            lobby: Lobby::new(api, tasks),
            header_timeout: Duration::from_secs(http.header_timeout_secs.max(1)),
            write_timeout: Duration::from_secs(http.write_timeout_secs.max(1)),
            unsent: http.answer_memory_kib.saturating_mul(1024).max(LEAST_UNSENT),
            linger: Linger::new(http),
            stop,
            cut,
        }
    }

    /// Serves a connection to its end.
    pub(crate) async fn run(self, mut stream: TcpStream, peer: SocketAddr) {
        let first = first_bytes(&mut stream);
        // Cancel safe enough: bytes that are lost are those of a connection that is given up.
        let first = tokio::select! {
            () = self.stop.cancelled() => return,
            first = tokio::time::timeout(self.header_timeout, first) => first,
        };
        let Ok(Ok((version, first))) = first else { return };
        // A small answer must not wait for a larger one to share its packet.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection has no TCP_NODELAY");
        }
        // What the client does not take waits with us, where it is counted, and not in the kernel.
        let unsent = SockRef::from(&stream).set_tcp_notsent_lowat(self.unsent);
        if let Err(error) = unsent {
            tracing::debug!(%error, "a connection has no TCP_NOTSENT_LOWAT");
        }
        let wire = Wire::new(stream, first, self.write_timeout, self.linger);
        let doubt = Doubt::default();
        let service = self.lobby.service(peer, doubt.clone());
        match version {
            Version::Http1 => {
                let wire = TokioIo::new(wire.watched(Heads::new(doubt)));
                self.drive(self.http1.serve_connection(wire, service)).await;
            }
            Version::Http2 => {
                let wire = TokioIo::new(wire);
                self.drive(self.http2.serve_connection(wire, service)).await;
            }
        }
    }

    /// Drives a connection; on `stop` it finishes what it has begun, on `cut` it is dropped.
    async fn drive<C: Graceful>(&self, connection: C) {
        let mut connection = std::pin::pin!(connection);
        // The connection is pinned outside, so that no arm loses what it has done.
        let ended = tokio::select! {
            ended = connection.as_mut() => Some(ended),
            () = self.stop.cancelled() => None,
        };
        let ended = if let Some(ended) = ended {
            ended
        } else {
            connection.as_mut().finish();
            tokio::select! {
                ended = connection => ended,
                () = self.cut.cancelled() => return,
            }
        };
        if let Err(error) = ended {
            tracing::debug!(error = &error as &dyn std::error::Error, "a connection broke");
        }
    }
}

/// A connection that can be told to finish.
trait Graceful: Future<Output = hyper::Result<()>> {
    /// Lets requests in work end and takes no more.
    fn finish(self: Pin<&mut Self>);
}

impl<I, B, S> Graceful for http1::Connection<I, S>
where
    S: hyper::service::HttpService<hyper::body::Incoming, ResBody = B>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    I: hyper::rt::Read + hyper::rt::Write + Unpin,
    B: hyper::body::Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<I, B, S, E> Graceful for http2::Connection<I, S, E>
where
    S: hyper::service::HttpService<hyper::body::Incoming, ResBody = B>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    I: hyper::rt::Read + hyper::rt::Write + Unpin,
    B: hyper::body::Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    E: hyper::rt::bounds::Http2ServerConnExec<S::Future, B>,
{
    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

fn http1_builder(http: &Http) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(http.header_timeout_secs.max(1)))
        .max_headers(http.max_headers.max(1) as usize)
        .max_header_size(http.max_header_bytes.max(8 * 1024) as usize);
    builder
}

fn http2_builder(http: &Http) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(http.max_streams.max(1))
        .max_header_list_size(http.max_header_bytes.max(8 * 1024))
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT);
    builder
}
