//! The accept loop: connections with timers and limits, and an orderly end.
//!
//! warp's own server sets no timers, so a client that sends one byte a minute would be waited for
//! for ever. Here every connection has a time for its first bytes and for each head, a bound on
//! heads and header lines, a time for a reader that does not read, and a place among a bounded
//! number of connections. Bodies are limited where they are read, in `limits.rs`.
//!
//! ```text
//!  accept ─► first bytes say which HTTP ─► hyper ─► CORS, access log ─► routes
//!    │                                       │              └ a body that is left is read away
//!   stop ─► no new connection       stop ─► requests in work end, until the drain time is over
//! ```

mod connection;
mod cors;
mod heads;
mod lobby;
mod peer;
mod rest;
mod spool;
mod trace;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use crate::server::lobby::count_from_zero;

use crate::Api;
use crate::server::connection::Connection;

/// Pause after a failed accept: out of file descriptors, most likely.
const PAUSE: Duration = Duration::from_millis(100);

/// Answers requests on a listener until `stop`, then lets requests in work end.
///
/// When it returns, no connection is open and every accepted upload is a job or gone.
///
/// # Cancel safety
/// A dropped call stops accepting; connections that are open then end by themselves.
pub async fn serve(listener: TcpListener, api: Api, stop: CancellationToken) {
    let http = &api.shared.config.http;
    let drain = Duration::from_secs(http.drain_timeout_secs);
    let places = Arc::new(Semaphore::new(http.max_connections.max(1) as usize));
    // The hard end; the soft one is `stop`.
    let cut = CancellationToken::new();
    let connections = TaskTracker::new();
    let connection = Connection::new(&api, connections.clone(), stop.clone(), cut.clone());
    loop {
        // Both arms are cancel safe: a permit or a connection is either taken or not.
        let (stream, peer, place) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = next(&listener, &places) => accepted,
        };
        let connection = connection.clone();
        connections.spawn(async move {
            connection.run(stream, peer).await;
            drop(place);
        });
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(drain, connections.wait()).await.is_err() {
        tracing::warn!(open = connections.len(), "connections are cut: the drain time is over");
        cut.cancel();
        connections.wait().await;
    }
    // What was uploaded whole is still made a job: its client may have been told nothing, but a
    // repeat with the same key finds it.
    api.shared.tasks.close();
    api.shared.tasks.wait().await;
}

/// Waits for a free place and then for a connection.
async fn next(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    loop {
        // The semaphore is never closed.
        let Ok(place) = places.clone().acquire_owned().await else {
            std::future::pending::<()>().await;
            continue;
        };
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, place),
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
