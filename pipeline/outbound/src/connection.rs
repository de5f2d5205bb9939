//! A connection to exactly the addresses that were checked, for one request.
//!
//! There is no pool: the next request may be for another host, and a connection that is used again would
//! have to be checked again.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use crate::error::{ErrorKind, Failure};
use crate::outbound::Outbound;
use crate::target::{Target, allowed};

/// Most bytes of an answer that are read ahead, its head among them.
const READ_AHEAD: usize = 128 * 1024;

/// An open connection.
#[derive(Debug)]
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// Moves the bytes for as long as the connection is wanted.
    _driver: AbortOnDropHandle<()>,
}

/// What HTTP is spoken over.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Connection {
    /// Finds a host, checks it, connects and agrees on encryption, within the time for that.
    pub(crate) async fn open(outbound: &Outbound, target: &Target) -> Result<Self, Failure> {
        let limit = outbound.config.connect_timeout();
        let opened = timeout(limit, Self::open_at_leisure(outbound, target)).await;
        opened.unwrap_or_else(|_| Err(timed_out()))
    }

    async fn open_at_leisure(outbound: &Outbound, target: &Target) -> Result<Self, Failure> {
        let began = Instant::now();
        let addresses = addresses(outbound, target).await?;
        let mut failure = Failure::new(ErrorKind::Unreachable, "it has no address");
        for (tried, address) in addresses.iter().enumerate() {
            // An address that never answers leaves the others their share of the time.
            let left = outbound.config.connect_timeout().saturating_sub(began.elapsed());
            let share = left / u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
            match timeout(share, Self::to(outbound, target, *address)).await {
                Ok(Ok(connection)) => return Ok(connection),
                // Another address of the same host would not be more trustworthy.
                Ok(Err(refused)) if refused.kind == ErrorKind::Untrusted => return Err(refused),
                Ok(Err(refused)) => failure = refused,
                Err(_) => failure = timed_out(),
            }
        }
        Err(failure)
    }

    /// Connects to one address, which was checked.
    async fn to(outbound: &Outbound, target: &Target, address: IpAddr) -> Result<Self, Failure> {
        let unreachable = |error| Failure::caused(ErrorKind::Unreachable, error);
        let tcp = TcpStream::connect(SocketAddr::new(address, target.port())).await;
        let tcp = tcp.map_err(unreachable)?;
        let stream: Box<dyn Stream> = if target.is_encrypted() {
            let nothing = || Failure::new(ErrorKind::Unreachable, "nothing is encrypted here");
            let encryption = outbound.encryption.as_ref().ok_or_else(nothing)?;
            let encrypted = encryption.connect(target.server_name()?, tcp).await;
            Box::new(encrypted.map_err(handshake_failure)?)
        } else {
            Box::new(tcp)
        };
        let mut settings = http1::Builder::new();
        settings.max_buf_size(READ_AHEAD);
        let agreed = settings.handshake(TokioIo::new(stream)).await;
        let (sender, connection) = agreed.map_err(answer_failure)?;
        // How it ends shows where an answer or a body is waited for.
        let driver = tokio::spawn(async move { drop(connection.await) });
        Ok(Self { sender, _driver: AbortOnDropHandle::new(driver) })
    }

    /// Asks, and returns the head of the answer with its body still to come.
    pub(crate) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, Failure> {
        self.sender.send_request(request).await.map_err(answer_failure)
    }
}

/// Returns the addresses of a host, all of which may be asked.
async fn addresses(outbound: &Outbound, target: &Target) -> Result<Vec<IpAddr>, Failure> {
    let found = if let Some(address) = target.address() {
        vec![address]
    } else {
        let found = outbound.resolver.resolve(target.host()).await;
        found.map_err(|error| Failure::caused(ErrorKind::Unreachable, error))?
    };
    // A name with one address that is not allowed is up to something.
    for address in &found {
        allowed(&outbound.rules, *address)?;
    }
    Ok(found)
}

fn timed_out() -> Failure {
    Failure::new(
        ErrorKind::TimedOut,
        "no connection came about within `outbound.connect_timeout_ms`",
    )
}

/// Tells a certificate that is not trusted from a connection that broke.
fn handshake_failure(error: std::io::Error) -> Failure {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let kind = match inner {
        Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented) => {
            ErrorKind::Untrusted
        }
        _ => ErrorKind::Unreachable,
    };
    Failure::caused(kind, error)
}

/// Says what the failure of an exchange means.
pub(crate) fn answer_failure(error: hyper::Error) -> Failure {
    let kind = if error.is_parse() { ErrorKind::BadAnswer } else { ErrorKind::BrokenOff };
    Failure::caused(kind, error)
}
